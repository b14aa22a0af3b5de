"""A limit on how fast bytes go through, shared by all threads of a run."""

from __future__ import annotations

import threading
import time

from canvasback.storage.store import Source


class RateLimit:
    """Lets so many bytes pass per second, over all streams together.

    Args:
        per_second: Bytes.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._lock = threading.Lock()
        self._free_at = time.monotonic()

    def through(self, source: Source) -> Source:
        """The same stream at the limited rate."""
        return _Limited(source, self)

    def piece(self, size: int) -> int:
        """How much to read at once, so that a low limit does not come in bursts of many seconds."""
        return max(1, min(size, self._per_second))

    def wait(self, size: int) -> None:
        """Return when that many bytes may have passed."""
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + size / self._per_second
            pause = self._free_at - now
        time.sleep(pause)


class _Limited:
    def __init__(self, source: Source, limit: RateLimit) -> None:
        self._source = source
        self._limit = limit

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(self._limit.piece(size))
        self._limit.wait(len(piece))
        return piece
