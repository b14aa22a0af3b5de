"""The answer on stdout: as text for people, or as one JSON document."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TypeVar

import msgspec

from canvasback.cli.control_characters import all_visible, visible
from canvasback.cli.streams import has_all_letters, say
from canvasback.errors import CanvasbackError

Answer = TypeVar("Answer", bound=msgspec.Struct)


def show_answer(
    answer: Answer, text: Callable[[Answer], str], *, as_json: bool, compact: bool = False, to_stderr: bool = False
) -> None:
    """Print what a command answers.

    Args:
        answer: The answer: a result, or an event.
        text: Says it to people.
        as_json: As one JSON document instead.
        compact: That in one line.
        to_stderr: As text it goes there, because stdout is somebody else's.
    """
    if as_json:
        print_json(answer, compact=compact)
    else:
        say(text(all_visible(answer)), sys.stderr if to_stderr else sys.stdout)


def show_error(error: CanvasbackError, *, as_json: bool, compact: bool = False) -> None:
    """Print an error to stderr, as JSON to stdout too where that was asked for."""
    if as_json:
        said = {"schema": "canvasback.error/1", "code": error.code, "message": error.message, "hint": error.hint}
        print_json(said, compact=compact)
    print(f"error: {visible(error.message)} [{error.code}]", file=sys.stderr)
    if error.hint:
        print(f"hint: {visible(error.hint)}", file=sys.stderr)


def print_json(document: object, *, compact: bool = False) -> None:
    """Print one JSON document, in one line or laid out for people."""
    try:
        encoded = msgspec.json.encode(document)
        laid_out = (encoded if compact else msgspec.json.format(encoded, indent=2)).decode()
    except UnicodeEncodeError:  # a path that is not text, of which Python keeps the bytes as halves of letters
        laid_out = json.dumps(msgspec.to_builtins(document), indent=None if compact else 2)
    if not has_all_letters(sys.stdout):  # letters outside of ASCII are in its strings only
        laid_out = "".join(letter if letter.isascii() else json.dumps(letter)[1:-1] for letter in laid_out)
    say(laid_out)
