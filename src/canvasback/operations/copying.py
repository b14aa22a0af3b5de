"""Copying a lake's files into the repository, many at a time, hashing while copying."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager

import msgspec
from blake3 import blake3

from canvasback.errors import ObjectExistsError, ObjectMissingError, RefusedError, StorageError
from canvasback.model.progress import Progress
from canvasback.operations.parallel import Stop, in_parallel
from canvasback.repository import layout
from canvasback.storage.local import LocalStore, is_safe_name
from canvasback.storage.local_batch import SMALL, SmallFile, copy_small
from canvasback.storage.store import OpenObject, Source, Store

_PIECE = 4 * 1024 * 1024


class Task(msgspec.Struct, frozen=True):
    """A file to copy.

    Attributes:
        path: Its path as the file list has it.
        elsewhere: Whether the path is absolute, outside of the data path.
        expected: Its size in the catalog.
    """

    path: str
    elsewhere: bool
    expected: int


class Arrived(msgspec.Struct, frozen=True):
    """What became of a task.

    Attributes:
        task: The task.
        problem: Why the file is not held: ``file-missing``, ``file-size``, ``file-unreadable``; else empty.
        detail: The problem in words.
        size: Bytes held.
        blake3: Their BLAKE3.
        object: The object that holds them where it is not the usual one; else None.
        modified_ns: The source's time of modification.
        copied: Whether bytes were written; False where the repository held them already.
        conflict: The usual object holds another content, so nothing was written yet.
    """

    task: Task
    problem: str = ""
    detail: str = ""
    size: int = 0
    blake3: str = ""
    object: str | None = None
    modified_ns: int = 0
    copied: bool = False
    conflict: bool = False


class Copier:
    """Copies files of one lake into one repository.

    Args:
        data_root: The lake's data path, absolute, ending in a slash.
        base: What a relative path of a file elsewhere is relative to.
        store: The repository.
        jobs: How many files are copied at a time.
        progress: Told about every file.
    """

    def __init__(self, data_root: str, base: str, store: Store, jobs: int, progress: Progress) -> None:
        self._inside = LocalStore(data_root)
        self._outside = LocalStore("/")
        self._base = base
        self._store = store
        self._jobs = jobs
        self._progress = progress

    def copy(self, tasks: Iterable[Task]) -> AbstractContextManager[Iterator[Arrived]]:
        """Copy the files; see `in_parallel`.

        A file that is missing, unreadable or of the wrong size is answered with its problem; a store that
        fails ends it all.
        """
        return in_parallel(tasks, self._copy_batch, self._jobs, lambda task: task.expected)

    def settle(self, arrived: Arrived, recorded: Collection[str]) -> Arrived:
        """Copy a file whose usual object holds another content.

        Args:
            arrived: The answer with the conflict.
            recorded: The checksums that points record for that object. With none of them a run that died left it
                half-written; with the source's own, the repository's copy went bad: then it is put there anew.
                With others it is a content of its own, and the new one is held under another name.
        """
        task = arrived.task
        usual = layout.copy_name(task.path, elsewhere=task.elsewhere)
        name = layout.version_name(task.path, arrived.blake3)
        if not recorded or arrived.blake3 in recorded:
            name = usual
            self._store.delete(usual)
        settled = self._put(task, name, Stop())
        if settled.conflict:  # the name of a version holds the hash of its content, so this one is half-written
            self._store.delete(name)
            settled = self._put(task, name, Stop())
        return settled

    def modified_ns(self, task: Task) -> tuple[int, int] | None:
        """Size and time of modification of a source file now; None where it is not there."""
        source, name = self._locate(task)
        try:
            stat = source.stat(name)
        except (StorageError, RefusedError):
            return None
        return None if stat is None else (stat.size, stat.modified_ns)

    def _copy_batch(self, tasks: list[Task], stop: Stop) -> list[Arrived]:
        quick = self._copy_small(tasks)
        return [*quick.values(), *(self._copy_one(task, stop) for task in tasks if task not in quick)]

    def _copy_small(self, tasks: list[Task]) -> dict[Task, Arrived]:
        """Copy what is small, is at its usual place, and goes smoothly."""
        if not isinstance(self._store, LocalStore):
            return {}
        small = [task for task in tasks if task.expected <= SMALL and not task.elsewhere and is_safe_name(task.path)]
        files = [SmallFile(task.path, layout.DATA + task.path, task.expected) for task in small]
        arrived = {
            task: Arrived(task, "", "", task.expected, copy.blake3, None, copy.modified_ns, copied=True)
            for task, copy in zip(small, copy_small(self._inside, self._store, files), strict=True)
            if copy is not None
        }
        self._progress.advance(files=len(arrived), bytes_=sum(task.expected for task in arrived))
        return arrived

    def _copy_one(self, task: Task, stop: Stop) -> Arrived:
        arrived = self._put(task, layout.copy_name(task.path, elsewhere=task.elsewhere), stop)
        self._progress.advance(files=1, bytes_=arrived.size)
        return arrived

    def _put(self, task: Task, name: str, stop: Stop) -> Arrived:
        source, source_name = self._locate(task)
        try:
            opened = source.open(source_name)
        except ObjectMissingError:
            return Arrived(task, "file-missing", "the file is not there")
        except (StorageError, RefusedError) as error:
            return Arrived(task, "file-unreadable", error.message)
        with opened as file:
            if file.stat.size != task.expected:
                detail = f"the file has {file.stat.size} bytes and the catalog says {task.expected}"
                return Arrived(task, "file-size", detail)
            return self._put_open(task, name, file, stop)

    def _put_open(self, task: Task, name: str, file: OpenObject, stop: Stop) -> Arrived:
        recorded = layout.recorded_object(task.path, name, elsewhere=task.elsewhere)
        modified_ns = file.stat.modified_ns
        stream = stop.guard(file) if task.expected > _PIECE else file
        try:
            copied = self._store.copy_new(name, stream, task.expected)
        except ObjectExistsError:
            return self._compare(task, name, recorded, stream, modified_ns, stop)
        except OSError as error:
            return _unreadable(task, error)
        if copied.size != task.expected:
            self._store.delete(name)
            return Arrived(task, "file-size", f"the file changed to {copied.size} bytes while it was copied")
        return Arrived(task, "", "", copied.size, copied.blake3, recorded, modified_ns, copied=True)

    def _compare(
        self, task: Task, name: str, recorded: str | None, stream: Source, modified_ns: int, stop: Stop
    ) -> Arrived:
        """The object is there already: from a run that died, or from an older point."""
        try:
            size, wanted = hash_stream(stream)
        except OSError as error:
            return _unreadable(task, error)
        with self._store.open(name) as held:
            try:
                same = hash_stream(stop.guard(held)) == (size, wanted)
            except OSError as error:
                raise StorageError(
                    f"cannot read {self._store.url}{name}: {error.strerror or error}",
                    hint="See whether the repository's disk is sound; nothing was changed.",
                ) from error
        return Arrived(task, "", "", size, wanted, recorded, modified_ns, conflict=not same)

    def _locate(self, task: Task) -> tuple[LocalStore, str]:
        if not task.elsewhere:
            return self._inside, layout.copy_name(task.path, elsewhere=False).removeprefix(layout.DATA)
        path = task.path if task.path.startswith("/") else self._base + task.path
        return self._outside, "/".join(part for part in path.split("/") if part not in {"", "."})


def _unreadable(task: Task, error: OSError) -> Arrived:
    return Arrived(task, "file-unreadable", f"reading it failed: {error.strerror or error}")


def hash_stream(stream: Source) -> tuple[int, str]:
    """The size and the BLAKE3 of all that a stream yields."""
    hasher = blake3()
    size = 0
    while piece := stream.read(_PIECE):
        hasher.update(piece)
        size += len(piece)
    return size, hasher.hexdigest()
