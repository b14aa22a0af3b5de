"""Working on many things at a time with bounded memory."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import TypeVar

from canvasback.storage.store import Source

T = TypeVar("T")
R = TypeVar("R")

BATCH = 64
_BATCH_BYTES = 8 * 1024 * 1024


class Stop:
    """Tells threads in the middle of a large file that nobody waits for them any more."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        """Let every guarded stream end with an error at its next piece."""
        self._asked.set()

    def guard(self, source: Source) -> Source:
        """The same stream, whose reading raises `CancelledError` once we are to stop."""
        return _Guarded(source, self._asked)


class _Guarded:
    def __init__(self, source: Source, asked: threading.Event) -> None:
        self._source = source
        self._asked = asked

    def read(self, size: int, /) -> bytes:
        if self._asked.is_set():
            raise CancelledError
        return self._source.read(size)


def each(work: Callable[[T, Stop], R]) -> Callable[[list[T], Stop], list[R]]:
    """Work on a batch that is done to each of its items by itself."""
    return lambda batch, stop: [work(item, stop) for item in batch]


@contextlib.contextmanager
def in_parallel(
    items: Iterable[T],
    work: Callable[[list[T], Stop], list[R]],
    jobs: int,
    size: Callable[[T], int],
    batch: int = BATCH,
) -> Iterator[Iterator[R]]:
    """Map over items with threads, holding only a few batches at a time however many items there are.

    Use as a context manager that gives the answers, in the order of the items. When it ends early, by an error or
    by the user's interruption, no thread is still at work afterwards.

    Args:
        items: What to work on.
        work: Done to each batch of items, in a thread; see also `each`. What it reads for long it reads through
            `Stop.guard`.
        jobs: How many threads.
        size: The bytes of an item: small ones share a batch, large ones have one each.
        batch: The most items of a batch: few where each is waited for, many where the threads take most of the time.
    """
    batches = _batches(iter(items), size, batch)
    stop = Stop()

    with ThreadPoolExecutor(jobs) as pool:
        waiting = deque(pool.submit(work, some, stop) for some in itertools.islice(batches, jobs * 2))

        def answers() -> Iterator[R]:
            while waiting:
                yield from waiting.popleft().result()
                waiting.extend(pool.submit(work, some, stop) for some in itertools.islice(batches, 1))

        try:
            yield answers()
        except BaseException:
            stop.ask()
            pool.shutdown(cancel_futures=True)
            raise


def _batches(items: Iterator[T], size: Callable[[T], int], most: int) -> Iterator[list[T]]:
    batch: list[T] = []
    total = 0
    for item in items:
        batch.append(item)
        total += size(item)
        if len(batch) >= most or total >= _BATCH_BYTES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
