"""Values that an engine holds as text only: to spell them so that DuckDB reads them back, and to read others' texts.

DuckDB's own text of a nested value does not always read back: ``[['c]']]`` ends too early. It does where each value
inside of another stands in quotes. What PostgreSQL writes of intervals and of years before Christ DuckDB reads wrongly
or not at all. And the extension writes texts into catalogs in SQLite and PostgreSQL that it cannot read itself, such as
``{'t': CAST('2026-01-01 00:00:00' AS TIMESTAMP)}``: `respelled` knows what they mean.
Source: `ToSQLString` of the extension, 1.0.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

import duckdb

from canvasback.model.relation import identifier, literal
from canvasback.model.types import children, kind, parse

_YEARS_BEFORE_CHRIST = {
    "DATE": (r"^(\S+) BC$", r"\1 (BC)"),
    "TIMESTAMP": (r"^(\S+) (.*) BC$", r"\1 (BC) \2"),
    "TIMESTAMP WITH TIME ZONE": (r"^(\S+) (.*) BC$", r"\1 (BC) \2"),
}
"""What PostgreSQL writes, and what DuckDB does."""

_CAST = re.compile(r"CAST\('((?:[^']|'')*)' AS [A-Za-z_ ]+(?:\(\d+, ?\d+\))?(?: WITH TIME ZONE)?\)")


def is_nested(type_: str) -> bool:
    """Whether values of the type have others inside."""
    return bool(children(parse(type_)))


def spell(expression: str, type_: str) -> str:
    """An expression of the text of a value of some type, which DuckDB reads back to the same value."""
    return _spell(expression, parse(type_), 0)


def read_text(expression: str, type_: str) -> str:
    """An expression of the value that a text of an engine's means."""
    if type_ == "INTERVAL":
        expression = f"replace({expression}, '+', '')"
    elif type_ in _YEARS_BEFORE_CHRIST:
        pattern, shown = map(literal, _YEARS_BEFORE_CHRIST[type_])
        expression = f"regexp_replace({expression}, {pattern}, {shown})"
    return f"CAST({expression} AS {type_})"


def unreadable(connection: duckdb.DuckDBPyConnection, select: str, expression: str) -> list[Any]:
    """The values of a SELECT's column ``value`` of which an expression fails; TRY_CAST makes NULL inside of others."""
    cursor = connection.cursor()
    try:
        with contextlib.suppress(duckdb.ConversionException, duckdb.InvalidInputException):
            cursor.execute(f"SELECT count({expression}) FROM ({select})")
            return []
        found = []
        for (value,) in cursor.execute(f"SELECT DISTINCT * FROM ({select}) v(value) ORDER BY ALL").fetchall():
            try:
                cursor.execute(f"SELECT {expression} FROM (SELECT ?) v(value)", [value]).fetchall()
            except (duckdb.ConversionException, duckdb.InvalidInputException):
                found.append(value)
        return found
    finally:
        cursor.close()


def respelled(connection: duckdb.DuckDBPyConnection, select: str, column: str, type_: str) -> str | None:
    """An expression of a column's texts in which those that DuckDB cannot read are spelled so that it can.

    Returns:
        None where it can read all of them.
    """
    name = identifier(column)
    texts = f"SELECT {name} AS value FROM ({select}) WHERE {name} IS NOT NULL"
    parsed, cases = parse(type_), ""
    for text in unreadable(connection, texts, read_text("value", type_)):
        try:
            again = _Reader(text).value(parsed)
        except (ValueError, LookupError):
            continue  # nobody knows what it means
        cases += f" WHEN {literal(text)} THEN {literal(again or 'NULL')}"
    return f"CASE {name}{cases} ELSE {name} END" if cases else None


def _spell(expression: str, parsed: Any, depth: int) -> str:
    name, inside = kind(parsed).name, children(parsed)
    if not inside:
        return f"CAST({expression} AS VARCHAR)"
    if name == "STRUCT":
        shown = " || ', ' || ".join(
            f"{literal(_quoted(field) + ': ')} || "
            + _inner(f"struct_extract({expression}, {literal(field)})", child, depth)
            for field, child in inside
        )
        return f"CASE WHEN {expression} IS NOT NULL THEN '{{' || {shown} || '}}' END"
    element = f"x{depth}"
    if name == "MAP":
        (_, key), (_, value) = inside
        pair = f"{_inner(f'{element}.key', key, depth + 1)} || '=' || {_inner(f'{element}.value', value, depth + 1)}"
        listed = f"list_transform(map_entries({expression}), lambda {element}: {pair})"
        return _joined(expression, "{", listed, "}")
    listed = f"list_transform({expression}, lambda {element}: {_inner(element, inside[0][1], depth + 1)})"
    return _joined(expression, "[", listed, "]")


def _joined(expression: str, begin: str, listed: str, end: str) -> str:
    joined = f"coalesce(array_to_string({listed}, ', '), '')"  # of an empty list 1.4 makes NULL
    return f"CASE WHEN {expression} IS NOT NULL THEN '{begin}' || {joined} || '{end}' END"


def _inner(expression: str, parsed: Any, depth: int) -> str:
    """An expression of a value inside of another: in quotes, but for NULL."""
    text = _spell(expression, parsed, depth)
    escaped = rf"replace(replace({text}, '\', '\\'), '''', '\''')"
    return f"coalesce('''' || {escaped} || '''', 'NULL')"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class _Reader:
    """Reads the text of a nested value, whose type is known, and spells it anew."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._is_sql = _CAST.search(text) is not None  # then a quote is doubled, and a backslash is one

    def value(self, parsed: Any) -> str | None:
        """Read a value; None is NULL."""
        self._skip()
        name, inside = kind(parsed).name, children(parsed)
        if not inside or self._text[self._at] not in "[{":
            return self._scalar(nested=bool(inside))
        if name == "STRUCT":
            fields = dict(inside)
            pairs = self._items("}", lambda: self._field(fields))
            return f"{{{', '.join(pairs)}}}"
        if name == "MAP":
            (_, key), (_, value) = inside
            return f"{{{', '.join(self._items('}', lambda: self._entry(key, value)))}}}"
        return f"[{', '.join(self._items(']', lambda: self._shown(inside[0][1])))}]"

    def _items(self, end: str, item: Any) -> list[str]:
        self._at += 1
        found: list[str] = []
        self._skip()
        while self._text[self._at] != end:
            found.append(item())
            self._skip()
            if self._text[self._at] == ",":
                self._at += 1
                self._skip()
        self._at += 1
        return found

    def _field(self, fields: dict[str, Any]) -> str:
        name = self._scalar(stop=":") or "NULL"
        self._expect(":")
        return f"{_quoted(name)}: {self._shown(fields[name])}"

    def _entry(self, key: Any, value: Any) -> str:
        shown = self._shown(key)
        self._expect("=")
        return f"{shown}={self._shown(value)}"

    def _shown(self, parsed: Any) -> str:
        value = self.value(parsed)
        return "NULL" if value is None else _quoted(value)

    def _scalar(self, *, stop: str = "", nested: bool = False) -> str | None:
        self._skip()
        cast = _CAST.match(self._text, self._at)
        if cast:
            self._at = cast.end()
            return cast[1].replace("''", "'")
        if self._text[self._at] == "'":
            return self._string()
        begin = self._at
        while self._at < len(self._text) and self._text[self._at] not in ",]}=" + stop:
            self._at += 1
        text = self._text[begin : self._at].strip()
        if text.upper() == "NULL":
            return None
        if nested:
            raise ValueError(text)
        return text

    def _string(self) -> str:
        found = ""
        self._at += 1
        while self._text[self._at] != "'" or (self._is_sql and self._text[self._at : self._at + 2] == "''"):
            if self._text[self._at] in ("'" if self._is_sql else "\\"):
                self._at += 1
            found += self._text[self._at]
            self._at += 1
        self._at += 1
        return found

    def _expect(self, mark: str) -> None:
        self._skip()
        if self._text[self._at] != mark:
            raise ValueError(self._text)
        self._at += 1

    def _skip(self) -> None:
        while self._text[self._at].isspace():
            self._at += 1
