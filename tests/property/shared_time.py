"""One clock for several processes, which is moved on for all of them at once, as if the time had really passed."""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from canvasback.storage.store import Stat, Store

_NOTICE = 0.05
"""Seconds from when it is written down that time is moved on until it is: all know by then."""

_COARSE = 1.5
"""Seconds by which a store's own time of an object may be behind: S3 tells whole seconds."""


class SharedTime:
    """The real time, and as much more as is written in a file.

    Args:
        path: The file: from when on, in seconds since 1970, by how many seconds the clock is ahead.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._jumps: list[tuple[float, float]] = []

    def clock(self) -> datetime:
        """The time."""
        now = time.time()
        return datetime.fromtimestamp(now, UTC) + timedelta(seconds=self._ahead(now))

    def move_on(self, by: timedelta) -> None:
        """Let time go by: whoever is at work was held up for so long. Only one process does this."""
        ahead = self._ahead(time.time() + _NOTICE)
        with self._path.open("a") as file:
            file.write(f"{time.time() + _NOTICE} {ahead + by.total_seconds()}\n")
        time.sleep(2 * _NOTICE)
        self._read()

    @contextmanager
    def told(self, kind: type, urls: tuple[str, ...]) -> Iterator[None]:
        """Let the stores of a class tell of their objects by this clock, at some places."""
        stat, list_ = kind.stat, kind.list  # type: ignore[attr-defined]

        def shown(store: Store, found: Stat) -> Stat:
            if store.url not in urls:
                return found
            ahead = self._ahead(found.modified_ns / 1e9 + _COARSE)
            return msgspec.structs.replace(found, modified_ns=found.modified_ns + int(ahead * 1e9))

        def told_stat(store: Store, name: str) -> Stat | None:
            found: Stat | None = stat(store, name)
            return None if found is None else shown(store, found)

        def told_list(store: Store, prefix: str) -> Iterator[Stat]:
            return (shown(store, found) for found in list_(store, prefix))

        methods: tuple[tuple[str, Callable[..., object]], ...] = (("stat", told_stat), ("list", told_list))
        for name, method in methods:
            setattr(kind, name, method)
        try:
            yield
        finally:
            kind.stat, kind.list = stat, list_  # type: ignore[attr-defined]

    def _ahead(self, at: float) -> float:
        """By how much the clock was ahead at a real time."""
        if self._path.exists() and os.stat(self._path).st_size != self._size:
            self._read()
        passed = bisect_right(self._jumps, at, key=lambda jump: jump[0])
        return self._jumps[passed - 1][1] if passed else 0.0

    def _read(self) -> None:
        content = self._path.read_text()
        whole = content[: content.rfind("\n") + 1]
        self._jumps = [(float(a), float(b)) for a, b in (line.split() for line in whole.splitlines())]
        self._size = len(whole)
