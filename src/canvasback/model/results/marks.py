"""What tag, note and hold answer."""

from __future__ import annotations

from datetime import datetime

import msgspec


class TagResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.tag/1"):
    """A point has other names.

    Attributes:
        point: Its id.
        tags: All names that it has, sorted.
    """

    point: str
    tags: tuple[str, ...]


class NoteResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.note/1"):
    """Something was noted of a point.

    Attributes:
        point: Its id.
        note: What; empty where the note was taken away.
    """

    point: str
    note: str


class HoldResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.hold/1"):
    """A point is held, or is not any more.

    Attributes:
        point: Its id.
        held: Whether it is.
        held_until: Until when; None for ever.
    """

    point: str
    held: bool
    held_until: datetime | None
