"""What a run of a verb knows of its threads, its seconds and its time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from canvasback.storage.local.store import LocalStore
from canvasback.storage.parallel import each
from canvasback.storage.run import Run

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def store(folder: Path, *, jobs: int, batch: int) -> LocalStore:
    made = LocalStore(f"{folder}/")
    made.jobs, made.batch = jobs, batch
    return made


def test_as_many_jobs_as_the_user_says_else_as_suit_the_stores(tmp_path: Path) -> None:
    slow, fast = store(tmp_path, jobs=2, batch=1), store(tmp_path, jobs=9, batch=1)
    assert Run.begin().jobs_for(slow) == 2
    assert Run.begin().jobs_for(slow, fast) == 9
    assert Run.begin(jobs=3).jobs_for(slow, fast) == 3


def test_batches_are_as_small_as_any_of_the_stores_wants_them(tmp_path: Path) -> None:
    two, five = store(tmp_path, jobs=2, batch=2), store(tmp_path, jobs=2, batch=5)

    def lengths(*stores: LocalStore, batch: int | None = None) -> list[int]:
        with Run.begin().in_parallel(range(10), lambda some, _: [len(some)], *stores, batch=batch) as answers:
            return list(answers)

    assert lengths(two, five) == [2] * 5
    assert lengths(five) == [5] * 2
    assert lengths(two, batch=10) == [10]


def test_items_that_are_read_are_not_waited_for_together(tmp_path: Path) -> None:
    of_ten = store(tmp_path, jobs=2, batch=10)
    with Run.begin().in_parallel([1 << 30] * 3, lambda some, _: [len(some)], of_ten, size=lambda size: size) as large:
        assert list(large) == [1, 1, 1]
    with Run.begin().in_parallel(range(3), each(lambda item, _: item * 2), of_ten) as answers:
        assert list(answers) == [0, 2, 4]


def test_seconds_are_counted_from_the_beginning_and_anew_for_another_piece_of_work() -> None:
    run = Run.begin(clock=lambda: NOON)
    again = run.again()
    assert run.began <= again.began
    assert run.seconds >= again.seconds >= 0
    assert again.now() == run.now() == NOON
    assert again.stores is run.stores
