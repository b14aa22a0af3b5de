"""``pg_receivewal``, kept running: the log streams into a folder, the spool, from which finished segments are taken.

The server keeps for its slot what was not received yet. What is received is on the spool's disk, and the server may
forget it: so the spool has to outlast the process. Source: PostgreSQL's documentation, "pg_receivewal".
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Self

from canvasback.errors import CanvasbackError, LockedError
from canvasback.model.wal import Segment, history_timeline, is_partial, is_segment
from canvasback.postgres.programs import Programs, connection_arguments, failed
from canvasback.storage.local.process import is_over, started

APPLICATION = "canvasback"
"""As what the receiver shows at the server, and what ``synchronous_standby_names`` has to name."""

_LOCK, _RECEIVER = "canvasback.lock", "pg_receivewal.pid"
_NOTE = 64
"""Bytes of the note of who receives."""

_LOOK = 0.05
"""Seconds between two looks at a process that is to end."""


class Spool:
    """The folder into which the log streams. `hold` it before anything else.

    Attributes:
        folder: The folder.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Have it for us alone for the time of a block; whoever dies lets go of it.

        Raises:
            LockedError: Another run has it (``spool-in-use``).
        """
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        handle = os.open(self._path(_LOCK), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LockedError(
                    "spool-in-use",
                    f"another run streams the log into {self.folder}",
                    hint="One run for a server is enough; stop the other one first.",
                ) from error
            yield
        finally:
            os.close(handle)

    def finished(self) -> list[str]:
        """The files that are whole, in the order in which they are to be archived: a history before its segments."""
        names = [name for name in os.listdir(self.folder) if is_segment(name) or history_timeline(name)]
        return sorted(names, key=lambda name: (name[:8], is_segment(name), name))

    def first(self, size: int) -> Segment | None:
        """The first segment that is there, whole or not; None where there is none."""
        names = (name.removesuffix(".partial") for name in os.listdir(self.folder))
        return min((Segment.parse(name, size) for name in names if is_segment(name)), default=None)

    def growing(self, size: int) -> tuple[Segment, bytes] | None:
        """The segment that is being received, and its bytes; what is not received yet are zeros. None where none is."""
        parts = sorted(name for name in os.listdir(self.folder) if is_partial(name))
        if not parts:
            return None
        try:
            content = self.read(parts[-1])
        except FileNotFoundError:  # it was finished just now
            return None
        return Segment.parse(parts[-1].removesuffix(".partial"), size), content

    def read(self, name: str) -> bytes:
        """A file's content."""
        with open(self._path(name), "rb") as file:
            return file.read()

    def remove(self, name: str) -> None:
        """Remove a file that is archived for good."""
        os.unlink(self._path(name))

    def note_receiver(self, pid: int) -> None:
        """Note who receives, so that the next run can end it if this one is killed."""
        handle = os.open(self._path(_RECEIVER), os.O_WRONLY | os.O_CREAT, 0o600)
        try:  # in place, which a full disk lets us
            os.pwrite(handle, f"{pid} {started(pid) or ''}".ljust(_NOTE).encode(), 0)
        finally:
            os.close(handle)

    def end_orphan(self) -> None:
        """End the receiver of a run that was killed: it would hold the slot. Only who holds the spool may ask."""
        try:
            with open(self._path(_RECEIVER), encoding="ascii") as file:
                pid, since = (*file.read().split(), "", "")[:2]
        except FileNotFoundError:
            return
        with contextlib.suppress(ValueError, ProcessLookupError, PermissionError):
            while since and not is_over(int(pid), since):
                os.kill(int(pid), signal.SIGINT)
                time.sleep(_LOOK)

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)


class Receiver:
    """The program that receives. Use as a context manager, which stops it.

    Args:
        programs: Those of the server's version.
        target: The connection string of the catalog.
        slot: The replication slot's name.
        spool: Where to.
        synchronous: Whether to flush and to tell the server at once, so that it can wait for it.
    """

    def __init__(self, programs: Programs, target: str, slot: str, spool: Spool, *, synchronous: bool) -> None:
        self._programs = programs
        self._target = target
        self._slot = slot
        self._spool = spool
        self._synchronous = synchronous
        self._process: subprocess.Popen[bytes] | None = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Nothing is started yet, see `keep`."""
        self._spool.end_orphan()
        # Not in the spool: why it ends may be that there is no space left.
        self._said = self._held.enter_context(tempfile.TemporaryFile())
        conninfo = self._held.enter_context(connection_arguments(self._target, application_name=APPLICATION))
        more = ["--synchronous"] if self._synchronous else []
        self._command = self._programs.command(
            "pg_receivewal", f"--dbname={conninfo}", f"--directory={self._spool.folder}", f"--slot={self._slot}",
            "--no-loop", "--no-password", "--status-interval=1", *more,
        )  # fmt: skip
        return self

    def __exit__(self, *error: object) -> None:
        """Stop it. What it has received stays in the spool."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._held.close()

    def keep(self) -> CanvasbackError | None:
        """See that it runs, and start it if it does not.

        Returns:
            Why it has ended; None where it runs.
        """
        if self._process is not None and self._process.poll() is None:
            return None
        ended = None
        if self._process is not None:
            self._said.seek(0)
            ended = failed("pg_receivewal", self._process.returncode, self._said.read())
            self._process = None
        self._said.seek(0)
        self._said.truncate()
        process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
            self._command, stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said, start_new_session=True
        )
        try:
            self._spool.note_receiver(process.pid)
        except OSError:
            process.kill()  # or nobody could end it if we were killed
            process.wait()
            raise
        self._process = process
        return ended


def create_slot(programs: Programs, target: str, slot: str) -> None:
    """Make a replication slot, unless there is one of that name; the server keeps its log from now on.

    Raises:
        CanvasbackError: The server does not let us.
    """
    with connection_arguments(target) as conninfo:
        programs.run(
            "pg_receivewal", f"--dbname={conninfo}", f"--slot={slot}", "--create-slot", "--if-not-exists",
            "--no-password",
        )  # fmt: skip
