"""Letters that the terminal's encoding does not have: a locale with few of them is no reason to fail."""

from __future__ import annotations

import codecs
import io
import json
import sys
from typing import TextIO

_HANDLER = "canvasback"
_ASCII = {"\u2026": "...", "\u2192": "->", "\u00b7": ".", "\u2013": "-", "\u2014": "-", "\u2019": "'"}
"""What stands for the letters that our own texts have besides ASCII."""


def spell_unknown_letters() -> None:
    """From now on stdout and stderr spell what their encoding does not have."""
    codecs.register_error(_HANDLER, _spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def json_for(stream: TextIO, document: str) -> str:
    """A JSON document with escapes for the letters that a stream may not have; they are in its strings only."""
    if codecs.lookup(stream.encoding or "utf-8").name.startswith("utf"):
        return document
    return "".join(letter if letter.isascii() else json.dumps(letter)[1:-1] for letter in document)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(_ASCII.get(one) or one.encode("ascii", "backslashreplace").decode() for one in unknown), error.end
