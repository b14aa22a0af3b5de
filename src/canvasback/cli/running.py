"""Running a command: its answer, or its error, and the exit code that design.md gives it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import msgspec
import typer

from canvasback.cli.output import show_error, show_result
from canvasback.errors import CanvasbackError

INTERRUPTED = 130


def run_command(work: Callable[[], msgspec.Struct], *, as_json: bool) -> None:
    """Do the work, print its answer, and leave with the exit code that design.md gives it."""
    raise typer.Exit(exit_code_of(lambda: show_result(work(), as_json=as_json), as_json=as_json))


def exit_code_of(work: Callable[[], int], *, as_json: bool, compact: bool = False) -> int:
    """Do work that answers its exit code; print the error that stops it, and answer the error's exit code.

    Args:
        work: Done.
        as_json: Print the error as JSON too.
        compact: In one line.
    """
    from canvasback.storage.foreign_errors import translating  # noqa: PLC0415 - duckdb is slow to load

    try:
        with translating():  # of what is not a function of the library: the settings, a page, the terminal
            return work()
    except CanvasbackError as error:
        return show_error(error, as_json=as_json, compact=compact)
    except KeyboardInterrupt:
        print("interrupted; what was copied is kept, and the next run goes on from there", file=sys.stderr)
        return INTERRUPTED
