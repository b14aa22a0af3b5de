"""Rules about rows that lie in the catalog itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canvasback.catalog.dialects import is_old
from canvasback.catalog.image import Image
from canvasback.catalog.reading.inlined import inlined_tables
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.rules.rule import Fault, Repair, rule
from canvasback.catalog.writing.edits import Edit
from canvasback.model.plurals import many
from canvasback.model.relation import identifier, literal

_REGISTERED = "ducklake_inlined_data_tables"
_OWN = frozenset({"row_id", "begin_snapshot", "end_snapshot"})


def _unregister(_: Image, faults: Sequence[Fault]) -> list[Edit]:
    names = ", ".join(literal(str(fault.ids[0])) for fault in faults)
    return [Edit(_REGISTERED, keep=f"table_name NOT IN ({names})")]


@rule(
    "inlined-table-missing",
    "error",
    explanation="The catalog names a table of inlined rows that is not there. Every read of the lake's table fails.",
    example="A cleanup script dropped tables that it did not know.",
    cure="If it held rows, restore the table from a point. Else run heal: it takes the name out of the list.",
    repair=Repair("the name is taken out of the list: there are no rows behind it, and reads work again", _unregister),
)
def missing_inlined_tables(image: Image) -> Iterator[Fault]:
    """Look for registered tables of inlined rows that are not there."""
    if _REGISTERED not in image.tables:
        return
    for name, table_id in image.rows(f"SELECT DISTINCT table_name, table_id FROM {{{_REGISTERED}}} i ORDER BY ALL"):
        if name not in image.tables:
            yield Fault(name, "is registered, and is not there", table_id, (name,))


def _register_once(_: Image, faults: Sequence[Fault]) -> list[Edit]:
    names = ", ".join(literal(str(fault.ids[0])) for fault in faults)
    rows = tuple(
        {"table_id": fault.table_id, "table_name": str(fault.ids[0]), "schema_version": int(fault.ids[1])}
        for fault in faults
    )
    return [Edit(_REGISTERED, keep=f"table_name NOT IN ({names})", rows=rows)]


@rule(
    "inlined-table-twice",
    "error",
    explanation="A table of inlined rows is registered twice, so its rows show twice.",
    example="Two catalogs were merged by hand.",
    cure="Run heal: it registers it once.",
    repair=Repair("it is registered once, as it is there once", _register_once),
)
def inlined_tables_twice(image: Image) -> Iterator[Fault]:
    """Look for tables of inlined rows that are registered twice."""
    if _REGISTERED not in image.tables:
        return
    for name, table_id, version, count in image.rows(
        f"SELECT table_name, any_value(table_id), any_value(schema_version), count(*) FROM {{{_REGISTERED}}} i "
        "GROUP BY table_name HAVING count(*) > 1 ORDER BY 1"
    ):
        yield Fault(name, f"is registered {count} times", table_id, (name, version))


def _drop_empty(_: Image, faults: Sequence[Fault]) -> list[Edit]:
    empty = [str(fault.ids[0]) for fault in faults if not fault.ids[1]]
    names = ", ".join(literal(name) for name in empty) or "''"
    return [Edit(_REGISTERED, keep=f"table_name NOT IN ({names})"), *(Edit(name, drop=True) for name in empty)]


@rule(
    "inlined-columns-differ",
    "error",
    explanation="A table of inlined rows does not have the columns that the lake's table had at its version. Every "
    "read of the lake's table fails.",
    example="DuckLake 0.3 makes such a table when a table is renamed that has room for inlined rows.",
    cure="Run heal: it removes the table where it is empty. Where it has rows, restore the lake's table from a point.",
    repair=Repair(
        "it is taken out of the list and dropped where it is empty: there is no row in it to lose", _drop_empty
    ),
)
def inlined_columns_differ(image: Image) -> Iterator[Fault]:
    """Look for registered tables of inlined rows with other columns than their table had."""
    begins = dict(image.rows("SELECT schema_version, min(snapshot_id) FROM {ducklake_snapshot} s GROUP BY 1"))
    if "ducklake_schema_versions" in image.tables:
        begins |= dict(
            image.rows("SELECT schema_version, min(begin_snapshot) FROM {ducklake_schema_versions} v GROUP BY 1")
        )
    for name, table_id, version in inlined_tables(image):
        if version not in begins:
            continue
        at = begins[version]
        wanted = [
            column
            for (column,) in image.rows(
                "SELECT column_name FROM {ducklake_column} c WHERE parent_column IS NULL "
                f"AND table_id = {table_id} AND {visible('c', at)} ORDER BY column_order"
            )
        ]
        has = [c.name for c in image.tables[name].columns if c.name.removeprefix("_ducklake_") not in _OWN]
        if wanted and has != wanted:
            [(rows,)] = image.rows(f"SELECT count(*) FROM {{{name}}} i")
            message = f"has the columns {', '.join(has)}, and the table had {', '.join(wanted)}"
            message += f"; it holds {many(rows, 'row')}"
            yield Fault(name, message, table_id, (name, rows))


_OLD_TYPES = frozenset(
    {
        ("VARCHAR", "character varying"), ("VARCHAR", "text"), ("JSON", "json"), ("DATE", "date"),
        ("TIMESTAMP", "timestamp without time zone"), ("TIMESTAMP WITH TIME ZONE", "timestamp with time zone"),
        ("FLOAT", "FLOAT"), ("DOUBLE", "DOUBLE"),
    }
)  # fmt: skip
"""What a column of the lake is, and what 0.3 made of it and 1.0 does not: in PostgreSQL, and the last two in SQLite.

Source: the extensions' metadata managers, `TypeIsNativelySupported` and `GetColumnTypeInternal`.
"""


@rule(
    "inlined-types-old",
    "warning",
    explanation="A table of inlined rows still has the types that DuckLake 0.3 gave it, and the catalog was migrated. "
    "What is in it is read as it should be. What DuckLake 1.0 writes into it is not what was said: in PostgreSQL "
    "the text 'new' becomes \\x6e6577, and other INSERTs fail; in SQLite a NaN becomes NULL.",
    example="A lake of DuckLake 0.3 with inlined rows, in PostgreSQL or SQLite, was attached with AUTOMATIC_MIGRATION.",
    cure="Write nothing before this: CALL ducklake_flush_inlined_data of the lake, then run heal. It removes the empty "
    "table, and DuckLake makes one of its own types when it needs one. Texts that begin with \\x were written since.",
    repair=Repair(
        "it is taken out of the list and dropped where it is empty: there is no row in it to lose, and DuckLake makes "
        "another one with its own types when it needs one",
        _drop_empty,
    ),
)
def old_inlined_types(image: Image) -> Iterator[Fault]:
    """Look for the tables of inlined rows that DuckLake would write to, and that an older one made."""
    if is_old(image.record.version):
        return
    live = {int(id_) for (id_,) in image.rows(f"SELECT table_id FROM {{ducklake_table}} t WHERE {_live(image)}")}
    newest = {table.table_id: table for table in sorted(inlined_tables(image), key=lambda t: t.schema_version)}
    for name, table_id, _ in sorted(newest.values()):
        meanings = {column.name: column.type for column in image.tables[name].columns}
        old = [
            column
            for column in image.stored[name].columns
            if (meanings.get(column.name), column.declared) in _OLD_TYPES
        ]
        if table_id not in live or not old:
            continue
        texts = [identifier(c.name) for c in old if meanings[c.name] in {"VARCHAR", "JSON"}]
        odd = " OR ".join(f"starts_with({text}::VARCHAR, '\\x')" for text in texts) or "false"
        [(rows, written)] = image.rows(f"SELECT count(*), count_if({odd}) FROM {{{name}}} i")
        said = f"{', '.join(f'{c.name} is {c.declared}' for c in old)}, as 0.3 made it; it holds {many(rows, 'row')}"
        if written:
            said += f", {written} of them with a text that begins with \\x"
        yield Fault(name, said, table_id, (name, rows))


def _live(image: Image) -> str:
    return visible("t", image.head()[0])


@rule(
    "inlined-table-unknown",
    "warning",
    explanation="A table of inlined rows has live rows and is not registered, so nobody sees them.",
    example="Rows of ducklake_inlined_data_tables were deleted by hand.",
    cure="Look at its rows with SQL in the catalog's database: were they lost, insert them again.",
)
def unknown_inlined_tables(image: Image) -> Iterator[Fault]:
    """Look for tables of inlined rows that nothing names and that have live rows."""
    known = {table.name for table in inlined_tables(image)}
    for name, table_id, _ in inlined_tables(image, registered=False):
        end = "_ducklake_end_snapshot" if image.has(name, "_ducklake_end_snapshot") else "end_snapshot"
        if name not in known and image.rows(f"SELECT 1 FROM {{{name}}} i WHERE {end} IS NULL LIMIT 1"):
            yield Fault(name, "has live rows, and is not registered", table_id)


RULES = (
    missing_inlined_tables,
    inlined_tables_twice,
    inlined_columns_differ,
    old_inlined_types,
    unknown_inlined_tables,
)
