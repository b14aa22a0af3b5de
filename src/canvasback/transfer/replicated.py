"""Finding a lake's files at the replica to which somebody else copies them: no byte is copied by us."""

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
from canvasback.storage.store import Store
from canvasback.storage.versions import Version
from canvasback.transfer.copy import Arrived, Copier, of_another_size, unread
from canvasback.transfer.lake_files import LakeFiles, Task
from canvasback.transfer.looking import Looker, together


class _Looked(msgspec.Struct, frozen=True):
    """A file, and what listings told of it at both ends, if they did."""

    task: Task
    source_told: bool = False
    source: Version | None = None
    held_told: bool = False
    held: Version | None = None


class Finder:
    """Has a point name what has arrived at a replica; see `canvasback.transfer.keeping.Keeper`.

    Files outside of the data path are copied.

    Args:
        run: Says how many at a time, and is told about every file.
        files: The lake's files.
        store: The repository.
        replica: The replica.
        copier: Copies the others.
        count: How many files the lake has.
    """

    def __init__(
        self, run: Run, files: LakeFiles, store: BorrowingStore, replica: Store, copier: Copier, *, count: int
    ) -> None:
        self._run = run
        self._files = files
        self._prefix = store.prefix
        self._replica = replica
        self._copier = copier
        self._count = count
        self._source_looker = Looker(files.inside)
        self._looker = Looker(replica)

    def copy(self, tasks: Iterable[Task]) -> AbstractContextManager[Iterator[Arrived]]:
        """See `Keeper.copy`: a file that has not arrived is answered with the problem ``not-replicated``.

        Where the services vouch for the two in ways that cannot be compared, one is read.
        """
        return self._run.in_parallel(
            self._looked(tasks),
            each(self._keep),
            self._files.inside,
            self._replica,
            size=lambda looked: looked.task.expected if looked.task.elsewhere else 0,
        )

    def settle(self, arrived: Arrived, recorded: Collection[str]) -> Arrived:
        """See `Keeper.settle`: only copies are in the way of others."""
        return self._copier.settle(arrived, recorded)

    def has(self, arrived: Arrived, checksum: str) -> bool:
        """See `Keeper.has`."""
        return self._copier.has(arrived, checksum)

    def findings(self) -> list[Finding]:
        """See `Keeper.findings`: there are none."""
        return []

    def _looked(self, tasks: Iterable[Task]) -> Iterator[_Looked]:
        for some in together(tasks, self._name, files=self._count):
            names = [self._name(task) for task in some if not task.elsewhere]
            source, held = self._source_looker.among(names), self._looker.among(names)
            for task in some:
                name = self._name(task)
                yield _Looked(task, name in source, source.get(name), name in held, held.get(name))

    def _keep(self, looked: _Looked, stop: Stop) -> Arrived:
        if looked.task.elsewhere:
            return self._copier.copy_one(looked.task, stop)
        try:
            arrived = self._find(looked, stop)
        except UnreadError as error:
            arrived = unread(looked.task, error.reason)
        except (AccessDeniedError, RefusedError) as error:
            arrived = unread(looked.task, error)
        self._run.progress.advance(files=1, bytes_=looked.task.expected)
        return arrived

    def _find(self, looked: _Looked, stop: Stop) -> Arrived:
        task, name = looked.task, self._name(looked.task)
        source = looked.source if looked.source_told else self._source_looker.head(name)
        if source is None:
            return Arrived(task, "file-missing", "the file is not there")
        if source.size != task.expected:
            return of_another_size(task, source.size)
        held = looked.held if looked.held_told else self._held(name)
        if held is None:
            return self._lacking(task, "it has not arrived")
        if held.size != source.size:
            return self._lacking(task, f"what is there has {held.size} bytes of {source.size}")
        checksum = self._proved(name, source, held, stop)
        if not checksum:
            return self._lacking(task, "what is there has another content")
        object_ = self._prefix + name
        return Arrived(
            task, "", "", held.size, checksum, object_, source.modified_ns, held.etag, copied=True, borrowed=True
        )

    def _held(self, name: str) -> Version | None:
        try:
            return self._looker.head(name)
        except AccessDeniedError:
            return None  # S3 says so of what is not there, to those who may not list

    def _proved(self, name: str, source: Version, held: Version, stop: Stop) -> str:
        """The checksum of what arrived, if it is what was sent; empty if it is not.

        Where neither end vouches for its content, what has the right size has arrived, as the one who copies says.
        """
        if source.checksum and held.checksum and _kind(source) != _kind(held):
            held = msgspec.structs.replace(held, checksum="")
        if source.checksum and held.checksum:
            return held.checksum if source.checksum == held.checksum else ""
        if source.checksum:
            return source.checksum if self._has(self._replica, name, source.checksum, stop) else ""
        if held.checksum:
            return held.checksum if self._has(self._files.inside, name, held.checksum, stop) else ""
        with open_source(self._replica, name) as (_, stream):
            return f"blake3:{hash_stream(stop.guard(stream))[1]}"

    @staticmethod
    def _has(store: Store, name: str, checksum: str, stop: Stop) -> bool:
        algorithm, _, digest = checksum.partition(":")
        with open_source(store, name) as (_, stream):
            return hash_stream(stop.guard(stream), algorithm)[1] == digest

    def _lacking(self, task: Task, why: str) -> Arrived:
        return Arrived(task, "not-replicated", f"{why} at {self._replica.url}")

    def _name(self, task: Task) -> str:
        return task.path if task.elsewhere else self._files.name_inside(task)


def _kind(version: Version) -> str:
    return version.checksum.partition(":")[0]
