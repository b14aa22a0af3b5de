"""Parquet footers against the catalog: rows, field ids, types, statistics, places that are deleted.

The footers are read by DuckDB, some hundred files at a time, into tables; what they say is compared with the catalog by
a few queries over all of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence

import duckdb

from canvasback.catalog.image import Image
from canvasback.catalog.logical import scalar_type
from canvasback.model.finding import FindingKind
from canvasback.model.progress import Progress
from canvasback.model.relation import file_literal, literal
from canvasback.operations.damage import DamagedFile
from canvasback.operations.file_checks.kinds import (
    FIELDS,
    FOOTER_SIZE,
    KEY,
    MISSING,
    NOT_PARQUET,
    OTHER_FILE,
    POSITIONS,
    ROW_COUNT,
    STATISTICS,
    UNREADABLE,
)
from canvasback.operations.file_checks.named import NamedFile, named_files
from canvasback.operations.file_checks.statistics import hidden_rows
from canvasback.operations.file_checks.tails import ENCRYPTED, PLAIN, Tail, read_tail
from canvasback.operations.parallel import Stop, in_parallel
from canvasback.repository.rows import create_table, insert_rows
from canvasback.storage.locations import Stores

_BATCH = 256
_RESERVED = 2_147_483_000
"""Field ids from here on are DuckLake's own columns: row ids, snapshot ids, places."""

_COUNTS = {"file_kind": "VARCHAR", "file_id": "BIGINT", "rows": "BIGINT"}
_FIELDS = {
    "file_kind": "VARCHAR", "file_id": "BIGINT", "name": "VARCHAR", "field_id": "BIGINT", "type": "VARCHAR"
}  # fmt: skip
_STATS = {
    "file_kind": "VARCHAR", "file_id": "BIGINT", "field_id": "BIGINT", "name": "VARCHAR", "low": "VARCHAR[]",
    "high": "VARCHAR[]", "nulls": "BIGINT", "rows": "BIGINT",
}  # fmt: skip
_TYPES = {"table_id": "BIGINT", "column_id": "BIGINT", "type": "VARCHAR"}

_FAMILIES = (
    ("integer", "TINYINT SMALLINT INTEGER BIGINT UTINYINT USMALLINT UINTEGER UBIGINT"),
    ("float", "FLOAT DOUBLE"),
    ("text", "VARCHAR BLOB JSON"),
    ("boolean", "BOOLEAN"),
    ("date", "DATE"),
    ("uuid", "UUID"),
)
"""Types that a column may change to without its files being written anew, or that say the same of a file."""


def check_footers(image: Image, stores: Stores, jobs: int, progress: Progress) -> Iterator[DamagedFile]:
    """Read the footers of the Parquet files of ``memory.named``, and compare them with the catalog.

    Args:
        image: The catalog in DuckDB's dialect, whose connection has ``memory.named``.
        stores: Reaches the files.
        jobs: How many threads read.
        progress: Told about every file.
    """
    for table, columns in (("counts", _COUNTS), ("fields", _FIELDS), ("footer_stats", _STATS)):
        create_table(image.connection, f"memory.{table}", columns)
    _list_types(image)
    [(count,)] = image.rows("SELECT count(*) FROM memory.named WHERE parquet")
    progress.begin("reading footers", files=count)

    def work(batch: list[NamedFile], _: Stop) -> list[list[DamagedFile]]:
        with image.connection.cursor() as cursor:
            found = _Footers(cursor, stores).read(batch)
        progress.advance(files=len(batch))
        return [found]

    broken: set[tuple[str, int]] = set()
    with in_parallel(named_files(image, "parquet"), work, jobs, lambda _: 0, _BATCH) as read:
        for found in read:
            broken |= {(damaged.file_kind, damaged.file_id) for damaged in found}
            yield from found
    for damaged in _compare(image):
        if (damaged.file_kind, damaged.file_id) not in broken:
            broken.add((damaged.file_kind, damaged.file_id))
            yield damaged
    progress.end()


class _Footers:
    """Reads the footers of some files into the tables."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, stores: Stores) -> None:
        self._cursor = cursor
        self._stores = stores

    def read(self, batch: Sequence[NamedFile]) -> list[DamagedFile]:
        found: list[DamagedFile] = []
        with tempfile.TemporaryDirectory(prefix="canvasback-") as folder:
            plain: list[tuple[NamedFile, str]] = []
            for file in batch:
                tail = read_tail(self._stores, file.place, file.size, folder)
                problem = _problem(file, tail)
                if problem is not None:
                    found.append(problem)
                elif isinstance(tail, Tail) and tail.letters == PLAIN and file.key is None:
                    plain.append((file, tail.path))
            found += self._insert(plain)
        return found

    def _insert(self, files: list[tuple[NamedFile, str]]) -> list[DamagedFile]:
        """One bad footer spoils the query: then half of the files are tried, and the other half."""
        if not files:
            return []
        try:
            self._query(files)
        except duckdb.Error as error:
            if len(files) == 1:
                [(file, path)] = files
                return [file.damaged(NOT_PARQUET, f"its footer cannot be read: {_reason(error, path, file.place)}")]
            half = len(files) // 2
            return self._insert(files[:half]) + self._insert(files[half:])
        return []

    def _query(self, files: list[tuple[NamedFile, str]]) -> None:
        paths = "[" + ", ".join(file_literal(path) for _, path in files) + "]"
        keys = ", ".join(f"({literal(path)}, {literal(file.file_kind)}, {file.file_id})" for file, path in files)
        keyed = f"JOIN (VALUES {keys}) k(path, file_kind, file_id) ON k.path = file_name"
        self._cursor.execute("BEGIN")
        try:
            self._cursor.execute(
                "INSERT INTO memory.counts SELECT k.file_kind, k.file_id, num_rows "
                f"FROM parquet_file_metadata({paths}) {keyed}"
            )
            self._cursor.execute(
                "INSERT INTO memory.fields SELECT k.file_kind, k.file_id, name, field_id, duckdb_type "
                f"FROM parquet_schema({paths}) {keyed} WHERE field_id IS NOT NULL OR k.file_kind = 'delete'"
            )
            self._cursor.execute(
                f"""
                INSERT INTO memory.footer_stats
                SELECT k.file_kind, k.file_id, s.field_id, path_in_schema,
                    list(CASE WHEN min_is_exact THEN stats_min_value END),
                    list(CASE WHEN max_is_exact THEN stats_max_value END),
                    CASE WHEN count(stats_null_count) = count(*) THEN sum(stats_null_count) END, sum(row_group_num_rows)
                FROM parquet_metadata({paths}) {keyed} LEFT JOIN (
                    SELECT file_name, name, any_value(field_id) AS field_id FROM parquet_schema({paths})
                    WHERE num_children IS NULL GROUP BY ALL HAVING count(*) = 1
                ) s ON s.file_name = parquet_metadata.file_name AND s.name = path_in_schema
                GROUP BY ALL
                """
            )
            self._cursor.execute("COMMIT")
        except BaseException:
            self._cursor.execute("ROLLBACK")
            raise


def _problem(file: NamedFile, tail: Tail | str | None) -> DamagedFile | None:
    if tail is None:
        return file.damaged(MISSING, "is not there")
    if isinstance(tail, str):
        return file.damaged(UNREADABLE if tail.startswith("cannot") else NOT_PARQUET, tail)
    if tail.letters == ENCRYPTED and file.key is None:
        return file.damaged(KEY, "is encrypted, and the catalog has no key of it", lost=False)
    if file.footer_size is not None and tail.footer != file.footer_size:
        message = f"its footer has {tail.footer} bytes, and the catalog says {file.footer_size}"
        return file.damaged(FOOTER_SIZE, message, lost=False)
    return None


def _reason(error: duckdb.Error, path: str, place: str) -> str:
    return str(error).splitlines()[0].replace(path, place)


def _list_types(image: Image) -> None:
    """Fill ``memory.types`` with the types that each column ever had."""
    create_table(image.connection, "memory.types", _TYPES)
    rows = image.rows("SELECT DISTINCT table_id, column_id, column_type FROM {ducklake_column} c")
    insert_rows(
        image.connection, "memory.types", _TYPES, [(table, column, scalar_type(type_)) for table, column, type_ in rows]
    )


def _compare(image: Image) -> Iterator[DamagedFile]:
    """What the footers say, against what the catalog says."""
    for kind, select in _COMPARISONS:
        yield from _found(image, kind, select)
    for file, message in hidden_rows(image):
        yield file.damaged(STATISTICS, message, lost=False)


def _found(image: Image, kind: FindingKind, select: str) -> Iterator[DamagedFile]:
    sql = f"SELECT n.*, m.message FROM memory.named n JOIN ({select}) m USING (file_kind, file_id) ORDER BY n.place"
    for *values, message in image.connection.execute(sql).fetchall():
        yield NamedFile(*values).damaged(kind, message, lost=kind is not ROW_COUNT)


def _family(type_: str) -> str:
    cases = " ".join(f"WHEN {type_} IN ({_quoted(types)}) THEN '{name}'" for name, types in _FAMILIES)
    return f"CASE {cases} END"


def _quoted(types: str) -> str:
    return ", ".join(literal(type_) for type_ in types.split())


_LAST = "max(TRY_CAST(p AS BIGINT))"
_NAME = "regexp_extract(replace(p, chr(92), '/'), '[^/]*$')"

_COMPARISONS = (
    (
        ROW_COUNT,
        "SELECT file_kind, file_id, format('has {} rows, and the catalog says {}', c.rows, n.rows) AS message "
        "FROM memory.named n JOIN memory.counts c USING (file_kind, file_id) WHERE c.rows <> n.rows",
    ),
    (
        FIELDS,
        "SELECT file_kind, file_id, 'has a field of the id ' || min(f.field_id) || ', which its table never had' "
        "AS message FROM memory.named n JOIN memory.fields f USING (file_kind, file_id) WHERE n.file_kind = 'data' "
        f"AND NOT n.mapped AND f.field_id < {_RESERVED} AND NOT EXISTS (FROM memory.types t "
        "WHERE t.table_id = n.table_id AND t.column_id = f.field_id) GROUP BY 1, 2",
    ),
    (
        FIELDS,
        "SELECT file_kind, file_id, 'has a field of the type ' || min(f.type) || ', which its column never had' "
        "AS message FROM memory.named n JOIN memory.fields f USING (file_kind, file_id) JOIN (SELECT table_id, "
        f"column_id, list(DISTINCT {_family('type')}) AS families, bool_and({_family('type')} IS NOT NULL) AS known "
        "FROM memory.types GROUP BY ALL) t ON t.table_id = n.table_id AND t.column_id = f.field_id WHERE "
        f"n.file_kind = 'data' AND NOT n.mapped AND t.known AND {_family('f.type')} IS NOT NULL "
        f"AND NOT list_contains(t.families, {_family('f.type')}) GROUP BY 1, 2",
    ),
    (
        FIELDS,
        "SELECT file_kind, file_id, 'does not have the fields of a file of deletes' AS message "
        "FROM memory.counts c WHERE c.file_kind = 'delete' AND 2 > (SELECT count(DISTINCT f.name) FROM memory.fields f "
        "WHERE f.file_kind = 'delete' AND f.file_id = c.file_id AND f.name IN ('file_path', 'pos'))",
    ),
    (
        POSITIONS,
        f"SELECT file_kind, file_id, format('deletes the place {{}} of a file of {{}} rows', {_LAST}, "
        "any_value(n.of_rows)) AS message FROM memory.named n JOIN (SELECT file_kind, file_id, unnest(high) AS p "
        "FROM memory.footer_stats WHERE file_kind = 'delete' AND name = 'pos') USING (file_kind, file_id) "
        f"GROUP BY 1, 2 HAVING {_LAST} >= any_value(n.of_rows)",
    ),
    (
        OTHER_FILE,
        f"SELECT file_kind, file_id, 'says that it is of ' || any_value({_NAME}) AS message FROM memory.named n "
        "JOIN (SELECT file_kind, file_id, unnest(low) AS p FROM memory.footer_stats WHERE file_kind = 'delete' "
        f"AND name = 'file_path') USING (file_kind, file_id) WHERE p IS NOT NULL AND {_NAME} <> n.of_name GROUP BY 1, 2",
    ),
)
"""What is compared: SELECTs of ``file_kind``, ``file_id`` and a message of the files that are not as they should be."""
