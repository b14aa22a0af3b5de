"""Kills a process at one of the steps by which it changes what is on disk.

`Killer.install` wraps the calls of the operating system that change folders and files, the methods of the
local store, and the engine's writing of one table. The process can die before the first of them, after each,
and in the middle of those that write bytes; after one is before the next.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from canvasback.catalog.engines import duckdb as engine
from canvasback.storage import local

if TYPE_CHECKING:
    from collections.abc import Callable

_BY_PATH = ("link", "unlink", "rename", "replace", "mkdir", "rmdir")
_BY_HANDLE = ("fsync", "utime")
_VERBS = ("put_new", "copy_new", "place_new", "sync", "delete")


class Killer:
    """Counts steps, and ends the process by SIGKILL at one of them.

    Attributes:
        steps: What each step was, in order.
        log: The same with the store's verbs between them, of which each consists of steps.
    """

    def __init__(self, watched: str, at: int = 0) -> None:
        self.steps: list[str] = []
        self.log: list[str] = []
        self._watched = watched.rstrip("/") + "/"
        self._at = at
        self._lock = threading.Lock()

    def install(self) -> None:
        """Wrap everything. Meant for a process that ends soon."""
        self.step("before everything")
        for name in _BY_PATH:
            setattr(os, name, self._around(getattr(os, name), name, self._path))
        for name in _BY_HANDLE:
            setattr(os, name, self._around(getattr(os, name), name, self._handle))
        os.write = self._writing(os.write)
        local.open = self._opening  # type: ignore[attr-defined]
        for name in _VERBS:
            method = getattr(local.LocalStore, name)
            setattr(local.LocalStore, name, self._noted(method, f"store.{name}"))
        local._sync_file_system = self._around(local._sync_file_system, "syncfs", self._handle)
        engine._write_table = self._around(engine._write_table, "write_table", lambda *a: a[2].name)

    def step(self, label: str) -> None:
        """Reach a step, and perhaps die."""
        with self._lock:
            self.steps.append(label)
            self.log.append(label)
            if len(self.steps) == self._at:
                os.kill(os.getpid(), signal.SIGKILL)

    def _next_is_last(self) -> bool:
        return len(self.steps) + 1 == self._at

    def _around(self, real: Callable[..., Any], name: str, subject: Callable[..., str | None]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            about = subject(*args)
            answer = real(*args, **options)
            if about is not None:
                self.step(f"after {name} {about}")
            return answer

        return call

    def _noted(self, real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(store: local.LocalStore, *args: Any, **options: Any) -> Any:
            answer = real(store, *args, **options)
            self.log.append(f"after {name} {self._path(store.url + (args[0] if args else ''))}")
            return answer

        return call

    def _writing(self, real: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def write(handle: int, data: Any) -> int:
            about = self._handle(handle)
            if about is None:
                return real(handle, data)
            self.step(f"after create {about}")
            if self._next_is_last():
                real(handle, data[: len(data) // 2])
            self.step(f"half of write {about}")
            written = real(handle, data)
            self.step(f"after write {about}")
            return written

        return write

    def _opening(self, path: str, mode: str, **options: Any) -> Any:
        """Stand in for `open` where the store creates a small object."""
        file = open(path, mode, **options)  # noqa: SIM115
        about = self._path(path)
        if "x" in mode and about is not None:
            self.step(f"after create {about}")
            if self._next_is_last():
                file.write(b"\0" * 100)
                file.flush()
            self.step(f"half of create {about}")
        return file

    def _path(self, *paths: Any) -> str | None:
        for path in paths:
            if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(self._watched):
                return os.fspath(path).removeprefix(self._watched)
        return None

    def _handle(self, handle: Any, *_: Any) -> str | None:
        try:
            return self._path(os.readlink(f"/proc/self/fd/{handle}") + "/")
        except OSError:
            return None
