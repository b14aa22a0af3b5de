"""list and show: what a repository holds."""

from __future__ import annotations

import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.image import Image
from canvasback.history.points import image_of, open_point
from canvasback.model.holding import kind_of, place_of
from canvasback.model.manifest import Manifest
from canvasback.model.register import Register
from canvasback.model.results.listing import ListResult, PointSummary, ShowResult, TableSummary
from canvasback.repository.points import stored_points
from canvasback.repository.readable_points import Damage, ReadablePoints
from canvasback.repository.register import read_register
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores


@translates_errors
def list_points(repository: str, *, forgotten: bool | None = False, stores: Stores | None = None) -> ListResult:
    """The points of a repository, oldest first. One whose manifest is damaged is listed with its problem.

    Args:
        repository: The repository, a folder or a URL.
        forgotten: Whether to list those that are forgotten, in place of those that are not; None for all.
        stores: How to reach object stores; by each cloud's own configuration if None.

    Returns:
        The points. Where the register is damaged nobody knows which are forgotten: all are listed, with a finding.
    """
    opened = open_repository(stores or Stores(), repository)
    store, holding = opened.store, opened.marker.borrows
    register, findings = read_register(store)
    hidden = register.forgotten()
    found: list[PointSummary] = []

    def tell(id_: str, damage: Damage) -> None:
        found.append(_marked(PointSummary(point=id_, problem=damage.message), register))

    ids = [id_ for id_ in stored_points(store) if forgotten is None or (id_ in hidden) == forgotten]
    for manifest in ReadablePoints(store, tell).manifests(ids):
        found.append(_marked(_summary(manifest), register))  # noqa: PERF401 - what is damaged comes between
    return ListResult(
        repository=store.url,
        points=tuple(found),
        findings=findings,
        storage=kind_of(holding),
        storage_url=place_of(holding),
    )


@translates_errors
def show(repository: str, point: str = "latest", *, stores: Stores | None = None) -> ShowResult:
    """A point in full: what it holds of which tables, and what its backup found.

    Raises:
        UsageError: There is no such point, or several.
        CorruptError: The manifest or the catalog's chunks are damaged.
    """
    opened, manifest = open_point(stores or Stores(), repository, point)
    with image_of(opened.store, manifest, check_with=1) as image:
        tables = _tables(in_dialect(image, "duckdb"), manifest.snapshot_id)
    return ShowResult(
        point=_marked(_summary(manifest), read_register(opened.store)[0]),
        ducklake_version=manifest.catalog.version,
        engine=manifest.catalog.engine,
        data_path=manifest.data_path,
        data_root=manifest.data_root,
        encrypted=manifest.encrypted,
        absent=manifest.totals.absent,
        tables=tables,
        findings=manifest.findings,
        finding_counts=manifest.finding_counts,
        storage=kind_of(manifest.holding),
        storage_url=place_of(manifest.holding),
    )


def _marked(summary: PointSummary, register: Register) -> PointSummary:
    marks = register.marks(summary.point)
    return msgspec.structs.replace(
        summary,
        tags=marks.tags,
        note=marks.note,
        held=marks.held,
        held_until=marks.held_until,
        forgotten=marks.forgotten,
    )


def _summary(manifest: Manifest) -> PointSummary:
    return PointSummary(
        point=manifest.id,
        created=manifest.created,
        timeline=manifest.timeline,
        snapshot_id=manifest.snapshot_id,
        snapshot_time=manifest.snapshot_time,
        snapshots=manifest.snapshots,
        files=manifest.totals.count,
        bytes=manifest.totals.bytes,
        new_files=manifest.new_files,
        new_bytes=manifest.new_bytes,
        findings=sum(manifest.finding_counts.values()),
    )


def _tables(image: Image, snapshot: int) -> tuple[TableSummary, ...]:
    rows = image.rows(
        """
        WITH live_tables AS (
            SELECT * FROM {ducklake_table} t
            WHERE begin_snapshot <= $1 AND (end_snapshot IS NULL OR end_snapshot > $1)
        ), live_schemas AS (
            SELECT * FROM {ducklake_schema} s
            WHERE begin_snapshot <= $1 AND (end_snapshot IS NULL OR end_snapshot > $1)
        ), live_files AS (
            SELECT table_id, count(*) AS files, sum(file_size_bytes) AS bytes FROM {ducklake_data_file} f
            WHERE begin_snapshot <= $1 AND (end_snapshot IS NULL OR end_snapshot > $1) GROUP BY table_id
        )
        SELECT s.schema_name, t.table_name, c.record_count, coalesce(f.files, 0), coalesce(f.bytes, 0)
        FROM live_tables t JOIN live_schemas s USING (schema_id)
        LEFT JOIN live_files f USING (table_id) LEFT JOIN {ducklake_table_stats} c USING (table_id)
        ORDER BY 1, 2
        """,
        snapshot,
    )
    return tuple(
        TableSummary(schema=schema, table=table, rows=count, files=files, bytes=bytes_)
        for schema, table, count, files, bytes_ in rows
    )
