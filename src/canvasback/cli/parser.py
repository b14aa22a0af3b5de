"""The commands as Typer knows them: arguments, options, their help, and the errors of who mistypes them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Annotated

import typer

from canvasback.__about__ import __version__


def _print_version(value: bool) -> None:
    if value:
        print(__version__)
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Backup and recovery for DuckLake."""


def parser_of(verbs: Iterable[str]) -> typer.Typer:
    """What parses and runs these verbs; only their modules are loaded."""
    parser = typer.Typer(callback=_options, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    for verb in verbs:
        parser.add_typer(import_module(f"canvasback.cli.commands.{verb}").app)
    return parser
