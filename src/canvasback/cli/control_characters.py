"""Letters that do something to a terminal instead of showing, shown.

Names of tables and columns, paths, messages and authors come from lakes, and anything may be in them: a newline that
makes a line of ours, an escape sequence that wipes the screen, a mark that turns the text after it around.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from canvasback.model.commit import CommitSummary

_Value = TypeVar("_Value")

_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls, marks of direction, separators of lines, what has no width, and halves of letters."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    """The text with such letters as Python would spell them."""
    return _HIDDEN.sub(_spelled, text)


def _spelled(found: re.Match[str]) -> str:
    letter = found[0]
    return (
        letter.encode("ascii", "backslashreplace").decode()
        if letter > "\x7f"
        else _SHORT.get(letter) or (f"\\x{ord(letter):02x}")
    )


def all_visible(value: _Value) -> _Value:
    """The same value with every text inside of it made visible."""
    seen: _Value = _visited(value)
    return seen


def _visited(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value) if type(value) is str else value
    if isinstance(value, msgspec.Struct):
        if isinstance(value, CommitSummary):
            value = _first_lines(value)
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **{name: _visited(field) for name, field in fields.items()})
    if isinstance(value, dict):
        return {_visited(key): _visited(field) for key, field in value.items()}
    if type(value) in {tuple, list, set, frozenset}:
        return type(value)(_visited(field) for field in value)
    return value


def _first_lines(commit: CommitSummary) -> CommitSummary:
    """Of what a writer said of a commit, a text shows the first line."""
    said = {"author": commit.author, "message": commit.message}
    return msgspec.structs.replace(
        commit, **{name: text.splitlines()[0] for name, text in said.items() if text and text.splitlines()}
    )
