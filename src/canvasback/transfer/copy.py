"""Copying a lake's files into the repository, many at a time, hashing while copying."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager

import msgspec

from canvasback.errors import (
    AccessDeniedError,
    CanvasbackError,
    ObjectExistsError,
    ObjectMissingError,
    RefusedError,
    StorageError,
)
from canvasback.model.finding import Finding
from canvasback.repository import layout
from canvasback.repository.at_risk import is_at_risk
from canvasback.repository.copy_names import copy_name, spare_name, version_name
from canvasback.storage.bucket.service import WrongBytesError
from canvasback.storage.checksums import PIECE, Hashed, hash_stream, new_hasher
from canvasback.storage.local.batch import SMALL, SmallFile, copy_small
from canvasback.storage.names import is_safe_name
from canvasback.storage.parallel import Stop
from canvasback.storage.run import Run
from canvasback.storage.source import UnreadError, open_source
from canvasback.storage.store import OpenObject, Source, Stat, Store
from canvasback.transfer.lake_files import LakeFiles, Task, pass_on_of_all

_ATTEMPTS = 3


class Arrived(msgspec.Struct, frozen=True):
    """What became of a task.

    Attributes:
        task: The task.
        problem: Why the file is not held: ``file-missing``, ``file-size``, ``file-unreadable`` or ``not-replicated``;
            else empty.
        detail: The problem in words.
        size: Bytes held.
        checksum: Their checksum, see `canvasback.storage.checksums`; BLAKE3 wherever they passed through us.
        object: The object that holds them where it is not the usual one; else None.
        modified_ns: The source's time of modification.
        etag: The etag of the object that holds them, where its store has such a thing and it was just written.
        copied: Whether bytes were written; False where the repository held them already.
        conflict: The usual object holds another content, so nothing was written yet.
        borrowed: Whether somebody else holds it: then it is new to the repository where ``copied`` says so, and no byte
            was copied.
    """

    task: Task
    problem: str = ""
    detail: str = ""
    size: int = 0
    checksum: str = ""
    object: str | None = None
    modified_ns: int = 0
    etag: str = ""
    copied: bool = False
    conflict: bool = False
    borrowed: bool = False


class Copier:
    """Copies files of one lake into one repository.

    Args:
        run: Says how many at a time and how fast, and is told about every file.
        files: The lake's files.
        store: The repository.
        at_risk_ns: Which objects that are there are not relied on, see `is_at_risk`.
    """

    def __init__(self, run: Run, files: LakeFiles, store: Store, *, at_risk_ns: int = 0) -> None:
        self._run = run
        self._files = files
        self._store = store
        self._at_risk_ns = at_risk_ns
        self._look_first = False

    def copy(self, tasks: Iterable[Task]) -> AbstractContextManager[Iterator[Arrived]]:
        """Copy the files; see `in_parallel`.

        A file that is missing, unreadable or of the wrong size is answered with its problem; a store that
        fails ends it all.
        """
        return self._run.in_parallel(
            tasks, self._copy_batch, self._files.inside, self._store, size=lambda task: task.expected
        )

    def settle(self, arrived: Arrived, recorded: Collection[str]) -> Arrived:
        """Copy a file whose usual object holds another content.

        Args:
            arrived: The answer with the conflict.
            recorded: The checksum texts that points record for that object. With none of them a run that died left it
                half-written; with the source's own, the repository's copy went bad: then it is put there anew.
                With others it is a content of its own, and the new one is held under another name.
        """
        task = arrived.task
        usual = copy_name(self._store, task.path, task.expected, elsewhere=task.elsewhere)
        name = version_name(self._store, task.path, arrived.checksum.removeprefix("blake3:"), task.expected)
        if not recorded or any(self.has(arrived, checksum) for checksum in recorded):
            name = usual
            self._store.delete(usual)
        settled = self._put(task, name, Stop())
        if settled.conflict:  # the name of a version holds the hash of its content, so this one is half-written
            self._store.delete(name)
            settled = self._put(task, name, Stop())
        return settled

    def has(self, arrived: Arrived, checksum: str) -> bool:
        """Whether the source that an answer is about has the content of a checksum, of whatever kind."""
        algorithm, _, digest = checksum.partition(":")
        if arrived.checksum.partition(":")[0] == algorithm:
            return arrived.checksum == checksum
        source, name = self._files.locate(arrived.task)
        with source.open(name) as stream:
            return hash_stream(stream, algorithm)[1] == digest

    def _copy_batch(self, tasks: list[Task], stop: Stop) -> list[Arrived]:
        quick = self._copy_small(tasks)
        return [*quick.values(), *(self.copy_one(task, stop) for task in tasks if task not in quick)]

    def _copy_small(self, tasks: list[Task]) -> dict[Task, Arrived]:
        """Copy what is small, is at its usual place, and goes smoothly."""
        if self._run.stores.limit:
            return {}
        small = [task for task in tasks if task.expected <= SMALL and not task.elsewhere and is_safe_name(task.path)]
        names = [copy_name(self._store, task.path, task.expected, elsewhere=False) for task in small]
        files = [SmallFile(task.path, name, task.expected) for task, name in zip(small, names, strict=True)]
        arrived = {
            task: Arrived(
                task,
                size=task.expected,
                checksum=f"blake3:{copy.blake3}",
                object=layout.recorded_object(task.path, name, elsewhere=False),
                modified_ns=copy.modified_ns,
                copied=True,
            )
            for task, name, copy in zip(small, names, copy_small(self._files.inside, self._store, files), strict=True)
            if copy is not None
        }
        self._run.progress.advance(files=len(arrived), bytes_=sum(task.expected for task in arrived))
        return arrived

    def findings(self) -> list[Finding]:
        """There is nothing to say of the repository itself."""
        return []

    def copy_one(self, task: Task, stop: Stop) -> Arrived:
        """Copy a file."""
        name = copy_name(self._store, task.path, task.expected, elsewhere=task.elsewhere)
        if self._at_risk_ns and is_at_risk(self._store.stat(name), self._at_risk_ns):
            name = spare_name(self._store, task.path, task.expected)
        arrived = self._put(task, name, stop)
        self._run.progress.advance(files=1, bytes_=arrived.size)
        return arrived

    def _put(self, task: Task, name: str, stop: Stop) -> Arrived:
        try:
            source, source_name = self._files.locate(task)
        except CanvasbackError as error:
            if not task.elsewhere:
                raise
            return Arrived(task, "file-unreadable", error.message)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._copy_within(task, name, source, source_name) or self._copy_through(
                    task, name, source, source_name, stop
                )
            except UnreadError as error:
                if not isinstance(error.reason, WrongBytesError) or attempt == _ATTEMPTS:
                    return unread(task, error.reason)
            except StorageError as error:
                if error.code != "name-too-long":
                    raise
                return Arrived(task, "file-unreadable", f"it cannot be held under its name: {error.message}")
        raise AssertionError

    def _copy_within(self, task: Task, name: str, source: Store, source_name: str) -> Arrived | None:
        """Let the service of both stores copy the file; None where there is no such thing."""
        recorded = layout.recorded_object(task.path, name, elsewhere=task.elsewhere)
        try:
            copied = self._store.copy_from(name, source, source_name, task.expected)
        except (AccessDeniedError, ObjectMissingError, RefusedError):
            return None  # at which end, reading and writing tell
        except ObjectExistsError:
            held, wanted = self._store.stat(name), source.stat(source_name)
            if held is None or wanted is None or (held.size, held.checksum) != (wanted.size, wanted.checksum):
                return None
            if not held.checksum:
                return None
            return Arrived(task, "", "", held.size, held.checksum, recorded, wanted.modified_ns, held.etag)
        if copied is None:
            return None
        checksum = copied.checksum
        if not checksum:  # the service does not vouch for it: read it back
            with self._store.open(name) as held_file:
                checksum = f"blake3:{hash_stream(held_file)[1]}"
        return Arrived(task, "", "", copied.size, checksum, recorded, copied.modified_ns, copied.etag, copied=True)

    def _copy_through(self, task: Task, name: str, source: Store, source_name: str, stop: Stop) -> Arrived:
        """Read the file and write the object."""
        held = self._store.stat(name) if self._look_first else None
        if held is None:
            try:
                with open_source(source, source_name) as (file, stream):
                    return self._put_open(task, name, file, stream, stop)
            except ObjectExistsError:
                # A run that died left it, or an older point has it. There may be more of them, and a bucket takes
                # the whole file before it says so.
                self._look_first = self._store.folder is None
                held = self._store.stat(name)
        return self._compare(task, name, source, source_name, held, stop)

    def _put_open(self, task: Task, name: str, file: OpenObject, stream: Source, stop: Stop) -> Arrived:
        if file.stat.size != task.expected:
            return of_another_size(task, file.stat.size)
        recorded = layout.recorded_object(task.path, name, elsewhere=task.elsewhere)
        modified_ns = file.stat.modified_ns
        if task.expected > PIECE:
            stream = stop.guard(stream)
        if self._run.stores.limit:
            stream = self._run.stores.limit.through(stream)
        copied = self._store.copy_new(name, stream, task.expected)
        if copied.size != task.expected:
            self._store.delete(name)
            return Arrived(task, "file-size", f"the file changed to {copied.size} bytes while it was copied")
        checksum = f"blake3:{copied.blake3}"
        return Arrived(task, "", "", copied.size, checksum, recorded, modified_ns, copied.etag, copied=True)

    def _compare(
        self, task: Task, name: str, source: Store, source_name: str, held: Stat | None, stop: Stop
    ) -> Arrived:
        """The object is there already: does it hold what the source has?"""
        vouched = held.checksum if held else ""
        with open_source(source, source_name) as (file, source_stream):
            modified_ns = file.stat.modified_ns
            if file.stat.size != task.expected:
                return of_another_size(task, file.stat.size)
            # The store's own checksum spares to read the object back.
            second = new_hasher(vouched.partition(":")[0]) if vouched else None
            guarded = stop.guard(source_stream)
            size, wanted = hash_stream(Hashed(guarded, second) if second else guarded)
        same = second is not None and held is not None and held.size == size
        same = same and second is not None and second.hexdigest() == vouched.partition(":")[2]
        if not same:
            with self._store.open(name) as stream:
                try:
                    same = hash_stream(stop.guard(stream)) == (size, wanted)
                except OSError as error:
                    raise StorageError(
                        f"cannot read {self._store.url}{name}: {error.strerror or error}",
                        hint="See whether the repository's disk is sound; nothing was changed.",
                    ) from error
        recorded = layout.recorded_object(task.path, name, elsewhere=task.elsewhere)
        etag = held.etag if held and same else ""
        return Arrived(task, "", "", size, f"blake3:{wanted}", recorded, modified_ns, etag, conflict=not same)


def unread(task: Task, reason: StorageError | RefusedError | OSError) -> Arrived:
    """What to answer of a file that could not be read: what is wrong with one file is its own problem."""
    if isinstance(reason, ObjectMissingError):
        return Arrived(task, "file-missing", "the file is not there")
    if isinstance(reason, OSError):
        return Arrived(task, "file-unreadable", f"reading it failed: {reason.strerror or reason}")
    pass_on_of_all(reason, elsewhere=task.elsewhere)
    return Arrived(task, "file-unreadable", reason.message)


def of_another_size(task: Task, size: int) -> Arrived:
    """What to answer of a file that has not the bytes that the catalog says."""
    return Arrived(task, "file-size", f"the file has {size} bytes and the catalog says {task.expected}")
