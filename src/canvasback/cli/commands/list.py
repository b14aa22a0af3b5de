"""``list``: the recovery points."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Repo
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.size import size
from canvasback.cli.text.table import table
from canvasback.model.moment import in_utc
from canvasback.model.register import held_words
from canvasback.model.results.listing import ListResult, PointSummary

app = typer.Typer()


@app.command("list")
def list_(
    repo: Repo = None,
    forgotten: Annotated[bool, typer.Option("--forgotten", help="List those that are forgotten.")] = False,
    all_points: Annotated[bool, typer.Option("--all", help="List both those and all others.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the recovery points."""

    def work() -> ListResult:
        settings = read_settings()
        return canvasback.list_points(
            settings.find_repository(repo), forgotten=None if all_points else forgotten, stores=settings.stores()
        )

    run_command(work, _text, as_json=as_json, needs_attention=_has_unreadable)


def _text(result: ListResult) -> str:
    held = [] if result.storage_url is None else [f"storage: {result.storage}, at {result.storage_url}"]
    if not result.points:
        return "\n".join([f"no points in {result.repository} yet", *held, *_damage(result)])
    said = any(_said(p) for p in result.points)
    head = ("POINT", "TIMELINE", "SNAPSHOT", "COMMITTED (UTC)", "FILES", "SIZE", "COPIED", "FINDINGS")
    rows: list[tuple[str, ...]] = [(*head, "SAID OF IT") if said else head]
    for p in result.points:
        marks = (_said(p),) if said else ()
        if p.problem:
            rows.append((p.point, "", "", "", "", "", "", p.problem, *marks))
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
                *marks,
            )
        )
    return "\n".join([table(rows), *held, *_damage(result)])


def _said(point: PointSummary) -> str:
    """What people say of a point, in a line."""
    forgotten = [f"forgotten {in_utc(point.forgotten)}"] if point.forgotten else []
    held = [held_words(point.held_until)] if point.held else []
    note = [point.note] if point.note else []
    return "; ".join([*forgotten, *held, *([", ".join(point.tags)] if point.tags else []), *note])


def _damage(result: ListResult) -> list[str]:
    return findings_lines(result.findings, {finding.code: 1 for finding in result.findings})


def _has_unreadable(result: ListResult) -> bool:
    return bool(result.findings) or any(point.problem for point in result.points)
