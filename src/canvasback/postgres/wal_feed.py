"""A recovering server gets its log from this process: its restore_command asks through one pipe, and reads another.

So no program starts for each segment but the shell, the next ones are fetched while the server reads one, and the
server's account need not be able to read the repository.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from canvasback.model.wal import Segment, is_segment
from canvasback.postgres.programs import Account
from canvasback.repository.wal_object import write_content

_AHEAD, _AHEAD_BYTES = 8, 128 << 20
"""How many segments are fetched while the server reads one, and how much that may be; one is, however large it is."""

_AT_A_TIME = 4
"""So many of them at a time, as each is in memory."""

_COMMAND = (
    'echo "%f %p" > {folder}/ask && read -r answer < {folder}/answer || exit 126; '
    'case $answer in laid) ;; take) mv {folder}/%f "%p" || exit 126 ;; none) exit 1 ;; *) exit 126 ;; esac'
)
"""What a recovering server runs for each file of its log: built into every shell but for the mv. 1 means that there is
none of that name; with 126 the recovery fails, where one that went on would believe that the log ends."""

_LAID = re.compile(r"(?P<folder>pg_wal)/(?P<file>[A-Z]+)")
"""Where a server wants a file, from its own folder: RECOVERYXLOG and RECOVERYHISTORY are its names for them."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class WalFeed:
    """Answers a server's restore_command. Use as a context manager.

    Attributes:
        error: What went wrong when a file was fetched; the recovery has failed then.
        lacking: The last segment that it asked for and that is not there; empty if it got the last one.
        repeated: How often it has asked again for the last segment, on whichever timeline, which it does where the log
            ends.

    Args:
        folder: An empty folder for the pipes and the files that are handed over.
        fetch: Gives a file of the log; None where there is none of that name.
        segment_size: The bytes of a segment.
        data: The server's folder.
        account: Whose the server is; None for who runs us.
    """

    def __init__(
        self,
        folder: str,
        fetch: Callable[[str], bytes | None],
        segment_size: int,
        data: str,
        account: Account | None,
    ) -> None:
        self.error: BaseException | None = None
        self.lacking = ""
        self.repeated = 0
        self._asked = ""
        self._folder = folder
        self._fetch = fetch
        self._size = segment_size
        self._data = data
        self._account = account
        self._ahead: dict[str, Future[bool]] = {}
        self._window = min(_AHEAD, max(1, _AHEAD_BYTES // segment_size))
        self._pool = ThreadPoolExecutor(min(_AT_A_TIME, self._window), thread_name_prefix="canvasback-wal")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="canvasback-wal-feed", daemon=True)

    @property
    def command(self) -> str:
        """The restore_command."""
        return _COMMAND.format(folder=shlex.quote(self._folder).replace("%", "%%"))

    def __enter__(self) -> Self:
        """Begin to answer."""
        for pipe in ("ask", "answer"):
            os.mkfifo(self._path(pipe), 0o600)
        if self._account is not None:
            for name in ("ask", "answer", ""):
                os.chown(self._path(name), self._account.user, self._account.group)
        self._ask = os.open(self._path("ask"), os.O_RDWR | os.O_NONBLOCK)
        self._answer = os.open(self._path("answer"), os.O_RDWR | os.O_NONBLOCK)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop. The server has to be stopped before, or nobody answers it."""
        self._stop.set()
        self._thread.join()
        self._pool.shutdown(cancel_futures=True)
        os.close(self._ask)
        os.close(self._answer)

    def _serve(self) -> None:
        asked = b""
        while not self._stop.is_set():
            if not select.select([self._ask], [], [], 0.1)[0]:
                continue
            asked += os.read(self._ask, 4096)
            *questions, asked = asked.split(b"\n")
            for question in questions:
                with contextlib.suppress(BlockingIOError):  # what was said to one who died before he read it
                    os.read(self._answer, 4096)
                name, _, place = question.decode().partition(" ")
                os.write(self._answer, self._answered(name, place) + b"\n")

    def _answered(self, name: str, place: str) -> bytes:
        if is_segment(name):
            number = name[8:]
            self.repeated = self.repeated + 1 if number == self._asked else 0
            self._asked = number
        try:
            waiting = self._ahead.pop(name, None)
            there = self._prepare(name) if waiting is None else waiting.result()
            if there and is_segment(name):
                self._look_ahead(name)
        except BaseException as error:  # noqa: BLE001 - it is raised by whoever waits for the server
            self.error = error
            return b"failed"
        if is_segment(name):
            self.lacking = "" if there else name
        if not there:
            return b"none"
        return b"laid" if self._lay(name, place) else b"take"

    def _prepare(self, name: str) -> bool:
        """Fetch a file of the log into our folder; False if there is none."""
        content = self._fetch(name)
        if content is None:
            return False
        path = self._path(name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # was prepared for one who died before he took it
        # The folder is the server's: no link that somebody put there is followed.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            write_content(file, content)
            if self._account is not None:
                os.fchown(file.fileno(), self._account.user, self._account.group)
        return True

    def _look_ahead(self, name: str) -> None:
        following = Segment.parse(name, self._size)
        for _ in range(self._window):
            following = following.following
            if following.name not in self._ahead:
                self._ahead[following.name] = self._pool.submit(self._prepare, following.name)

    def _lay(self, name: str, place: str) -> bool:
        """Move a file to where the server wants it, which costs it the start of a program otherwise.

        Returns:
            Whether it is there. Not where that is on another file system, or not the server's own folder: the server
            is told to take it, and does that with its own rights.
        """
        laid = _LAID.fullmatch(place)
        if laid is None:
            return False
        try:
            folder = os.open(os.path.join(self._data, laid["folder"]), _FOLDER)
        except OSError:
            return False
        try:
            if self._account is not None and os.fstat(folder).st_uid != self._account.user:
                return False
            os.rename(self._path(name), laid["file"], dst_dir_fd=folder)
        except OSError:
            return False
        finally:
            os.close(folder)
        return True

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)
