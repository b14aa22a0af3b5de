"""Tables of a lake by the names that they had at a snapshot."""

from __future__ import annotations

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.table_states import visible
from canvasback.errors import RefusedError, UsageError
from canvasback.model.relation import literal


class LakeTable(msgspec.Struct, frozen=True):
    """A table at a snapshot.

    Attributes:
        table_id: Its id.
        schema: The name of its schema.
        name: Its name.
    """

    table_id: int
    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


def split_name(text: str) -> tuple[str, ...]:
    """Read ``schema.table``, ``table`` or ``schema``; parts with a dot or a quote stand in double quotes, as in SQL.

    Raises:
        UsageError: It is neither (``table-name``).
    """
    parts: list[str] = []
    rest = text.strip()
    while rest:
        if rest.startswith('"'):
            end = 1
            while end < len(rest) and (rest[end] != '"' or rest[end + 1 : end + 2] == '"'):
                end += 2 if rest[end] == '"' else 1
            part, rest = rest[1:end].replace('""', '"'), rest[end + 1 :]
        else:
            part, dot, after = rest.partition(".")
            rest = dot + after
        parts.append(part)
        if rest and (not rest.startswith(".") or rest == "."):
            parts.append("")
        rest = rest[1:]
    if not 1 <= len(parts) <= len(("schema", "table")) or not all(parts):
        raise UsageError(
            "table-name",
            f"{text!r} names no table",
            hint='Write schema.table; a part with a dot or a quote stands in double quotes: main."a.b".',
        )
    return tuple(parts)


def find_tables(image: Image, snapshot: int, wanted: str, where: str) -> list[LakeTable]:
    """The table of a name at a snapshot, or all tables of a schema.

    Args:
        image: The catalog, with the types that a catalog in DuckDB has.
        snapshot: The snapshot.
        wanted: What the user says, see `split_name`. A single name is that of a table in ``main``, or of a schema.
        where: What the catalog is, for messages.

    Raises:
        UsageError: The name cannot be read (``table-name``), or is that of a table and of a schema
            (``ambiguous-table``).
        RefusedError: There is none of that name at the snapshot (``table-not-there``).
    """
    parts = split_name(wanted)
    there = _tables_at(image, snapshot)
    if len(parts) > 1:
        found = [table for table in there if (table.schema.lower(), table.name.lower()) == _lower(parts)]
    else:
        named = [table for table in there if (table.schema, table.name.lower()) == ("main", parts[0].lower())]
        inside = [table for table in there if table.schema.lower() == parts[0].lower()]
        if named and inside:
            raise UsageError(
                "ambiguous-table",
                f"{wanted!r} is a table of the schema main, and a schema",
                hint=f"Say main.{parts[0]} for the table, or name the schema's tables one by one.",
            )
        found = named or inside
    if not found:
        raise RefusedError(
            "table-not-there",
            f"there is no table {wanted!r} in {where} at snapshot {snapshot}",
            hint=_when(image, parts, snapshot),
        )
    return found


def _tables_at(image: Image, snapshot: int) -> list[LakeTable]:
    rows = image.rows(
        "SELECT t.table_id, s.schema_name, t.table_name FROM {ducklake_table} t "
        f"JOIN {{ducklake_schema}} s ON s.schema_id = t.schema_id AND {visible('s', snapshot)} "
        f"WHERE {visible('t', snapshot)} ORDER BY 2, 3"
    )
    return [LakeTable(int(id_), schema, name) for id_, schema, name in rows]


def _when(image: Image, parts: tuple[str, ...], snapshot: int) -> str:
    """When there was such a table."""
    rows = image.rows(
        "SELECT begin_snapshot, end_snapshot FROM {ducklake_table} t "
        f"WHERE lower(table_name) = lower({literal(parts[-1])}) ORDER BY begin_snapshot DESC LIMIT 1"
    )
    if not rows:
        return "Run tables to see which there are, and tables --dropped for those that were."
    begin, end = rows[0]
    if end is not None and end <= snapshot:
        return f"It was there from snapshot {begin} to {end - 1}: add --at-snapshot {end - 1}."
    return f"It is there from snapshot {begin} on: choose that one or a later one."


def _lower(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.lower() for part in parts)


def table_names(image: Image) -> dict[int, LakeTable]:
    """Every table that the catalog speaks of, the dropped ones too, by its id, with its last name."""
    rows = image.rows(
        f"SELECT t.table_id, arg_max(s.schema_name, {_last('s')}), arg_max(t.table_name, {_last('t')}) "
        "FROM {ducklake_table} t LEFT JOIN {ducklake_schema} s USING (schema_id) "
        "WHERE t.table_id IS NOT NULL GROUP BY t.table_id ORDER BY 1"
    )
    return {int(id_): LakeTable(int(id_), schema or "?", name or "?") for id_, schema, name in rows}


def _last(alias: str) -> str:
    """What the last version of something has most of."""
    return f"[coalesce({alias}.end_snapshot, {2**63 - 1}), {alias}.begin_snapshot]"
