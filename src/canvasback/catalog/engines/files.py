"""Catalogs that are files: who has them open, and how one takes the place of another."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from pathlib import Path

from canvasback.catalog.engines.symlinks import names_of
from canvasback.errors import AccessDeniedError, LakeError, LockedError, NoSpaceError, RefusedError, StorageError
from canvasback.storage.local.flushing import flush
from canvasback.storage.local.modes import belong_to_folder, take_after, usual_mode
from canvasback.storage.local.staging import staged_path, sweep, with_suffix


def is_open_here(path: str) -> bool:
    """Whether this very process has the file open.

    The locks of DuckDB and SQLite are the process's, and POSIX drops them when the process closes *any* descriptor
    of the file: to open and close such a file here would let other processes write into a database that is in use.
    """
    return open_descriptor(path) is not None


def open_descriptor(path: str) -> int | None:
    """A descriptor through which this process has the file open; see `is_open_here`."""
    return _descriptor("self", path)


def is_open_elsewhere(path: str) -> bool:
    """Whether another process of this machine has the file open, as far as we may look."""
    here = str(os.getpid())
    try:
        others = [entry for entry in os.listdir("/proc") if entry.isdigit() and entry != here]
    except OSError:
        return False
    return any(_descriptor(pid, path) is not None for pid in others)


def _descriptor(process: str, path: str) -> int | None:
    folder = f"/proc/{process}/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    try:
        wanted = os.stat(path)
        descriptors = os.listdir(folder)
    except OSError:
        return None
    if not stat.S_ISREG(wanted.st_mode):
        return None  # everybody has /dev/null open
    for descriptor in descriptors:
        try:
            found = os.stat(f"{folder}/{descriptor}")
        except OSError:
            continue  # the one through which the list was read, or one that was closed meanwhile
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return int(descriptor)
    return None


def from_outside(copy: Callable[[str, str], str], path: str, folder: str) -> str:
    """Let a process of its own copy a database that this process has open.

    Args:
        copy: A function of a module, which copies a database to a folder and answers where it is.
        path: The database.
        folder: The folder.

    Raises:
        LockedError: It could not be copied (``catalog-busy``).
    """
    name = copy.__name__
    command = (
        f"import sys; sys.path[:0] = {sys.path!r}; from {copy.__module__} import {name}; print({name}(*sys.argv[1:]))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own function
        [sys.executable, "-c", command, path, folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"
        raise LockedError(
            "catalog-busy",
            f"the catalog {path}, which this process has open, could not be copied: {reason}",
            hint="Try again, or run the backup from another process.",
        )
    return done.stdout.removesuffix("\n")


def read_start(path: str, size: int, kind: str, code: str) -> bytes:
    """The first bytes of a catalog's file, by which its kind is told.

    Args:
        path: The file.
        size: How many bytes.
        kind: What it should be, to name it in a message.
        code: The code of the error for what is no file at all.

    Raises:
        LakeError: It is not there (``catalog-missing``), or is a folder.
        AccessDeniedError: It may not be read.
    """
    try:
        # Nobody writes to a pipe that has the name of a catalog: do not wait for it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode) and not stat.S_ISDIR(os.fstat(handle).st_mode):
                raise _no_file(path, kind, code)
            return file.read(size)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(path) from error
    except IsADirectoryError as error:
        raise LakeError(code, f"{path} is a folder, not a {kind} catalog", hint="Name the catalog's file.") from error
    except PermissionError as error:
        raise AccessDeniedError(path) from error
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise _no_file(path, kind, code) from error
        raise


def _no_file(path: str, kind: str, code: str) -> LakeError:
    return LakeError(code, f"{path} is a device or a pipe, not a {kind} catalog", hint="Name the catalog's file.")


def _missing(path: str) -> LakeError:
    return LakeError(
        "catalog-missing",
        f"there is no catalog at {path}",
        hint="Check the path; a relative one is relative to the folder in which you run the command.",
    )


def file_pulse(path: str, logs: Sequence[str]) -> Hashable:
    """What `stat` says of a catalog's file and of its logs, beside every name that leads to it: see `Engine.pulse`.

    Nothing is opened, so no lock is lost. Of the times only that of modification counts: SQLite sets the owner of a
    log even to read it.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(path) from error
    except PermissionError as error:
        raise AccessDeniedError(path) from error
    return _identity(found), *(_identity(_stat_log(name + log)) for name in names_of(path) for log in logs)


def _stat_log(path: str) -> os.stat_result | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found if found.st_size else None  # who only reads may leave an empty one, or remove it


def _identity(found: os.stat_result | None) -> Hashable:
    return found and (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def prepare_file(path: str, logs: Sequence[str], is_empty: Callable[[], bool], *, replace: bool) -> tuple[str, ...]:
    """See whether a catalog can be written to a file; see `canvasback.catalog.engines.Engine.prepare`.

    An absent file is free; one without tables is too; any other needs ``replace``. Through a symlink it is the file
    that is meant, and the link stays.
    """
    path, *others = reversed(names_of(path))
    above = os.path.dirname(path)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise RefusedError("target-not-empty", f"{above} is not a folder", hint="Name a file in a folder.")
    if not os.path.lexists(path):
        left = any(os.path.lexists(name + log) for name in (path, *others) for log in logs)
        return (_aside_step(path),) if left else ()
    if is_open_here(path):
        raise LockedError(
            "catalog-in-use", f"this process has {path} open", hint="Detach the lake before you restore it."
        )
    if os.path.exists(path) and not os.path.isfile(path):
        what = "folder" if os.path.isdir(path) else "device or a pipe"
        raise RefusedError("target-not-empty", f"{path} is a {what}", hint="Name a new file.")
    if os.path.getsize(path) > 0 and not is_empty() and not replace:
        raise RefusedError(
            "target-not-empty",
            f"there is a database at {path} already",
            hint="Name a new file, or add --replace: it moves the old one aside first.",
        )
    return (_aside_step(path),)


def publish_file(path: str, logs: Sequence[str], moment: datetime, write: Callable[[str], list[str]]) -> list[str]:
    """Write a catalog to a file beside its place, flush it, and give it its name last.

    Args:
        path: The catalog's place.
        logs: What the engine adds to a database's path for its logs.
        moment: Names what is moved aside.
        write: Writes the catalog to the path that it is given, and answers departures from the image, in words.

    Returns:
        Those, and what was moved aside.
    """
    path, *links = reversed(names_of(path))
    folder, name = os.path.split(path)
    staged = staged_path(path)
    sweep(folder, name)
    try:
        os.makedirs(folder, exist_ok=True)
        remarks = write(staged)
        _take_place(staged, path)
        flush(staged)
        remarks += _move_aside(path, links, logs, moment)
        os.link(staged, path)
        flush(folder)
    except FileExistsError as error:
        raise RefusedError(
            "target-not-empty", f"{path} appeared meanwhile", hint="See who writes there, and try again."
        ) from error
    except OSError as error:
        raise translate_write_error(error, path) from error
    finally:
        for part in ("", *logs):
            Path(staged + part).unlink(missing_ok=True)
    return remarks


def _take_place(staged: str, path: str) -> None:
    """Give a new catalog the mode and the owner of the one that it replaces; else those that a new file has here."""
    if os.path.isfile(path):
        take_after(staged, os.stat(path))
    else:
        os.chmod(staged, usual_mode())
        belong_to_folder(staged)


def _move_aside(path: str, links: Sequence[str], logs: Sequence[str], moment: datetime) -> list[str]:
    """Give a catalog and its logs other names, so that at any instant there is a catalog with its own log.

    A log goes too, even of a catalog that is gone: the engine would replay it into the new one. For the same
    reason it loses its old name first. One that lies beside a symlink comes to lie beside the file.
    """
    replaced, room = f".replaced-{moment:%Y%m%dT%H%M%S%fZ}", max(map(len, logs))
    aside = with_suffix(path, replaced, room)
    moved = {path + part: aside + part for part in (*logs, "") if os.path.lexists(path + part)}
    for link in links:
        for log in logs:
            if os.path.lexists(link + log):
                taken = aside + log in moved.values()
                moved = {link + log: with_suffix(link, replaced, room) + log if taken else aside + log, **moved}
    for old, new in moved.items():
        try:
            os.link(old, new, follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.copyfile(old, new)  # the symlink is on another file system than the file
            flush(new)
    for folder in sorted({os.path.dirname(new) for new in moved.values()}):
        flush(folder)
    for old in moved:
        os.unlink(old)
    return [f"the old catalog was moved to {aside}"] if moved else []


def _aside_step(path: str) -> str:
    return f"what is at {path} is moved to {path}.replaced-<time>"


def translate_write_error(error: Exception, path: str) -> StorageError:
    """Say in our words why a catalog could not be written."""
    text = str(error)
    if "No space left" in text or "disk is full" in text.lower() or "out of disk" in text.lower():
        return NoSpaceError(path)
    if isinstance(error, PermissionError) or "Permission denied" in text:
        return AccessDeniedError(path)
    return StorageError(
        f"cannot write {path}: {text.splitlines()[0]}", hint="See whether the folder and the disk can be written to."
    )
