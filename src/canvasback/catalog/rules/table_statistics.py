"""The rule about a table's own row of statistics, by which DuckLake gives out row ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canvasback.catalog.image import Image
from canvasback.catalog.reading.table_states import inlined_select, visible
from canvasback.catalog.rules.row_ids import taken_row_ids
from canvasback.catalog.rules.rule import Fault, Repair, rule
from canvasback.catalog.writing.edits import Edit


def _add_table_stats(image: Image, faults: Sequence[Fault]) -> list[Edit]:
    """The row that DuckLake's own rewrite would write: all rows of live files, deleted ones too, and live inlined ones.

    Source: the extension's `RecomputeGlobalStatsAfterRewrite`.
    """
    head = image.head()[0]
    rows = []
    for fault in faults:
        files = "SELECT record_count AS rows, file_size_bytes AS bytes FROM {ducklake_data_file} f WHERE table_id = "
        [(count, bytes_)] = image.rows(
            f"SELECT coalesce(sum(rows), 0)::BIGINT, coalesce(sum(bytes), 0)::BIGINT FROM ({files}{fault.table_id} AND "
            f"{visible('f', head)} UNION ALL SELECT count(*), 0 FROM ({inlined_select(image, head)}) i "
            f"WHERE table_id = {fault.table_id})"
        )
        rows.append(
            {
                "table_id": fault.table_id,
                "record_count": count,
                "next_row_id": fault.ids[0],
                "file_size_bytes": bytes_,
            }
        )
    return [Edit("ducklake_table_stats", rows=tuple(rows))]


@rule(
    "table-stats-missing",
    "error",
    explanation="A live table that has rows has no row of statistics. DuckLake begins anew with its row ids at the "
    "next INSERT, so that two rows have the same; the table's size is unknown, and 0.3 does not read it at all.",
    example="Statistics that stood under a wrong id, as of a view, were deleted by hand.",
    cure="Run heal: it adds the row, with the row ids that the files and the inlined rows have.",
    repair=Repair(
        "the row is added as a rewrite of the table would write it; its next row id is beyond all that the files and "
        "the inlined rows have",
        _add_table_stats,
        next_row_id=True,
    ),
)
def missing_table_stats(image: Image) -> Iterator[Fault]:
    """Look for live tables that were written to and have no statistics. An empty new table has none."""
    head = image.head()[0]
    for (table_id,) in image.rows(
        f"SELECT DISTINCT table_id FROM {{ducklake_table}} t WHERE {visible('t', head)} AND table_id IN "
        f"(SELECT table_id FROM {{ducklake_data_file}} f UNION ALL SELECT table_id FROM ({taken_row_ids(image)}) r "
        "WHERE next IS NOT NULL) AND table_id NOT IN (SELECT table_id FROM {ducklake_table_stats} s) ORDER BY 1"
    ):
        yield Fault("ducklake_table_stats", "has no row of the table", table_id)


RULES = (missing_table_stats,)
