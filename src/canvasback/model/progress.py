"""How long work tells that it goes on, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives what long work has done so far. Its methods may be called from several threads."""

    def begin(self, task: str, *, files: int | None = None, bytes_: int | None = None) -> None:
        """A task starts; how many files and bytes it has, where that is known."""

    def advance(self, *, files: int = 0, bytes_: int = 0) -> None:
        """So much more of the task that began last is done."""

    def end(self) -> None:
        """The task that began last is over."""


class Silent:
    """Tells nobody."""

    def begin(self, task: str, *, files: int | None = None, bytes_: int | None = None) -> None:
        """Ignore it."""

    def advance(self, *, files: int = 0, bytes_: int = 0) -> None:
        """Ignore it."""

    def end(self) -> None:
        """Ignore it."""


SILENT = Silent()
