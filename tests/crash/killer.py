"""Kills a process at one of the steps by which it changes what is on disk.

`Killer.install` wraps the calls of the operating system that change folders and files, the methods of the
local store, the engine's writing of one table, and each statement by which an engine changes a catalog in place. The
process can die before the first of them, after each, and in the middle of those that write bytes; after one is before
the next.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Self

from canvasback.catalog.engines.duckdb import engine
from canvasback.catalog.engines.postgres import engine as postgres
from canvasback.catalog.engines.sqlite import engine as sqlite
from canvasback.storage.local import store as local

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

    Args:
        watched: The folder whose files count.
        at: The step at which to die, counted from 1.
        every: Of the statements within a transaction, of which none lasts without its end, one in so many is a step.
    """

    def __init__(self, watched: str, at: int = 0, every: int = 1) -> None:
        self.steps: list[str] = []
        self.log: list[str] = []
        self._watched = watched.rstrip("/") + "/"
        self._at = at
        self._lock = threading.Lock()
        self._every = every
        self._asleep = False
        self._changing = False
        self._statements = 0

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
        local.flush_file_system = self._around(local.flush_file_system, "syncfs", self._handle)
        engine._write_table = self._around(engine._write_table, "write_table", lambda *a: a[2].name)
        for kind in (engine.DuckDBEngine, sqlite.SQLiteEngine, postgres.PostgresEngine):
            kind.change = self._changes(kind.change)  # type: ignore[method-assign]
        connect = engine.connect
        engine.connect = lambda *args, **options: _Connection(connect(*args, **options), self._executed)  # type: ignore[attr-defined, assignment, return-value]
        sqlite.sqlite3 = _Module(sqlite.sqlite3, self._executed)  # type: ignore[attr-defined, assignment]
        postgres.command = self._commanding(postgres.command)  # type: ignore[attr-defined, assignment]

    def spares(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Let a part of the work come through; to have done it is a step."""

        def call(*args: Any, **options: Any) -> Any:
            self._asleep = True
            try:
                return real(*args, **options)
            finally:
                self._asleep = False
                self.step(f"after {real.__name__}")

        return call

    def step(self, label: str) -> None:
        """Reach a step, and perhaps die."""
        with self._lock:
            if self._asleep:
                return
            self.steps.append(label)
            self.log.append(label)
            if len(self.steps) == self._at:
                os.kill(os.getpid(), signal.SIGKILL)

    def _changes(self, real: Callable[..., None]) -> Callable[..., None]:
        def change(*args: Any) -> None:
            self._changing = True
            real(*args)
            self._changing = False
            self.step("after change")

        return change

    def _executed(self, statement: str) -> None:
        if self._changing:
            within = statement.startswith(("DELETE", "UPDATE", "INSERT", "DROP"))
            self._statements += within
            if not within or self._statements % self._every == 0:
                self.step(f"after statement {statement}")

    def _commanding(self, real: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
        def command(cursor: Any, statement: str) -> None:
            real(cursor, statement)
            self._executed(statement)

        return command

    def _next_is_last(self) -> bool:
        return not self._asleep and len(self.steps) + 1 == self._at

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

    def _opening(self, created: int, mode: str, **options: Any) -> Any:
        """Stand in for `open` where the store writes a small object to a file that it has just created."""
        file = open(created, mode, **options)  # noqa: SIM115
        about = self._path(os.readlink(f"/proc/self/fd/{created}"))
        if about is not None:
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


class _Module:
    """A module of a database, whose connections tell of every statement that was executed."""

    def __init__(self, real: Any, executed: Callable[[str], None]) -> None:
        self._real = real
        self._told = executed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def connect(self, *args: Any, **options: Any) -> Any:
        return _Connection(self._real.connect(*args, **options), self._told)


class _Connection:
    def __init__(self, real: Any, executed: Callable[[str], None]) -> None:
        self._real = real
        self._told = executed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._real.__exit__(*error)

    def execute(self, statement: str, *args: Any) -> Any:
        answer = self._real.execute(statement, *args)
        self._told(statement)
        return answer
