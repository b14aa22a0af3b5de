"""``unforget``: forgotten points are there again."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Repo
from canvasback.cli.settings import read_settings
from canvasback.model.results.forget import UnforgetResult

app = typer.Typer()


@app.command()
def unforget(
    points: Annotated[
        list[str], typer.Argument(metavar="POINT…", help="Ids of forgotten points, or unique beginnings of them.")
    ],
    repo: Repo = None,
    as_json: AsJson = False,
) -> None:
    """Bring forgotten points back, as long as no prune has begun to delete what they name."""

    def work() -> UnforgetResult:
        settings = read_settings()
        return canvasback.unforget(settings.find_repository(repo), points=points, stores=settings.stores())

    run_command(work, _text, as_json=as_json)


def _text(result: UnforgetResult) -> str:
    return "\n".join(f"point {point} is there again" for point in result.points)
