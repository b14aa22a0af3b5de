"""How people name a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from canvasback.errors import UsageError
from canvasback.model.moment import Moment, moment_of, parse_time

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-24T13:30:00+01:00", datetime(2026, 11, 24, 12, 30, tzinfo=UTC)),
        ("2026-11-24 12:30Z", datetime(2026, 11, 24, 12, 30, tzinfo=UTC)),
        ("2 hours ago", NOW - timedelta(hours=2)),
        (" 1 Minute ago ", NOW - timedelta(minutes=1)),
        ("90 s ago", NOW - timedelta(seconds=90)),
        ("3 days ago", NOW - timedelta(days=3)),
        ("2 weeks ago", NOW - timedelta(weeks=2)),
    ],
)
def test_a_time_is_iso_8601_or_ago(text: str, meant: datetime) -> None:
    assert parse_time(text, NOW) == meant


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2 months ago", "2026-11-24T13:30:00", "2026-11-24", "99999999999 weeks ago"]
)
def test_what_could_be_another_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_time(text, NOW)
    assert caught.value.code == "time-not-understood"
    assert "2026-11-24T12:30:00Z" in caught.value.hint


def test_a_moment_is_one_of_two() -> None:
    assert moment_of(None, None, NOW) is None
    assert moment_of(0, None, NOW) == Moment(0)
    assert moment_of(None, "1 h ago", NOW) == Moment(time=NOW - timedelta(hours=1))
    with pytest.raises(UsageError) as caught:
        moment_of(1, "1 h ago", NOW)
    assert caught.value.code == "two-moments"
