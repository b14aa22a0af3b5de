"""Covers canvasback.model.retention: what a policy keeps, and what holds of every policy whatever the points are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from canvasback.errors import UsageError
from canvasback.model.register import Marks
from canvasback.model.retention import Candidate, Policy, Verdict, after, before, evaluate, is_duration

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)  # a Sunday
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def made(time: datetime, **more: object) -> Candidate:
    return Candidate(point=f"{time:%Y-%m-%d %H:%M}", time=time, **more)  # type: ignore[arg-type]


def kept(policy: Policy, points: list[Candidate], now: datetime = NOON) -> dict[str, tuple[str, ...]]:
    """The reasons of the points that are kept."""
    return {verdict.point: verdict.reasons for verdict in evaluate(policy, points, now) if verdict.reasons}


def test_the_newest_of_each_day_is_kept() -> None:
    points = [made(NOON - number * 8 * HOUR) for number in range(9)]
    assert kept(Policy(keep_daily=2), points) == {"2026-11-22 12:00": ("daily",), "2026-11-21 20:00": ("daily",)}


def test_days_without_points_do_not_count() -> None:
    points = [made(NOON), made(NOON - 40 * DAY), made(NOON - 400 * DAY)]
    assert len(kept(Policy(keep_daily=3), points)) == 3
    assert len(kept(Policy(keep_yearly=3), points)) == 2


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(keep_hourly=2), ["2026-11-22 12:00", "2026-11-22 11:59"]),
        (Policy(keep_weekly=2), ["2026-11-22 12:00", "2026-11-15 23:59"]),
        (Policy(keep_monthly=2), ["2026-11-22 12:00", "2026-10-31 23:59"]),
        (Policy(keep_yearly=2), ["2026-11-22 12:00", "2025-12-31 23:59"]),
    ],
)
def test_periods_are_those_of_utc(policy: Policy, expected: list[str]) -> None:
    others = ["2026-11-22 11:59", "2026-11-15 23:59", "2026-10-31 23:59", "2025-12-31 23:59"]
    times = [NOON, *(datetime.fromisoformat(f"{other}+00:00") for other in others)]
    found = list(kept(policy, [made(time) for time in times]))
    assert found == expected[::-1]


def test_all_reasons_are_told() -> None:
    points = [made(NOON), made(NOON - HOUR)]
    policy = Policy(keep_last=1, keep_hourly=2, keep_within="1d")
    assert kept(policy, points) == {
        "2026-11-22 12:00": ("last", "hourly", "within 1d"),
        "2026-11-22 11:00": ("hourly", "within 1d"),
    }


def test_what_is_held_is_kept_until_then() -> None:
    until = made(NOON - DAY, marks=Marks(held=True, held_until=NOON + HOUR))
    ever = made(NOON - 2 * DAY, marks=Marks(held=True))
    points = [made(NOON), until, ever, made(NOON - 3 * DAY)]
    assert kept(Policy(keep_last=1), points) == {
        "2026-11-22 12:00": ("last",),
        until.point: ("held until 2026-11-22 13:00:00 UTC",),
        ever.point: ("held for ever",),
    }
    assert until.point not in kept(Policy(keep_last=1), points, NOON + HOUR)


def test_a_tag_keeps_and_keep_tag_says_which() -> None:
    points = [made(NOON, marks=Marks(tags=("a", "b"))), made(NOON - DAY, marks=Marks(tags=("b",)))]
    assert kept(Policy(keep_last=1), points) == {
        "2026-11-22 12:00": ("last", "tag a", "tag b"),
        "2026-11-21 12:00": ("tag b",),
    }
    assert kept(Policy(keep_tag=("a",)), points) == {"2026-11-22 12:00": ("tag a",)}
    assert kept(Policy(keep_tag=("b", "c")), points).keys() == {"2026-11-22 12:00", "2026-11-21 12:00"}


def test_the_newest_is_always_kept() -> None:
    points = [made(NOON), made(NOON - DAY, marks=Marks(tags=("a",)))]
    assert kept(Policy(keep_tag=("a",)), points) == {"2026-11-22 12:00": ("newest",), "2026-11-21 12:00": ("tag a",)}


@pytest.mark.parametrize("policy", [Policy(), Policy(keep_tag=("typo",)), Policy(keep_within="0h")])
def test_a_policy_that_keeps_nothing_is_refused(policy: Policy) -> None:
    points = [made(NOON), made(NOON - DAY, marks=Marks(held=True, tags=("a",)))]
    with pytest.raises(UsageError) as refused:
        evaluate(policy, points, NOON)
    assert refused.value.code == "keeps-nothing"
    assert evaluate(policy, [], NOON) == ()


def test_a_span_is_kept_by_as_few_as_it_takes() -> None:
    points = [
        made(NOON - 6 * DAY, timeline=1, snapshots=((0, 4),)),  # all of it is in the next one but two
        made(NOON - 5 * DAY, timeline=1, snapshots=((0, 5),)),
        made(NOON - 4 * DAY, timeline=1, snapshots=((0, 3), (5, 6))),  # holds no more than the next one
        made(NOON - 3 * DAY, timeline=1, snapshots=((0, 3), (5, 9))),
        made(NOON - 2 * DAY, timeline=2, snapshots=((3, 7),)),
        made(NOON - DAY, timeline=2, snapshots=((4, 8),)),
    ]
    assert list(kept(Policy(keep_snapshot_span=True), points)) == [points[n].point for n in (1, 3, 4, 5)]


def test_a_point_that_lacks_files_stands_for_no_other() -> None:
    points = [made(NOON - DAY, snapshots=((0, 4),)), made(NOON, snapshots=((0, 5),), lacks_files=True)]
    assert len(kept(Policy(keep_snapshot_span=True), points)) == 2


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("1d", "2026-11-21T12:00:00"),
        ("7d3h", "2026-11-15T09:00:00"),
        ("2y5m7d3h", "2024-06-15T09:00:00"),
        ("9m", "2026-02-22T12:00:00"),
        ("9999y", "0001-01-01T00:00:00"),
    ],
)
def test_so_long_before(duration: str, expected: str) -> None:
    assert before(NOON, duration) == datetime.fromisoformat(expected + "+00:00")


def test_a_month_may_have_no_such_day() -> None:
    last = datetime(2026, 3, 31, tzinfo=UTC)
    assert before(last, "1m") == datetime(2026, 2, 28, tzinfo=UTC)
    assert after(datetime(2024, 2, 29, tzinfo=UTC), "1y") == datetime(2025, 2, 28, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "1", "d", "1w", "1d2m", "-1d", "1 d", "1d\n", "99999999d"])
def test_what_is_no_duration(text: str) -> None:
    assert not is_duration(text)
    with pytest.raises(UsageError) as refused:
        before(NOON, text)
    assert refused.value.code == "duration-not-understood"


def test_a_time_after_all_time_is_none() -> None:
    with pytest.raises(UsageError, match="duration-not-understood"):
        after(NOON, "9999y")


def test_a_policy_says_itself_as_options() -> None:
    policy = Policy(keep_last=7, keep_within="1y", keep_tag=("a", "b"), keep_snapshot_span=True)
    assert str(policy) == "keep-last 7, keep-within 1y, keep-tag a, keep-tag b, keep-snapshot-span"


# What holds whatever the points are

STRETCHES = st.lists(st.integers(0, 30), unique=True, max_size=6).map(
    lambda ends: tuple(zip(sorted(ends)[0::2], sorted(ends)[1::2], strict=False))
)
MARKS = st.builds(
    Marks,
    tags=st.lists(st.sampled_from("abc"), unique=True, max_size=2).map(lambda tags: tuple(sorted(tags))),
    held=st.booleans(),
    held_until=st.none() | st.integers(-3, 3).map(lambda days: NOON + days * DAY),
)
POINTS = st.lists(
    st.builds(
        made,
        st.integers(0, 60 * 24 * 800).map(lambda minutes: NOON - timedelta(minutes=minutes)),
        timeline=st.integers(1, 2),
        snapshots=STRETCHES,
        lacks_files=st.booleans(),
        marks=MARKS,
    ),
    unique_by=lambda one: one.point,
    min_size=1,
    max_size=12,
)
NUMBERS = st.integers(0, 4)
POLICIES = st.builds(
    Policy,
    keep_last=NUMBERS,
    keep_hourly=NUMBERS,
    keep_daily=NUMBERS,
    keep_weekly=NUMBERS,
    keep_monthly=NUMBERS,
    keep_yearly=NUMBERS,
    keep_within=st.sampled_from(["", "0h", "30d", "1y"]),
    keep_tag=st.lists(st.sampled_from("abc"), unique=True, max_size=2).map(tuple),
    keep_snapshot_span=st.booleans(),
)


def judged(policy: Policy, points: list[Candidate]) -> tuple[Verdict, ...]:
    """The verdicts; a policy that keeps nothing is another matter."""
    try:
        return evaluate(policy, points, NOON)
    except UsageError:
        reject()


@given(points=POINTS, number=st.integers(1, 15))
def test_keep_last_keeps_the_newest(points: list[Candidate], number: int) -> None:
    bare = [msgspec.structs.replace(one, marks=Marks()) for one in points]
    newest = sorted(one.time for one in points)[-number:]
    found = kept(Policy(keep_last=number), bare)
    assert sorted(found) == sorted(one.point for one in points if one.time in newest)


@given(points=POINTS, policy=POLICIES, more=POLICIES)
def test_a_wider_policy_keeps_what_the_narrower_keeps(points: list[Candidate], policy: Policy, more: Policy) -> None:
    larger = {
        name: max(getattr(policy, name), getattr(more, name)) for name in ("keep_last", "keep_daily", "keep_yearly")
    }
    tags = policy.keep_tag + more.keep_tag if policy.keep_tag else ()
    span = policy.keep_snapshot_span or more.keep_snapshot_span
    wider = msgspec.structs.replace(policy, **larger, keep_tag=tags, keep_snapshot_span=span)
    narrow = {verdict.point for verdict in judged(policy, points) if verdict.reasons}
    assert narrow <= {verdict.point for verdict in judged(wider, points) if verdict.reasons}


@given(points=POINTS, policy=POLICIES)
def test_what_was_forgotten_changes_nothing_for_the_others(points: list[Candidate], policy: Policy) -> None:
    verdicts = judged(policy, points)
    stay = {verdict.point for verdict in verdicts if verdict.reasons}
    again = judged(policy, [one for one in points if one.point in stay])
    assert again == tuple(verdict for verdict in verdicts if verdict.point in stay)


@given(points=POINTS, policy=POLICIES, order=st.randoms())
def test_the_order_does_not_matter(points: list[Candidate], policy: Policy, order: st.DataObject) -> None:
    verdicts = judged(policy, points)
    shuffled = list(points)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judged(policy, shuffled) == verdicts
    assert [verdict.point for verdict in verdicts] == [one.point for one in sorted(points, key=lambda one: one.time)]


@given(points=POINTS, policy=POLICIES)
def test_what_is_held_or_tagged_and_the_newest_are_never_forgotten(points: list[Candidate], policy: Policy) -> None:
    stay = {verdict.point for verdict in judged(policy, points) if verdict.reasons}
    newest = max(points, key=lambda one: one.time)
    counting = set(policy.keep_tag or "abc")
    safe = {one.point for one in points if one.marks.is_held(NOON) or counting.intersection(one.marks.tags)}
    assert safe | {newest.point} <= stay


@given(points=POINTS)
def test_a_span_reaches_every_snapshot_that_whole_points_hold(points: list[Candidate]) -> None:
    whole = [msgspec.structs.replace(one, lacks_files=False, marks=Marks()) for one in points]
    policy = Policy(keep_snapshot_span=True)
    stay = {verdict.point for verdict in judged(policy, whole) if verdict.reasons}

    def held(ids: set[str]) -> set[tuple[int, int]]:
        return {
            (one.timeline, snapshot)
            for one in whole
            if one.point in ids
            for first, last in one.snapshots
            for snapshot in range(first, last + 1)
        }

    assert held(stay) == held({one.point for one in whole})
