"""Reading what people say of a time: as Python and DuckDB read it, so that whatever one of them prints is understood.

Source: DuckDB's casts to TIMESTAMP WITH TIME ZONE and to INTERVAL, with the time zone UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import duckdb

from canvasback.catalog.connections import connect
from canvasback.errors import UsageError
from canvasback.model.moment import Moment

_WEEKS = re.compile(r"([0-9]+)\s*w", re.IGNORECASE)
_SPACED_ZONE = re.compile(r"\s+(?=[+-][0-9]{2}(?::?[0-9]{2})?$)")
_AGO = re.compile(r"(?P<length>.*[A-Za-z].*?)(?P<ago>\s+ago)?", re.IGNORECASE | re.DOTALL)
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""Times within a day of these have no spelling in every time zone; DuckDB's infinity is beyond them too."""


def moment_of(snapshot: int | None, time: str | datetime | None, now: datetime) -> Moment | None:
    """What two options of a command mean together; None if neither is given.

    Args:
        snapshot: A ``snapshot_id``.
        time: A time, or what `parse_time` reads.
        now: The time.

    Raises:
        UsageError: Both are given (``two-moments``), or the time cannot be understood (``time-not-understood``).
    """
    if snapshot is not None and time is not None:
        raise UsageError(
            "two-moments", "a snapshot and a time are given", hint="Give one of them: either says which state is meant."
        )
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise _not_understood(f"{time.isoformat()} does not say in which time zone")
        return Moment(time=_checked(time, time.isoformat()))
    if time is not None:
        return Moment(time=parse_time(time, now))
    return None if snapshot is None else Moment(snapshot)


def parse_time(text: str, now: datetime) -> datetime:
    """Read a time: as all that Canvasback and DuckDB print, or how long ago it was.

    Args:
        text: ``2026-11-24 12:30:00.123 UTC``, ISO 8601, ``2026-11-24``; UTC where it names no zone. Or an interval of
            DuckDB's, such as ``2 days`` or ``1 hour 30 minutes ago``, which is always one before now.
        now: The time.

    Raises:
        UsageError: It is neither (``time-not-understood``).
    """
    stripped = text.strip()
    try:
        found = datetime.fromisoformat(stripped)
    except (ValueError, OverflowError):
        found = None
    if found is None and stripped.isascii():  # so are all times and intervals of DuckDB's
        found = _by_duckdb(stripped, now)
    if found is None:
        raise _not_understood(f"{text!r} is no time")
    return _checked(found if found.tzinfo is not None else found.replace(tzinfo=UTC), text)


def _by_duckdb(text: str, now: datetime) -> datetime | None:
    zoned = _SPACED_ZONE.sub("", text)
    length = _AGO.fullmatch(text)
    questions = [("CAST($1 AS TIMESTAMPTZ)", [zoned])]
    if length is not None:
        weeks = _WEEKS.fullmatch(length["length"])  # the one unit that DuckDB spells out only
        spelled = f"{weeks[1]} weeks" if weeks else length["length"]
        before = "CAST($2 AS TIMESTAMPTZ) - CAST($1 AS INTERVAL)"
        after = "CAST($2 AS TIMESTAMPTZ) + CAST($1 AS INTERVAL)"
        questions.append((f"least({before}, {after})", [spelled, now.isoformat()]))
    with connect(None, threads=1, reach=()) as connection:
        for question, values in questions:
            try:
                [(found,)] = connection.execute(f"SELECT {question}", values).fetchall()
            except (duckdb.Error, ValueError, OverflowError):
                continue
            if isinstance(found, datetime):
                return found
    return None


def _checked(time: datetime, text: str) -> datetime:
    try:
        found = time.astimezone(UTC)
    except OverflowError:
        found = _LAST
    if not _FIRST <= found < _LAST:
        raise _not_understood(f"{text!r} is no time of a lake's history")
    return found


def _not_understood(message: str) -> UsageError:
    return UsageError(
        "time-not-understood",
        message,
        hint="Write it like 2026-11-24 12:30:00 UTC, 2026-11-24T13:30:00+01:00, 2026-11-24T12:30:00Z or '2 hours ago'.",
    )
