"""``pitr``: what recovers a catalog in PostgreSQL to an exact commit; each of its commands is a module."""

from __future__ import annotations

import typer

from canvasback.cli.commands import (
    pitr_backup,
    pitr_forget,
    pitr_list,
    pitr_restore,
    pitr_run,
    pitr_setup,
    pitr_target,
    pitr_verify,
)

app = typer.Typer()

_group = typer.Typer(no_args_is_help=True, help="Recover a catalog in PostgreSQL to an exact commit.")
for _command in (pitr_setup, pitr_run, pitr_backup, pitr_list, pitr_verify, pitr_target, pitr_restore, pitr_forget):
    _group.add_typer(_command.app)

app.add_typer(_group, name="pitr")
