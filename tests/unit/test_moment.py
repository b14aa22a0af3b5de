"""How people name a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from canvasback.errors import UsageError
from canvasback.history.times import moment_of, parse_time
from canvasback.model.moment import Moment, in_utc, spelled

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
    ("text", "meant"),
    [
        ("2026-11-24 12:30:00 UTC", datetime(2026, 11, 24, 12, 30, tzinfo=UTC)),
        ("2026-11-24 12:30:00.123456 UTC", datetime(2026, 11, 24, 12, 30, 0, 123456, tzinfo=UTC)),
        ("2026-11-24 12:30:00.123+00", datetime(2026, 11, 24, 12, 30, 0, 123000, tzinfo=UTC)),
        ("2026-11-24 14:30:00+02", datetime(2026, 11, 24, 12, 30, tzinfo=UTC)),
        ("2026-11-24 14:30:00 +02", datetime(2026, 11, 24, 12, 30, tzinfo=UTC)),
        ("2026-11-24 07:00:00 -0530", datetime(2026, 11, 24, 12, 30, tzinfo=UTC)),
        ("2026-11-24 13:30:00 Europe/Berlin", datetime(2026, 11, 24, 12, 30, tzinfo=UTC)),
        ("2026-11-24 12:30:00.5", datetime(2026, 11, 24, 12, 30, 0, 500000, tzinfo=UTC)),
        ("2026-11-24T12:30:00", datetime(2026, 11, 24, 12, 30, tzinfo=UTC)),
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
    ],
)
def test_what_is_printed_is_read_and_without_a_zone_it_is_utc(text: str, meant: datetime) -> None:
    assert parse_time(text, NOW) == meant


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("2 days", timedelta(days=2)),
        ("1 hour 30 minutes ago", timedelta(minutes=90)),
        ("1 hour 30 minutes", timedelta(minutes=90)),
        ("-2 days", timedelta(days=2)),
        ("1.5 hours ago", timedelta(minutes=90)),
        ("1 month ago", timedelta(days=31)),
        ("2w ago", timedelta(weeks=2)),
        ("1 day 02:00:00 ago", timedelta(hours=26)),
    ],
)
def test_an_interval_of_duckdbs_is_always_before_now(text: str, before: timedelta) -> None:
    assert parse_time(text, NOW) == NOW - before


@pytest.mark.parametrize(
    "text",
    [
        "", "ago", "yesterday", "07:30:00", "5", "99999999999 weeks ago", "1000000 years", "infinity", "-infinity",
        "2026-13-01", "2026-02-30 00:00:00 UTC", "290000-01-01", "0001-01-01T00:00:00+14:00", "2026-11-24 12:30 Utopia",
        "2 days'; SELECT 1 --", "1 day\0", "1 day\udcff",
    ],
)  # fmt: skip
def test_what_could_be_another_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_time(text, NOW)
    assert caught.value.code == "time-not-understood"
    assert "2026-11-24T12:30:00Z" in caught.value.hint


def test_a_time_of_pythons_has_to_say_its_zone() -> None:
    berlin = datetime(2026, 11, 24, 13, 30, tzinfo=timezone(timedelta(hours=1)))
    assert moment_of(None, berlin, NOW) == Moment(time=datetime(2026, 11, 24, 12, 30, tzinfo=UTC))
    for bad in (datetime(2026, 11, 24, 13, 30), datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))):  # noqa: DTZ001
        with pytest.raises(UsageError) as caught:
            moment_of(None, bad, NOW)
        assert caught.value.code == "time-not-understood"


@pytest.mark.parametrize("microsecond", [0, 1, 1000, 120_000, 999_999])
def test_a_time_that_is_shown_is_read_as_the_same(microsecond: int) -> None:
    time = datetime(2026, 11, 24, 12, 30, 59, microsecond, tzinfo=UTC)
    assert parse_time(spelled(time), NOW) == parse_time(in_utc(time), NOW) == time


def test_a_moment_is_one_of_two() -> None:
    assert moment_of(None, None, NOW) is None
    assert moment_of(0, None, NOW) == Moment(0)
    assert moment_of(None, "1 h ago", NOW) == Moment(time=NOW - timedelta(hours=1))
    with pytest.raises(UsageError) as caught:
        moment_of(1, "1 h ago", NOW)
    assert caught.value.code == "two-moments"
