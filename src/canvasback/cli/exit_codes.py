"""A command's answer, or its error, and the exit code that design.md gives it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import msgspec
import typer

from canvasback.cli.output import Answer, show_answer, show_error
from canvasback.errors import CanvasbackError
from canvasback.model.finding import Finding

WITH_FINDINGS = 3
INTERRUPTED = 130


def has_findings(result: msgspec.Struct) -> bool:
    """Whether something was found that needs a person."""
    findings: tuple[Finding, ...] = getattr(result, "findings", ())
    also: msgspec.Struct | None = getattr(result, "also", None)
    return any(finding.severity != "info" for finding in findings) or (also is not None and has_findings(also))


def run_command(
    work: Callable[[], Answer],
    text: Callable[[Answer], str],
    *,
    as_json: bool,
    needs_attention: Callable[[Answer], bool] = has_findings,
) -> None:
    """Do the work, print its answer, and leave with the exit code.

    Args:
        work: Done.
        text: Says its answer to people.
        as_json: Print the answer as one JSON document instead.
        needs_attention: Whether something was found that needs a person.
    """

    def answered() -> int:
        answer = work()
        show_answer(answer, text, as_json=as_json)
        return WITH_FINDINGS if needs_attention(answer) else 0

    raise typer.Exit(exit_code_of(answered, as_json=as_json))


def exit_code_of(work: Callable[[], int], *, as_json: bool, compact: bool = False) -> int:
    """Do work that answers its exit code; print the error that stops it, and answer the error's exit code.

    Args:
        work: Done.
        as_json: Print the error as JSON too.
        compact: In one line.
    """
    try:
        return work()
    except KeyboardInterrupt:
        print("interrupted; what was copied is kept, and the next run goes on from there", file=sys.stderr)
        return INTERRUPTED
    except CanvasbackError as error:
        ours = error
    except OSError as error:  # of what is no function of the library: the settings, a page, the terminal
        from canvasback.storage.foreign_errors import in_our_words  # noqa: PLC0415 - it loads DuckDB

        ours = in_our_words(error)
    show_error(ours, as_json=as_json, compact=compact)
    return ours.exit_code
