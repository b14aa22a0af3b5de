"""Edits: what becomes of a catalog table, told once and carried out in two ways.

An edit of an image is a SELECT, of which nothing is read before somebody reads it. The same edit of a live catalog
is a few statements in the catalog's own database. So what is restored from a point and what a lake becomes in place
cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from canvasback.catalog.image import Image
from canvasback.model.relation import Relation, identifier, literal

Value = str | int | float | bool | None

_BATCH = 500
_NAME = re.compile(r"\{(ducklake_\w+)\}")


class Edit(msgspec.Struct, frozen=True):
    """What becomes of one catalog table.

    Conditions and expressions are SQL that all engines understand, on numbers and texts. ``{ducklake_…}`` stands for
    another table as it was before any edit.

    Attributes:
        table: The table's name.
        keep: Which rows stay.
        where: Which of them change.
        changes: Their new values, by column.
        rows: New rows, by column; the other columns are NULL.
        drop: Whether the whole table goes away.
        create: Columns and types of a table that is to be made first; for live catalogs only.
        distinct: Whether of rows that are the same in every column one stays.
    """

    table: str
    keep: str = "true"
    where: str = "false"
    changes: Mapping[str, str] = {}
    rows: tuple[Mapping[str, Value], ...] = ()
    drop: bool = False
    create: Mapping[str, str] = {}
    distinct: bool = False


def edited(image: Image, edits: Sequence[Edit]) -> Image:
    """The image after the edits, which may be several of one table: then one after the other."""
    result = image
    for edit in edits:
        if edit.drop:
            result = result.without(edit.table)
        else:
            relation = result.tables[edit.table]
            result = result.transformed({edit.table: _edited(relation, edit, image)})
    return result


def statements(edits: Sequence[Edit]) -> list[str]:
    """Statements that do the edits in place; a table that others look into comes after them.

    Args:
        edits: The edits, of which each table has one at most besides those of single rows.
    """
    found: list[str] = []
    for edit in edits:
        if edit.drop:
            found.append(f"DROP TABLE {identifier(edit.table)}")
            continue
        if edit.create:
            columns = ", ".join(f"{identifier(name)} {type_}" for name, type_ in edit.create.items())
            found.append(f"CREATE TABLE {edit.table} ({columns})")
        if edit.distinct:
            found += _once(edit.table)
        if edit.keep != "true":
            found.append(f"DELETE FROM {edit.table} WHERE NOT ({_plain(edit.keep)})")
        if edit.changes and edit.where != "false":
            values = ", ".join(f"{identifier(name)} = {_plain(value)}" for name, value in edit.changes.items())
            found.append(f"UPDATE {edit.table} SET {values} WHERE {_plain(edit.where)}")
        starts = range(0, len(edit.rows), _BATCH)
        found += [_insert(edit.table, edit.rows[start : start + _BATCH]) for start in starts]
    return found


def _edited(relation: Relation, edit: Edit, before: Image) -> Relation:
    def spliced(sql: str) -> str:
        return _NAME.sub(lambda found: f"({before.tables[found[1]].select})", sql)

    shown = ", ".join(
        f"CASE WHEN {spliced(edit.where)} THEN CAST({spliced(edit.changes[c.name])} AS {c.type}) "
        f"ELSE {identifier(c.name)} END AS {identifier(c.name)}"
        if c.name in edit.changes
        else identifier(c.name)
        for c in relation.columns
    )
    select = f"SELECT {'DISTINCT ' if edit.distinct else ''}{shown} FROM ({relation.select}) AS {edit.table}" + (
        "" if edit.keep == "true" else f" WHERE {spliced(edit.keep)}"
    )
    if edit.rows:
        values = ", ".join(
            "(" + ", ".join(f"CAST({literal_value(row.get(c.name))} AS {c.type})" for c in relation.columns) + ")"
            for row in edit.rows
        )
        select += f" UNION ALL SELECT * FROM (VALUES {values})"
    return Relation(relation.name, relation.columns, select, relation.primary_key)


def _once(table: str) -> list[str]:
    """Statements that all engines understand, none of which has a word of its own for the place of a row."""
    other = f"{table}_once"
    return [
        f"CREATE TABLE {other} AS SELECT DISTINCT * FROM {table}",
        f"DELETE FROM {table}",
        f"INSERT INTO {table} SELECT * FROM {other}",
        f"DROP TABLE {other}",
    ]


def _insert(table: str, rows: Sequence[Mapping[str, Value]]) -> str:
    names = list(rows[0])
    values = ", ".join("(" + ", ".join(literal_value(row.get(name)) for name in names) + ")" for row in rows)
    return f"INSERT INTO {table} ({', '.join(map(identifier, names))}) VALUES {values}"


def _plain(sql: str) -> str:
    return _NAME.sub(lambda found: found[1], sql)


def literal_value(value: Value) -> str:
    """A value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    return literal(value) if isinstance(value, str) else str(value)
