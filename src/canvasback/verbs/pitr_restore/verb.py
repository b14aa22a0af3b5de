"""pitr restore: build a cluster, recover it to an exact commit, prove it, and put its lake's files back."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import open_engine
from canvasback.catalog.reading.commit_positions import commit_positions
from canvasback.catalog.writing.engine_limits import fitting
from canvasback.checks.recovered_lake import Settled, settle_recovered
from canvasback.errors import UsageError
from canvasback.history.times import moment_of
from canvasback.model.clock import now
from canvasback.model.commit_position import CommitMap, CommitPosition
from canvasback.model.finding import Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.level import CheckLevel
from canvasback.model.plans.pitr_restore import PitrRestorePlan
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.pitr_restore import PitrRestoreResult
from canvasback.postgres.archive import Archive
from canvasback.postgres.claimed_folder import ClaimedFolder, is_left_half_done, scratch_beside
from canvasback.postgres.new_cluster import account_for
from canvasback.postgres.programs import Account, Programs
from canvasback.postgres.recovery import Recovering
from canvasback.postgres.repository_archive import open_archive
from canvasback.postgres.tool_archives import archive_of_tool
from canvasback.postgres.wal_feed import WalFeed
from canvasback.repository.commit_map import MOST, read_commits
from canvasback.repository.repository import Repository, open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.storage.temporary import temporary_folder
from canvasback.verbs.pitr_restore.from_repository import goal_in_repository
from canvasback.verbs.pitr_restore.from_tool import goal_of_tool
from canvasback.verbs.pitr_restore.goal import Goal, find_commit


@translates_errors
def pitr_restore(
    lake: str,
    repository: str,
    *,
    pgdata: str | None = None,
    to_snapshot: int | None = None,
    to_time: str | datetime | None = None,
    latest: bool = False,
    export: str | None = None,
    replace: bool = False,
    data_path: str | None = None,
    level: CheckLevel | str = CheckLevel.EXISTS,
    system: int | None = None,
    stanza: str | None = None,
    barman_server: str | None = None,
    bindir: str | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> PitrRestoreResult:
    """Bring a catalog in PostgreSQL back as of an exact commit, from the base backups and the log in a repository.

    PostgreSQL itself recovers a new cluster. It is proved that the commit is the newest one there. Then every file that
    the catalog names is put back where it is missing: DuckLake's maintenance removes files that an earlier state needs.

    Args:
        lake: The lake, as in ATTACH. Its server need not exist any more: only the names of its database, its user and
            its schema count.
        repository: The repository: a folder, or a URL in an object store.
        pgdata: The folder of the new cluster, which is empty or not there. Its server is stopped afterwards.
        to_snapshot: The snapshot that is to be the newest one.
        to_time: The same, for the newest that had committed at a time: ISO 8601 with a zone, or ``2 hours ago``.
        latest: All that there is instead.
        export: A lake to write the catalog to, of any engine; without ``pgdata`` the cluster is thrown away then.
        replace: Move a catalog aside first that is where ``export`` says.
        data_path: Where the data path is, if the catalog's own spelling does not lead there.
        level: How deeply to look for damage of the lake's files.
        system: The cluster's system identifier, where the repository has the log of several.
        stanza: The stanza of pgBackRest that has base backups and log, instead of the repository.
        barman_server: Barman's name of the server, likewise.
        bindir: Where PostgreSQL's programs are, if not in the usual places.
        dry_run: Make the plan only.
        jobs: How many files are worked on at a time; None for what suits the storage.
        stores: How to reach object stores.
        progress: Told how the work goes on.
        clock: Tells the time.

    Raises:
        UsageError: The request makes no sense, or PostgreSQL's programs are not here (``programs-missing``).
        RefusedError: There is something where the cluster should go (``pgdata-not-empty``), or the archive does not
            reach the commit; nothing was changed.
        LockedError: Another recovery makes a cluster there (``pgdata-in-use``).
        CorruptError: A base backup or a segment is damaged.
        LakeError: PostgreSQL could not recover it (``recovery-failed``), or what it recovered is not what was meant
            (``recovered-elsewhere``).
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    moment = moment_of(to_snapshot, to_time, run.now())
    if (moment is None) != latest:
        raise UsageError(
            "which-target", "not one target is named", hint="Name one of --to-snapshot, --to-time and --latest."
        )
    if pgdata is None and export is None:
        raise UsageError("no-place", "no place is named for what comes back", hint="Add --pgdata or --export.")
    pgdata = os.path.abspath(pgdata) if pgdata is not None else ""
    restoring = _Restoring(
        run=run,
        lake=parse_lake(lake),
        repository=open_repository(run.stores, repository),
        pgdata=pgdata,
        left=bool(pgdata) and is_left_half_done(pgdata),
        export=parse_lake(export) if export is not None else None,
        replace=replace,
        data_path=data_path,
        level=CheckLevel.of(level),
        bindir=bindir,
    )
    commits, unmapped = read_commits(restoring.repository.store)
    restoring.findings.extend(unmapped)
    tool = archive_of_tool(stanza, barman_server)
    goal_for: Callable[[CommitPosition | None], Goal]
    archive: Archive
    if tool is not None:
        archive, known = tool, tool.read()
        goal_for = partial(goal_of_tool, tool, known)
    else:
        archive, damage = open_archive(restoring.repository.store, system)
        known = archive.read()
        restoring.findings.extend(damage)
        goal_for = partial(goal_in_repository, archive)
    commit = None
    if moment is not None:
        commit = find_commit(archive, known, commits, moment, bindir, lambda: restoring.all_commits(goal_for(None)))
    return restoring.restore(goal_for(commit), dry_run=dry_run)


class _Restoring(msgspec.Struct, kw_only=True):
    """One recovery."""

    run: Run
    lake: LakeName
    repository: Repository
    pgdata: str
    left: bool
    export: LakeName | None
    replace: bool
    data_path: str | None
    level: CheckLevel
    bindir: str | None
    findings: Findings = msgspec.field(default_factory=Findings)

    def all_commits(self, goal: Goal) -> CommitMap:
        """The commits that the log brings back, whoever noted them or not: a cluster recovers all of it, and tells."""
        with (
            temporary_folder() as ours,
            self._recovered(
                goal, account_for(self.pgdata or ours), os.path.join(ours, "data"), ours, lasting=False
            ) as server,
            open_engine(server.lake, self.run.stores).read() as image,
        ):
            after = str(server.reached())
            found = commit_positions(image, None, MOST)
            timeline = goal.timeline
        # A server that stands still does not say how far its log goes: it is us who know.
        return CommitMap(tuple(msgspec.structs.replace(one, after=after, timeline=timeline) for one in found))

    def restore(self, goal: Goal, *, dry_run: bool) -> PitrRestoreResult:
        """Carry it out, unless it is only to be told."""
        self.findings.extend(goal.findings)
        engine = open_engine(self.export, self.run.stores) if self.export is not None else None
        plan = PitrRestorePlan(
            tool=goal.tool,
            bases=goal.bases,
            bytes=goal.base_bytes,
            segments=goal.segments,
            snapshot_id=goal.commit.snapshot_id if goal.commit is not None else None,
            lsn=goal.commit.lsn if goal.commit is not None else "",
            timeline=goal.timeline,
            pgdata=self.pgdata,
            left=self.left,
            export=str(self.export) if self.export is not None else "",
            aside=engine.prepare(replace=self.replace) if engine is not None else (),
        )
        settled: Settled | None = None
        remarks: tuple[str, ...] = ()
        seconds = 0.0
        if not dry_run:
            with contextlib.ExitStack() as held:
                ours = held.enter_context(temporary_folder())
                data = self.pgdata or os.path.join(ours, "data")
                account = account_for(data)  # by what is there before we make anything
                claimed = held.enter_context(ClaimedFolder(data, ours)) if self.pgdata else None
                server = held.enter_context(self._recovered(goal, account, data, ours, lasting=claimed is not None))
                seconds = self.run.seconds
                settled = settle_recovered(
                    server.lake,
                    self.repository,
                    self.run,
                    snapshot=plan.snapshot_id,
                    level=self.level,
                    data_path=self.data_path,
                )
                self.findings.merge(settled.returned.findings)
                if engine is not None and self.export is not None:
                    with open_engine(server.lake, self.run.stores).read() as image:
                        written = in_dialect(
                            fitting(in_dialect(image, "duckdb"), self.export.engine), self.export.engine
                        )
                        remarks = engine.write(written, self.run.now(), replace=self.replace)
                if claimed is not None:
                    claimed.settle()
                    server.promote()
        return PitrRestoreResult(
            lake=str(self.lake),
            system=goal.system,
            snapshot_id=settled.snapshot_id if settled is not None else plan.snapshot_id,
            committed=goal.commit.committed if goal.commit is not None else None,
            lsn=plan.lsn,
            timeline=plan.timeline,
            base=plan.bases[-1],
            pgdata=plan.pgdata,
            export=plan.export,
            data_path=settled.data_path if settled is not None else "",
            steps=plan.steps,
            remarks=remarks,
            dry_run=dry_run,
            returned_files=settled.returned.files if settled is not None else 0,
            returned_bytes=settled.returned.bytes if settled is not None else 0,
            lost_files=settled.returned.lost if settled is not None else 0,
            recovery_seconds=seconds,
            seconds=self.run.seconds,
            findings=self.findings.kept,
            finding_counts=self.findings.counts,
        )

    @contextlib.contextmanager
    def _recovered(
        self, goal: Goal, account: Account | None, data: str, ours: str, *, lasting: bool
    ) -> Iterator[Recovering]:
        """A recovered cluster in a folder, whose server needs a temporary folder of ours too."""
        programs = msgspec.structs.replace(Programs.find(goal.major, self.bindir), account=account)
        if account is not None:  # a tool that root runs may be another user itself
            os.chown(ours, account.user, account.group)
        try:
            goal.build(programs, data, scratch_beside(data))
        finally:
            shutil.rmtree(scratch_beside(data), ignore_errors=True)
        feeding = os.path.join(ours, "feed")
        os.mkdir(feeding, 0o700)
        with WalFeed(feeding, goal.fetch, goal.segment_size, data, account) as feed:
            recovering = Recovering(
                programs, data, ours, self.lake, feed, target=goal.lsn, timeline=goal.timeline, lasting=lasting
            )
            with recovering as server:
                yield server
