"""rewind: a live lake goes back to one of its snapshots, in place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from canvasback.catalog.engines import Engine, open_to_change
from canvasback.catalog.engines.expected import Expected
from canvasback.catalog.image import Image
from canvasback.catalog.reading.commits import commits_between
from canvasback.catalog.reading.files import KINDS
from canvasback.catalog.reading.forgotten import forgotten_findings
from canvasback.catalog.reading.table_states import table_states
from canvasback.catalog.writing.cleanup_schedule import abandoned_files, schedule_edit
from canvasback.catalog.writing.edits import statements
from canvasback.catalog.writing.rewind import Cut, rewind_edits, straddling
from canvasback.catalog.writing.unchanged import expected_of
from canvasback.datapath.file_sources import LakeFiles
from canvasback.datapath.opened_lake import OpenedLake, open_lake
from canvasback.errors import LockedError, UsageError
from canvasback.history.moments import find_commit
from canvasback.history.times import moment_of
from canvasback.model.clock import now
from canvasback.model.commit import Commit, CommitSummary
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.moment import Moment
from canvasback.model.plurals import many
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.backup import BackupResult
from canvasback.model.results.rewind import RewindResult, RewoundTable
from canvasback.model.table_state import differing, pair_states
from canvasback.parquet.cut import cut_files, cutting_steps, refuse_uncuttable
from canvasback.parquet.deletes_at import DeletesThen, deletes_then, late_of
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.transfer.safety_point import make_safe

_ATTEMPTS = 3


@translates_errors
def rewind(
    lake: str,
    repository: str | None = None,
    *,
    to_snapshot: int | None = None,
    to_time: str | datetime | None = None,
    safety_point: bool = True,
    keep_files: bool = False,
    data_path: str | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> RewindResult:
    """Take a live lake back to one of its snapshots: later commits are undone, earlier history stays.

    The catalog changes in one transaction: whatever happens, the lake is as it was or as asked. New commits take the
    numbers of those that were undone, on a new timeline; ids of tables and files are not given out a second time.
    Whoever has the lake attached meanwhile has to attach it again.

    Args:
        lake: The lake, as in ATTACH.
        repository: Where a point is made of the lake as it is, before anything is changed.
        to_snapshot: The snapshot that becomes the newest one.
        to_time: The same by a time, ISO 8601 with a zone, or ``2 hours ago``: the newest snapshot at or before it.
        safety_point: Whether to make that point. Without it nothing of the undone commits is kept, once DuckLake's
            cleanup has run.
        keep_files: Leave the files of undone commits alone, instead of scheduling them for DuckLake's cleanup.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        dry_run: Make the plan only.
        jobs: How many files the safety point copies at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Raises:
        UsageError: Neither a moment nor a repository is named where one is needed.
        RefusedError: The lake does not have that moment (``moment-not-held``), or a file cannot be cut
            (``cannot-cut``); nothing was changed.
        LockedError: Somebody has the catalog open, or changed it meanwhile; nothing was changed.
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    moment = moment_of(to_snapshot, to_time, run.now())
    if moment is None:
        raise UsageError("no-moment", "no moment is named", hint="Say where to go: --to-snapshot or --to-time.")
    if repository is None and safety_point and not dry_run:
        raise UsageError(
            "no-safety-point",
            "without a repository nothing of what is undone is kept",
            hint="Name a repository with --repo, in which a point is made first; or say --no-safety-point.",
        )
    name = parse_lake(lake)
    rewinding = _Rewind(name, open_to_change(name), moment, data_path, keep_files, run)
    made = ""
    for _ in range(_ATTEMPTS):
        with open_lake(rewinding.engine, name, data_path=data_path) as live:
            plan = rewinding.plan(live)
            if plan.nothing or dry_run:
                return rewinding.result(plan, made, repository, dry_run=dry_run)
            if safety_point and repository is not None:
                rewinding.engine.change((), plan.expected)  # who is locked out need not wait for a point to hear of it
                point = rewinding.back_up(lake, repository)
                made = point.point
                plan.findings.extend(point.findings)
                if point.snapshot_id != plan.head.snapshot:
                    continue  # somebody committed meanwhile: what would be lost is another thing now
            rewinding.execute(plan, live.image)
            return rewinding.result(plan, made, repository, dry_run=False)
    raise LockedError(
        "catalog-changed",
        f"somebody goes on committing to {name}, so nothing was done to it",
        hint="Stop those who write to the lake, and run the command again.",
    )


class _Plan(msgspec.Struct):
    """What is to be done, and what is lost by it."""

    head: Commit
    target: Commit
    root: str
    findings: Findings
    commits: tuple[CommitSummary, ...] = ()
    tables: tuple[RewoundTable, ...] = ()
    straddlers: list[tuple[str, int]] = []
    deletes: DeletesThen = DeletesThen()
    abandoned: list[tuple[int, str]] = []
    expected: Expected | None = None
    clients: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether the lake is there already."""
        return self.target.snapshot == self.head.snapshot


class _Rewind(msgspec.Struct):
    lake: LakeName
    engine: Engine
    moment: Moment
    data_path: str | None
    keep_files: bool
    run: Run

    def plan(self, live: OpenedLake) -> _Plan:
        """Look, and change nothing."""
        image = live.image
        snapshot, committed, _ = image.head()
        target = find_commit(image, self.moment, self.run.now())
        plan = _Plan(Commit(snapshot, committed), target, live.root(), Findings())
        if plan.nothing:
            return plan
        plan.straddlers = straddling(image, target.snapshot)
        refuse_uncuttable(image, plan.straddlers)
        sources = LakeFiles(image, plan.root, self.run.stores)
        plan.deletes = deletes_then(image, target.snapshot, late_of(plan.straddlers), sources)
        image.deletes[target.snapshot] = plan.deletes.rows
        plan.commits = commits_between(image, target.snapshot, snapshot)
        plan.tables = _tables(image, target.snapshot, snapshot)
        plan.abandoned = abandoned_files(image, plan.root, target.snapshot, plan.straddlers)
        plan.expected = expected_of(image)
        plan.clients = self.engine.clients()
        for client in plan.clients:
            plan.findings.add(
                Finding(
                    "client-attached",
                    "warning",
                    client,
                    "is connected to the catalog's database, and may have the lake attached",
                    "Whoever has the lake attached must attach it again before using it, or he sees what is undone.",
                )
            )
        plan.findings.extend(forgotten_findings(image, target.snapshot))
        plan.findings.extend(plan.deletes.findings)
        return plan

    def back_up(self, lake: str, repository: str) -> BackupResult:
        """A point of the lake as it is."""
        return make_safe(lake, repository, self.run, data_path=self.data_path, only_new=True)

    def execute(self, plan: _Plan, image: Image) -> None:
        """Write the files that are needed, then change the catalog in one step."""
        cuts = self._cut(plan, image)
        edits = rewind_edits(image, plan.target.snapshot, cuts)
        waiting = [] if self.keep_files else plan.abandoned
        scheduled = schedule_edit(image, plan.root, plan.target.snapshot, waiting, self.run.now())
        self.run.progress.begin("changing the catalog")
        self.engine.change(statements([*([scheduled] if scheduled else []), *edits]), plan.expected)
        self.run.progress.end()

    def result(self, plan: _Plan, safety_point: str, repository: str | None, *, dry_run: bool) -> RewindResult:
        """What was done, or would be."""
        kept = self.keep_files
        return RewindResult(
            lake=str(self.lake),
            from_snapshot=plan.head.snapshot,
            snapshot_id=plan.target.snapshot,
            snapshot_time=plan.target.time,
            steps=self._steps(plan, repository),
            dry_run=dry_run,
            safety_point=safety_point,
            commits=plan.commits,
            tables=plan.tables,
            scheduled_files=0 if kept else len(plan.abandoned),
            kept_files=len(plan.abandoned) if kept else 0,
            cut_files=len(plan.straddlers),
            seconds=self.run.seconds,
            findings=plan.findings.kept,
            finding_counts=plan.findings.counts,
        )

    def _cut(self, plan: _Plan, image: Image) -> list[Cut]:
        sources = LakeFiles(image, plan.root, self.run.stores)
        files = [
            file for kind in KINDS for file in sources.find(kind, [id_ for of, id_ in plan.straddlers if of == kind])
        ]
        return cut_files(image, plan.target.snapshot, files, self.run, plan.deletes.commits)

    def _steps(self, plan: _Plan, repository: str | None) -> tuple[str, ...]:
        if plan.nothing:
            return (f"the lake is at {plan.head} already: nothing is to be done",)
        steps = [f"the lake goes back from {plan.head} to {plan.target}, in one transaction"]
        steps.append(
            f"before that, a point of the lake as it is is made in {repository}"
            if repository
            else "no point is made before it: what only the undone commits hold is lost with DuckLake's next cleanup"
        )
        steps += cutting_steps(plan.straddlers)
        files = f"{many(len(plan.abandoned), 'file')} of undone commits"
        steps.append(
            f"left alone, for DuckLake's removal of orphaned files to delete: {files}"
            if self.keep_files
            else f"scheduled for DuckLake's cleanup: {files}"
        )
        steps.append("whoever has the lake attached has to attach it again")
        return tuple(steps)


def _tables(image: Image, snapshot: int, head: int) -> tuple[RewoundTable, ...]:
    found = []
    for pair in differing(pair_states(table_states(image, snapshot), table_states(image, head))):
        then, today = pair.before, pair.after
        shown = today or pair.table
        found.append(
            RewoundTable(
                schema=shown.schema,
                table=shown.table,
                table_id=shown.table_id,
                change="goes" if then is None else "returns" if today is None else "changes",
                rows_now=today.rows if today else 0,
                rows_then=then.rows if then else 0,
                exact=(then is None or then.rows_exact) and (today is None or today.rows_exact),
                then_fewest=then.fewest if then else 0,
                then_most=then.most if then else 0,
                name_then=then.name if then and today and then.name != today.name else "",
            )
        )
    return tuple(found)
