"""What points of older formats lost: values of VARIANT, of which their chunks hold the text alone."""

from __future__ import annotations

from collections.abc import Iterator

from canvasback.catalog.image import Image
from canvasback.catalog.reading.inlined import INLINED_ROWS
from canvasback.catalog.reading.lake_tables import table_names
from canvasback.model.finding import Finding
from canvasback.model.manifest import Manifest, StoredTable
from canvasback.repository.types import has_variant


def has_lost_types(manifest: Manifest) -> bool:
    """Whether the point holds the text of variants, not their values."""
    return any(_lost(table) for table in manifest.tables)


def lost_types(image: Image, manifest: Manifest) -> Iterator[Finding]:
    """A finding for each column whose values became text.

    Args:
        image: The point's image.
        manifest: The point.
    """
    for table in manifest.tables:
        found = INLINED_ROWS.fullmatch(table.name)
        names = table_names(image) if found and _lost(table) else {}
        for column in _lost(table):
            lake_table = names.get(int(found[1])) if found else None
            yield Finding(
                "variant-as-text",
                "warning",
                f"{lake_table or table.name}.{column}",
                f"point {manifest.id} holds the text of {table.rows} inlined values of the type VARIANT: "
                "each comes back as a VARCHAR",
                "A backup made now holds the values as they are in the lake; an older release wrote this point.",
            )


def _lost(table: StoredTable) -> list[str]:
    if not table.rows or not table.name.startswith("ducklake_inlined_data_"):
        return []
    return [c.name for c in table.columns if c.name not in table.forms and has_variant(c.type)]
