"""A store in a folder of the local file system."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from canvasback.errors import AccessDeniedError, NoSpaceError, ObjectExistsError, ObjectMissingError, StorageError
from canvasback.storage.checksums import PIECE, Checked, Hasher, new_hasher
from canvasback.storage.local.file import OpenFile
from canvasback.storage.local.flushing import flush, flush_file_system
from canvasback.storage.local.modes import PRIVATE, USUAL, as_open_as, belong_to_folder, owner_in, take_after
from canvasback.storage.local.staging import is_staged, staged_path, with_suffix
from canvasback.storage.names import refuse_unsafe_name
from canvasback.storage.store import Copied, Source, Stat, Store

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class LocalStore:
    """Objects as files below a folder. The folder need not exist; writing creates it."""

    batch = 64
    arrival = "file-system"
    locks = versions = soft_deleted = None

    def __init__(self, root: str | Path) -> None:
        self.jobs = min(8, (os.cpu_count() or 1) + 1)  # one more than there are cores, for one of them waits
        self.folder = os.path.abspath(root)
        self.url = self.folder.rstrip("/") + "/"
        self._openness = USUAL
        self._owners: dict[str, tuple[int, int] | None] = {}
        self._folders: set[str] = set()
        self._unsynced: set[str] = set()

    def be_private(self) -> None:
        """Let nobody else read or see what is created from now on."""
        self._openness = PRIVATE

    def be_as_open_as(self, name: str) -> None:
        """Let what is created from now on be as open as an object that is there."""
        with contextlib.suppress(OSError):
            self._openness = as_open_as(self.path(name))

    def delete_for_good(self) -> None:
        """See `Store.delete_for_good`: a file that is deleted is gone."""

    def path(self, name: str) -> str:
        """The file that holds the object.

        Raises:
            RefusedError: The name could lead out of the store (``unsafe-name``).
        """
        refuse_unsafe_name(name, self.folder)
        return self.url + name

    def holder(self, name: str) -> tuple[Store, str]:
        """See `Store.holder`."""
        return self, name

    def new_path(self, name: str) -> str:
        """The file that will hold an object that is about to be created; the next `sync` flushes it.

        Raises:
            RefusedError: See `path`.
        """
        path = self.path(name)
        self._unsynced.add(path.rpartition("/")[0])
        return path

    def stat(self, name: str) -> Stat | None:
        """See `Store.stat`."""
        path = self.path(name)
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            _translate(error, path)
        return Stat(name, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None

    def get(self, name: str) -> bytes:
        """See `Store.get`."""
        with self.open(name) as file:
            try:
                return b"".join(iter(lambda: file.read(PIECE), b""))
            except OSError as error:
                _translate(error, self.path(name))

    def open(self, name: str, *, vouch: bool = True) -> OpenFile:  # noqa: ARG002 - a disk vouches for nothing
        """See `Store.open`."""
        path = self.path(name)
        try:
            # Nobody writes to a pipe that has the name of a file: do not wait for it.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            found = os.fstat(handle)
        except OSError as error:
            _translate(error, path)
        if not stat.S_ISREG(found.st_mode):
            os.close(handle)
            raise ObjectMissingError(path)
        return OpenFile(handle, Stat(name, found.st_size, found.st_mtime_ns))

    def read(self, name: str, start: int, size: int) -> bytes:
        """See `Store.read`."""
        with self.open(name) as file:
            try:
                return file.read_at(start, size)
            except OSError as error:
                _translate(error, self.path(name))

    def local_paths(self, names: Sequence[str]) -> list[str]:
        """See `Store.local_paths`."""
        return [self.path(name) for name in names]

    def put_new(self, name: str, content: bytes) -> None:
        """See `Store.put_new`."""
        path = self.path(name)
        staged = staged_path(path)
        try:
            self._make_folder(path)
            try:
                with open(self.create(staged), "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(staged, path)  # fails where the name is taken, unlike rename
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(staged)
            flush(os.path.dirname(path))
        except OSError as error:
            _translate(error, path)

    def copy_new(self, name: str, source: Source, size: int, *, modified_ns: int = 0) -> Copied:
        """See `Store.copy_new`.

        Written under the final name at once: a rename would double the work of the file system, which is
        what the time for small files goes into.
        """
        hasher = new_hasher("blake3", size)
        total = self._write(name, source, size, hasher, modified_ns)
        return Copied(total, hasher.hexdigest())

    def copy_from(
        self,
        name: str,  # noqa: ARG002
        origin: Store,  # noqa: ARG002
        origin_name: str,  # noqa: ARG002
        size: int,  # noqa: ARG002
        *,
        etag: str = "",  # noqa: ARG002
    ) -> Copied | None:
        """See `Store.copy_from`: no folder can."""
        return None

    def place_new(
        self, name: str, source: Source, size: int, checksum: str, *, modified_ns: int = 0, aside: str = ""
    ) -> None:
        """See `Store.place_new`."""
        path = self.path(name)
        staged = staged_path(path)
        staged_name = name[: len(name) - len(path.rpartition("/")[2])] + staged.rpartition("/")[2]
        try:
            self._write(staged_name, Checked(source, size, checksum), size, None, modified_ns)
            if aside:
                take_after(staged, os.stat(path))
                self.move_aside(name, aside)
            os.link(staged, path)
        except OSError as error:
            _translate(error, path)
        finally:
            self.delete(staged_name)

    def move_aside(self, name: str, suffix: str) -> None:
        """See `Store.move_aside`."""
        path = self.path(name)
        try:
            os.link(path, with_suffix(path, suffix))  # fails where the name is taken, unlike rename
            os.unlink(path)
        except OSError as error:
            _translate(error, path)

    def sync(self) -> None:
        """See `Store.sync`. One call per file system for everything: per file it would take minutes."""
        folders, self._unsynced = self._unsynced, set()
        synced: set[int] = set()
        for folder in sorted(folders):
            try:
                handle = os.open(folder, os.O_RDONLY)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    continue  # nothing was ever put there
                raise
            try:
                device = os.fstat(handle).st_dev
                if device not in synced:
                    synced.add(device)
                    flush_file_system(handle)
            except OSError as error:
                _translate(error, folder)
            finally:
                os.close(handle)

    def list(self, prefix: str) -> Iterator[Stat]:
        """See `Store.list`."""
        folder = prefix.rpartition("/")[0]
        names = sorted(name for name in self._walk(folder) if name.startswith(prefix))
        for name in names:
            found = self.stat(name)
            if found is not None:
                yield found

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        path = self.path(name)
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            _translate(error, path)

    def _walk(self, folder: str) -> Iterator[str]:
        top = self.url + folder if folder else self.folder

        def fail(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                _translate(error, top)

        for where, _, files in os.walk(top, onerror=fail):
            below = os.path.relpath(where, self.folder)
            for file in files:
                if not is_staged(file):
                    yield file if below == "." else f"{below}/{file}"

    def _write(self, name: str, source: Source, size: int, hasher: Hasher | None, modified_ns: int) -> int:
        """Create a file from a stream that a hasher sees too, and answer its size."""
        path = self.new_path(name)
        total = 0
        target = self._create(path)
        try:
            # One byte more than expected: a small file that yields no more has ended, and is not asked again.
            piece = source.read(min(size + 1, PIECE))
            ended = len(piece) == size
            while piece:
                if hasher is not None:
                    hasher.update(piece)
                _write_all(target, piece, path)
                total += len(piece)
                piece = b"" if ended else source.read(PIECE)
            if modified_ns:
                os.utime(target, ns=(modified_ns, modified_ns))
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(target)
        return total

    def _create(self, path: str) -> int:
        try:
            self._make_folder(path)
            return self.create(path)
        except OSError as error:
            _translate(error, path)

    def create(self, path: str) -> int:
        """Create the file of an object, as open as is fit for the store, in a folder that exists.

        Returns:
            Its descriptor, to write to.

        Raises:
            OSError: It is there already, or cannot be created.
        """
        made = os.open(path, _CREATE, self._openness.file)
        if self._openness.exact:
            os.fchmod(made, self._openness.file)
        folder = path.rpartition("/")[0]
        if folder not in self._owners:
            self._owners[folder] = owner_in(folder or "/")
        owner = self._owners[folder]
        if owner is not None:
            with contextlib.suppress(PermissionError):
                os.fchown(made, *owner)
        return made

    def _make_folder(self, path: str) -> None:
        folder = os.path.dirname(path)
        if folder not in self._folders:
            try:
                self._make_folders(folder)
            except (FileExistsError, NotADirectoryError) as error:
                raise StorageError(
                    f"cannot make the folder {folder}: a part of its path is a file",
                    hint="Name another place, or move that file away.",
                ) from error
            self._folders.add(folder)

    def _make_folders(self, folder: str) -> None:
        missing = []
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for path in reversed(missing):
            ours = f"{path}/".startswith(self.url)
            try:
                os.mkdir(path, self._openness.folder if ours else USUAL.folder)
            except FileExistsError:
                if not os.path.isdir(path):
                    raise
                continue  # another thread, or another run, was faster
            if ours and self._openness.exact:
                os.chmod(path, self._openness.folder | stat.S_IMODE(os.stat(path).st_mode) & stat.S_ISGID)
            belong_to_folder(path)


def _write_all(target: int, piece: bytes, path: str) -> None:
    try:
        written = os.write(target, piece)
        while written < len(piece):
            written += os.write(target, memoryview(piece)[written:])
    except OSError as error:
        _translate(error, path)


def _translate(error: OSError, path: str) -> NoReturn:
    if isinstance(error, FileExistsError):
        raise ObjectExistsError(path) from error
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise ObjectMissingError(path) from error
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        raise NoSpaceError(path) from error
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        raise AccessDeniedError(path) from error
    if error.errno == errno.ENAMETOOLONG:
        raise StorageError(
            f"the name {path} is too long for the file system",
            code="name-too-long",
            hint="Name a place with a shorter path, or a bucket.",
        ) from error
    raise StorageError(f"cannot access {path}: {error.strerror or error}") from error
