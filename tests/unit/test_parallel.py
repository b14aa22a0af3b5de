"""Work on many things at a time: bounded, in order, and over when it is left."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from canvasback.storage.parallel import Stop, each, in_parallel


def test_answers_come_in_the_order_of_the_items() -> None:
    with in_parallel(range(1000), each(lambda item, _: item * 2), 3, lambda _: 1) as answers:
        assert list(answers) == [item * 2 for item in range(1000)]


def test_nothing_to_do() -> None:
    with in_parallel([], each(lambda item, _: item), 3, lambda _: 1) as answers:
        assert list(answers) == []


def test_items_are_taken_as_they_are_needed() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(100_000):
            taken += 1
            yield item

    with in_parallel(items(), each(lambda item, _: item), 2, lambda _: 1) as answers:
        next(answers)
        assert taken < 1000
        assert sum(1 for _ in answers) == 99_999


def test_an_error_of_the_work_reaches_the_caller_and_ends_it() -> None:
    done = []

    def work(item: int, _: Stop) -> int:
        if item == 0:
            raise ValueError("no")
        done.append(item)
        return item

    with (
        pytest.raises(ValueError, match="no"),
        in_parallel(range(1_000_000), each(work), 2, lambda _: 10**9) as answers,
    ):
        list(answers)
    assert len(done) < 100


class Endless(io.RawIOBase):
    """A file that never ends."""

    def read(self, size: int = -1, /) -> bytes:
        time.sleep(0.001)
        return b"x" * size


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, GeneratorExit])
def test_who_leaves_early_leaves_no_thread_at_work(error: type[BaseException]) -> None:
    """Also in the middle of a large file, and wherever the caller was just then."""
    before = threading.active_count()
    ended = []

    def work(item: int, stop: Stop) -> int:
        source = stop.guard(Endless())
        try:
            while source.read(10):
                pass
        except CancelledError:
            ended.append(item)
            raise
        return item

    with pytest.raises(error), in_parallel(range(100), each(work), 3, lambda _: 10**9):
        raise error
    assert threading.active_count() == before
    assert len(ended) <= 3
