"""The archive of a cluster that is in a repository: its log and its base backups."""

from __future__ import annotations

from canvasback.errors import RefusedError, UsageError
from canvasback.model.base_backup import BaseBackup as StoredBase
from canvasback.model.finding import Finding
from canvasback.model.wal import Lsn, Segment, is_segment
from canvasback.model.wal_archive import ArchivedBase, WalArchive
from canvasback.repository.archived_log import ArchivedLog, HeldLog, systems
from canvasback.repository.bases import read_bases
from canvasback.storage.store import Store


class RepositoryArchive:
    """See `canvasback.postgres.archive.Archive`.

    Attributes:
        log: The log.
        held: What of it is there.
        bases: The base backups.
        segment_size: The bytes of a segment.

    Args:
        store: The repository.
        system: The cluster's system identifier.
        bases: Its base backups that can be read, the oldest first; one at least.
    """

    def __init__(self, store: Store, system: int, bases: tuple[StoredBase, ...]) -> None:
        self.log = ArchivedLog(store, system)
        self.held: HeldLog = self.log.held()
        self.bases = bases
        self.segment_size = bases[-1].segment_size
        self._where = store.url

    def read(self) -> WalArchive:
        """See `Archive.read`."""
        size = self.segment_size
        names = sorted({*self.held.segments, *(part.segment for part in self.held.parts)})
        segments = [Segment.parse(name, size) for name in names]
        return WalArchive(
            name=f"{self._where} for the system {self.log.system}",
            system=str(self.log.system),
            bases=tuple(
                ArchivedBase(label=base.id, timeline=base.timeline, stop=Lsn.parse(base.end), ended=base.ended)
                for base in self.bases
            ),
            first=min(segments, key=lambda segment: segment.number, default=None),
            last={segment.timeline: segment for segment in segments},  # their names rise
            histories=tuple(self.log.history(timeline) for timeline in self.held.histories),
        )

    def fetch(self, name: str) -> bytes | None:
        """See `Archive.fetch`."""
        content = self.log.get(name)
        if content is None and is_segment(name):
            parts = [part for part in self.held.parts if part.segment == name]
            return self.log.get(parts[-1].file) if parts else None
        return content


def no_archive(store: Store, system: int | None = None) -> RefusedError:
    """What to say where a repository has nothing of a cluster, or of any."""
    return RefusedError(
        "no-archive",
        f"{store.url} has no archive of {'any cluster' if system is None else f'the system {system}'}",
        hint="Archive the log of the catalog's server: canvasback pitr run.",
    )


def open_archive(store: Store, system: int | None) -> tuple[RepositoryArchive, tuple[Finding, ...]]:
    """The archive to recover from, and what is wrong with its base backups.

    Args:
        store: The repository.
        system: The system identifier of the cluster; None for the only one of which there is an archive.

    Raises:
        RefusedError: There is none (``no-archive``), or none with a base backup (``no-base``).
        UsageError: There are several (``several-systems``).
    """
    found = systems(store)
    if system is None and len(found) > 1:
        raise UsageError(
            "several-systems",
            f"the repository has the logs of {len(found)} clusters: {', '.join(map(str, found))}",
            hint="Name one with --system: canvasback pitr list shows what each has.",
        )
    wanted = system if system is not None else next(iter(found), 0)
    if wanted not in found:
        raise no_archive(store, system)
    bases, damage = read_bases(store, wanted)
    if not bases:
        raise RefusedError(
            "no-base",
            f"{store.url} has no base backup of the system {wanted}, and no log is of use without one",
            hint="Let canvasback pitr run make one while the server is there.",
        )
    return RepositoryArchive(store, wanted, bases), damage
