"""stdout and stderr: what their encoding lacks, and readers who go away, are no reason to fail."""

from __future__ import annotations

import codecs
import io
import os
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


def has_all_letters(stream: TextIO) -> bool:
    """Whether a stream's encoding has every letter."""
    return codecs.lookup(stream.encoding or "utf-8").name.startswith("utf")


def say(text: str, stream: TextIO | None = None) -> None:
    """Print an answer, on stdout if nothing else is named. A reader who goes away, as `head` does, is no error."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        # Python flushes the stream once more when it ends, and would complain about it then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(_ASCII.get(one) or one.encode("ascii", "backslashreplace").decode() for one in unknown), error.end
