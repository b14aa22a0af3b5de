"""Pinning the versions of a lake's files, which the service keeps in the lake's own bucket: no byte is copied."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager

import msgspec

from canvasback.errors import AccessDeniedError, RefusedError
from canvasback.model.finding import Finding
from canvasback.storage.borrowed import BorrowingStore
from canvasback.storage.checksums import hash_stream
from canvasback.storage.parallel import Stop, each
from canvasback.storage.run import Run
from canvasback.storage.source import UnreadError, open_source
from canvasback.storage.versions import UNNAMED, Version
from canvasback.transfer.copy import Arrived, Copier, of_another_size, unread
from canvasback.transfer.lake_files import LakeFiles, Task
from canvasback.transfer.looking import Looker, together


class _Looked(msgspec.Struct, frozen=True):
    """A file, and what a listing told of it, if it did."""

    task: Task
    told: bool = False
    version: Version | None = None


class Pinner:
    """Has a point name the versions that the lake's files have now; see `canvasback.transfer.keeping.Keeper`.

    Files outside of the data path are copied.

    Args:
        run: Says how many at a time, and is told about every file.
        files: The lake's files.
        store: The repository.
        copier: Copies the others.
        count: How many files the lake has.
    """

    def __init__(self, run: Run, files: LakeFiles, store: BorrowingStore, copier: Copier, *, count: int) -> None:
        self._run = run
        self._files = files
        self._store = store
        self._copier = copier
        self._count = count
        self._unnamed = False
        self._looker = Looker(files.inside)

    def copy(self, tasks: Iterable[Task]) -> AbstractContextManager[Iterator[Arrived]]:
        """See `Keeper.copy`: a file whose checksum the service does not tell is read once."""
        return self._run.in_parallel(
            self._looked(tasks),
            each(self._keep),
            self._files.inside,
            size=lambda looked: looked.task.expected if looked.task.elsewhere else 0,
        )

    def settle(self, arrived: Arrived, recorded: Collection[str]) -> Arrived:
        """See `Keeper.settle`: only copies are in the way of others."""
        return self._copier.settle(arrived, recorded)

    def has(self, arrived: Arrived, checksum: str) -> bool:
        """See `Keeper.has`."""
        algorithm, _, digest = checksum.partition(":")
        if arrived.object is None or arrived.task.elsewhere or arrived.checksum.partition(":")[0] == algorithm:
            return self._copier.has(arrived, checksum)
        with self._store.open(arrived.object) as stream:
            return hash_stream(stream, algorithm)[1] == digest

    def findings(self) -> list[Finding]:
        """See `Keeper.findings`: versions may be kept no longer."""
        versions = self._files.inside.versions
        kept = None if versions is None else versions.kept()
        if kept is None:
            kept = not self._unnamed  # what has no id of its own was written where no versions are kept
        if kept:
            return []
        return [
            Finding(
                "versioning-off",
                "warning",
                self._files.root,
                "the bucket keeps no versions any more: what is overwritten there or deleted from now on is lost; "
                "files that were written since then are not protected, those that were pinned before are",
                "Switch versioning on again: canvasback protect enable versioning; then run backup --full.",
            )
        ]

    def _looked(self, tasks: Iterable[Task]) -> Iterator[_Looked]:
        for some in together(tasks, self._name, files=self._count):
            told = self._looker.among([self._name(task) for task in some if not task.elsewhere])
            for task in some:
                found = {} if task.elsewhere else told
                yield _Looked(task, self._name(task) in found, found.get(self._name(task)))

    def _keep(self, looked: _Looked, stop: Stop) -> Arrived:
        if looked.task.elsewhere:
            return self._copier.copy_one(looked.task, stop)
        try:
            arrived = self._pin(looked, stop)
        except UnreadError as error:
            arrived = unread(looked.task, error.reason)
        except (AccessDeniedError, RefusedError) as error:
            arrived = unread(looked.task, error)
        self._run.progress.advance(files=1, bytes_=looked.task.expected)
        return arrived

    def _pin(self, looked: _Looked, stop: Stop) -> Arrived:
        task, version = looked.task, looked.version
        if not looked.told or (version is not None and not version.checksum):
            version = self._looker.head(self._name(task))
        if version is None:
            return Arrived(task, "file-missing", "the file is not there")
        if version.size != task.expected:
            return of_another_size(task, version.size)
        self._unnamed |= version.id == UNNAMED
        name = self._store.pinned_name(version)
        checksum = version.checksum or self._read(name, stop)
        return Arrived(
            task, "", "", version.size, checksum, name, version.modified_ns, version.etag, copied=True, borrowed=True
        )

    def _read(self, name: str, stop: Stop) -> str:
        with open_source(self._store, name) as (_, stream):
            return f"blake3:{hash_stream(stop.guard(stream))[1]}"

    def _name(self, task: Task) -> str:
        return task.path if task.elsewhere else self._files.name_inside(task)
