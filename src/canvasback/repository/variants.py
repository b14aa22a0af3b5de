"""Values whose types only they themselves know: VARIANT, in chunks.

Parquet has a VARIANT of its own, but not all types of DuckDB's are in it: an INTERVAL cannot be written, a UTINYINT
comes back as SMALLINT, and the fields of an object in another order. So it is tried: where everything comes back as it
was, a column is stored as VARIANT (form ``variant``), else as text that spells each value with its type (form
``tree``), as it is where a VARIANT is inside of another type, of which Parquet has none.

A tree is JSON: ``["INT32", "1"]`` for a value, as `variant_typeof` and a cast to VARCHAR give it; ``null``;
``{"a": […]}`` for an array; ``{"o": [["name", …], …]}`` for an object.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Literal

import duckdb
import msgspec

from canvasback.errors import CorruptError, RefusedError
from canvasback.model.relation import Relation, identifier, literal
from canvasback.model.types import children, kind, parse
from canvasback.repository.types import has_variant
from canvasback.storage.temporary import temporary_folder

Form = Literal["variant", "tree"]

_LEAVES = {
    "BOOL_TRUE": "BOOLEAN", "BOOL_FALSE": "BOOLEAN", "INT8": "TINYINT", "INT16": "SMALLINT", "INT32": "INTEGER",
    "INT64": "BIGINT", "INT128": "HUGEINT", "UINT8": "UTINYINT", "UINT16": "USMALLINT", "UINT32": "UINTEGER",
    "UINT64": "UBIGINT", "UINT128": "UHUGEINT", "FLOAT": "FLOAT", "DOUBLE": "DOUBLE", "VARCHAR": "VARCHAR",
    "BLOB": "BLOB", "UUID": "UUID", "DATE": "DATE", "TIME_MICROS": "TIME", "TIME_NANOS": "TIME_NS",
    "TIME_MICROS_TZ": "TIME WITH TIME ZONE", "TIMESTAMP_MICROS": "TIMESTAMP", "TIMESTAMP_SEC": "TIMESTAMP_S",
    "TIMESTAMP_MILIS": "TIMESTAMP_MS", "TIMESTAMP_NANOS": "TIMESTAMP_NS",
    "TIMESTAMP_MICROS_TZ": "TIMESTAMP WITH TIME ZONE", "INTERVAL": "INTERVAL", "BITSTRING": "BIT", "BIGNUM": "BIGNUM",
    "GEOMETRY": "GEOMETRY",
}  # fmt: skip
"""What `variant_typeof` calls a type, and what DuckDB's SQL does."""

_DECIMAL = re.compile(r"DECIMAL\(\d{1,2}, ?\d{1,2}\)")


def forms_of(connection: duckdb.DuckDBPyConnection, relation: Relation) -> dict[str, Form]:
    """How the relation's values that hold variants can be stored, by column; empty where it has none.

    Raises:
        RefusedError: Some value has a type of which it is not known how to keep it (``unknown-type``).
    """
    return {
        c.name: _Tried(connection, relation, c.name, c.type).form() for c in relation.columns if has_variant(c.type)
    }


def stored_expression(
    connection: duckdb.DuckDBPyConnection, relation: Relation, column: str, type_: str, form: Form
) -> str:
    """An expression of the relation's column as it is stored."""
    return identifier(column) if form == "variant" else _trees(connection, relation.select, column, type_)


def read_expression(connection: duckdb.DuckDBPyConnection, select: str, column: str, type_: str, form: str) -> str:
    """An expression of a column's values from what is stored.

    Args:
        connection: Where it can be read.
        select: A SELECT of what is stored.
        column: The column.
        type_: Its type.
        form: How it is stored.

    Raises:
        CorruptError: What is stored makes no sense (``chunk-corrupt``).
    """
    name = identifier(column)
    if form == "variant":
        return name
    texts = connection.execute(f"SELECT DISTINCT {name} FROM ({select}) WHERE {name} IS NOT NULL ORDER BY ALL")
    cases = "".join(f" WHEN {literal(text)} THEN {_value(text, type_)}" for (text,) in texts.fetchall())
    return f"CASE {name}{cases} END" if cases else f"CAST(NULL AS {type_})"


class _Tried:
    """A column's values, to try forms on."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, relation: Relation, column: str, type_: str) -> None:
        self._cursor = connection.cursor()
        self._relation = relation
        self._column = column
        self._type = type_

    def form(self) -> Form:
        """The first form in which all of them come back."""
        name = identifier(self._column)
        with temporary_folder() as folder:
            try:
                self._cursor.execute(
                    "CREATE OR REPLACE TEMPORARY TABLE canvasback_variants AS "
                    f"SELECT row_number() OVER () AS n, {name} FROM ({self._relation.select})"
                )
                rows = "FROM canvasback_variants"
                before = self._texts(rows)
                if self._type == "VARIANT" and self._is_in_parquet(os.path.join(folder, "variants.parquet"), before):
                    return "variant"
                trees = f"SELECT n, {_trees(self._cursor, rows, self._column, self._type)} AS {name} {rows}"
                if self._texts(self._back(trees, "tree")) == before:
                    return "tree"
            except duckdb.Error as error:
                raise self._not_kept(str(error).splitlines()[0]) from error
            finally:
                self._cursor.execute("DROP TABLE IF EXISTS canvasback_variants")
                self._cursor.close()
        raise self._not_kept("they do not come back as they were")

    def _is_in_parquet(self, path: str, before: list[tuple[Any, ...]]) -> bool:
        try:
            self._cursor.execute(f"COPY (FROM canvasback_variants) TO {literal(path)}")
            return self._texts(f"FROM {literal(path)}") == before
        except duckdb.Error:
            return False  # it has no such type

    def _back(self, stored: str, form: Form) -> str:
        shown = read_expression(self._cursor, stored, self._column, self._type, form)
        return f"SELECT n, {shown} AS {identifier(self._column)} FROM ({stored})"

    def _texts(self, rows: str) -> list[tuple[Any, ...]]:
        trees = _trees(self._cursor, rows, self._column, self._type)
        return self._cursor.execute(
            f"SELECT n, CAST({identifier(self._column)} AS VARCHAR), {trees} FROM ({rows}) ORDER BY n"
        ).fetchall()

    def _not_kept(self, why: str) -> RefusedError:
        return RefusedError(
            "unknown-type",
            f"values of the type VARIANT in the column {self._column} of {self._relation.name} cannot be kept: {why}",
            hint="Flush the inlined rows with ducklake_flush_inlined_data, or report what the values are.",
        )


def _as_variant(column: str, type_: str) -> str:
    """A column's whole value as a variant. JSON stays the text that it is; as a variant it would be taken apart."""
    return f"CAST(CAST({identifier(column)} AS {_without_json(parse(type_))}) AS VARIANT)"


def _without_json(parsed: Any) -> str:
    name, inside = kind(parsed).name, [(name, _without_json(child)) for name, child in children(parsed)]
    if name == "LIST":
        return f"{inside[0][1]}[]"
    if name == "MAP":
        return f"MAP({inside[0][1]}, {inside[1][1]})"
    if name == "STRUCT":
        return f"STRUCT({', '.join(f'{identifier(field)} {type_}' for field, type_ in inside)})"
    return "VARCHAR" if name == "JSON" else str(parsed)


def _trees(connection: duckdb.DuckDBPyConnection, rows: str, column: str, type_: str) -> str:
    value = _as_variant(column, type_)
    tree = _tree(connection, f"SELECT {value} AS v FROM ({rows})", value, 0)
    return f"CASE WHEN {identifier(column)} IS NOT NULL THEN {tree} END"


def _tree(connection: duckdb.DuckDBPyConnection, source: str, value: str, depth: int) -> str:
    """An expression of the tree of a value, for the shapes that the source's values have."""
    kinds = {
        str(kind).partition("(")[0]
        for (kind,) in connection.execute(f"SELECT DISTINCT variant_typeof(v) FROM ({source})").fetchall()
    }
    cases = f"CASE WHEN variant_typeof({value}) = 'VARIANT_NULL' THEN 'null'"
    if "ARRAY" in kinds:
        element = f"e{depth}"
        inner = _tree(connection, _elements(source), element, depth + 1)
        listed = f"list_transform(CAST({value} AS VARIANT[]), lambda {element}: {inner})"
        cases += (
            f" WHEN starts_with(variant_typeof({value}), 'ARRAY(') "
            f"THEN '{{\"a\":[' || array_to_string({listed}, ',') || ']}}'"
        )
    if "OBJECT" in kinds:
        key, objects = f"k{depth}", f"SELECT v FROM ({source}) WHERE starts_with(variant_typeof(v), 'OBJECT(')"
        found = connection.execute(f"SELECT DISTINCT unnest(json_keys(CAST(v AS JSON))) FROM ({objects}) ORDER BY ALL")
        inner = "".join(
            f" WHEN {literal(name)} THEN "
            + _tree(
                connection,
                f"SELECT variant_extract(v, {literal(name)}) AS v FROM ({objects}) "
                f"WHERE list_contains(json_keys(CAST(v AS JSON)), {literal(name)})",
                f"variant_extract({value}, {literal(name)})",
                depth + 1,
            )
            for (name,) in found.fetchall()
        )
        listed = (
            f"list_transform(json_keys(CAST({value} AS JSON)), "
            f"lambda {key}: '[' || to_json({key})::VARCHAR || ',' || CASE {key}{inner} END || ']')"
            if inner
            else "[]"
        )
        cases += (
            f" WHEN starts_with(variant_typeof({value}), 'OBJECT(') "
            f"THEN '{{\"o\":[' || array_to_string({listed}, ',') || ']}}'"
        )
    return f"{cases} ELSE to_json([variant_typeof({value}), CAST({value} AS VARCHAR)])::VARCHAR END"


def _elements(source: str) -> str:
    arrays = f"SELECT v FROM ({source}) WHERE starts_with(variant_typeof(v), 'ARRAY(')"
    return f"SELECT unnest(CAST(v AS VARIANT[])) AS v FROM ({arrays})"


def _value(text: str, type_: str) -> str:
    """An expression of the value that a tree spells. Nothing of the text becomes SQL but as a quoted literal."""
    try:
        value = _spelled(msgspec.json.decode(text))
    except (msgspec.DecodeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise CorruptError(
            "chunk-corrupt",
            f"a chunk holds a VARIANT that cannot be understood: {text[:80]}",
            hint="Run verify --all to see which points are whole, and restore one of those.",
        ) from error
    return f"CAST(CAST({value} AS {_without_json(parse(type_))}) AS {type_})"


def _spelled(tree: Any) -> str:
    if tree is None:
        return "CAST(NULL AS VARIANT)"
    if isinstance(tree, Mapping):
        if "a" in tree:
            return f"CAST([{', '.join(map(_spelled, tree['a']))}] AS VARIANT)"
        fields = ", ".join(f"{identifier(name)} := {_spelled(value)}" for name, value in tree["o"])
        return f"CAST(struct_pack({fields}) AS VARIANT)" if fields else "CAST(CAST('{}' AS JSON) AS VARIANT)"
    kind, text = tree
    type_ = kind if _DECIMAL.fullmatch(kind) else _LEAVES[kind]
    return f"CAST(CAST({literal(str(text))} AS {type_}) AS VARIANT)"
