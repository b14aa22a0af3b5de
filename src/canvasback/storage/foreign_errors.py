"""Errors of the disk and of DuckDB that no place below could foresee, in our words."""

from __future__ import annotations

import contextlib
import errno
import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar, cast

import duckdb

from canvasback.errors import CanvasbackError, LakeError, NoSpaceError, StorageError

P = ParamSpec("P")
T = TypeVar("T")


def translates_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Let a public function raise nothing but `CanvasbackError` for all that is no fault of the program.

    An iterator that it answers does so too. Whatever else is raised passes as it is: an interruption, and faults.
    """

    @functools.wraps(function)
    def at_the_border(*args: P.args, **kwargs: P.kwargs) -> T:
        with translating():
            answer = function(*args, **kwargs)
        return cast("T", _each(answer)) if isinstance(answer, Iterator) else answer

    return at_the_border


def _each(answers: Iterator[T]) -> Iterator[T]:
    with translating():
        yield from answers


@contextlib.contextmanager
def translating() -> Iterator[None]:
    """Let a block raise errors of the disk and of DuckDB as ours; their cause is the error itself."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        raise in_our_words(error) from error


def in_our_words(error: OSError | duckdb.Error) -> CanvasbackError:
    """One of our errors that says the same."""
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
    """What the engines and the verbs could not foresee of a catalog or of a damaged point."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "No space left" in reason:
        return NoSpaceError("a temporary file")
    return LakeError(
        "unexpected-catalog",
        f"DuckDB cannot work with what it was given: {reason}",
        hint="The catalog or the point may be damaged: run verify --all --level checksum, and report this message.",
    )
