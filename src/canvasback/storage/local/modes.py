"""Who may read the files that we make, and whose they are.

A repository holds all data of a lake, and the keys of an encrypted one: it is its maker's alone unless somebody opens
it. What takes the place of another file is as open as that one was. And where an administrator's run writes into the
folder of another user, the files are that user's, who could not remove or replace them otherwise.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import msgspec


class Openness(msgspec.Struct, frozen=True):
    """Modes of new files and folders.

    Attributes:
        file: A file's.
        folder: A folder's.
        exact: Whether they are set whatever the process's umask says.
    """

    file: int
    folder: int
    exact: bool = False


USUAL = Openness(0o666, 0o777)
"""What the process's umask leaves."""

PRIVATE = Openness(0o600, 0o700)


def as_open_as(path: str) -> Openness:
    """Modes that are as open as an existing file; who may read files may look into folders."""
    mode = stat.S_IMODE(os.stat(path).st_mode) & 0o666
    return Openness(mode, mode | (mode & 0o444) >> 2, exact=bool(mode & _umask()))


def usual_mode() -> int:
    """The mode of a file that is created without a thought."""
    return USUAL.file & ~_umask()


def take_after(path: str, replaced: os.stat_result) -> None:
    """Give a new file the mode of the one that it replaces, and its owner as far as the system allows it."""
    with contextlib.suppress(PermissionError):
        os.chown(path, replaced.st_uid, replaced.st_gid)
    os.chmod(path, stat.S_IMODE(replaced.st_mode) & 0o777)


def owner_in(folder: str) -> tuple[int, int] | None:
    """Whose a new file in a folder is to be, if that has to be said: only an administrator writes for others."""
    if os.geteuid() != 0:
        return None
    found = os.stat(folder)
    return (found.st_uid, found.st_gid) if (found.st_uid, found.st_gid) != (0, 0) else None


def belong_to_folder(path: str) -> None:
    """Give a new file to the owner of its folder, where an administrator made it."""
    owner = owner_in(os.path.dirname(path))
    if owner is not None:
        with contextlib.suppress(PermissionError):
            os.chown(path, *owner)


def _umask() -> int:
    """The process's umask, read without setting it where the system tells it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.split("Umask:")[1].split()[0], 8)
    except (OSError, IndexError, ValueError):
        found = os.umask(0o077)
        os.umask(found)
        return found
