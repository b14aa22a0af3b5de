"""Mending what the catalog says wrongly of files that are whole."""

from __future__ import annotations

from collections.abc import Sequence

from canvasback.catalog.edits import Edit
from canvasback.catalog.files import KINDS
from canvasback.catalog.image import Image
from canvasback.operations.damage import DamagedFile
from canvasback.operations.file_checks.kinds import FOOTER_SIZE, STATISTICS


def catalog_repairs(image: Image, damaged: Sequence[DamagedFile]) -> list[tuple[str, int, str, list[Edit]]]:
    """For each kind of damage that can be mended: its code, how many files have it, what is done, and how.

    Args:
        image: The catalog in DuckDB's dialect.
        damaged: Files that are whole, and of which the catalog says something wrong.
    """
    found = []
    footers = [file for file in damaged if file.kind.code == FOOTER_SIZE.code]
    if footers:
        words = "the length of the footer is forgotten, so that DuckLake asks the file itself"
        edits = [
            Edit(table, where=f"{key} IN ({_ids(footers, kind)})", changes={"footer_size": "NULL"})
            for kind, (table, key) in KINDS.items()
            if table in image.tables and _ids(footers, kind)
        ]
        found.append((FOOTER_SIZE.code, len(footers), words, edits))
    narrow = [file for file in damaged if file.kind.code == STATISTICS.code]
    if narrow:
        words = "the bounds and the numbers of NULLs of these files are forgotten, so that no query passes over them"
        name = next(n for n in ("ducklake_file_column_stats", "ducklake_file_column_statistics") if n in image.tables)
        changes = {"min_value": "NULL", "max_value": "NULL", "null_count": "NULL"}
        edits = [Edit(name, where=f"data_file_id IN ({_ids(narrow, 'data')})", changes=changes)]
        found.append((STATISTICS.code, len(narrow), words, edits))
    return found


def _ids(damaged: Sequence[DamagedFile], kind: str) -> str:
    return ", ".join(str(file.file_id) for file in damaged if file.file_kind == kind)
