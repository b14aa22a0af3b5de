"""Making what was written survive a power failure."""

from __future__ import annotations

import ctypes
import os


def flush(path: str) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_file_system(handle: int) -> None:
    """Flush the file system that holds an open folder; the whole machine's where syncfs is unknown."""
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except AttributeError:
        os.sync()
        return
    if syncfs(handle) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
