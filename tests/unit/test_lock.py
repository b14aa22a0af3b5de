"""Locks: what makes sense, when one is to be extended, and what is about to be locked, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from canvasback.errors import UsageError
from canvasback.model.lock import Lock, LockMode, Retention
from canvasback.model.plans.lock import LockPlan
from tests.unit.test_prune_parts import PLAN as NO_PRUNE

PROMISED = "nothing that a point names can be deleted before 2026-01-20 00:00:00 UTC"
NOW = datetime(2026, 1, 1, 12, 0, 0, 999, tzinfo=UTC)
LOCK = Lock(LockMode.GOVERNANCE, 30)
PLAN = LockPlan(
    repository="s3://b/r/",
    until=datetime(2026, 1, 31, tzinfo=UTC),
    objects=0,
    held=0,
    points=0,
    kept=0,
    promised=datetime(2026, 1, 20, tzinfo=UTC),
)


def test_a_lock_needs_a_mode_and_days() -> None:
    assert Lock.of(None, None) is None
    assert Lock.of("compliance", 1) == Lock(LockMode.COMPLIANCE, 1)
    for mode, days in (("compliance", None), (None, 1), ("compliance", 0), ("strict", 1)):
        with pytest.raises(UsageError, match="lock-not-understood"):
            Lock.of(mode, days)


@pytest.mark.parametrize(("left", "extended"), [(14, True), (15, False), (30, False), (None, True)])
def test_a_lock_is_extended_when_half_of_it_is_over(left: int | None, *, extended: bool) -> None:
    begun = LOCK.begin(NOW)
    assert begun.until == datetime(2026, 1, 31, 12, tzinfo=UTC)
    held = Retention(LOCK.mode, NOW.replace(microsecond=0) + timedelta(days=left)) if left is not None else None
    assert LOCK.extends(held, NOW) == extended


@pytest.mark.parametrize(
    ("plan", "steps"),
    [
        ({}, []),
        ({"held": 1}, ["1 object is locked long enough, and stays as it is"]),
        (
            {"objects": 2, "held": 3, "points": 1, "kept": 2},
            [
                "2 objects are locked until 2026-01-31 00:00:00 UTC",
                "3 objects are locked long enough, and stay as they are",
                f"then 1 point is locked, of 2: {PROMISED}",
            ],
        ),
    ],
)
def test_a_lock_in_words(plan: dict[str, object], steps: list[str]) -> None:
    assert [*msgspec.structs.replace(PLAN, **plan).steps] == steps


def test_a_prune_says_what_is_locked() -> None:
    assert msgspec.structs.replace(NO_PRUNE, locked_points=1, locked=2, locked_bytes=5).steps == (
        "1 forgotten point is locked: it stays until the lock ends, with all that it names",
        "2 objects (5 bytes) are named by no point, and locked: they stay until the lock ends",
    )
