"""``list``: the recovery points."""

from __future__ import annotations

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Repo
from canvasback.cli.settings import read_settings
from canvasback.cli.text.size import size
from canvasback.cli.text.table import table
from canvasback.model.moment import in_utc
from canvasback.model.results.listing import ListResult

app = typer.Typer()


@app.command("list")
def list_(repo: Repo = None, as_json: AsJson = False) -> None:
    """List the recovery points."""

    def work() -> ListResult:
        settings = read_settings()
        return canvasback.list_points(settings.find_repository(repo), stores=settings.stores())

    run_command(work, _text, as_json=as_json, needs_attention=_has_unreadable)


def _text(result: ListResult) -> str:
    if not result.points:
        return f"no points in {result.repository} yet"
    rows = [("POINT", "TIMELINE", "SNAPSHOT", "COMMITTED (UTC)", "FILES", "SIZE", "COPIED", "FINDINGS")]
    for p in result.points:
        if p.problem:
            rows.append((p.point, "", "", "", "", "", "", p.problem))
            continue
        committed = in_utc(p.snapshot_time) if p.snapshot_time else ""
        rows.append(
            (
                p.point,
                str(p.timeline),
                str(p.snapshot_id),
                committed,
                f"{p.files:,}",
                size(p.bytes),
                size(p.new_bytes),
                str(p.findings),
            )
        )
    return table(rows)


def _has_unreadable(result: ListResult) -> bool:
    return any(point.problem for point in result.points)
