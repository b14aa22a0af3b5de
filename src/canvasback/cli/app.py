"""The command line: every command is one call of the library; see `canvasback` for the functions."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli import changing, comparing, looking, mending, saving
from canvasback.cli.batch import BatchCommand
from canvasback.cli.letters import spell_unknown_letters

app = typer.Typer(
    name="canvasback",
    help="Backup and recovery for DuckLake.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.command()(saving.init)
app.command()(saving.backup)
app.command()(saving.watch)
app.command(cls=BatchCommand)(saving.run)
app.command("list")(looking.list_)
app.command()(looking.show)
app.command()(looking.verify)
app.command()(comparing.diff)
app.command()(comparing.tables)
app.command()(changing.restore)
app.command()(looking.attach)
app.command()(changing.rewind)
app.command()(changing.repoint)
app.command()(mending.check)
app.command()(mending.heal)
app.command()(mending.salvage)


def _version(value: bool) -> None:
    if value:
        print(canvasback.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Backup and recovery for DuckLake."""


def main() -> None:
    """The console script."""
    spell_unknown_letters()
    app()
