"""salvage: what no catalog remembers comes back: from a point what it holds, from the files alone what came later."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from canvasback.catalog.engines import Engine, open_to_change
from canvasback.catalog.engines.expected import Expected
from canvasback.catalog.writing.unchanged import expected_of
from canvasback.datapath.opened_lake import OpenedLake, open_lake
from canvasback.errors import RefusedError, UsageError
from canvasback.model.clock import now
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.plans.salvage import SalvagePlan
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.fast_forward import Divergence, FastForwardResult
from canvasback.model.results.salvage import SalvageResult
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores, folder_url, is_remote
from canvasback.storage.run import Run
from canvasback.verbs.salvage.deleted import bring_back, with_deleted
from canvasback.verbs.salvage.fast_forward import (
    FastForward,
    fast_forward,
    plan_fast_forward,
    result_of,
)
from canvasback.verbs.salvage.files_plan import Salvaged, plan_files
from canvasback.verbs.salvage.from_files import (
    adopt_files,
    attached_clients,
    nothing_salvaged,
    plan_new_catalog,
)
from canvasback.verbs.salvage.later_points import LaterPoint, LaterPoints

if TYPE_CHECKING:
    from canvasback.storage.bucket.deleted_shown import DeletedShown


@translates_errors
def salvage(
    lake: str,
    repository: str | None = None,
    *,
    new_catalog: bool = False,
    source: Literal["versions"] | None = None,
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
        source: ``versions``: look at files too that were deleted, and that the lake's bucket still keeps. Those of
            which commits are made are brought back first.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        dry_run: Make the plan only.
        jobs: How many files are worked on at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Raises:
        UsageError: A catalog is to be made, and nobody says of what files (``no-data-path``); or nothing keeps versions
            (``no-versions``).
        RefusedError: A catalog is to be made where there is one (``target-not-empty``); the repository is of another
            lake (``other-lake``); there is nothing at the data path that is given (``data-path-empty``).
        LockedError: Somebody has the catalog open, or changed it meanwhile; nothing was changed, or nothing after what
            the point brought back.
        LakeError: There is no catalog, or it cannot be read.
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    name = parse_lake(lake)
    if data_path is not None and (repository is None or not new_catalog):
        _refuse_absent(run.stores, data_path)
    planned = plan_salvage(name, repository, run, new_catalog=new_catalog, data_path=data_path, source=source)
    plan, forward = planned.plan, planned.forward
    if dry_run:
        forwarded = None if plan.forward is None else result_of(plan.forward, dry_run=True)
    else:
        forwarded = None if forward is None else fast_forward(forward)
        if planned.deleted is not None:
            bring_back(planned.deleted, planned.salvaged.files)
        adopt_files(planned.salvaged, planned.expected, plan.data_path, name, planned.engine, run)
    return _result(plan, forwarded, run, dry_run=dry_run)


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what carries it out.

    Attributes:
        plan: The plan.
        engine: Changes the catalog, or writes it.
        forward: Brings the catalog forward to a point, if one is later.
        salvaged: Makes commits of files.
        expected: What the catalog must answer before they become part of it; None where it is made of them.
        deleted: The data path, if deleted files were looked at too.
    """

    plan: SalvagePlan
    engine: Engine
    forward: FastForward | None
    salvaged: Salvaged
    expected: Expected | None
    deleted: DeletedShown | None = None


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


def plan_salvage(
    name: LakeName,
    repository: str | None,
    run: Run,
    *,
    new_catalog: bool,
    data_path: str | None,
    source: Literal["versions"] | None = None,
) -> Planned:
    """Decide what is to be done, and change nothing. See `salvage` for the arguments and for what may be raised."""
    engine = open_to_change(name)
    damaged = Findings()
    forward: FastForward | None = None
    parted: Divergence | None = None
    with ExitStack() as closing:
        if new_catalog:
            _refuse_taken(engine)
        live = None if new_catalog else closing.enter_context(open_lake(engine, name, data_path=data_path))
        if repository is not None:
            forward, parted = _find_point(repository, name, engine, live, run, damaged, closing, data_path)
        if forward is not None:
            root, image = forward.plan.data_path, forward.catalog
        elif live is not None:
            root, image = live.root(), live.image
        else:
            root, image = _named_root(data_path), None
        since = None if image is None else image.head()[1]
        deleted = with_deleted(run.stores, root, since) if source is not None else None
        store = run.stores.open(root) if deleted is None else deleted
        if image is not None:
            copies = None if forward is None else forward.copies
            salvaged = plan_files(image, root, store, run.progress, copies=copies)
            remarks = attached_clients(engine) if salvaged.plan.commits else ()
        else:
            salvaged = plan_new_catalog(root, store, run)
            remarks = () if salvaged.plan.commits else (nothing_salvaged(root),)
        expected = None if image is None else expected_of(image)
    plan = SalvagePlan(
        lake=str(name),
        data_path=root,
        forward=None if forward is None else forward.plan,
        parted=parted,
        files=salvaged.plan,
        returning=0 if deleted is None else len(deleted.deleted(salvaged.files)),
        damaged=damaged.kept,
        remarks=remarks,
    )
    return Planned(plan=plan, engine=engine, forward=forward, salvaged=salvaged, expected=expected, deleted=deleted)


def _find_point(
    repository: str,
    name: LakeName,
    engine: Engine,
    live: OpenedLake | None,
    run: Run,
    damaged: Findings,
    closing: ExitStack,
    data_path: str | None,
) -> tuple[FastForward | None, Divergence | None]:
    """What brings the catalog forward to a point, if one is later; or where it parted from the newest one."""
    opened = open_repository(run.stores, repository)
    image = None if live is None else live.image
    later = LaterPoints(opened, image, damaged, run.jobs_for(opened.store), closing).find()
    if not isinstance(later, LaterPoint):
        return None, later
    return plan_fast_forward(later, opened, live, name, engine, run, data_path=data_path), None


def _result(plan: SalvagePlan, forwarded: FastForwardResult | None, run: Run, *, dry_run: bool) -> SalvageResult:
    findings = Findings()
    findings.extend(plan.damaged)
    findings.extend([_parted(plan.lake, plan.parted)] if plan.parted is not None else [])
    findings.extend(forwarded.findings if forwarded is not None else ())
    findings.extend(plan.remarks)
    return SalvageResult(
        lake=plan.lake,
        from_snapshot=plan.from_snapshot,
        snapshot_id=plan.files.snapshot_id,
        data_path=plan.data_path,
        steps=plan.steps if forwarded is None else (*forwarded.steps, *plan.files_steps),
        dry_run=dry_run,
        commits=plan.files.commits,
        left=plan.files.left,
        losses=plan.files.losses,
        tables=plan.files.tables,
        seconds=run.seconds,
        findings=findings.kept,
        finding_counts=findings.counts,
        forwarded=forwarded,
        parted=plan.parted,
    )


def _parted(lake: str, parted: Divergence) -> Finding:
    at = "no snapshot" if parted.snapshot_id is None else f"snapshot {parted.snapshot_id}"
    message = (
        f"the catalog has commits that point {parted.point} has not, and the reverse: {at} is the last of both, so "
        "nothing was taken from points"
    )
    cure = "Compare the two with diff, and bring tables of the point back with restore --table."
    return Finding("catalog-parted", "warning", lake, message, cure)


def _named_root(data_path: str | None) -> str:
    """The data path that a user names for a catalog that is to be made.

    Raises:
        UsageError: There is none (``no-data-path``).
    """
    if data_path is None:
        raise UsageError(
            "no-data-path",
            "a catalog that is to be made does not say where its files are",
            hint="Say it with --data-path.",
        )
    return folder_url(data_path)


def _refuse_taken(engine: Engine) -> None:
    """See that there is no catalog where one is to be made.

    Raises:
        RefusedError: There is one (``target-not-empty``).
    """
    try:
        engine.prepare(replace=False)
    except RefusedError as error:
        hint = "Leave out --new-catalog if that is the lake's catalog: it is gone on from. Else move it aside first."
        raise RefusedError(error.code, error.message, hint=hint) from error
