"""Whether a catalog has all the tables that DuckLake makes."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.spec import FILE_STATISTICS
from canvasback.errors import LakeError

_ALWAYS = frozenset(
    f"ducklake_{name}"
    for name in (
        "column", "column_tag", "data_file", "delete_file", "file_partition_value", "files_scheduled_for_deletion",
        "inlined_data_tables", "partition_column", "partition_info", "schema", "snapshot_changes", "table",
        "table_column_stats", "table_stats", "tag", "view",
    )
)  # fmt: skip
_SINCE_0_2 = frozenset({"ducklake_column_mapping", "ducklake_name_mapping"})
_SINCE_0_3 = frozenset({"ducklake_schema_versions"})


def refuse_incomplete(image: Image, lake: str) -> None:
    """See that a catalog has every table that its version of DuckLake made; without one, DuckLake does not attach it.

    Args:
        image: The catalog.
        lake: What to call it.

    Raises:
        LakeError: A table is not there (``catalog-incomplete``).
    """
    version = image.metadata("version")
    wanted = _ALWAYS
    if version != "0.1":
        wanted |= _SINCE_0_2
        if version != "0.2":
            wanted |= _SINCE_0_3
    missing = sorted(wanted - image.tables.keys())
    if not any(name in image.tables for name in FILE_STATISTICS):
        missing.append(FILE_STATISTICS[0])
    if missing:
        raise LakeError(
            "catalog-incomplete",
            f"the catalog {lake} has no table {', '.join(missing)}, which every DuckLake of its version has",
            hint="Restore a point with --replace. Without a backup, move the catalog aside and run salvage "
            "--new-catalog.",
        )
