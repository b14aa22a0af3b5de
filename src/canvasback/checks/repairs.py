"""How the catalog's row of a file that is whole comes to say what the file says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS, statistics_table
from canvasback.catalog.writing.edits import Edit
from canvasback.checks.kinds import CATALOG_SIZE, FOOTER_SIZE, HIDING_STATISTICS, ROW_ID_TAKEN
from canvasback.datapath.damaged_file import DamagedFile


class Mending(NamedTuple):
    """How one kind of damage is mended.

    Attributes:
        code: What is wrong.
        files: Of how many files.
        words: What is done, and why that is safe; lower case, no full stop.
        edits: What becomes of the catalog.
    """

    code: str
    files: int
    words: str
    edits: list[Edit]


_RAISED = "the tables' counters are raised: which row ids come next is nothing a reader sees"
_FIRST_NUMBER = re.compile(r"\d+")


def catalog_repairs(image: Image, damaged: Iterable[DamagedFile]) -> list[Mending]:
    """What is done for those damages that are in the catalog alone and are provably safe to mend.

    A footer's length and a file's size become what the file has. Statistics that hide rows become unknown, which makes
    readers look into the file; they skip it less often, and never wrongly.
    """
    files = [damage for damage in damaged if not damage.lost]
    found: list[Mending] = []
    columns = {FOOTER_SIZE.code: ("footer_size", "footers"), CATALOG_SIZE.code: ("file_size_bytes", "sizes")}
    for code, (column, thing) in columns.items():
        edits = [
            edit
            for kind, (table, key) in KINDS.items()
            if (edit := _set(table, key, column, [d for d in files if d.kind.code == code and d.file_kind == kind]))
        ]
        if edits:
            words = f"the {thing} that the files have are noted"
            found.append(Mending(code, sum(d.kind.code == code for d in files), words, edits))
    ids = sorted({damage.file_id for damage in files if damage.kind.code == HIDING_STATISTICS.code})
    if ids:
        where = f"data_file_id IN ({', '.join(map(str, ids))})"
        edit = Edit(
            statistics_table(image),
            where=where,
            changes={"min_value": "NULL", "max_value": "NULL", "contains_nan": "NULL", "null_count": "NULL"},
        )
        words = "the files' statistics are forgotten: readers look into the files instead"
        found.append(Mending(HIDING_STATISTICS.code, len(ids), words, [edit]))
    taken = [damage for damage in files if damage.kind.code == ROW_ID_TAKEN.code]
    if taken:
        found.append(Mending(ROW_ID_TAKEN.code, len(taken), _RAISED, [_raise_counters(taken)]))
    return found


def _raise_counters(taken: list[DamagedFile]) -> Edit:
    """Messages of this kind begin with the highest row id that a file has."""
    highest: dict[int, int] = {}
    for damage in taken:
        number = _FIRST_NUMBER.match(damage.message)
        assert number is not None  # see above
        highest[damage.table_id] = max(highest.get(damage.table_id, 0), int(number[0]))
    whens = " ".join(f"WHEN {table} THEN {number + 1}" for table, number in highest.items())
    return Edit(
        "ducklake_table_stats",
        where=f"table_id IN ({', '.join(map(str, highest))})",
        changes={"next_row_id": f"CASE table_id {whens} ELSE next_row_id END"},
    )


def _set(table: str, key: str, column: str, damaged: list[DamagedFile]) -> Edit | None:
    """Messages of these kinds begin with the number that the file has."""
    values = {damage.file_id: _FIRST_NUMBER.search(damage.message) for damage in damaged}
    whens = " ".join(f"WHEN {id_} THEN {number[0]}" for id_, number in values.items() if number)
    if not whens:
        return None
    return Edit(
        table,
        where=f"{key} IN ({', '.join(map(str, values))})",
        changes={column: f"CASE {key} {whens} ELSE {column} END"},
    )
