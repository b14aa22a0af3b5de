"""``note``: what somebody notes of a point."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Point, Repo
from canvasback.cli.settings import read_settings
from canvasback.model.results.marks import NoteResult

app = typer.Typer()


@app.command()
def note(
    point: Point,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="In place of what was noted before; '' for nothing.")],
    repo: Repo = None,
    as_json: AsJson = False,
) -> None:
    """Note something of a point."""

    def work() -> NoteResult:
        settings = read_settings()
        return canvasback.note(settings.find_repository(repo), point, text=text, stores=settings.stores())

    run_command(work, _text, as_json=as_json)


def _text(result: NoteResult) -> str:
    return f"noted of point {result.point}: {result.note}" if result.note else f"nothing is noted of {result.point}"
