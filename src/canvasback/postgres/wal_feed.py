"""A recovering server gets its log from this process: its restore_command asks through one pipe, and reads another.

So no program starts for each segment, the next ones are fetched while the server reads one, and the server's account
need not be able to read the repository.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from canvasback.model.wal import Segment, is_segment
from canvasback.postgres.programs import Account

_AHEAD = 4
"""How many segments are fetched while the server reads one."""

_SCRIPT = """#!/bin/sh
# What a recovering server runs for each file of its log. 1 means that there is none of that name; with 126 the recovery
# fails, where one that went on would believe that the log ends.
echo "$1" > {folder}/ask || exit 126
read -r answer < {folder}/answer || exit 126
case $answer in
    yes) mv {folder}/"$1" "$2" || exit 126 ;;
    none) exit 1 ;;
    *) exit 126 ;;
esac
"""


class WalFeed:
    """Answers a server's restore_command. Use as a context manager.

    Attributes:
        error: What went wrong when a file was fetched; the recovery has failed then.
        lacking: The last segment that it asked for and that is not there; empty if it got the last one.
        repeated: How often it has asked again for the last segment, on whichever timeline, which it does where the log
            ends.

    Args:
        folder: An empty folder for the pipes and the file that is handed over.
        fetch: Gives a file of the log; None where there is none of that name.
        segment_size: The bytes of a segment.
        account: Whose the server is.
    """

    def __init__(
        self, folder: str, fetch: Callable[[str], bytes | None], segment_size: int, account: Account | None
    ) -> None:
        self.error: BaseException | None = None
        self.lacking = ""
        self.repeated = 0
        self._asked = ""
        self._folder = folder
        self._fetch = fetch
        self._size = segment_size
        self._account = account
        self._ahead: dict[str, Future[bool]] = {}
        self._pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="canvasback-wal")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="canvasback-wal-feed", daemon=True)

    @property
    def command(self) -> str:
        """The restore_command."""
        return f"/bin/sh {shlex.quote(self._folder).replace('%', '%%')}/fetch %f %p"

    def __enter__(self) -> Self:
        """Begin to answer."""
        for pipe in ("ask", "answer"):
            os.mkfifo(self._path(pipe), 0o600)
        with open(self._path("fetch"), "w", encoding="utf-8") as file:
            file.write(_SCRIPT.format(folder=shlex.quote(self._folder)))
        for name in ("ask", "answer", "fetch", ""):
            self._give(name)
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
            *names, asked = asked.split(b"\n")
            for name in names:
                with contextlib.suppress(BlockingIOError):  # what was said to one who died before he read it
                    os.read(self._answer, 4096)
                os.write(self._answer, self._prepare(name.decode()) + b"\n")

    def _prepare(self, name: str) -> bytes:
        if is_segment(name):
            number = name[8:]
            self.repeated = self.repeated + 1 if number == self._asked else 0
            self._asked = number
        try:
            waiting = self._ahead.pop(name, None)
            there = self._lay(name) if waiting is None else waiting.result()
            if there and is_segment(name):
                self._look_ahead(name)
        except BaseException as error:  # noqa: BLE001 - it is raised by whoever waits for the server
            self.error = error
            return b"failed"
        if is_segment(name):
            self.lacking = "" if there else name
        return b"yes" if there else b"none"

    def _lay(self, name: str) -> bool:
        """Fetch a file of the log into our folder, from where the server's command takes it; False if there is none."""
        content = self._fetch(name)
        if content is None:
            return False
        with open(self._path(name), "wb") as file:
            file.write(content)
        self._give(name)
        return True

    def _look_ahead(self, name: str) -> None:
        following = Segment.parse(name, self._size)
        for _ in range(_AHEAD):
            following = following.following
            if following.name not in self._ahead:
                self._ahead[following.name] = self._pool.submit(self._lay, following.name)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _give(self, name: str) -> None:
        if self._account is not None:
            os.chown(self._path(name), self._account.user, self._account.group)
