"""list and show: what a repository holds."""

from __future__ import annotations

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.image import Image
from canvasback.history.points import image_of, open_point
from canvasback.model.manifest import Manifest
from canvasback.model.results.listing import ListResult, PointSummary, ShowResult, TableSummary
from canvasback.repository.readable_points import ReadablePoints
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores


@translates_errors
def list_points(repository: str, *, stores: Stores | None = None) -> ListResult:
    """The points of a repository, oldest first. One whose manifest is damaged is listed with its problem."""
    store = open_repository((stores or Stores()).open(repository)).store
    found: list[PointSummary] = []
    points = ReadablePoints(store, lambda id_, damage: found.append(PointSummary(point=id_, problem=damage.message)))
    for manifest in points.manifests(points.ids):
        found.append(_summary(manifest))  # noqa: PERF401 - what is damaged comes between
    return ListResult(repository=store.url, points=tuple(found))


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
        point=_summary(manifest),
        ducklake_version=manifest.catalog.version,
        engine=manifest.catalog.engine,
        data_path=manifest.data_path,
        data_root=manifest.data_root,
        encrypted=manifest.encrypted,
        absent=manifest.totals.absent,
        tables=tables,
        findings=manifest.findings,
        finding_counts=manifest.finding_counts,
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
