"""``tag``: names of points."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Point, Repo
from canvasback.cli.settings import read_settings
from canvasback.model.results.marks import TagResult

app = typer.Typer()


@app.command()
def tag(
    point: Point,
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Letters, digits and . _ : + = @ / -")],
    repo: Repo = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take these names away.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give names to a point: what has one is kept."""

    def work() -> TagResult:
        settings = read_settings()
        return canvasback.tag(
            settings.find_repository(repo), point, names=names, remove=remove, stores=settings.stores()
        )

    run_command(work, _text, as_json=as_json)


def _text(result: TagResult) -> str:
    return f"point {result.point} has " + (f"the tags {', '.join(result.tags)}" if result.tags else "no tags")
