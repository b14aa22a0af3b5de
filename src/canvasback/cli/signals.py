"""SIGTERM and SIGINT as requests: to stop a watch, or to be passed on to a command."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopBySignal:
    """Is set by the first signal; the second one is a KeyboardInterrupt. See `canvasback.model.results.watch.StopSign`.

    A handler may run in the middle of anything, so it takes no lock, as a `threading.Event` would: it writes to a
    pipe, and who waits for that wakes up.

    Attributes:
        signal: The first signal, or None.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._reader, self._writer = os.pipe()

    def is_set(self) -> bool:
        """Whether a signal came."""
        return self.signal is not None

    def wait(self, timeout: float, /) -> bool:
        """Wait for so many seconds, or until a signal comes."""
        return bool(select.select([self._reader], [], [], timeout)[0])

    def set_by(self, number: int) -> None:
        """Note a signal.

        Raises:
            KeyboardInterrupt: It is not the first.
        """
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)
        os.write(self._writer, b"!")

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._reader)
        os.close(self._writer)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[StopBySignal]:
    """Let signals ask for a stop, for as long as a `with` block lasts."""
    stop = StopBySignal()
    try:
        with handled_by(stop.set_by):
            yield stop
    finally:
        stop.close()


@contextlib.contextmanager
def handled_by(handle: Callable[[int], None]) -> Iterator[None]:
    """Let a function handle SIGTERM and SIGINT, for as long as a `with` block lasts."""

    def handler(number: int, _: FrameType | None) -> None:
        handle(number)

    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
