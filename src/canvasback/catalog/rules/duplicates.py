"""Rules about rows that are there more than once, and about the keys that keep DuckLake from writing such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canvasback.catalog.image import Image
from canvasback.catalog.reading.inlined import INLINED_ROWS, inlined_deletes
from canvasback.catalog.rules.rule import RESTORE, Fault, Repair, rule
from canvasback.catalog.spec import PRIMARY_KEYS
from canvasback.catalog.writing.edits import Edit
from canvasback.model.plurals import many
from canvasback.model.relation import identifier

_NAMES = {
    "ducklake_snapshot": "snapshot",
    "ducklake_snapshot_changes": "changes of snapshot",
    "ducklake_schema": "schema",
    "ducklake_data_file": "data file",
    "ducklake_delete_file": "delete file",
}
_OWN_RULE = frozenset({"ducklake_inlined_data_tables"})
"""Tables of whose repeated rows a rule of its own speaks."""
_HARMLESS = frozenset({"ducklake_schema_versions"})
"""Tables of whose repeated rows one counts.

DuckLake's migration to 0.4 writes one for each row that a table has, two where it was renamed (`MigrateV03`), and takes
them for one range and an empty one (`GetFilesForCompaction`).
"""


def _without_key(image: Image) -> Iterator[tuple[str, str]]:
    """The tables with ids that nothing keeps from being given out twice, and their ids."""
    for table, (key,) in PRIMARY_KEYS.items():
        if table in image.tables and image.tables[table].primary_key != (key,):
            yield table, key  # the database itself forbids it where the key is there


def _columns(image: Image, table: str) -> str:
    return ", ".join(identifier(column.name) for column in image.tables[table].columns)


def _keep_one(_: Image, faults: Sequence[Fault]) -> list[Edit]:
    return [Edit(str(table), distinct=True) for table in dict.fromkeys(fault.ids[0] for fault in faults)]


@rule(
    "duplicate-row",
    "error",
    explanation="A row of the catalog is there more than once, the same in every column. Where it is a snapshot's, "
    "DuckLake reads nothing of the lake; else what it speaks of counts twice.",
    example="A catalog that was copied with CREATE TABLE AS lost its primary keys, and a script copied rows again.",
    cure="Stop all writers and run heal: it keeps one of each.",
    repair=Repair("of rows that are the same in every column one is kept: they say one thing", _keep_one),
)
def duplicate_rows(image: Image) -> Iterator[Fault]:
    """Look for rows that are the same in every column. Rows of the lake's own may be."""
    yield from repeated_rows(image, [table for table, _ in _without_key(image)])
    of_rows = inlined_deletes(image).keys() | {name for name in image.tables if INLINED_ROWS.fullmatch(name)}
    yield from repeated_rows(image, sorted(image.tables.keys() - PRIMARY_KEYS.keys() - of_rows - _OWN_RULE - _HARMLESS))


def repeated_rows(image: Image, tables: Sequence[str]) -> Iterator[Fault]:
    """The rows of some tables that are there more than once."""
    for table in tables:
        columns = _columns(image, table)
        [(rows, different)] = image.rows(f"SELECT count(*), count(DISTINCT hash({columns})) FROM {{{table}}} x")
        if rows == different:
            continue  # found sooner than by comparing the rows
        of_table = "table_id" if image.has(table, "table_id") else "NULL"
        key = PRIMARY_KEYS.get(table, ("NULL",))[0]
        for id_, table_id, count in image.rows(
            f"SELECT {key}, {of_table}, count(*) FROM {{{table}}} x GROUP BY {columns} HAVING count(*) > 1 "
            "ORDER BY ALL LIMIT 1000"
        ):
            where = table if id_ is None else f"{_NAMES[table]} {id_}"
            yield Fault(where, f"has a row that is there {count} times, the same in every column", table_id, (table,))


@rule(
    "duplicate-id",
    "error",
    explanation="An id that DuckLake gives out once is there twice, in rows that differ. Two writers got the same "
    "number: one of the two commits was not noticed by the other, and queries may count rows twice or read the wrong "
    "file. Where it is a snapshot's, DuckLake reads nothing of the lake then.",
    example="A catalog that was copied with CREATE TABLE AS lost its primary keys, and two jobs committed at once.",
    cure=RESTORE,
)
def duplicate_ids(image: Image) -> Iterator[Fault]:
    """Look for ids of snapshots, schemas and files that are there twice."""
    for table, key in _without_key(image):
        of_table = "any_value(table_id)" if image.has(table, "table_id") else "NULL"
        for id_, count, table_id in image.rows(
            f"SELECT {key}, count(*), {of_table} FROM (SELECT DISTINCT * FROM {{{table}}} y) x GROUP BY 1 "
            "HAVING count(*) > 1 ORDER BY 1"
        ):
            yield Fault(f"{_NAMES[table]} {id_}", f"is there in {many(count, 'row')} that differ", table_id)


@rule(
    "primary-key-missing",
    "error",
    explanation="DuckLake finds out by primary keys alone that two commits took the same number. Without them two "
    "writers corrupt the lake, and nobody notices.",
    example="The catalog was moved to another database with CREATE TABLE AS or with COPY FROM DATABASE.",
    cure="Stop all writers. Where something is there twice, see to that first. Then run backup, and restore that point "
    "with --replace: the catalog comes back with its keys.",
)
def missing_keys(image: Image) -> Iterator[Fault]:
    """Look for tables without the primary keys that DuckLake makes."""
    for table, key in _without_key(image):
        yield Fault(table, f"has no primary key on {key}")


RULES = (duplicate_rows, duplicate_ids, missing_keys)
