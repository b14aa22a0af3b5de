"""What is said of a catalog that DuckLake does not read, when it is saved and when it comes back."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from canvasback.catalog.completeness import missing_tables
from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.image import Image
from canvasback.catalog.rules.duplicates import duplicate_ids, duplicate_rows
from canvasback.model.finding import Finding

_SNAPSHOTS = "ducklake_snapshot"


def unreadable(image: Image, snapshot: int | None = None) -> Iterator[Finding]:
    """A finding for each table that a catalog lacks, and for each snapshot that has more than one row.

    Costs nothing where the primary key is there.

    Args:
        image: The catalog.
        snapshot: The newest snapshot that counts, if later ones are left out.
    """
    for table in missing_tables(image):
        yield Finding(
            "catalog-incomplete",
            "error",
            table,
            "is not there, and every catalog of its version has it: DuckLake cannot read such a lake, or not write to "
            "it, nor one that comes back from it",
            "Restore a point that was made before: run list, and name it in restore --replace.",
        )
    if image.tables[_SNAPSHOTS].primary_key:
        return
    snapshots = in_dialect(image, "duckdb")
    seen = snapshots.tables[_SNAPSHOTS]
    if snapshot is not None:
        seen = msgspec.structs.replace(seen, select=f"SELECT * FROM ({seen.select}) s WHERE snapshot_id <= {snapshot}")
    only = Image(snapshots.connection, {_SNAPSHOTS: seen}, snapshots.record)
    for rule in (duplicate_rows, duplicate_ids):
        for fault in rule.find(only):
            message = f"{fault.message}: DuckLake reads nothing of such a lake, nor of one that comes back from it"
            yield rule.kind.at(fault.where, message)
