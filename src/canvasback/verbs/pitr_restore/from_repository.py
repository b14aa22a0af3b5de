"""A recovery from the archive that is in the repository itself."""

from __future__ import annotations

from functools import partial

from canvasback.errors import RefusedError
from canvasback.model.base_backup import BaseBackup, chain
from canvasback.model.commit_position import CommitPosition
from canvasback.model.finding import Finding
from canvasback.model.plurals import many
from canvasback.model.wal import Lsn, Segment, TimelineHistory
from canvasback.postgres.archive import along
from canvasback.postgres.new_cluster import build_cluster
from canvasback.postgres.programs import Programs
from canvasback.postgres.reach import Reach, reaches
from canvasback.postgres.repository_archive import RepositoryArchive
from canvasback.repository.wal_object import wal_folder
from canvasback.verbs.pitr_restore.goal import Goal


def goal_in_repository(archive: RepositoryArchive, commit: CommitPosition | None) -> Goal:
    """Where a recovery begins, and that the log from there on is whole.

    Args:
        archive: The archive.
        commit: The commit that is to be the last one, which the archive reaches; None for all that there is, from the
            newest base backup along the latest timeline that it leads to.

    Raises:
        RefusedError: Part of the log is missing (``log-gap``).
    """
    if commit is None:
        newest = reaches(archive)[-1]
        base, history, end = newest.base, newest.history, Lsn.parse(newest.base.end)
        findings = _ends_early(archive, newest)
    else:
        chosen = archive.read().base_for(commit)
        assert chosen is not None  # or the archive did not reach it
        base = next(one for one in archive.bases if one.id == chosen.label)
        history = archive.log.history(commit.timeline)
        end = Lsn(Lsn.parse(commit.lsn).position + 1)
        findings = ()
    bases = chain(archive.bases, base)
    return Goal(
        commit=commit,
        system=str(archive.log.system),
        tool="",
        bases=tuple(one.id for one in bases),
        base_bytes=sum(one.bytes for one in bases),
        major=base.major,
        segment_size=archive.segment_size,
        timeline=history.timeline,
        segments=_log_for(archive, base, history, end),
        build=partial(_build, archive, bases),
        fetch=along(archive.fetch, history, archive.segment_size),
        findings=findings,
    )


def _build(
    archive: RepositoryArchive, bases: tuple[BaseBackup, ...], programs: Programs, data: str, scratch: str
) -> None:
    build_cluster(programs, archive.log.store, bases, data, scratch)


def _ends_early(archive: RepositoryArchive, reach: Reach) -> tuple[Finding, ...]:
    """Whether a recovery of all that there is ends before the archive does, as some of the log is missing."""
    end = archive.held.end(archive.segment_size)
    if end is None or end <= reach.end:
        return ()
    return (
        Finding(
            "log-gap",
            "warning",
            wal_folder(archive.log.system),
            f"the log has a gap at {reach.end}: what was committed behind it, up to {end}, is not in what comes back",
            "If the server still has the segments in pg_wal, archive them: canvasback-wal-push. pitr list shows them.",
        ),
    )


def _log_for(archive: RepositoryArchive, base: BaseBackup, history: TimelineHistory, end: Lsn) -> int:
    """See that the log from a base backup to its goal is there.

    Returns:
        How many segments that is.

    Raises:
        RefusedError: It is not (``log-gap``).
    """
    there = {*archive.held.segments, *(part.segment for part in archive.held.parts)}
    files = list(history.files(Lsn.parse(base.start), end, archive.segment_size))
    missing: list[Segment] = [choices[0] for choices in files if not any(one.name in there for one in choices)]
    if missing:
        raise RefusedError(
            "log-gap",
            f"between base backup {base.id} and the target {many(len(missing), 'segment')} of the log "
            f"{'is' if len(missing) == 1 else 'are'} missing, the first of them {missing[0].name}",
            hint=f"What was committed before {missing[0].start} can be reached from this base backup, and what came "
            "after the next one. If the server still has the segment in pg_wal, archive it: canvasback-wal-push.",
        )
    return len(files)
