"""The answer on stdout: as text for people, or as one JSON document."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TextIO

import msgspec

from canvasback.cli import comparing_text, going_back_text, mending_text, text
from canvasback.cli.letters import json_for
from canvasback.cli.text_watch import event_line
from canvasback.cli.visible import all_visible, visible
from canvasback.errors import CanvasbackError
from canvasback.model.finding import Finding
from canvasback.model.results.listing import ListResult, ShowResult
from canvasback.model.results.run import RunResult
from canvasback.model.results.watch import WatchEvent

WITH_FINDINGS = 3
_FORMATS = text.FORMATS | comparing_text.FORMATS | going_back_text.FORMATS | mending_text.FORMATS


def show_result(result: msgspec.Struct, *, as_json: bool, to_stderr: bool = False) -> int:
    """Print a result, and answer the exit code: 3 where something was found that needs a person.

    Args:
        result: The result.
        as_json: As one JSON document.
        to_stderr: As text it goes there, because stdout is somebody else's.
    """
    if as_json:
        print_json(result)
    else:
        form: Callable[[msgspec.Struct], str] = _FORMATS[type(result)]
        _say(form(all_visible(result)), sys.stderr if to_stderr else None)
    return WITH_FINDINGS if needs_attention(result) else 0


def show_error(error: CanvasbackError, *, as_json: bool, compact: bool = False) -> int:
    """Print an error to stderr, as JSON to stdout too where that was asked for, and answer the exit code."""
    if as_json:
        said = {"schema": "canvasback.error/1", "code": error.code, "message": error.message, "hint": error.hint}
        print_json(said, compact=compact)
    print(f"error: {visible(error.message)} [{error.code}]", file=sys.stderr)
    if error.hint:
        print(f"hint: {visible(error.hint)}", file=sys.stderr)
    return error.exit_code


def show_event(event: WatchEvent, *, as_json: bool) -> None:
    """Print what a watch tells, in one line."""
    if as_json:
        print_json(event, compact=True)
    else:
        _say(event_line(all_visible(event)))


def print_json(document: object, *, compact: bool = False) -> None:
    """Print one JSON document, in one line or laid out for people."""
    try:
        encoded = msgspec.json.encode(document)
        laid_out = (encoded if compact else msgspec.json.format(encoded, indent=2)).decode()
    except UnicodeEncodeError:  # a path that is not text, of which Python keeps the bytes as halves of letters
        laid_out = json.dumps(msgspec.to_builtins(document), indent=None if compact else 2)
    _say(json_for(sys.stdout, laid_out))


def needs_attention(result: msgspec.Struct) -> bool:
    """Whether something was found that needs a person."""
    if isinstance(result, ListResult):
        return any(point.problem for point in result.points)
    if isinstance(result, ShowResult):
        return False  # what it prints was found by a backup long ago; to have shown it is success
    if isinstance(result, RunResult):
        return needs_attention(result.backup)
    findings: tuple[Finding, ...] = getattr(result, "findings", ())
    return any(finding.severity != "info" for finding in findings)


def _say(text: str, stream: TextIO | None = None) -> None:
    """Print the answer. A reader who goes away, as `head` does, is no error of ours."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        # Python flushes the stream once more when it ends, and would complain about it then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
