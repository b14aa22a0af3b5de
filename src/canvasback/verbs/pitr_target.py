"""pitr target: where PostgreSQL has to stop to have a snapshot as its newest one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime

from canvasback.catalog.engines import open_engine
from canvasback.catalog.reading.commit_positions import commit_positions
from canvasback.clouds.google_backup_dr import VaultPlace
from canvasback.errors import CanvasbackError, RefusedError, UsageError
from canvasback.history.mapped_commits import commit_after, commit_at
from canvasback.history.times import moment_of
from canvasback.history.vaulted_commits import vaults_with
from canvasback.model.clock import now
from canvasback.model.commit_position import CommitMap, CommitPosition
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.managed_services import services_to
from canvasback.model.moment import Moment
from canvasback.model.plurals import many
from canvasback.model.recovery_target import Instruction, RecoveryTarget
from canvasback.model.results.pitr_target import PitrTargetResult, ReachedArchive
from canvasback.model.wal_archive import ArchivedBase, WalArchive, position_of
from canvasback.postgres.archive import Archive
from canvasback.postgres.barman import Barman
from canvasback.postgres.located_commits import locate_commit, with_log
from canvasback.postgres.pgbackrest import PgBackRest
from canvasback.postgres.repository_archive import RepositoryArchive, open_archive
from canvasback.postgres.tool_archives import archive_of_tool
from canvasback.postgres.wal_folder import WalFolder
from canvasback.repository.archived_log import systems
from canvasback.repository.commit_map import MOST, read_commits
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run


@translates_errors
def pitr_target(
    lake: str,
    repository: str,
    *,
    to_snapshot: int | None = None,
    to_time: str | datetime | None = None,
    from_wal: str | None = None,
    stanza: str | None = None,
    barman_server: str | None = None,
    backup_dr: str | None = None,
    bindir: str | None = None,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> PitrTargetResult:
    """Say where PostgreSQL has to stop to have a snapshot as its newest one. Nothing is changed.

    The transaction is what a backup or a watch noted, or what the live catalog shows; where its COMMIT record begins is
    looked up in the archive, if one is named or the repository has one.

    Args:
        lake: The lake, as in ATTACH. Its server need not run.
        repository: The repository, a folder or a URL.
        to_snapshot: The snapshot.
        to_time: The time; its last commit until then.
        from_wal: A folder that has the archived segments.
        stanza: The stanza of pgBackRest that has them.
        barman_server: Barman's name of the server that has them.
        backup_dr: Where Google's Backup and DR keeps backups of the catalog's database: ``PROJECT/LOCATION`` for all
            databases of Cloud SQL and AlloyDB there, or ``PROJECT/LOCATION/NAME``.
        bindir: Where PostgreSQL's programs are, if not in the usual places.
        stores: How to reach object stores.
        clock: Tells the time.

    Raises:
        UsageError: The request makes no sense, the catalog is none in PostgreSQL (``not-postgres``), or a tool is not
            here.
        RefusedError: Nobody noted the commit (``commit-not-mapped``).
        LakeError: The archive's tool failed.
    """
    name = parse_lake(lake)
    if name.engine != "postgres":
        raise UsageError(
            "not-postgres",
            f"{name} is no catalog in PostgreSQL, and only PostgreSQL has a log that can be recovered to a commit",
            hint="Restore a point: run restore --at-snapshot, or rewind.",
        )
    run = Run.begin(stores=stores, clock=clock)
    moment = moment_of(to_snapshot, to_time, run.now())
    if moment is None:
        raise UsageError("no-moment", "no snapshot and no time is given", hint="Add --to-snapshot or --to-time.")
    archive = _archive(from_wal, stanza, barman_server)
    place = VaultPlace.parse(backup_dr) if backup_dr is not None else None
    store = open_repository(run.stores, repository).store
    commits, damage = read_commits(store)
    findings = Findings()
    findings.extend(damage)
    commits, commit = _find(commits, moment, name, run)
    if archive is None and int(commit.system) in systems(store):
        with contextlib.suppress(RefusedError):  # it has no base backup yet
            archive, damage = open_archive(store, int(commit.system))
            findings.extend(damage)
    known = archive.read() if archive is not None else None
    if archive is not None and known is not None:
        commit, found = _located(archive, known, commit, commits, bindir)
        findings.extend(found)
    target = RecoveryTarget.of(commit, commit_after(commits, commit))
    base = known.base_for(commit) if known is not None else None
    vaults = vaults_with(target, place, findings) if place is not None else ()
    return PitrTargetResult(
        lake=str(name),
        snapshot_id=commit.snapshot_id,
        snapshot_time=commit.snapshot_time,
        committed=commit.committed,
        system=commit.system,
        timeline=commit.timeline,
        xid=commit.xid,
        lsn=commit.lsn,
        after=commit.after,
        kind=target.kind,
        instructions=_instructions(archive, target, base, repository),
        service_time=target.service_time,
        services=services_to(target.service_time) if known is None and not vaults else (),
        then=f"canvasback rewind LAKE --to-snapshot {commit.snapshot_id} -r {repository}",
        archive=_reached(known, commit, findings.kept) if known is not None else None,
        vaults=vaults,
        others=sum(one.identity != commit.identity for one in commits.of_snapshot(commit.snapshot_id)),
        findings=findings.kept,
        finding_counts=findings.counts,
    )


def _archive(from_wal: str | None, stanza: str | None, barman_server: str | None) -> Archive | None:
    tool = archive_of_tool(stanza, barman_server)
    if from_wal is None:
        return tool
    if tool is not None:
        raise UsageError(
            "two-archives", "more than one archive is named", hint="Name one of --from-wal, --stanza, --barman-server."
        )
    return WalFolder(from_wal)


def _instructions(
    archive: Archive | None, target: RecoveryTarget, base: ArchivedBase | None, repository: str
) -> tuple[Instruction, ...]:
    """What to tell whoever has the archive; each of those who may have one, where none is known."""
    label = base.label if base is not None else ""
    restore = f"canvasback pitr restore LAKE -r {repository} --to-snapshot {target.commit.snapshot_id} --pgdata PGDATA"
    match archive:
        case PgBackRest():
            told, us = target.instructions(stanza=archive.stanza, base=label), f"{restore} --stanza {archive.stanza}"
        case Barman():
            told, us = (
                target.instructions(server=archive.server, base=label),
                f"{restore} --barman-server {archive.server}",
            )
        case RepositoryArchive():
            told, us = target.instructions(), restore
        case _:
            return target.instructions()
    wanted = {PgBackRest: "pgBackRest", Barman: "Barman"}.get(type(archive), "")
    return (*(one for one in told if one.to in {"PostgreSQL", wanted}), Instruction("Canvasback", (us,)))


def _find(commits: CommitMap, moment: Moment, lake: LakeName, run: Run) -> tuple[CommitMap, CommitPosition]:
    """The commit as it was noted, or as the live catalog shows it: a time may be that of one that is not noted yet."""
    if moment.time is None and commits.of_snapshot(moment.snapshot or 0):
        return commits, commit_at(commits, moment)
    try:
        with open_engine(lake, run.stores).read() as image:
            shown = commit_positions(image, None, MOST)
    except CanvasbackError:
        shown = ()  # it may be what was lost
    commits = CommitMap.merged([*commits.commits, *shown])
    return commits, commit_at(commits, moment)


def _located(
    archive: Archive, known: WalArchive, commit: CommitPosition, commits: CommitMap, bindir: str | None
) -> tuple[CommitPosition, tuple[Finding, ...]]:
    """The commit with its position, if the log has it, and what is in the way of a recovery to it."""
    obstacles = known.obstacles(commit, commits.commits)
    if commit.lsn or any(finding.code == "archive-foreign" for finding in obstacles):
        return commit, obstacles
    located = locate_commit(archive, known, commit, bindir)
    if located.ended is None:
        return commit, (*obstacles, *_not_there(known, commit, located.missing, told=bool(obstacles)))
    if located.ended.outcome == "aborted":
        message = (
            f"transaction {commit.xid}, which was said to have made snapshot {commit.snapshot_id}, was rolled back"
        )
        return commit, (Finding("commit-rolled-back", "error", known.name, message, "Name another snapshot."),)
    commit = with_log(commit, located.ended)
    return commit, known.obstacles(commit, commits.commits)


def _not_there(
    known: WalArchive, commit: CommitPosition, missing: tuple[str, ...], *, told: bool
) -> tuple[Finding, ...]:
    """Why a commit is not in a log; nothing more where that is told and no segment is missing."""
    if missing:
        gaps = f"{many(len(missing), 'segment')}, the last of them {missing[0]}"
        message = f"the archive lacks {gaps}, and one of them can have the commit of snapshot {commit.snapshot_id}"
        cure = "No recovery goes past a segment that is missing: name an earlier snapshot, or another archive."
    elif told:
        return ()
    else:
        message = f"the log that is there has no end of transaction {commit.xid} of snapshot {commit.snapshot_id}"
        cure = "It is older than that log: name the archive that goes further back."
    return (Finding("commit-not-archived", "error", known.name, message, cure),)


def _reached(known: WalArchive, commit: CommitPosition, findings: tuple[Finding, ...]) -> ReachedArchive:
    position = position_of(commit)
    base = known.base_for(commit)
    timeline = known.history(commit.timeline).timeline_at(position) if position is not None else commit.timeline
    last = known.last.get(timeline)
    return ReachedArchive(
        name=known.name,
        base=base.label if base is not None else "",
        base_ended=base.ended if base is not None else None,
        first_segment=known.first.name if known.first is not None else "",
        last_segment=last.name if last is not None else "",
        reached=not any(one.where == known.name for one in findings) if known.bases is not None else None,
    )
