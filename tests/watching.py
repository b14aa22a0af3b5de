"""No tests: `canvasback watch` as a process of its own, whose events can be waited for."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from canvasback.model.results.watch import WatchEvent

PATIENCE = 60.0
"""Seconds after which a test gives up; nothing is said about how long a thing should take."""

E = TypeVar("E", bound=msgspec.Struct)


class Watch:
    """A watch that runs.

    Attributes:
        events: What it has told so far.
        rest: What else it wrote to stdout.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[WatchEvent] = []
        self.rest: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                try:
                    self.events.append(msgspec.json.decode(line, type=WatchEvent, strict=True))
                except msgspec.DecodeError:
                    self.rest.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def of_kind(self, kind: type[E]) -> list[E]:
        """What it has told of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def wait_for(self, kind: type[E], count: int = 1) -> E:
        """Wait until it has told so many of a kind, and answer the last of them."""
        with self._changed:
            there = self._changed.wait_for(lambda: len(self.of_kind(kind)) >= count or self._ended, PATIENCE)
        assert there, f"no {kind.__name__} in {self.events}"
        assert len(self.of_kind(kind)) >= count, (self.events, self.rest)
        return self.of_kind(kind)[count - 1]

    def wait_for_snapshot(self, snapshot_id: int) -> None:
        """Wait until a point of it holds a snapshot."""

        def held() -> bool:
            return any(getattr(event, "snapshot_id", -1) >= snapshot_id for event in self.events)

        with self._changed:
            there = self._changed.wait_for(lambda: held() or self._ended, PATIENCE)
        assert there, f"no snapshot {snapshot_id} in {self.events}"
        assert held(), (self.events, self.rest)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal, and wait for its end."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for its end, and answer its exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code


@contextmanager
def watching(
    lake: object,
    repository: object,
    *options: object,
    every: float = 0.1,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Watch]:
    """Watch a lake for as long as a `with` block lasts."""
    command = ["watch", lake, "-r", repository, "--every", every, "--json", *options]
    with subprocess.Popen(
        [sys.executable, "-m", "canvasback", *map(str, command)],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Watch(process)
        finally:
            process.kill()
