"""Temporary folders of ours, and the removal of those that a killed run left behind: they hold whole catalogs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache

from canvasback.errors import StorageError
from canvasback.storage.local.process import boot, is_over, started

_PREFIX = "canvasback-"
_NAME = re.compile(r"canvasback-(?P<boot>[0-9a-f]{12})-(?P<pid>[0-9]{1,9})-(?P<started>[0-9]*)-.*", re.DOTALL)


def make_folder() -> str:
    """Make a temporary folder that only we may look into; who makes it removes it.

    Its name says which process it is of, so that a later run can tell whether that one is over.

    Raises:
        StorageError: There is no place for one.
    """
    try:
        _sweep(tempfile.gettempdir())
        return tempfile.mkdtemp(prefix=_mark(os.getpid()))
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        where = f": {os.path.dirname(error.filename)}" if error.filename else ""
        raise StorageError(
            f"no temporary folder can be made: {error.strerror}{where}",
            hint="Set TMPDIR to a folder that is there, that you may write to, and that has room for a catalog.",
        ) from error


@contextlib.contextmanager
def temporary_folder() -> Iterator[str]:
    """A temporary folder for the time of a block."""
    folder = make_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_left_behind(folder: str) -> bool:
    """Whether a temporary folder, still there or not, is of a process of this machine that is certain to be over.

    Args:
        folder: Its path, as `make_folder` answered it.
    """
    found = _NAME.fullmatch(os.path.basename(folder))
    return found is not None and found["boot"] == _here() and is_over(int(found["pid"]), found["started"])


@cache
def _sweep(place: str) -> None:
    """Remove the folders of this user's runs that are certain to be over; once in the life of a process."""
    us = os.geteuid()
    with contextlib.suppress(OSError):
        for entry in os.scandir(place):
            if not is_left_behind(entry.name):
                continue
            with contextlib.suppress(OSError):
                # Those of a server that root ran belong to the account that it ran as.
                if entry.is_dir(follow_symlinks=False) and us in {0, entry.stat(follow_symlinks=False).st_uid}:
                    shutil.rmtree(entry.path, ignore_errors=True)


@cache
def _mark(pid: int) -> str:
    here = _here()
    return f"{_PREFIX}{here}-{pid}-{started(pid) or ''}-" if here else _PREFIX


@cache
def _here() -> str:
    """This boot and process namespace, in few letters; empty where nothing tells them from others."""
    return hashlib.blake2b(boot().encode(), digest_size=6).hexdigest() if boot() else ""
