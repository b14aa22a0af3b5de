"""Files that are not whole yet: their names, and the removal of those that a run which died left behind."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from functools import cache

from canvasback.storage.local.process import boot, is_over, started

STAGED = ".canvasback-staged"
"""Ends the names of files that are not whole yet."""

_NAME = re.compile(
    r"(?P<path>.*)\.(?P<pid>[0-9]{1,9})-(?P<started>[0-9]*)-[0-9a-f]{8}\.canvasback-staged"
    r"(\.wal|\.wal\.checkpoint|\.wal\.recovery|-journal|-wal|-shm)?",
    re.DOTALL,
)
"""The name of such a file, or of a log that DuckDB or SQLite keeps beside it for as long as it is written."""

_LONGEST = 255
"""The bytes of a name that file systems take."""

_STAGED_ROOM = 170
"""The bytes that the name of a file itself takes of the name under which it is staged, so that its logs have room."""


def staged_path(path: str) -> str:
    """A name beside the path, which nobody else uses, for the time until the file is whole.

    It says which process writes there, so that `sweep` can tell what was left behind.
    """
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{_shortened(name, _STAGED_ROOM)}.{_mark(os.getpid())}-{secrets.token_hex(4)}{STAGED}"


def is_staged(name: str) -> bool:
    """Whether that is the name of a file that is not whole yet, or of a log of one."""
    return STAGED in name and (name.endswith(STAGED) or _NAME.fullmatch(name.rpartition("/")[2]) is not None)


def with_suffix(path: str, suffix: str, room: int = 0) -> str:
    """The path with something added to its name, which is shortened where file systems would not take it else.

    Args:
        path: The path.
        suffix: How the name is to end.
        room: Bytes to leave for what is added to that.
    """
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{_shortened(name, _LONGEST - len(os.fsencode(suffix)) - room)}{suffix}"


def sweep(folder: str, name: str | None = None) -> None:
    """Remove what runs that are over left half-written in a folder. It is litter: what cannot go may stay.

    Args:
        folder: The folder; it need not exist.
        name: Only what was to become the file of this name; None for all.
    """
    if not boot():
        return  # nothing tells the dead from the living
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            found = _NAME.fullmatch(entry.name) if STAGED in entry.name else None
            wanted = found is not None and (name is None or _shortened(name, _STAGED_ROOM) == found["path"])
            if found is not None and wanted and is_over(int(found["pid"]), found["started"]):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _shortened(name: str, room: int) -> str:
    """A name of so many bytes at most, which no other name has."""
    encoded = os.fsencode(name)
    if len(encoded) <= room:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    start = encoded[: room - len(digest) - 1]
    return f"{start.decode(errors='ignore')}~{digest}"


@cache
def _mark(pid: int) -> str:
    return f"{pid}-{started(pid) or ''}"
