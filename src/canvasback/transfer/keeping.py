"""Who sees to it that a repository has a lake's files: who copies, who pins versions, or who looks at a replica."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from canvasback.model.finding import Finding
from canvasback.model.holding import StorageKind
from canvasback.repository.repository import Repository
from canvasback.storage.borrowed import borrowing_of
from canvasback.storage.run import Run
from canvasback.transfer.copy import Arrived, Copier
from canvasback.transfer.lake_files import LakeFiles, Task
from canvasback.transfer.pin import Pinner
from canvasback.transfer.replicated import Finder


class Keeper(Protocol):
    """Sees to it that files of a lake are held, so that a point can name them."""

    def copy(self, tasks: Iterable[Task]) -> AbstractContextManager[Iterator[Arrived]]:
        """Have the files; see `canvasback.storage.parallel.in_parallel`.

        A file that is missing, unreadable, of the wrong size or not held yet is answered with its problem; a store that
        fails ends it all.
        """

    def settle(self, arrived: Arrived, recorded: Collection[str]) -> Arrived:
        """Have a file whose usual object holds another content; see `Copier.settle`."""

    def has(self, arrived: Arrived, checksum: str) -> bool:
        """Whether the file that an answer is about has the content of a checksum, of whatever kind."""

    def findings(self) -> list[Finding]:
        """What there is to say of the place where files are held, besides what becomes of single files."""


def keeper_for(run: Run, files: LakeFiles, repository: Repository, *, count: int, at_risk_ns: int = 0) -> Keeper:
    """Who has the files of a lake for a repository.

    Args:
        run: Says how many at a time and how fast, and is told about every file.
        files: The lake's files.
        repository: The repository.
        count: How many files the lake has.
        at_risk_ns: Which objects that are there are not relied on, see `canvasback.repository.at_risk.is_at_risk`.
    """
    copier = Copier(run, files, repository.store, at_risk_ns=at_risk_ns)
    store = borrowing_of(repository.store)
    if store is None:
        return copier
    if store.holding.kind is StorageKind.VERSIONS:
        return Pinner(run, files, store, copier, count=count)
    return Finder(run, files, store, run.stores.open(store.holding.url), copier, count=count)
