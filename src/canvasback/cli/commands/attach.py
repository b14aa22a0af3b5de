"""``attach``: a point, readable where it lies."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, AtSnapshot, AtTime, Repo, SomePoint
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.model.results.attach import AttachResult

app = typer.Typer()


@app.command()
def attach(
    point: SomePoint = None,
    repo: Repo = None,
    at_snapshot: AtSnapshot = None,
    at_time: AtTime = None,
    out: Annotated[str | None, typer.Option("--out", help="The file to make; <point>.ducklake if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a point readable where it lies."""

    def work() -> AttachResult:
        settings = read_settings()
        return canvasback.attach(
            settings.find_repository(repo),
            point,
            at_snapshot=at_snapshot,
            at_time=at_time,
            out=out,
            stores=settings.stores(),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: AttachResult) -> str:
    return "\n".join([
        f"point {result.point} can be read through {result.file}; paste into DuckDB:",
        "",
        "  INSTALL ducklake;",
        f"  {result.statement}",
        *findings_lines(result.findings, result.finding_counts),
    ])  # fmt: skip
