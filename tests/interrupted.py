"""Doing something else in the middle of a run: before one of the operations of its stores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from canvasback.storage.local.store import LocalStore

OPERATIONS = ("stat", "get", "open", "list", "put_new", "copy_new", "place_new", "delete")
DEEDS = ("put_new", "copy_new", "copy_from", "place_new", "move_aside", "delete")
"""Those that change something; few runs have many of them."""


class Clock:
    """Shows the time, and as much more as was waited."""

    def __init__(self, **waited: float) -> None:
        self.ahead = timedelta(**waited)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def wait(self, **time: float) -> None:
        """Let time go by."""
        self.ahead += timedelta(**time)


@contextmanager
def interrupted(
    at: int,
    what: Callable[[], None],
    among: tuple[str, ...] = OPERATIONS,
    *,
    kind: type = LocalStore,
    for_good: bool = False,
) -> Iterator[list[str]]:
    """Before the n-th operation of stores, counted from 1, do something else; what that does is not counted.

    Args:
        at: Which one.
        what: What to do; if it raises something, so does the operation.
        among: The operations that count.
        kind: The class of the stores.
        for_good: Do it before all that follow, too: where it raises something, the run is as if it was killed.

    Yields:
        The names of the operations, as they come.
    """
    log: list[str] = []
    busy, lock = threading.Event(), threading.Lock()
    originals = {name: getattr(kind, name) for name in among}

    def wrap(name: str) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            mine = False
            with lock:
                if not busy.is_set():
                    log.append(name)
                    mine = len(log) == at or (for_good and len(log) > at)
                if mine and not for_good:
                    busy.set()
            if mine:
                what()
                busy.clear()
            return originals[name](*args, **options)

        return call

    for name in among:
        setattr(kind, name, wrap(name))
    try:
        yield log
    finally:
        for name, original in originals.items():
            setattr(kind, name, original)
