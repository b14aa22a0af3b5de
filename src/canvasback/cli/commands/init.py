"""``init``: create a repository."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, LockDays, LockIt
from canvasback.cli.settings import read_settings
from canvasback.model.plurals import many
from canvasback.model.results.init import InitResult

app = typer.Typer()


@app.command()
def init(
    repository: Annotated[str, typer.Argument(metavar="REPO", help="An absent or empty folder, or a URL.")],
    lake: Annotated[str, typer.Option("--lake", help="The lake that the repository is for.")],
    lock: LockIt = None,
    lock_days: LockDays = None,
    as_json: AsJson = False,
) -> None:
    """Create a repository for a lake."""

    def work() -> InitResult:
        settings = read_settings()
        return canvasback.init(
            settings.lake(lake).lake, repository, lock=lock, lock_days=lock_days, stores=settings.stores()
        )

    run_command(work, _text, as_json=as_json)


def _text(result: InitResult) -> str:
    made = f"created a repository for the lake {result.lake_id} at {result.repository}"
    if result.lock_days is None:
        return made
    return f"{made}\nits objects are locked for {many(result.lock_days, 'day')}, in mode {result.lock}"
