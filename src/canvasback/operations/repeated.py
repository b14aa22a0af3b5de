"""What is said of a catalog whose snapshots are there twice, when it is saved and when it comes back."""

from __future__ import annotations

from collections.abc import Iterator

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.image import Image
from canvasback.catalog.rules.duplicates import duplicate_ids, duplicate_rows
from canvasback.model.finding import Finding

_TABLE = "ducklake_snapshot"


def repeated_snapshots(image: Image) -> Iterator[Finding]:
    """A finding for each snapshot that has more than one row: DuckLake reads nothing of such a lake.

    Costs nothing where the primary key is there.
    """
    if image.tables[_TABLE].primary_key:
        return
    snapshots = in_dialect(image, "duckdb")
    only = Image(snapshots.connection, {_TABLE: snapshots.tables[_TABLE]}, snapshots.record)
    for rule in (duplicate_rows, duplicate_ids):
        for fault in rule.find(only):
            message = f"{fault.message}: DuckLake reads nothing of such a lake, nor of one that comes back from it"
            yield rule.kind.at(fault.where, message)
