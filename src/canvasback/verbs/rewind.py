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
from canvasback.model.commit import Commit
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.moment import Moment
from canvasback.model.plans.rewind import RewindPlan
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.backup import BackupResult
from canvasback.model.results.rewind import RewindResult, RewoundTable
from canvasback.model.table_state import differing, pair_states
from canvasback.parquet.cut import cut_files, refuse_uncuttable
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
    rewinding = _Rewind(name, open_to_change(name), moment, repository, data_path, keep_files, run)
    made: BackupResult | None = None
    for _ in range(_ATTEMPTS):
        with open_lake(rewinding.engine, name, data_path=data_path) as live:
            look = rewinding.look(live)
            if look.plan.nothing or dry_run:
                return rewinding.result(look.plan, made, dry_run=dry_run)
            if safety_point and repository is not None:
                rewinding.engine.change((), look.expected)  # who is locked out need not wait for a point to hear of it
                made = make_safe(lake, repository, run, data_path=data_path, only_new=True)
                if made.snapshot_id != look.plan.head.snapshot:
                    continue  # somebody committed meanwhile: what would be lost is another thing now
            rewinding.execute(look, live.image)
            return rewinding.result(look.plan, made, dry_run=False)
    raise LockedError(
        "catalog-changed",
        f"somebody goes on committing to {name}, so nothing was done to it",
        hint="Stop those who write to the lake, and run the command again.",
    )


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what it takes to carry it out while the catalog is as it was."""

    plan: RewindPlan
    root: str
    straddlers: list[tuple[str, int]] = []
    deletes: DeletesThen = DeletesThen()
    abandoned: list[tuple[int, str]] = []
    expected: Expected | None = None


class _Rewind(msgspec.Struct):
    lake: LakeName
    engine: Engine
    moment: Moment
    repository: str | None
    data_path: str | None
    keep_files: bool
    run: Run

    def look(self, live: OpenedLake) -> _Look:
        """See what is to be done, and change nothing."""
        image = live.image
        snapshot, committed, _ = image.head()
        head, target = Commit(snapshot, committed), find_commit(image, self.moment, self.run.now())
        root = live.root()
        plan = RewindPlan(lake=str(self.lake), head=head, target=target, repository=self.repository or "")
        if plan.nothing:
            return _Look(plan=plan, root=root)
        straddlers = straddling(image, target.snapshot)
        refuse_uncuttable(image, straddlers)
        sources = LakeFiles(image, root, self.run.stores)
        deletes = deletes_then(image, target.snapshot, late_of(straddlers), sources)
        image.deletes[target.snapshot] = deletes.rows
        abandoned = abandoned_files(image, root, target.snapshot, straddlers)
        findings = Findings()
        findings.extend(map(_attached, self.engine.clients()))
        findings.extend(forgotten_findings(image, target.snapshot))
        findings.extend(deletes.findings)
        plan = msgspec.structs.replace(
            plan,
            commits=commits_between(image, target.snapshot, snapshot),
            tables=_tables(image, target.snapshot, snapshot),
            cut=len(straddlers),
            abandoned=len(abandoned),
            keep_files=self.keep_files,
            findings=findings.kept,
            finding_counts=findings.counts,
        )
        return _Look(
            plan=plan,
            root=root,
            straddlers=straddlers,
            deletes=deletes,
            abandoned=abandoned,
            expected=expected_of(image),
        )

    def execute(self, look: _Look, image: Image) -> None:
        """Write the files that are needed, then change the catalog in one step."""
        target = look.plan.target.snapshot
        edits = rewind_edits(image, target, self._cut(look, image))
        waiting = [] if self.keep_files else look.abandoned
        scheduled = schedule_edit(image, look.root, target, waiting, self.run.now())
        self.run.progress.begin("changing the catalog")
        self.engine.change(statements([*([scheduled] if scheduled else []), *edits]), look.expected)
        self.run.progress.end()

    def result(self, plan: RewindPlan, safety_point: BackupResult | None, *, dry_run: bool) -> RewindResult:
        """What was done, or would be."""
        findings = Findings()
        findings.recall(plan.findings, plan.finding_counts)
        if safety_point is not None:
            findings.recall(safety_point.findings, safety_point.finding_counts)
        return RewindResult(
            lake=plan.lake,
            from_snapshot=plan.head.snapshot,
            snapshot_id=plan.target.snapshot,
            snapshot_time=plan.target.time,
            steps=plan.steps,
            dry_run=dry_run,
            safety_point=safety_point.point if safety_point else "",
            commits=plan.commits,
            tables=plan.tables,
            scheduled_files=0 if plan.keep_files else plan.abandoned,
            kept_files=plan.abandoned if plan.keep_files else 0,
            cut_files=plan.cut,
            seconds=self.run.seconds,
            findings=findings.kept,
            finding_counts=findings.counts,
        )

    def _cut(self, look: _Look, image: Image) -> list[Cut]:
        sources = LakeFiles(image, look.root, self.run.stores)
        files = [
            file for kind in KINDS for file in sources.find(kind, [id_ for of, id_ in look.straddlers if of == kind])
        ]
        return cut_files(image, look.plan.target.snapshot, files, self.run, look.deletes.commits)


def _attached(client: str) -> Finding:
    return Finding(
        "client-attached",
        "warning",
        client,
        "is connected to the catalog's database, and may have the lake attached",
        "Whoever has the lake attached must attach it again before using it, or he sees what is undone.",
    )


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
