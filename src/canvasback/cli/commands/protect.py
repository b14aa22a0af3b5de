"""``protect``: what a cloud does for a lake's files by itself; each of its commands is a module."""

from __future__ import annotations

import typer

from canvasback.cli.commands import protect_enable, protect_status

app = typer.Typer()

_group = typer.Typer(no_args_is_help=True, help="See and set up what a cloud does for a lake's files by itself.")
for _command in (protect_status, protect_enable):
    _group.add_typer(_command.app)

app.add_typer(_group, name="protect")
