"""Statistics of the catalog against those that files have of themselves: do they leave out rows that are there?"""

from __future__ import annotations

from collections.abc import Iterator

from canvasback.catalog.image import Image
from canvasback.operations.file_checks.named import NamedFile

_COMPARABLE = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "DATE", "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE", "BOOLEAN", "VARCHAR",
)  # fmt: skip
"""Types whose bounds mean the same in a footer, in the catalog and for DuckDB."""


def hidden_rows(image: Image) -> Iterator[tuple[NamedFile, str]]:
    """The data files of which the catalog's statistics leave out values, and which.

    Args:
        image: The catalog in DuckDB's dialect, whose connection has ``memory.named``, ``memory.types``, and in
            ``memory.footer_stats`` the bounds of the files' row groups.
    """
    stats = next(n for n in ("ducklake_file_column_stats", "ducklake_file_column_statistics") if n in image.tables)
    for type_ in _COMPARABLE:
        low, high = (
            f"list_{end}([TRY_CAST(v AS {type_}) FOR v IN f.{of}])" for end, of in (("min", "low"), ("max", "high"))
        )
        cursor = image.connection.cursor()
        cursor.execute(
            f"""
            WITH typed AS (SELECT table_id, column_id FROM memory.types GROUP BY ALL
                HAVING bool_and(type IS NOT DISTINCT FROM '{type_}'))
            SELECT n.*, s.column_id, s.min_value, s.max_value, {low}, {high}
            FROM memory.footer_stats f JOIN memory.named n USING (file_kind, file_id)
            JOIN ({image.tables[stats].select}) s ON s.data_file_id = f.file_id AND s.column_id = f.field_id
            JOIN typed t ON t.table_id = n.table_id AND t.column_id = s.column_id
            WHERE n.file_kind = 'data' AND NOT n.mapped
                AND ({low} < TRY_CAST(s.min_value AS {type_}) OR {high} > TRY_CAST(s.max_value AS {type_})
                    OR (f.nulls > 0 AND s.null_count = 0))
            ORDER BY 4
            """
        )
        while rows := cursor.fetchmany(1024):
            for *values, column, said_low, said_high, has_low, has_high in rows:
                message = f"column {column} is said to go from {said_low!r} to {said_high!r}"
                yield (
                    NamedFile(*values),
                    f"{message}, and the file has {has_low} to {has_high}, or NULLs that are not told",
                )
