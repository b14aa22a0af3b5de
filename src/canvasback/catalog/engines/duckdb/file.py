"""A DuckDB database as a file: its header, and a consistent copy of it while somebody else uses it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import msgspec

from canvasback.catalog.engines.files import open_descriptor, read_start
from canvasback.catalog.engines.symlinks import logged_name, names_of
from canvasback.errors import AccessDeniedError, LakeError, LockedError, NoSpaceError

_MAGIC = b"DUCK"
_HEADERS = (4096, 8192)
_HEADER_BYTES = 4096
_START = _HEADERS[-1] + 64
LOGS = (".wal", ".checkpoint.wal")
"""What DuckDB adds to a database's path for its logs."""

_TRIES = 50
_COPY = "image.duckdb"

STORAGE_VERSIONS = {64: "v1.0.0", 65: "v1.2.0", 66: "v1.3.0", 67: "v1.4.0", 68: "v1.5.0"}
"""DuckDB's storage version numbers and the releases that write them; source: DuckDB's storage page."""

HOLDS_VARIANTS = 68
"""The first storage version with columns of that type."""

_RAISED = {4: 65, 5: 66, 6: 67, 7: 68}
"""The same by the numbers of a database header; source: `serialization_version_info` of DuckDB."""


class FileHeader(msgspec.Struct, frozen=True):
    """The first page of a DuckDB file.

    Attributes:
        storage_version: The number that decides which releases can open the file.
        library: The release that wrote the file last, such as ``v1.4.4``.
    """

    storage_version: int
    library: str


def read_header(path: str, shown: str = "") -> FileHeader:
    """Read the header of a DuckDB file.

    Args:
        path: The file.
        shown: What to call it in messages, if it is a copy.

    Raises:
        LakeError: The file is not there (``catalog-missing``) or is no DuckDB file (``not-a-duckdb-file``).
    """
    page = read_start(path, _START, "DuckDB", "not-a-duckdb-file")
    if page[8:12] != _MAGIC:
        sqlite = page.startswith(b"SQLite format 3")
        raise LakeError(
            "not-a-duckdb-file",
            f"{shown or path} is {'a SQLite' if sqlite else 'not a DuckDB'} database",
            hint="Name it ducklake:sqlite:… if SQLite holds the catalog."
            if sqlite
            else "Name the file that you put after ducklake: in ATTACH; a damaged one restores from a point.",
        )
    return _header(page)


def open_header(path: str) -> FileHeader | None:
    """The header of a DuckDB file that this process has open; None where it has not, or cannot be asked.

    It is read through the descriptor that is there: to open the file and close it again would take away the locks.
    """
    handle = open_descriptor(path)
    page = b"" if handle is None else os.pread(handle, _START, 0)
    return _header(page) if page[8:12] == _MAGIC else None


def _header(page: bytes) -> FileHeader:
    library = page[52:84].split(b"\0", 1)[0].decode("ascii", "replace")
    # Who attaches an older file with a newer storage version, as DuckLake 1.0 does, raises the number of its newest
    # database header alone; that of the file's first page stays behind.
    newest = max((page[at : at + 64] for at in _HEADERS), key=lambda header: header[8:16][::-1])
    raised = _RAISED.get(int.from_bytes(newest[56:64], "little"), 0)
    return FileHeader(max(int.from_bytes(page[12:20], "little"), raised), library)


def copy_hot(path: str, folder: str) -> str:
    """Copy a DuckDB database to a folder as it stood at one instant, taking no lock.

    DuckDB locks out all other processes while one has the file open, but the file can still be read. Its
    pages are never changed in place: a checkpoint writes new ones and then one of two headers, a commit
    appends to the log. So the log read first and the file read second belong together if neither header
    changed meanwhile and the log is still the same file.

    Returns:
        The path of the copy; its logs lie beside it.

    Raises:
        LakeError: There are two logs (``two-logs``).
        LockedError: The database kept changing under every attempt (``catalog-busy``).
        NoSpaceError: The folder's disk is full.
    """
    copy = os.path.join(folder, _COPY)
    for _ in range(_TRIES):
        logged = logged_name(path, LOGS)
        before = _identity(path)
        try:
            sizes = [_copy_present(logged + log, copy + log) for log in LOGS]
            shutil.copyfile(path, copy)
        except FileNotFoundError:
            continue  # the log went away between two looks: a checkpoint
        except PermissionError as error:
            raise AccessDeniedError(str(error.filename)) from error
        except OSError as error:
            raise NoSpaceError(folder) from error
        after = _identity(path)
        if before == after and sizes == [_present(logged + log) for log in LOGS]:
            return copy
    raise LockedError(
        "catalog-busy",
        f"the catalog {path} kept changing while it was copied, {_TRIES} times",
        hint="Try again when fewer commits arrive.",
    )


def _identity(path: str) -> tuple[object, ...]:
    """What changes with every checkpoint, and with a replaced file or log."""
    with open(path, "rb") as file:
        headers = []
        for offset in _HEADERS:
            file.seek(offset)
            headers.append(file.read(_HEADER_BYTES))
        inode = os.fstat(file.fileno()).st_ino
    return (inode, *headers, *(_inode(name + log) for name in names_of(path) for log in LOGS))


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def _present(path: str) -> bool:
    return Path(path).exists()


def _copy_present(source: str, target: str) -> bool:
    Path(target).unlink(missing_ok=True)
    if not _present(source):
        return False
    shutil.copyfile(source, target)
    return True


def translate_open_error(error: duckdb.Error, path: str, copy: str = "") -> Exception:
    """Say in our words why DuckDB could not open a database file, or a copy of it."""
    text = str(error)
    if "version number" in text or "newer version of DuckDB" in text:
        header = read_header(copy or path)
        return LakeError(
            "duckdb-too-old",
            f"{path} was written by DuckDB {header.library} (storage version {header.storage_version}), which the "
            f"installed DuckDB {duckdb.__version__} cannot open",
            hint=f"Install a DuckDB that can: pip install 'duckdb>={header.library.removeprefix('v')}'.",
        )
    if "Could not set lock" in text or "already open" in text.lower():
        return LockedError(
            "catalog-in-use",
            f"another process has {path} open",
            hint="Close the programs that have the lake attached, and run the command again.",
        )
    if "Permission denied" in text or "Read-only file system" in text:
        return AccessDeniedError(path)
    if "encrypt" in text.lower():
        return LakeError(
            "catalog-encrypted",
            f"{path} is an encrypted DuckDB file",
            hint="Encrypted catalogs are not supported; an unencrypted catalog of encrypted Parquet files is.",
        )
    first = text.strip().splitlines()[0] if text.strip() else "no reason given"
    return LakeError(
        "catalog-unreadable",
        f"DuckDB cannot open {path}: {first}",
        hint="If the file is damaged, restore the newest point to a new file.",
    )
