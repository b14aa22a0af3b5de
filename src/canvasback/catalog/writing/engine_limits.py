"""Which inlined rows an engine can hold: asked before anything is written, and answered by table and column.

SQLite and PostgreSQL hold no inlined VARIANT; PostgreSQL cuts names at 63 bytes and its texts have no NUL. The
extension itself does not inline such rows there (`SupportsInlining`, `MaxIdentifierLength` of its metadata managers).
A table of inlined rows without a row never stands in the way: it is left out, and the extension makes it anew where
it needs it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from canvasback.catalog.dialects import FLUSH, converted, in_engine, is_old, readable
from canvasback.catalog.image import Image
from canvasback.catalog.logical import is_lake_column
from canvasback.catalog.reading.inlined import InlinedTable, inlined_tables
from canvasback.catalog.reading.lake_tables import table_names
from canvasback.catalog.texts import is_nested, unreadable
from canvasback.errors import RefusedError
from canvasback.model.engine import ENGINES, EngineName
from canvasback.model.relation import Column, Relation, identifier

_UNREADABLE = "The lake itself cannot read that value: correct or delete the row there, or restore within its engine."
_REGISTERED = "ducklake_inlined_data_tables"


def fitting(image: Image, dialect: EngineName) -> Image:
    """The image with nothing in it that a catalog of some engine cannot hold.

    Args:
        image: A catalog of any engine.
        dialect: The engine that is to hold it.

    Raises:
        RefusedError: Inlined rows cannot be held (``not-inlinable``), or those that are there cannot be read
            (``unreadable-value``).
    """
    image = readable(image)
    for inlined in inlined_tables(image, registered=False):
        relation = image.tables[inlined.name]
        found = next(_obstacles(image, relation, dialect), None)
        if found is None:
            continue
        if image.rows(f"SELECT count(*) FROM {{{inlined.name}}} i") == [(0,)]:
            image = _without(image, inlined)
            continue
        column, why, unread = found
        holder = f"a catalog in {ENGINES[dialect].shown}"
        message = f"the table {_name(image, inlined)} has inlined rows that {holder} cannot hold: "
        if unread:
            raise RefusedError("unreadable-value", f"{message}its column {column} {why}", hint=_UNREADABLE)
        raise RefusedError("not-inlinable", f"{message}its column {column} {why}", hint=FLUSH)
    return image


def _obstacles(image: Image, relation: Relation, dialect: EngineName) -> Iterator[tuple[str, str, bool]]:
    """The columns that cannot be held, why, and whether nobody can read them at all."""
    if image.record.engine == dialect:
        return
    new, longest = not is_old(image.record.version), ENGINES[dialect].longest_name
    for column in relation.columns:
        if not is_lake_column(relation.name, column.name):
            continue
        if longest is not None and len(column.name.encode()) > longest:
            yield column.name, f"has a name of more than {longest} bytes", False
            continue
        try:
            fresh = in_engine(relation.name, column, dialect, new=new)
        except RefusedError:
            yield column.name, f"has the type {column.meaning}", False
            continue
        yield from _values(image, relation, column, fresh)


def _values(image: Image, relation: Relation, column: Column, fresh: Column) -> Iterator[tuple[str, str, bool]]:
    held = f"SELECT {identifier(column.name)} AS value FROM ({relation.select}) WHERE {identifier(column.name)} NOTNULL"
    here = msgspec.structs.replace(column, name="value")
    there = msgspec.structs.replace(fresh, name="value")
    meant = converted(here, Column("value", column.meaning))
    odd = unreadable(image.connection, held, meant) if column.type != column.meaning else []
    if odd:
        yield column.name, f"holds {str(odd[0])[:60]!r}, which is no {column.meaning}", True
        return
    if fresh.type != "VARCHAR" or not (is_nested(column.meaning) or fresh.declared == "character varying"):
        return
    text = converted(here, there)
    if fresh.declared == "character varying" and image.connection.execute(
        f"SELECT count(*) FROM (SELECT {text} AS text FROM ({held})) WHERE contains(text, chr(0))"
    ).fetchall() != [(0,)]:
        yield column.name, "holds a text with a NUL in it", False
        return
    again = converted(there, Column("value", column.meaning))
    spelled = f"SELECT {meant} AS meant, {text} AS value FROM ({held})"
    back = f"SELECT meant, {again} AS back FROM ({spelled})"
    lost = image.connection.execute(f"SELECT count(*) FROM ({back}) WHERE back IS DISTINCT FROM meant").fetchall()
    if lost != [(0,)]:
        yield column.name, f"holds a {column.meaning} whose text does not read back", False


def _without(image: Image, inlined: InlinedTable) -> Image:
    """The image without a table of inlined rows, and without its registration."""
    left = image.without(inlined.name)
    if _REGISTERED not in left.tables:
        return left
    old = left.tables[_REGISTERED]
    select = f"SELECT * FROM ({old.select}) WHERE table_name <> '{inlined.name}'"
    return left.transformed({_REGISTERED: msgspec.structs.replace(old, select=select)})


def _name(image: Image, inlined: InlinedTable) -> str:
    names = table_names(image)
    return str(names.get(inlined.table_id, f"with the id {inlined.table_id}"))
