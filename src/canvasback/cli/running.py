"""Running a command: its answer, or its error, and the exit code that design.md gives it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

import duckdb
import msgspec
import typer

from canvasback.cli.output import show_error, show_result
from canvasback.errors import CanvasbackError, LakeError, NoSpaceError, StorageError

_INTERRUPTED = 130


def run_command(work: Callable[[], msgspec.Struct], *, as_json: bool) -> None:
    """Do the work, print its answer, and leave with the exit code that design.md gives it."""
    try:
        code = show_result(work(), as_json=as_json)
    except CanvasbackError as error:
        code = show_error(error, as_json=as_json)
    except OSError as error:
        code = show_error(_unforeseen(error), as_json=as_json)
    except duckdb.Error as error:
        code = show_error(_unexpected(error), as_json=as_json)
    except KeyboardInterrupt:
        print("interrupted; what was copied is kept, and the next run goes on from there", file=sys.stderr)
        code = _INTERRUPTED
    raise typer.Exit(code)


def _unforeseen(error: OSError) -> CanvasbackError:
    where = error.filename or "a file"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoSpaceError(str(where))
    return StorageError(
        f"cannot work with {where}: {error.strerror or error}",
        hint="See whether the disk, the mount and the permissions are as they should be, and run it again.",
    )


def _unexpected(error: duckdb.Error) -> CanvasbackError:
    """What the engines and the operations could not foresee of a catalog or of a damaged point."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "No space left" in reason:
        return NoSpaceError("a temporary file")
    return LakeError(
        "unexpected-catalog",
        f"DuckDB cannot work with what it was given: {reason}",
        hint="The catalog or the point may be damaged: run verify --all --level checksum, and report this message.",
    )
