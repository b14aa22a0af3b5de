"""salvage: what no catalog remembers comes back: from a point what it holds, from the files alone what came later."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from datetime import datetime

import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import open_to_change
from canvasback.datapath.opened_lake import open_lake
from canvasback.errors import RefusedError
from canvasback.model.clock import now
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.fast_forward import Divergence, FastForwardResult
from canvasback.model.results.salvage import SalvageResult
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores, folder_url, is_remote
from canvasback.storage.run import Run
from canvasback.verbs.salvage.fast_forward import FastForward, fast_forward, plan_fast_forward
from canvasback.verbs.salvage.from_files import refuse_taken, result_of, salvage_files
from canvasback.verbs.salvage.plan import plan_salvage


@translates_errors
def salvage(
    lake: str,
    repository: str | None = None,
    *,
    new_catalog: bool = False,
    data_path: str | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> SalvageResult:
    """Win back commits that the catalog does not know: because an older one was put in its place, or it is lost.

    With a repository, its newest point that continues the catalog takes the catalog's place, and brings back all that
    it holds exactly as it was; the old catalog is moved aside. What was committed after that point, or all if there is
    none, is told from the files: what they prove is recovered exactly, what they do not tell is named in the result.
    No file is changed, moved or deleted.

    Args:
        lake: The lake, as in ATTACH.
        repository: The lake's repository.
        new_catalog: Make the catalog, which is lost altogether; without a repository ``data_path`` says where the files
            are.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        dry_run: Make the plan only.
        jobs: How many files are worked on at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Raises:
        UsageError: A catalog is to be made, and nobody says of what files (``no-data-path``).
        RefusedError: A catalog is to be made where there is one (``target-not-empty``); the repository is of another
            lake (``other-lake``); there is nothing at the data path that is given (``data-path-empty``).
        LockedError: Somebody has the catalog open, or changed it meanwhile; nothing was changed.
        LakeError: There is no catalog, or it cannot be read.
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    name = parse_lake(lake)
    findings = Findings()
    if data_path is not None and (repository is None or not new_catalog):
        _refuse_absent(run.stores, data_path)
    planned = None
    if repository is not None:
        planned = _plan(name, repository, run, findings, data_path, new_catalog=new_catalog)
    forwarded: FastForwardResult | None = None
    if isinstance(planned, FastForward):
        forwarded = fast_forward(planned, run, dry_run=dry_run)
    if isinstance(planned, FastForward) and dry_run:
        with planned.image() as stored:
            plan = plan_salvage(in_dialect(stored, "duckdb"), planned.root, run.stores.open(planned.root), run.progress)
            result = result_of(name, planned.root, plan, Findings(), run, dry_run=True)
    else:
        result = salvage_files(
            name,
            run,
            new_catalog=new_catalog and forwarded is None,
            data_path=planned.root if isinstance(planned, FastForward) else data_path,
            dry_run=dry_run,
        )
    return _together(result, forwarded, planned if isinstance(planned, Divergence) else None, findings, run)


def _refuse_absent(stores: Stores, data_path: str) -> None:
    """See that there is a data path to win back from; with a repository, a new catalog's may be yet to come.

    Raises:
        RefusedError: There is nothing (``data-path-empty``).
    """
    root = folder_url(data_path)
    if not (os.path.isdir(root) if not is_remote(root) else any(True for _ in stores.open(root).list(""))):
        raise RefusedError(
            "data-path-empty",
            f"there is nothing at {root}, the data path that was given",
            hint="Check --data-path: it is the folder or the prefix that the lake's DATA_PATH named.",
        )


def _plan(
    name: LakeName,
    repository: str,
    run: Run,
    findings: Findings,
    data_path: str | None,
    *,
    new_catalog: bool,
) -> FastForward | Divergence | None:
    engine = open_to_change(name)
    opened = open_repository(run.stores.open(repository))
    if new_catalog:
        refuse_taken(engine)
    with contextlib.nullcontext() if new_catalog else open_lake(engine, name, data_path=data_path) as live:
        return plan_fast_forward(live, name, opened, findings, data_path=data_path, jobs=run.jobs_for(opened.store))


def _together(
    result: SalvageResult,
    forwarded: FastForwardResult | None,
    parted: Divergence | None,
    findings: Findings,
    run: Run,
) -> SalvageResult:
    if parted is not None:
        at = "no snapshot" if parted.snapshot_id is None else f"snapshot {parted.snapshot_id}"
        message = (
            f"the catalog has commits that point {parted.point} has not, and the reverse: {at} is the last of both, so "
            "nothing was taken from points"
        )
        cure = "Compare the two with diff, and bring tables of the point back with restore --table."
        findings.add(Finding("catalog-parted", "warning", result.lake, message, cure))
    findings.extend(forwarded.findings if forwarded else ())
    findings.extend(result.findings)
    return msgspec.structs.replace(
        result,
        from_snapshot=result.from_snapshot if forwarded is None else forwarded.from_snapshot or 0,
        steps=(*(forwarded.steps if forwarded else ()), *result.steps),
        seconds=run.seconds,
        findings=findings.kept,
        finding_counts=findings.counts,
        forwarded=forwarded,
        parted=parted,
    )
