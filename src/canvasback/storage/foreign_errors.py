"""Errors of the disk and of DuckDB that no place below could foresee, in our words."""

from __future__ import annotations

import errno

import duckdb

from canvasback.errors import CanvasbackError, LakeError, NoSpaceError, StorageError

FORESEEABLE = (CanvasbackError, OSError, duckdb.Error)
"""All that may come out of an operation without being a fault of the program."""


def in_our_words(error: CanvasbackError | OSError | duckdb.Error) -> CanvasbackError:
    """The error itself if it is ours, else one of ours that says the same."""
    if isinstance(error, CanvasbackError):
        return error
    return _of_the_disk(error) if isinstance(error, OSError) else _of_duckdb(error)


def _of_the_disk(error: OSError) -> CanvasbackError:
    where = error.filename or "a file"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoSpaceError(str(where))
    return StorageError(
        f"cannot work with {where}: {error.strerror or error}",
        hint="See whether the disk, the mount and the permissions are as they should be, and run it again.",
    )


def _of_duckdb(error: duckdb.Error) -> CanvasbackError:
    """What the engines and the operations could not foresee of a catalog or of a damaged point."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "No space left" in reason:
        return NoSpaceError("a temporary file")
    return LakeError(
        "unexpected-catalog",
        f"DuckDB cannot work with what it was given: {reason}",
        hint="The catalog or the point may be damaged: run verify --all --level checksum, and report this message.",
    )
