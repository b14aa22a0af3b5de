"""list and show: what a repository holds."""

from __future__ import annotations

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.image import Image
from canvasback.history.points import image_of, open_point
from canvasback.model.manifest import Manifest
from canvasback.model.results.listing import ListResult, PointSummary, ShowResult, TableSummary
from canvasback.repository.readable_points import ReadablePoints
from canvasback.repository.repository import open_repository
from canvasback.storage.locations import Stores


def list_points(repository: str, *, stores: Stores | None = None) -> ListResult:
    """The points of a repository, oldest first. One whose manifest is damaged is listed with its problem."""
    store = open_repository((stores or Stores()).open(repository)).store
    found: list[PointSummary] = []
    points = ReadablePoints(store, lambda id_, damage: found.append(PointSummary(id_, problem=damage.message)))
    for manifest in points.manifests(points.ids):
        found.append(_summary(manifest))  # noqa: PERF401 - what is damaged comes between
    return ListResult(store.url, tuple(found))


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
        _summary(manifest),
        manifest.catalog.version,
        manifest.catalog.engine,
        manifest.data_path,
        manifest.data_root,
        manifest.encrypted,
        manifest.totals.absent,
        tables,
        manifest.findings,
        manifest.finding_counts,
    )


def _summary(manifest: Manifest) -> PointSummary:
    return PointSummary(
        manifest.id,
        manifest.created,
        manifest.timeline,
        manifest.snapshot_id,
        manifest.snapshot_time,
        manifest.snapshots,
        manifest.totals.count,
        manifest.totals.bytes,
        manifest.new_files,
        manifest.new_bytes,
        sum(manifest.finding_counts.values()),
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
    return tuple(TableSummary(*row) for row in rows)
