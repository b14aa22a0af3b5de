"""Copying many small files from one folder to another.

Python's lock changes hands at every call of the operating system, so what a thread does between two of them is
what all others wait for. This loop does as little as can be.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

import msgspec
from blake3 import blake3

from canvasback.storage.local.store import LocalStore
from canvasback.storage.store import Store

SMALL = 128 * 1024
"""Files of at most so many bytes are copied like this; for larger ones the loop is not what takes the time."""

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class SmallFile(msgspec.Struct, frozen=True):
    """A file to copy.

    Attributes:
        source: Its name in the one store.
        target: Its name in the other.
        size: Its size in bytes.
    """

    source: str
    target: str
    size: int


class SmallCopy(msgspec.Struct, frozen=True):
    """What became of it.

    Attributes:
        blake3: BLAKE3 of its content.
        modified_ns: The source's time of modification.
    """

    blake3: str
    modified_ns: int


def copy_small(source: Store, target: Store, files: Sequence[SmallFile]) -> list[SmallCopy | None]:
    """Create an object of each file as `LocalStore.copy_new` does, or nothing at all.

    A store that changes contents on their way changes those of all the files, or of none.

    Returns:
        For each file its copy; None where it was not copied, for whatever reason: nothing was left of it, and to
        copy it by itself tells the reason. Nothing is, unless both stores are folders.
    """
    from_ = _folder(source, files[0].source) if files else None
    to = _folder(target, files[0].target) if files else None
    if from_ is None or to is None:
        return [None] * len(files)
    return [_copy(from_.path(file.source), to, to.new_path(file.target), file.size) for file in files]


def _folder(store: Store, name: str) -> LocalStore | None:
    """The folder that has an object as it is, under its own name; None where there is no such thing."""
    held = store.holder(name)
    return held[0] if held is not None and held[1] == name and isinstance(held[0], LocalStore) else None


def _copy(source: str, store: LocalStore, target: str, size: int) -> SmallCopy | None:
    read = made = -1
    whole = False
    try:
        read = os.open(source, _READ)
        found = os.fstat(read)
        regular = stat.S_ISREG(found.st_mode)
        content = os.read(read, size + 1) if regular else b""
        if regular and len(content) == size:
            made = store.create(target)
            whole = os.write(made, content) == size
    except OSError:
        whole = False
    finally:
        if read >= 0:
            os.close(read)
        if made >= 0:
            os.close(made)
            if not whole:
                os.unlink(target)
    return SmallCopy(blake3(content).hexdigest(), found.st_mtime_ns) if whole else None
