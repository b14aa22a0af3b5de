"""Files that are not whole yet: their names, and the removal of those that a run which died left behind."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from functools import cache

from canvasback.storage.process import boot, is_over, started

STAGED = ".canvasback-staged"
"""Ends the names of files that are not whole yet."""

_NAME = re.compile(
    r"(?P<path>.*)\.(?P<pid>[0-9]{1,9})-(?P<started>[0-9]*)-[0-9a-f]{8}\.canvasback-staged(\.wal)?", re.DOTALL
)


def staged_path(path: str) -> str:
    """A name beside the path, which nobody else uses, for the time until the file is whole.

    It says which process writes there, so that `sweep` can tell what was left behind.
    """
    return f"{path}.{_mark(os.getpid())}-{secrets.token_hex(4)}{STAGED}"


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
            wanted = found is not None and name in {None, found["path"]}
            if found is not None and wanted and is_over(int(found["pid"]), found["started"]):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


@cache
def _mark(pid: int) -> str:
    return f"{pid}-{started(pid) or ''}"
