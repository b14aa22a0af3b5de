"""What footers are compared with: columns, statistics and partition values of the catalog, in tables of their own."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import statistics_table
from canvasback.checks.wanted import WantedFiles
from canvasback.repository.own_table import OwnTable

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


class Notes:
    """What the catalog says of the rows of wanted files, in tables of their own until they are dropped.

    Attributes:
        columns: ``table_id``, ``column_id``, ``name``, ``types``, ``type``, ``open`` and ``top``: each column of their
            tables, with the groups of all its types.
        statistics: ``data_file_id``, ``column_id``, ``low``, ``high``, ``nulls`` and ``no_nan``, by file: the bounds by
            which readers skip files.
        siblings: ``table_id`` and ``name`` of all data files of the tables that have delete files among them.

    Args:
        wanted: The files.
    """

    def __init__(self, wanted: WantedFiles) -> None:
        connection = wanted.image.connection
        self.columns = OwnTable(connection, "columns", _columns(wanted))
        self.statistics = OwnTable(connection, "statistics", _statistics(wanted))
        self.siblings = OwnTable(connection, "siblings", _siblings(wanted))

    def drop(self) -> None:
        """Let go of them."""
        for table in (self.columns, self.statistics, self.siblings):
            table.drop()


class FooterNotes(Notes):
    """What the catalog says of wanted files that their footers tell too.

    Attributes:
        partitions: ``data_file_id``, ``column_id`` and ``value``, by file: the values of columns by which files are
            partitioned as they are.

    Args:
        wanted: The files.
    """

    def __init__(self, wanted: WantedFiles) -> None:
        super().__init__(wanted)
        self.partitions = OwnTable(wanted.image.connection, "partitions", _partitions(wanted.image))

    def drop(self) -> None:
        """Let go of them."""
        super().drop()
        self.partitions.drop()


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


def _columns(wanted: WantedFiles) -> str:
    return f"""
        SELECT table_id, column_id, arg_max(column_name, begin_snapshot) AS name,
            bool_or(known IS NULL) AS open, list(DISTINCT known) AS types, arg_max(known, begin_snapshot) AS type,
            bool_and(parent_column IS NULL) AS top
        FROM (SELECT *, {group_of("column_type")} AS known FROM ({wanted.image.tables["ducklake_column"].select}))
        WHERE table_id IN ({wanted.table_ids()}) GROUP BY table_id, column_id
        """


def _statistics(wanted: WantedFiles) -> str:
    image = wanted.image
    select = (
        f"SELECT data_file_id, column_id, min_value AS low, max_value AS high, null_count AS nulls, "
        f"contains_nan IS false AS no_nan FROM ({image.tables[statistics_table(image)].select}) "
        "WHERE min_value IS NOT NULL OR max_value IS NOT NULL OR null_count = 0 OR contains_nan IS false"
    )
    return f"FROM ({select}) WHERE data_file_id IN ({wanted.ids('data')}) ORDER BY data_file_id"


def _siblings(wanted: WantedFiles) -> str:
    return (
        "SELECT table_id, parse_filename(path) AS name FROM "
        f"({wanted.image.tables['ducklake_data_file'].select}) x WHERE table_id IN ({wanted.table_ids('delete')})"
    )


def _partitions(image: Image) -> str:
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
    return f"SELECT DISTINCT * FROM ({select}) ORDER BY data_file_id"
