"""pitr list: what can be recovered from a repository's archives of PostgreSQL servers."""

from __future__ import annotations

from canvasback.model.commit_position import CommitPosition
from canvasback.model.finding import Findings
from canvasback.model.results.pitr_list import ArchivedSystem, PitrListResult, RecoveryWindow
from canvasback.model.wal import Lsn, Segment
from canvasback.model.wal_archive import position_of
from canvasback.postgres.reach import Reach, gaps, reaches
from canvasback.postgres.repository_archive import RepositoryArchive
from canvasback.repository.archived_log import ArchivedLog, systems
from canvasback.repository.bases import read_bases
from canvasback.repository.commit_map import read_commits
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.store import Store


@translates_errors
def pitr_list(repository: str, *, stores: Stores | None = None) -> PitrListResult:
    """List the base backups of PostgreSQL servers in a repository, and how far the log leads from each.

    Args:
        repository: The repository, a folder or a URL.
        stores: How to reach object stores.

    Raises:
        RepositoryError: There is no repository.
    """
    store = open_repository(stores or Stores(), repository).store
    commits, damage = read_commits(store)
    findings = Findings()
    findings.extend(damage)
    found = tuple(_system(store, system, commits.commits, findings) for system in systems(store))
    return PitrListResult(repository=store.url, systems=found, findings=findings.kept, finding_counts=findings.counts)


def _system(store: Store, system: int, commits: tuple[CommitPosition, ...], findings: Findings) -> ArchivedSystem:
    bases, damage = read_bases(store, system)
    findings.extend(damage)
    held = ArchivedLog(store, system).held()
    archive = RepositoryArchive(store, system, bases) if bases else None
    end = held.end(archive.segment_size) if archive is not None else None
    ours = [one for one in commits if one.system == str(system)]
    names = (*held.segments, *(part.segment for part in held.parts))
    return ArchivedSystem(
        system=str(system),
        postgres=bases[-1].major if bases else 0,
        segments=len(held.segments),
        bytes=held.bytes,
        timelines=tuple(sorted({int(name[:8], 16) for name in names})),
        end=str(end or ""),
        written=held.written,
        windows=tuple(_window(reach, ours) for reach in reaches(archive)) if archive is not None else (),
        gaps=tuple(_shown(*gap) for gap in gaps(archive)) if archive is not None else (),
    )


def _window(reach: Reach, commits: list[CommitPosition]) -> RecoveryWindow:
    base = reach.base
    begin = Lsn.parse(base.end)
    within = [
        one
        for one in commits
        if (at := position_of(one)) is not None and begin < at <= reach.end
        if reach.history.timeline_at(at) == one.timeline  # or it is on a timeline that was left before
    ]
    return RecoveryWindow(
        base=base.id,
        parent=base.parent,
        timeline=base.timeline,
        ended=base.ended,
        bytes=base.bytes,
        begin=base.end,
        end=str(reach.end),
        last_timeline=reach.history.timeline,
        usable=reach.whole,
        first_snapshot=min((one.snapshot_id for one in within), default=None),
        last_snapshot=max((one.snapshot_id for one in within), default=None),
        last_time=max((one.time for one in within), default=None),
    )


def _shown(first: Segment, last: Segment) -> str:
    return first.name if first == last else f"{first.name} to {last.name}"
