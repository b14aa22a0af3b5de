"""The columns of a Parquet file, with their ids and the types that DuckLake calls them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from canvasback.parquet.footers import Node


class Field(msgspec.Struct, frozen=True):
    """A column, or a part of a nested one.

    Attributes:
        id: Its field id, which is the ``column_id``.
        name: Its name.
        type: DuckLake's name of its type, as far as the file tells: 128-bit integers are stored as ``float64``.
        parent: The id of what it is a part of, if any.
        path: Its path among the file's columns, as Parquet's statistics spell it.
        repeated: Whether it is below a list or a map, so that its number of values is not that of the rows.
    """

    id: int
    name: str
    type: str
    parent: int | None
    path: str
    repeated: bool


FILE_PATH = 2_147_483_646
POSITION = 2_147_483_645
RESERVED = 2_147_483_000
"""Field ids from here on are DuckLake's own columns."""

_PLAIN = {
    "BOOLEAN": "boolean", "INT32": "int32", "INT64": "int64", "FLOAT": "float32", "DOUBLE": "float64",
    "BYTE_ARRAY": "blob", "FIXED_LEN_BYTE_ARRAY": "blob",
}  # fmt: skip
_CONVERTED = {
    "INT_8": "int8", "INT_16": "int16", "INT_32": "int32", "INT_64": "int64", "UINT_8": "uint8", "UINT_16": "uint16",
    "UINT_32": "uint32", "UINT_64": "uint64", "UTF8": "varchar", "JSON": "json", "DATE": "date",
    "TIMESTAMP_MILLIS": "timestamp_ms", "INTERVAL": "interval", "ENUM": "varchar",
}  # fmt: skip

_LOGICAL = {"UUIDType": "uuid", "JsonType": "json", "GeometryType": "geometry"}

_STORED = {"int128": "float64", "uint128": "float64", "timestamp_s": "timestamp", "timestamp_us": "timestamp"}

_INTEGERS = ("int8", "int16", "int32", "int64")
_UNSIGNED = ("uint8", "uint16", "uint32", "uint64")


def stored_as(type_: str) -> str:
    """What a file shows of a type of the catalog."""
    type_ = type_.lower().replace(" ", "")
    return _STORED.get(type_, type_)


def widens(old: str, new: str) -> bool:
    """Whether a column of a type of the catalog can have been promoted to what a file shows."""
    old = stored_as(old)
    for ladder in (_INTEGERS, _UNSIGNED):
        if old in ladder and new in ladder:
            return ladder.index(new) > ladder.index(old)
    if old in _UNSIGNED and new in _INTEGERS:
        return _INTEGERS.index(new) > _UNSIGNED.index(old)
    return old == "float32" and new == "float64"


def fields_of(nodes: list[Node]) -> list[Field]:
    """The columns with an id of a file; nodes come in the order of `nodes_in`."""
    found: list[Field] = []
    rest = iter(nodes)
    for column in _group(next(rest), rest).inside:
        _walk(column, None, (), found, repeated=False)
    return found


class _Group(NamedTuple):
    node: Node
    inside: list[_Group]


def _group(node: Node, rest: Iterator[Node]) -> _Group:
    return _Group(node, [_group(next(rest), rest) for _ in range(node.children or 0)])


def _walk(group: _Group, parent: int | None, path: tuple[str, ...], found: list[Field], *, repeated: bool) -> None:
    node = group.node
    here = (*path, node.name)
    under = repeated
    type_ = "variant" if _is_variant(group) else _type(node)
    if type_ in {"list", "map"}:
        under = True
    if node.id is not None:
        found.append(Field(node.id, node.name, type_, parent, ", ".join(here), repeated))
        parent = node.id
    for child in group.inside if type_ != "variant" else ():
        _walk(child, parent, here, found, repeated=under)


def _is_variant(group: _Group) -> bool:
    """A group with an id whose parts, by these names, have none: that is how DuckDB 1.5 writes a VARIANT."""
    inside = [child.node for child in group.inside]
    unnumbered = group.node.id is not None and all(node.id is None for node in inside)
    return unnumbered and [node.name for node in inside[:2]] == ["metadata", "value"]


def _type(node: Node) -> str:
    if node.children:
        return {"LIST": "list", "MAP": "map"}.get(node.converted or "", "struct")
    logical = node.logical or ""
    if node.converted == "DECIMAL" or logical.startswith("DecimalType"):
        return f"decimal({node.precision},{node.scale})"
    for start, type_ in _LOGICAL.items():
        if logical.startswith(start):
            return type_
    if logical.startswith(("TimestampType", "TimeType")):
        return _time(logical)
    return _CONVERTED.get(node.converted or "", _PLAIN.get(node.type or "", "blob"))


def _time(logical: str) -> str:
    utc = "isAdjustedToUTC=1" in logical
    if logical.startswith("TimeType"):
        return "timetz" if utc else "time"
    unit = re.search(r"(MILLIS|MICROS|NANOS)=(?!<null>)", logical)
    if utc:
        return "timestamptz"
    return {"MILLIS": "timestamp_ms", "NANOS": "timestamp_ns"}.get(unit[1] if unit else "", "timestamp")
