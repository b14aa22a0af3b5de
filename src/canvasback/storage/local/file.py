"""A file of the local file system that is being read."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from canvasback.storage.store import Stat


class OpenFile:
    """A file that is being read; see `canvasback.storage.store.OpenObject`."""

    def __init__(self, handle: int, stat: Stat) -> None:
        self.stat = stat
        self._handle = handle

    def __enter__(self) -> Self:
        """Give the file itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        os.close(self._handle)

    def read(self, size: int, /) -> bytes:
        """See `Source.read`."""
        return os.read(self._handle, size)

    def read_at(self, start: int, size: int) -> bytes:
        """Bytes from anywhere in the file."""
        return os.pread(self._handle, size, start)
