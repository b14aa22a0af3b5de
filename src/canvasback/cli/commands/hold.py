"""``hold``: points that must not be forgotten."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Point, Repo
from canvasback.cli.settings import read_settings
from canvasback.errors import UsageError
from canvasback.model.register import held_words
from canvasback.model.results.marks import HoldResult

app = typer.Typer()


@app.command()
def hold(
    point: Point,
    repo: Repo = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Until a time, or for so long: 30d, 1y6m; for ever if not given.")
    ] = None,
    release: Annotated[bool, typer.Option("--release", help="Hold it no longer.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep a point from being forgotten, whatever a policy says."""

    def work() -> HoldResult:
        if release and until is not None:
            raise UsageError(
                "options-together", "a hold is to end and to last until a time", hint="Leave out --until or --release."
            )
        settings = read_settings()
        return canvasback.hold(
            settings.find_repository(repo), point, until=until, release=release, stores=settings.stores()
        )

    run_command(work, _text, as_json=as_json)


def _text(result: HoldResult) -> str:
    return f"point {result.point} is {held_words(result.held_until) if result.held else 'not held'}"
