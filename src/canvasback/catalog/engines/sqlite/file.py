"""A SQLite database as a file: a consistent copy of it while others use it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path
from urllib.parse import quote

from canvasback.catalog.engines.files import read_start
from canvasback.errors import AccessDeniedError, CanvasbackError, LakeError, LockedError, NoSpaceError

LOGS = ("-journal", "-wal", "-shm")
"""What SQLite adds to a database's path for its logs."""

WRITTEN_LOGS = ("-journal", "-wal")
"""Those that somebody writes to who commits; the other one changes when somebody reads, too."""

_MAGIC = b"SQLite format 3\0"
_COPY = "catalog.sqlite"
_PATIENCE = 60.0
"""Seconds that we wait for a writer to finish its commit."""

_UNFINISHED = frozenset({"SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY", "SQLITE_READONLY_CANTINIT"})


def check_header(path: str) -> None:
    """See that a file is a SQLite database.

    Raises:
        LakeError: It is not there (``catalog-missing``), or is something else (``not-a-sqlite-file``).
    """
    start = read_start(path, len(_MAGIC), "SQLite", "not-a-sqlite-file")
    if start != _MAGIC:
        raise LakeError(
            "not-a-sqlite-file",
            f"{path} is not a SQLite database",
            hint="Name the file that you put after ducklake:sqlite: in ATTACH; a damaged one restores from a point.",
        )


def copy_consistent(path: str, folder: str) -> str:
    """Copy a SQLite database to a folder as it stood at one instant.

    SQLite's own backup is made in one step. With a write-ahead log it hinders nobody; with a rollback journal a
    commit waits until the pages are copied. Not for a database that this process has open through another copy
    of the SQLite library: closing it here would take that one's locks away.

    Returns:
        The path of the copy, which has no log.

    Raises:
        LockedError: Somebody keeps it locked (``catalog-busy``).
        LakeError: It cannot be read (``catalog-unreadable``).
        NoSpaceError: The folder's disk is full.
    """
    copy = os.path.join(folder, _COPY)
    try:
        _back_up(path, copy)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") not in _UNFINISHED:
            raise translate(error, path) from error
        # Its writer died in the middle of a commit. To finish or undo that would be to write to the original.
        _copy_files(path, os.path.join(folder, "unfinished"))
        try:
            with contextlib.closing(sqlite3.connect(os.path.join(folder, "unfinished"))) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            _back_up(os.path.join(folder, "unfinished"), copy)
        except sqlite3.Error as again:
            raise translate(again, path) from again
    return copy


def _back_up(path: str, copy: str) -> None:
    Path(copy).unlink(missing_ok=True)
    source = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=_PATIENCE)
    with contextlib.closing(source), contextlib.closing(sqlite3.connect(copy)) as target:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # waits for a writer, as backup() does not
        target.execute("PRAGMA synchronous = OFF")
        source.backup(target)


def _copy_files(path: str, copy: str) -> None:
    for log in ("", "-journal", "-wal"):
        if os.path.exists(path + log):
            shutil.copyfile(path + log, copy + log)


def translate(error: sqlite3.Error, path: str) -> CanvasbackError:
    """Say in our words why SQLite could not read a database."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LockedError(
            "catalog-busy",
            f"somebody keeps the catalog {path} locked",
            hint="Wait until that program has committed, and run it again.",
        )
    if name == "SQLITE_FULL":
        return NoSpaceError("a temporary copy of the catalog")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_READONLY", "SQLITE_AUTH")):
        return AccessDeniedError(path)
    return LakeError(
        "catalog-unreadable",
        f"SQLite cannot read {path}: {error}",
        hint="If the file is damaged, restore the newest point to a new file.",
    )
