"""Statistics of inlined rows, as if they were in a file: DuckLake notes them for whole tables alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from canvasback.catalog.image import Image
from canvasback.catalog.logical import scalar_type
from canvasback.catalog.reading.inlined import inlined_tables, own_column
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.writing.edits import Value
from canvasback.model.relation import identifier, literal

Row = Mapping[str, Value]

_NESTED = {"struct", "list", "map"}
_COUNTED_ONLY = frozenset({"INTERVAL", "TIME WITH TIME ZONE"})
"""Types of which no file's bounds are noted either."""


class Column(NamedTuple):
    """A column of a table at a snapshot, or a part of a nested one."""

    id: int
    name: str
    type: str
    parent: int | None


Columns = Mapping[int, Mapping[int, Column]]
"""By table, then by column."""


def columns_at(image: Image, snapshot: int, tables: Collection[int]) -> dict[int, dict[int, Column]]:
    """The columns of tables that a snapshot sees."""
    found: dict[int, dict[int, Column]] = {}
    if tables:
        rows = image.rows(
            "SELECT table_id, column_id, column_name, column_type, parent_column FROM {ducklake_column} c "
            f"WHERE table_id IN ({_listed(tables)}) AND {visible('c', snapshot)} ORDER BY table_id, column_order"
        )
        for table, id_, name, type_, parent in rows:
            found.setdefault(int(table), {})[int(id_)] = Column(int(id_), str(name), str(type_).lower(), parent)
    return found


def is_nested(type_: str) -> bool:
    """Whether a type of DuckLake's has columns inside, which have the statistics in its place."""
    return type_ in _NESTED


def inlined_bounds(image: Image, snapshot: int, columns: Columns) -> Iterator[tuple[int, list[Row]]]:
    """For each table of inlined rows that a snapshot sees some of: the lake's table, and rows like those of files.

    A column that the rows do not have themselves, as it was added later, has none. Where a value is none of the
    column's type at the snapshot, nothing is said of the bounds.

    Args:
        image: The catalog in DuckDB's dialect.
        snapshot: The snapshot.
        columns: The tables of interest, with the columns that the snapshot sees.
    """
    begins: dict[int, int] | None = None
    for name, table_id, version in inlined_tables(image):
        if table_id not in columns:
            continue
        begin, end = own_column(image, name, "begin_snapshot"), own_column(image, name, "end_snapshot")
        seen = f"SELECT * FROM {{{name}}} i WHERE {begin} <= {snapshot} AND ({end} IS NULL OR {end} > {snapshot})"
        [(count,)] = image.rows(f"SELECT count(*) FROM ({seen})")
        if not count:
            continue
        if begins is None:
            begins = schema_begins(image)
        held = columns_at(image, begins.get(version, snapshot), [table_id]).get(table_id, {})
        yield table_id, list(_bounds(image, name, seen, columns[table_id], held))


def schema_begins(image: Image) -> dict[int, int]:
    """The first snapshot of each version of the schema that is known."""
    begins = dict(image.rows("SELECT schema_version, min(snapshot_id) FROM {ducklake_snapshot} s GROUP BY 1"))
    if "ducklake_schema_versions" in image.tables:
        begins |= dict(
            image.rows("SELECT schema_version, min(begin_snapshot) FROM {ducklake_schema_versions} v GROUP BY 1")
        )
    return begins


def _bounds(
    image: Image, name: str, seen: str, columns: Mapping[int, Column], held: Mapping[int, Column]
) -> Iterator[Row]:
    plain: list[tuple[int, str]] = []
    for column in columns.values():
        if is_nested(column.type) or column.id not in held:
            continue
        path = _path(column.id, held)
        if not image.has(name, path[0][1]):
            continue
        if any(kind in {"list", "map"} for kind, _ in path):
            [values] = image.rows(f"SELECT {_aggregates('v', column.type)} FROM ({_unnested(seen, path)})")
            yield _row(column.id, values)
        else:
            plain.append((column.id, _extracted(path)))
    if plain:
        shown = ", ".join(_aggregates(sql, columns[id_].type) for id_, sql in plain)
        [values] = image.rows(f"SELECT {shown} FROM ({seen})")
        for place, (id_, _) in enumerate(plain):
            yield _row(id_, values[place * 5 : place * 5 + 5])


def _row(column_id: int, values: tuple[Value, ...]) -> Row:
    names = ("value_count", "null_count", "min_value", "max_value", "contains_nan")
    return {"column_id": column_id, **dict(zip(names, values, strict=True))}


def _aggregates(sql: str, type_: str) -> str:
    """How many values and NULLs an expression has, its bounds as texts, and whether one is no number."""
    known = scalar_type(type_)
    counts = f"count({sql}), count(*) - count({sql})"
    if known is None or known in _COUNTED_ONLY:
        return f"{counts}, NULL, NULL, NULL"
    value = f"TRY_CAST({sql} AS {'VARCHAR' if known == 'JSON' else known})"
    low, high = f"min({value})", f"max({value})"
    if known == "BLOB":  # as DuckLake spells bytes
        low, high = f"hex({low})", f"hex({high})"
    fit = f"count({sql}) = count({value})"
    bounds = ", ".join(f"CASE WHEN {fit} THEN CAST({bound} AS VARCHAR) END" for bound in (low, high))
    nan = f"coalesce(bool_or(isnan({value})), false)" if known in {"FLOAT", "DOUBLE"} else "NULL"
    return f"{counts}, {bounds}, {nan}"


def _path(column_id: int, held: Mapping[int, Column]) -> list[tuple[str, str]]:
    """From the table's column on: the type of what each is inside of, and its name."""
    path: list[tuple[str, str]] = []
    at: int | None = column_id
    while at is not None and at in held and len(path) <= len(held):
        column = held[at]
        above = held.get(column.parent) if column.parent is not None else None
        path.insert(0, (above.type if above else "", column.name))
        at = column.parent
    return path


def _extracted(path: list[tuple[str, str]]) -> str:
    sql = identifier(path[0][1])
    for _, name in path[1:]:
        sql = f"struct_extract({sql}, {literal(name)})"
    return sql


def _unnested(seen: str, path: list[tuple[str, str]]) -> str:
    sql = f"SELECT {identifier(path[0][1])} AS v FROM ({seen})"
    for kind, name in path[1:]:
        step = f"struct_extract(v, {literal(name)})"
        if kind == "list":
            step = "unnest(v)"
        elif kind == "map":
            step = f"unnest(map_{'keys' if name == 'key' else 'values'}(v))"
        sql = f"SELECT {step} AS v FROM ({sql})"
    return sql


def _listed(ids: Collection[int]) -> str:
    return ", ".join(map(str, sorted(ids)))
