"""Retention: which points a policy keeps, and why. Values in, values out; in the words of restic.

All points of a repository are of one lake and one group. Hours, days, weeks, months and years are those of UTC.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from canvasback.errors import UsageError
from canvasback.model.register import Marks, held_words

_DURATION = re.compile(r"(?:(\d{1,4})y)?(?:(\d{1,4})m)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?")
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_MONTHS = 12

Number = Annotated[int, msgspec.Meta(ge=0)]
Stretch = tuple[int, int]
"""The first and the last of snapshots that follow each other."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which points to keep: those that any of these says. Also the ``[retention]`` of ``canvasback.toml``.

    Attributes:
        keep_last: The newest so many.
        keep_hourly: The newest of each of the last so many hours that have one.
        keep_daily: The same for days.
        keep_weekly: The same for weeks, which begin on Monday.
        keep_monthly: The same for months.
        keep_yearly: The same for years.
        keep_within: All of so long before the newest: ``2y5m7d3h``.
        keep_tag: Those that have one of these tags. Without this, those that have any tag.
        keep_snapshot_span: As many as it takes for every snapshot that any point holds to be held by one of them.
    """

    keep_last: Number = 0
    keep_hourly: Number = 0
    keep_daily: Number = 0
    keep_weekly: Number = 0
    keep_monthly: Number = 0
    keep_yearly: Number = 0
    keep_within: str = ""
    keep_tag: tuple[str, ...] = ()
    keep_snapshot_span: bool = False

    def __str__(self) -> str:
        """The options that say the same."""
        words = []
        for field in self.__struct_fields__:
            value, option = getattr(self, field), field.replace("_", "-")
            if isinstance(value, bool):
                words += [option] if value else []
            elif isinstance(value, tuple):
                words += [f"{option} {one}" for one in value]
            elif value:
                words.append(f"{option} {value}")
        return ", ".join(words)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A point, as far as a policy asks.

    Attributes:
        point: Its id.
        time: When it was made; no two have one time.
        timeline: The line of history that it is on.
        snapshots: The snapshots that it holds, in order; only `Policy.keep_snapshot_span` asks.
        lacks_files: Whether some file of the lake could not be saved with it.
        marks: What people say of it.
    """

    point: str
    time: datetime
    timeline: int = 1
    snapshots: tuple[Stretch, ...] = ()
    lacks_files: bool = False
    marks: Marks = Marks()


class Verdict(msgspec.Struct, frozen=True):
    """What a policy says of a point.

    Attributes:
        point: Its id.
        reasons: Why it is kept, all that there are; none where it may be forgotten.
    """

    point: str
    reasons: tuple[str, ...]


def evaluate(policy: Policy, points: Iterable[Candidate], now: datetime) -> tuple[Verdict, ...]:
    """What becomes of the points of a repository, oldest first.

    The newest is always kept, and so is what is held, and what has a tag.

    Args:
        policy: The policy.
        points: All points that are not forgotten yet, in any order.
        now: The time, by which a hold may have ended.

    Raises:
        UsageError: The policy itself keeps none of them (``keeps-nothing``), or says no length of time
            (``duration-not-understood``).
    """
    newest_first = sorted(points, key=lambda one: one.time, reverse=True)
    reasons: dict[str, list[str]] = {one.point: [] for one in newest_first}
    for kept, reason in _by_rule(policy, newest_first):
        reasons[kept.point].append(reason)
    if newest_first and not any(reasons.values()):
        said = f"no point is kept by {policy}" if str(policy) else "nothing says which points to keep"
        raise UsageError(
            "keeps-nothing", said, hint="Say it with --keep-last, --keep-daily and the like, or name points to forget."
        )
    for one in newest_first:
        if one.marks.is_held(now):
            reasons[one.point].append(held_words(one.marks.held_until))
        if not policy.keep_tag:
            reasons[one.point] += [f"tag {tag}" for tag in one.marks.tags]
    for newest in newest_first[:1]:
        reasons[newest.point] = reasons[newest.point] or ["newest"]
    return tuple(Verdict(one.point, tuple(reasons[one.point])) for one in reversed(newest_first))


def _by_rule(policy: Policy, newest_first: Sequence[Candidate]) -> Iterable[tuple[Candidate, str]]:
    """The points that the policy keeps, each with a reason."""
    yield from ((one, "last") for one in newest_first[: policy.keep_last])
    for word, number, period in (
        ("hourly", policy.keep_hourly, lambda t: (t.year, t.month, t.day, t.hour)),
        ("daily", policy.keep_daily, lambda t: (t.year, t.month, t.day)),
        ("weekly", policy.keep_weekly, lambda t: t.isocalendar()[:2]),
        ("monthly", policy.keep_monthly, lambda t: (t.year, t.month)),
        ("yearly", policy.keep_yearly, lambda t: (t.year,)),
    ):
        yield from ((one, word) for one in _newest_of_each(newest_first, period)[:number])
    if policy.keep_within and newest_first:
        since = before(newest_first[0].time, policy.keep_within)
        yield from ((one, f"within {policy.keep_within}") for one in newest_first if one.time > since)
    for one in newest_first:
        yield from ((one, f"tag {tag}") for tag in one.marks.tags if tag in policy.keep_tag)
    if policy.keep_snapshot_span:
        yield from ((one, "snapshot span") for one in _spanning(newest_first))


def _newest_of_each(newest_first: Iterable[Candidate], period: Callable[[datetime], object]) -> list[Candidate]:
    found: dict[object, Candidate] = {}
    for one in newest_first:
        found.setdefault(period(one.time.astimezone(UTC)), one)
    return list(found.values())


def _spanning(newest_first: Iterable[Candidate]) -> Iterable[Candidate]:
    """The points of a timeline that hold a snapshot which no later one of these holds, with all files."""
    later: dict[int, Candidate] = {}
    for one in newest_first:
        next_kept = later.get(one.timeline)
        if next_kept is None or next_kept.lacks_files or not _holds_all(next_kept.snapshots, one.snapshots):
            later[one.timeline] = one
            yield one


def _holds_all(stretches: tuple[Stretch, ...], wanted: tuple[Stretch, ...]) -> bool:
    def within(first: int, last: int) -> bool:
        place = bisect_right(stretches, first, key=lambda stretch: stretch[0]) - 1
        return place >= 0 and last <= stretches[place][1]

    return all(within(first, last) for first, last in wanted)


def before(time: datetime, duration: str) -> datetime:
    """The time so long before another one; a month and a year are those of the calendar.

    Raises:
        UsageError: It is no length of time (``duration-not-understood``).
    """
    return _shifted(time, duration, -1)


def after(time: datetime, duration: str) -> datetime:
    """The time so long after another one.

    Raises:
        UsageError: It is no length of time (``duration-not-understood``), or ends after all time.
    """
    return _shifted(time, duration, 1)


def is_duration(text: str) -> bool:
    """Whether a text is a length of time as policies have it."""
    return bool(text) and _DURATION.fullmatch(text) is not None


def _shifted(time: datetime, duration: str, sign: int) -> datetime:
    if not is_duration(duration):
        raise _not_understood(f"{duration!r} is no length of time")
    found = _DURATION.fullmatch(duration)
    assert found is not None
    years, months, days, hours = (int(number or 0) for number in found.groups())
    month = time.year * _MONTHS + time.month - 1 + sign * (years * _MONTHS + months)
    try:
        # A month that has no such day ends before: of what is kept, a little more is.
        day = next(day for day in range(time.day, 0, -1) if _exists(month // _MONTHS, month % _MONTHS + 1, day))
        moved = time.replace(year=month // _MONTHS, month=month % _MONTHS + 1, day=day)
        return moved + sign * timedelta(days=days, hours=hours)
    except (ValueError, OverflowError, StopIteration):
        if sign < 0:
            return _FIRST
        raise _not_understood(f"{duration!r} from {time:%Y-%m-%d} on ends after all time") from None


def _exists(year: int, month: int, day: int) -> bool:
    try:
        datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return False
    return True


def _not_understood(message: str) -> UsageError:
    return UsageError("duration-not-understood", message, hint="Write it like 2y5m7d3h: years, months, days, hours.")
