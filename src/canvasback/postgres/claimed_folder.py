"""The folder in which a recovery makes a cluster: nobody else's before, and nothing half done afterwards.

A mark beside the folder says whose it is until the cluster is sound, as the programs that fill it want it empty. What a
recovery left that was killed is known by it, and removed by the next one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from typing import Self

from canvasback.errors import LockedError, RefusedError
from canvasback.storage.local.process import started
from canvasback.storage.temporary import is_left_behind

_PATIENCE = 20.0
"""Seconds in which a server that is to stop with its killed recovery has stopped."""

_LOOK = 0.05


def scratch_beside(data: str) -> str:
    """The folder for what is unpacked on the way, on the cluster's own disk."""
    return f"{data}.canvasback-bases"


class ClaimedFolder:
    """A claim on a folder. Use as a context manager: what comes to nothing is removed again.

    Args:
        data: The folder, absolute.
        ours: Our temporary folder, in which the server's configuration is: by it the server is known as ours, and its
            name says which process it is of.
    """

    def __init__(self, data: str, ours: str) -> None:
        self._data = data
        self._mark = _mark(data)
        self._ours = ours

    def __enter__(self) -> Self:
        """Claim it, and remove what a killed recovery left there.

        Raises:
            RefusedError: There is something else in it (``pgdata-not-empty``).
            LockedError: Another recovery has it (``pgdata-in-use``).
        """
        if is_left_half_done(self._data):
            _remove(self._data)
        os.makedirs(os.path.dirname(self._mark), exist_ok=True)
        # Without the mark a killed run's folder counts as any other; a folder may be where we may write to it alone.
        with contextlib.suppress(PermissionError):
            try:
                handle = os.open(self._mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError as error:
                raise _in_use(self._data, "another pitr restore has just begun to make a cluster there") from error
            with open(handle, "w", encoding="utf-8") as file:
                file.write(self._ours)
        return self

    def settle(self) -> None:
        """Say that the cluster is sound: from now on it is like any other, and nobody removes it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._mark)

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Remove what came to nothing, as the folder was empty or not there."""
        if kind is not None:
            shutil.rmtree(self._data, ignore_errors=True)
        self.settle()


def is_left_half_done(data: str) -> bool:
    """Whether a folder has what a killed recovery left, and nobody else has used; else it is empty, or not there.

    Raises:
        RefusedError: There is something else in it (``pgdata-not-empty``).
        LockedError: Another recovery has it, or its server still runs (``pgdata-in-use``).
    """
    try:
        there = os.listdir(data)
    except FileNotFoundError:
        there = []
    except NotADirectoryError:
        there = [data]
    try:
        with open(_mark(data), encoding="utf-8") as file:
            theirs = file.read()
    except OSError:
        theirs = ""
    if not theirs:
        if there:
            raise RefusedError(
                "pgdata-not-empty",
                f"{data} is not empty",
                hint="Name a new folder: nothing is overwritten, and no cluster is mixed with another.",
            )
        return False
    if not is_left_behind(theirs):
        raise _in_use(data, "another pitr restore makes a cluster there, or did before this machine was started")
    # PostgreSQL notes there how a server was started last: its documentation, "Database File Layout".
    options = _read(data, "postmaster.opts")
    if options and theirs not in options:
        raise RefusedError(
            "pgdata-not-empty",
            f"{data} is what a killed pitr restore left, and a server was started on it since by somebody else",
            hint=f"It was not recovered to its target. Stop that server; remove {data} and {_mark(data)}, or name a "
            "new folder.",
        )
    _wait_for_server(data)
    return True


def _wait_for_server(data: str) -> None:
    """Wait until the server of a killed recovery, which stops with it, has stopped."""
    pid = _read(data, "postmaster.pid").partition("\n")[0].strip()
    until = time.monotonic() + _PATIENCE
    while pid.isdigit() and started(int(pid)) is not None:
        if time.monotonic() > until:
            raise _in_use(data, f"a killed pitr restore left a server there, process {pid}, that does not stop")
        time.sleep(_LOOK)


def _in_use(data: str, why: str) -> LockedError:
    return LockedError(
        "pgdata-in-use",
        f"{data} is in use: {why}",
        hint=f"Wait for it, or name a new folder. If it is over for certain, and no server runs on the folder, remove "
        f"{data} and {_mark(data)}.",
    )


def _remove(data: str) -> None:
    for left in (data, scratch_beside(data)):
        shutil.rmtree(left, ignore_errors=True)
    os.unlink(_mark(data))


def _read(data: str, name: str) -> str:
    """A file of a cluster; empty where there is none."""
    try:
        with open(os.path.join(data, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _mark(data: str) -> str:
    return f"{data}.canvasback-restore"
