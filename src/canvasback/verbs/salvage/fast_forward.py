"""A catalog that is older than the repository's points is brought forward to the newest one that continues it.

All commits come back as they were, with their numbers, times and authors, with inlined rows, drops and views: nothing
is worked out from files. What was committed after the point is not in it, and is for others to win back.
"""

from __future__ import annotations

import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import Engine
from canvasback.catalog.engines.expected import Expected, changed
from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.catalog.writing.repoint import repoint
from canvasback.catalog.writing.unchanged import expected_of
from canvasback.datapath.file_sources import PointFiles
from canvasback.datapath.opened_lake import OpenedLake
from canvasback.datapath.sharing import find_alive, same_place
from canvasback.model.commit import Commit
from canvasback.model.lake import LakeName
from canvasback.model.level import RestoreLevel
from canvasback.model.plans.salvage import ForwardPlan
from canvasback.model.relation import literal
from canvasback.model.results.fast_forward import FastForwardResult
from canvasback.repository import layout
from canvasback.repository.copy_names import Copies
from canvasback.repository.repository import Repository
from canvasback.storage.locations import folder_url
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.transfer.destinations import name_from_outside
from canvasback.transfer.new_lake import Restoring, Target
from canvasback.verbs.salvage.later_points import LaterPoint


class FastForward(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what carries it out.

    Attributes:
        plan: The plan.
        restoring: Brings the point back.
        catalog: What the catalog is afterwards, in DuckDB's dialect; can be read as long as the point's image.
        copies: Those of the data path's files, which are put there where one is missing.
    """

    plan: ForwardPlan
    restoring: Restoring
    catalog: Image
    copies: Copies


def plan_fast_forward(
    later: LaterPoint,
    opened: Repository,
    live: OpenedLake | None,
    lake: LakeName,
    engine: Engine,
    run: Run,
    *,
    data_path: str | None = None,
) -> FastForward:
    """Plan to put the catalog of a point into the place of the live one, and files that are missing. Changes nothing.

    Args:
        later: The point.
        opened: The repository.
        live: The lake; None where there is no catalog.
        lake: The catalog's name.
        engine: Writes it.
        run: Opens the places, and is told how the work goes on.
        data_path: Where the files of a lake without a catalog are, if the point is not right about it.

    Raises:
        LockedError: Somebody has the catalog open (``catalog-in-use``).
        RefusedError: There is a catalog where there was none, the lost one is alive elsewhere (``shares-files``), or
            nobody can tell where the lake's files are.
    """
    manifest = later.manifest
    if live is not None:
        root = live.root(manifest.data_root)
    else:
        root = folder_url(data_path) if data_path is not None else manifest.data_root
    target = Target(
        lake=lake,
        engine=engine,
        root=root,
        moving=root != manifest.data_root,
        aside=engine.prepare(replace=live is not None),
        replace=live is not None,
    )
    expected = None if live is None else expected_of(live.image)
    sharing = None
    if live is None and same_place(root, manifest.data_root):
        sharing = find_alive(later.origins, manifest, lake, engine)
    restoring = Restoring(
        target=target,
        opened=opened,
        manifest=manifest,
        commit=Commit(manifest.snapshot_id, manifest.snapshot_time),
        level=RestoreLevel.EXISTS,
        run=run,
        checked=True,
        newer=False,
        guard=lambda: _see_unchanged(engine, lake, expected),
        sharing=sharing,
    )
    planned = restoring.restore(dry_run=True)
    plan = ForwardPlan(
        point=manifest.id,
        from_snapshot=None if live is None else live.image.head()[0],
        snapshot_id=manifest.snapshot_id,
        snapshot_time=manifest.snapshot_time,
        proved=later.proved,
        data_path=root,
        saved_path=manifest.data_root,
        version="" if live is None else live.image.record.version,
        saved_version=manifest.catalog.version,
        commits=later.commits,
        restore=planned.steps,
        kept_files=planned.kept_files,
        placed_files=planned.restored_files,
        placed_bytes=planned.restored_bytes,
        findings=planned.findings,
        finding_counts=planned.finding_counts,
    )
    catalog = _afterwards(later, root, opened.store)
    copies = PointFiles(later.image, opened.store, manifest).copies()
    return FastForward(plan=plan, restoring=restoring, catalog=catalog, copies=copies)


def fast_forward(planned: FastForward) -> FastForwardResult:
    """Carry a plan out: first the files, then, as one step, the catalog.

    Raises:
        LockedError: Somebody has the catalog open (``catalog-in-use``), or changed it meanwhile
            (``catalog-changed``); it was not touched.
        RefusedError: There is a catalog where there was none.
    """
    plan = planned.plan
    done = planned.restoring.restore(dry_run=False)
    return msgspec.structs.replace(
        result_of(plan, dry_run=False),
        steps=(*plan.steps, *done.remarks),
        kept_files=done.kept_files,
        placed_files=done.restored_files,
        placed_bytes=done.restored_bytes,
        findings=done.findings,
        finding_counts=done.finding_counts,
    )


def result_of(plan: ForwardPlan, *, dry_run: bool) -> FastForwardResult:
    """What a plan does, if all goes as planned."""
    return FastForwardResult(
        point=plan.point,
        from_snapshot=plan.from_snapshot,
        snapshot_id=plan.snapshot_id,
        snapshot_time=plan.snapshot_time,
        data_path=plan.data_path,
        commits=plan.commits,
        steps=plan.steps,
        dry_run=dry_run,
        kept_files=plan.kept_files,
        placed_files=plan.placed_files,
        placed_bytes=plan.placed_bytes,
        findings=plan.findings,
        finding_counts=plan.finding_counts,
    )


def _afterwards(later: LaterPoint, root: str, store: Store) -> Image:
    """What the catalog is once a point took its place, with its data path at ``root``; in DuckDB's dialect."""
    image, saved = in_dialect(later.image, "duckdb"), later.manifest.data_root
    if root == saved:
        return image
    # Files from outside of the data path are put below the new one, under the names of their copies.
    elsewhere = image.connection.execute(
        f"SELECT kind, file_id, path FROM ({named_files(image, saved)}) WHERE elsewhere"
    ).fetchall()
    rows = (
        f"({literal(kind)}, {file_id}, {literal(path)}, {literal(layout.copy_name(path, elsewhere=True))})"
        for kind, file_id, path in elsewhere
    )
    moved = (
        f"SELECT kind, file_id, {literal(root)} || {name_from_outside(store)} AS location "
        f"FROM (VALUES {', '.join(rows)}) v(kind, file_id, path, name)"
    )
    return repoint(image, saved, root, moved if elsewhere else None)


def _see_unchanged(engine: Engine, lake: LakeName, expected: Expected | None) -> None:
    if expected is not None:
        with engine.read() as image:
            if expected_of(image) != expected:
                raise changed(str(lake))
