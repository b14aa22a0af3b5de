"""By when an object was damaged, as what a bucket keeps of it tells; and which folder has them all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from canvasback.checks.aws_scratch import common_folder
from canvasback.clouds.aws_changes import Change, damaged_by

COMMIT = datetime(2026, 3, 1, 12, 0, 0, 400_000, tzinfo=UTC)
WRITTEN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SIZE = 100


def later(**time: float) -> datetime:
    return WRITTEN + timedelta(**time)


def test_a_delete_marker_tells_it() -> None:
    changes = [Change(WRITTEN, SIZE), Change(later(days=1), None), Change(later(days=2), None)]
    assert damaged_by(changes, COMMIT, SIZE) == later(days=1, seconds=1)
    assert damaged_by(changes[1:], COMMIT, SIZE) == later(days=1, seconds=1)


def test_what_was_written_over_it_tells_it() -> None:
    for size in (SIZE, 7):
        changes = [Change(WRITTEN, SIZE), Change(later(days=1), size), Change(later(days=2), SIZE)]
        assert damaged_by(changes, COMMIT, SIZE) == later(days=1, seconds=1)


def test_what_was_written_over_it_tells_it_where_only_that_is_left() -> None:
    assert damaged_by([Change(later(days=1), SIZE)], COMMIT, SIZE) == later(days=1, seconds=1)
    assert damaged_by([Change(later(minutes=1), 7)], COMMIT, SIZE) == later(minutes=1, seconds=1)


def test_how_it_was_written_is_no_damage() -> None:
    """Though by the clock of who committed it was written after that."""
    assert damaged_by([Change(later(minutes=1), SIZE)], COMMIT, SIZE) is None
    changes = [Change(later(minutes=1), SIZE), Change(later(days=1), None)]
    assert damaged_by(changes, COMMIT, SIZE) == later(days=1, seconds=1)


def test_nothing_is_known_of_what_left_no_trace() -> None:
    assert damaged_by([], COMMIT, SIZE) is None


@pytest.mark.parametrize(
    ("keys", "folder"),
    [
        (["lake/a/1", "lake/a/2"], "lake/a/"),
        (["lake/a/1", "lake/ab/1"], "lake/"),
        (["lake/a/1", "lake/a/1/2"], "lake/a/"),
        (["lake/a/1"], "lake/a/"),
        (["a/1", "b/1"], ""),
        (["1", "2"], ""),
        (["äö/1", "äö/2"], "äö/"),
    ],
)
def test_the_smallest_folder_has_all_and_is_no_part_of_a_name(keys: list[str], folder: str) -> None:
    assert common_folder(keys) == folder
    assert common_folder(keys[::-1]) == folder
