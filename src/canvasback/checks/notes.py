"""What footers are compared with: columns, statistics and partition values of the catalog, in tables of their own."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import statistics_table

GROUPS = (
    ("integer", r"^(u?int(8|16|32|64)|U?(TINYINT|SMALLINT|INTEGER|BIGINT))$"),
    ("number", r"^(float32|float64|FLOAT|DOUBLE|(decimal|DECIMAL)\(.*)$"),
    ("text", r"^(varchar|VARCHAR)$"),
    ("date", r"^(date|DATE)$"),
    ("time", r"^(time|TIME)$"),
    ("timestamptz", r"^(timestamptz|TIMESTAMP WITH TIME ZONE)$"),
    ("timestamp", r"^(timestamp(_s|_ms|_us|_ns)?|TIMESTAMP(_S|_MS|_NS)?)$"),
    ("boolean", r"^(boolean|BOOLEAN)$"),
)
"""Groups of types whose values compare with each other, by the names that DuckLake and DuckDB have for them."""


def group_of(type_: str) -> str:
    """An expression: the group of a type; NULL for types of which nothing is proved."""
    whens = " ".join(f"WHEN regexp_matches({type_}, '{pattern}') THEN '{group}'" for group, pattern in GROUPS)
    return f"CASE {whens} END"


def note_columns(image: Image) -> None:
    """Fill ``memory.noted_columns``: each column of a table that is wanted, with the groups of all its types."""
    image.connection.execute(
        f"""
        CREATE OR REPLACE TABLE memory.noted_columns AS
        SELECT table_id, column_id, arg_max(column_name, begin_snapshot) AS name,
            bool_or(known IS NULL) AS open, list(DISTINCT known) AS types, arg_max(known, begin_snapshot) AS type,
            bool_and(parent_column IS NULL) AS top
        FROM (SELECT *, {group_of("column_type")} AS known FROM ({image.tables["ducklake_column"].select}))
        WHERE table_id IN (SELECT table_id FROM memory.wanted) GROUP BY ALL
        """.replace("GROUP BY ALL", "GROUP BY table_id, column_id")
    )


def note_statistics(image: Image) -> None:
    """Fill ``memory.noted_statistics``, by file: the bounds by which readers skip files."""
    select = (
        f"SELECT data_file_id, column_id, min_value AS low, max_value AS high, null_count AS nulls, "
        f"contains_nan IS false AS no_nan FROM ({image.tables[statistics_table(image)].select}) "
        "WHERE min_value IS NOT NULL OR max_value IS NOT NULL OR null_count = 0 OR contains_nan IS false"
    )
    wanted = "data_file_id IN (SELECT id FROM memory.wanted WHERE kind = 'data')"
    image.connection.execute(
        f"CREATE OR REPLACE TABLE memory.noted_statistics AS FROM ({select}) WHERE {wanted} ORDER BY data_file_id"
    )


def note_partitions(image: Image) -> None:
    """Fill ``memory.noted_partitions``: the values of columns by which files are partitioned as they are."""
    values, columns = "ducklake_file_partition_value", "ducklake_partition_column"
    select = "SELECT 0::BIGINT AS data_file_id, 0::BIGINT AS column_id, '' AS value LIMIT 0"
    # In 0.1 the column's place among the others is noted in the place of its id.
    if values in image.tables and columns in image.tables and image.has("ducklake_table", "path"):
        select = (
            f"SELECT v.data_file_id, c.column_id, v.partition_value AS value "
            f"FROM ({image.tables[values].select}) v "
            f"JOIN ({image.tables['ducklake_data_file'].select}) d ON d.data_file_id = v.data_file_id "
            f"JOIN ({image.tables[columns].select}) c ON c.partition_id = d.partition_id "
            "AND c.table_id = d.table_id AND c.partition_key_index = v.partition_key_index "
            "WHERE c.transform = 'identity' AND v.partition_value IS NOT NULL"
        )
    image.connection.execute(
        f"CREATE OR REPLACE TABLE memory.noted_partitions AS SELECT DISTINCT * FROM ({select}) ORDER BY data_file_id"
    )


def before(one: str, other: str, group: str) -> str:
    """A condition: one text, as a value of a group of types, provably comes before another. NaN is no bound."""
    casts = {
        "integer": "HUGEINT",
        "number": "DOUBLE",  # keeps order, though not all digits
        "date": "DATE",
        "time": "TIME",
        "timestamp": "TIMESTAMP",
        "timestamptz": "TIMESTAMPTZ",
        "boolean": "BOOLEAN",
    }
    whens = " ".join(
        f"WHEN '{name}' THEN {' < '.join(_value(text, type_) for text in (one, other))}"
        for name, type_ in casts.items()
    )
    return f"CASE {group} {whens} WHEN 'text' THEN {one} < {other} ELSE false END"


def _value(text: str, type_: str) -> str:
    cast = f"TRY_CAST({text} AS {type_})"
    return f"nullif({cast}, 'nan')" if type_ == "DOUBLE" else cast
