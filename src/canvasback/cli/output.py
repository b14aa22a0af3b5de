"""The answer on stdout: as text for people, or as one JSON document."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import msgspec

from canvasback.cli import comparing_text, text
from canvasback.errors import CanvasbackError
from canvasback.model.finding import Finding
from canvasback.model.results import ListResult, ShowResult

WITH_FINDINGS = 3
_FORMATS = text.FORMATS | comparing_text.FORMATS


def show_result(result: msgspec.Struct, *, as_json: bool) -> int:
    """Print a result, and answer the exit code: 3 where something was found that needs a person."""
    if as_json:
        print_json(result)
    else:
        form: Callable[[msgspec.Struct], str] = _FORMATS[type(result)]
        _say(form(result))
    return WITH_FINDINGS if _needs_attention(result) else 0


def show_error(error: CanvasbackError, *, as_json: bool) -> int:
    """Print an error to stderr, as JSON to stdout too where that was asked for, and answer the exit code."""
    if as_json:
        print_json({"schema": "canvasback.error/1", "code": error.code, "message": error.message, "hint": error.hint})
    print(f"error: {error.message} [{error.code}]", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return error.exit_code


def print_json(document: object) -> None:
    """Print one JSON document."""
    _say(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _say(answer: str) -> None:
    """Print the answer. A reader who goes away, as `head` does, is no error of ours."""
    try:
        print(answer, flush=True)
    except BrokenPipeError:
        # Python flushes stdout once more when it ends, and would complain about it then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _needs_attention(result: msgspec.Struct) -> bool:
    if isinstance(result, ListResult):
        return any(point.problem for point in result.points)
    if isinstance(result, ShowResult):
        return False  # what it prints was found by a backup long ago; to have shown it is success
    findings: tuple[Finding, ...] = getattr(result, "findings", ())
    return any(finding.severity != "info" for finding in findings)
