"""Rules about row ids, as far as the catalog alone proves anything of them.

Every file that an INSERT, an UPDATE or a MERGE wrote has the ids from ``row_id_start`` on to itself, as many as it has
rows: they were given out for it, whether its rows use them or carry ids of their own. No other file says that much:

- What a flush wrote carries its rows' ids. ``row_id_start`` is the lowest of them, several versions of a row share one,
  and between two of them may be others' ids. Those of rows that were first in a file, and were updated into the
  catalog, lie within that file's own range.
- What compaction wrote has its first file's ``row_id_start``, or none where it carries its rows' ids.

DuckLake 1.0 tells these two by ``partial_max``, and only by the files' own columns from each other: level ``rows`` of
a check looks there. 0.3 writes the ids of a flush anew, so that the first sentence holds for its files too.

Source: the extension's `GetNewDataFiles`, `MergeFileStats`, `AddWrittenFiles` and `GetCompactionChanges`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canvasback.catalog.image import Image
from canvasback.catalog.reading.inlined import inlined_tables, own_column
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.rules.rule import RESTORE, Fault, Repair, listed, rule
from canvasback.catalog.writing.edits import Edit


def taken_row_ids(image: Image) -> str:
    """A SELECT of ``table_id`` and ``next``: by file and inlined table, the first row id that may be free after it."""
    end = f"row_id_start + CASE WHEN {_own_range(image)} THEN record_count ELSE 1 END"
    files = f"SELECT table_id, {end} AS next FROM ({image.tables['ducklake_data_file'].select}) f"
    return files + "".join(
        f" UNION ALL SELECT {table_id} AS table_id, max({own_column(image, name, 'row_id')}) + 1 AS next "
        f"FROM ({image.tables[name].select}) i"
        for name, table_id, _ in inlined_tables(image)
    )


def _own_range(image: Image) -> str:
    """A condition: no other file has row ids of this one's range."""
    return "partial_max IS NULL" if image.has("ducklake_data_file", "partial_max") else "true"


def _raise_row_ids(_: Image, faults: Sequence[Fault]) -> list[Edit]:
    cases = " ".join(f"WHEN {fault.table_id} THEN {fault.ids[0]}" for fault in faults)
    tables = listed(fault.table_id for fault in faults)
    return [
        Edit(
            "ducklake_table_stats",
            where=f"table_id IN ({tables})",
            changes={"next_row_id": f"CASE table_id {cases} END"},
        )
    ]


@rule(
    "row-id-past-counter",
    "error",
    explanation="A table would give out row ids that its rows have already. Updates and deletes by row id, and change "
    "feeds, then mix two rows up.",
    example="ducklake_table_stats was restored from an older copy.",
    cure="Run heal: it raises the counter.",
    repair=Repair("the table's counter is raised: which row ids come next is nothing a reader sees", _raise_row_ids),
)
def row_ids_past_counters(image: Image) -> Iterator[Fault]:
    """Look for tables whose next row id is taken."""
    for table_id, counter, next_ in image.rows(
        f"SELECT table_id, s.next_row_id, max(r.next) FROM {{ducklake_table_stats}} s JOIN ({taken_row_ids(image)}) r "
        "USING (table_id) WHERE r.next > s.next_row_id GROUP BY ALL ORDER BY 1"
    ):
        yield Fault(
            "ducklake_table_stats", f"the next row id is {counter}, and {next_ - 1} is taken", table_id, (next_,)
        )


@rule(
    "row-ids-overlap",
    "error",
    explanation="Two files that one snapshot sees were given the same row ids.",
    example="A file was registered twice, or a stale catalog went on where a newer one had been.",
    cure=RESTORE,
)
def overlapping_row_ids(image: Image) -> Iterator[Fault]:
    """Look for files that the newest snapshot sees, and that were given the same row ids."""
    files = (
        "SELECT data_file_id, table_id, row_id_start, row_id_start + record_count AS next FROM {ducklake_data_file} x "
        f"WHERE {visible('x', image.head()[0])} AND row_id_start IS NOT NULL AND record_count > 0 "
        f"AND {_own_range(image)}"
    )
    neighbours = "lag(next) OVER (PARTITION BY table_id ORDER BY row_id_start)"
    if not image.rows(
        f"SELECT 1 FROM (SELECT *, {neighbours} AS last FROM ({files})) WHERE last > row_id_start LIMIT 1"
    ):
        return  # where no two neighbours overlap, no two do, and that is found in half the time
    for id_, table_id, start in image.rows(
        "SELECT data_file_id, table_id, row_id_start FROM (SELECT *, max(next) OVER (PARTITION BY table_id "
        "ORDER BY row_id_start, data_file_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS last "
        f"FROM ({files})) WHERE last > row_id_start ORDER BY ALL"
    ):
        yield Fault(f"data file {id_}", f"its row ids begin with {start}, which another file has", table_id)


RULES = (row_ids_past_counters, overlapping_row_ids)
