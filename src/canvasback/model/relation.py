"""A relation: a SELECT and the columns it yields. What images are made of."""

from __future__ import annotations

import re

import msgspec

from canvasback.errors import LakeError
from canvasback.model.type_names import TypeNameError, check_declared, check_type


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column of a catalog table.

    Attributes:
        name: The column's name.
        type: The DuckDB type of its values as DuckDB spells it, such as ``BIGINT`` or ``STRUCT(a INTEGER)``.
        nullable: Whether the table's DDL allows NULL.
        declared: The type as the catalog's own engine spells it, where that is not DuckDB.
        logical: The type that the column has in a catalog in DuckDB, where it is not ``type``.

    Raises:
        LakeError: A type is none (``type-not-understood``): it becomes a part of SQL, so there is no such column.
    """

    name: str
    type: str
    nullable: bool = True
    declared: str = ""
    logical: str = ""

    def __post_init__(self) -> None:
        """Read the types, of which catalogs and manifests that others wrote are full."""
        try:
            check_type(self.type)
            check_declared(self.declared)
            if self.logical:
                check_type(self.logical)
        except TypeNameError as error:
            raise LakeError(
                "type-not-understood",
                f"the column {self.name!r} of a table of the catalog: {error}",
                hint="A damaged or a forged catalog has such types, or a newer release of DuckLake: see whether there "
                "is a newer release of Canvasback.",
            ) from error

    @property
    def meaning(self) -> str:
        """The type that the column has in a catalog in DuckDB."""
        return self.logical or self.type


class Relation(msgspec.Struct, frozen=True):
    """The rows of one catalog table, not yet read.

    Attributes:
        name: The catalog table's name, such as ``ducklake_data_file``.
        columns: Its columns, in the order of the table.
        select: A SELECT statement that yields exactly these columns.
        primary_key: The columns of its primary key; empty where there is none.
    """

    name: str
    columns: tuple[Column, ...]
    select: str
    primary_key: tuple[str, ...] = ()

    def has(self, column: str) -> bool:
        """Whether the relation has a column of that name."""
        return any(c.name == column for c in self.columns)


def identifier(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def file_literal(path: str) -> str:
    """Quote a path for a function that reads files, which would take ``*``, ``?`` and ``[`` for a pattern."""
    return literal(re.sub(r"([*?\[])", r"[\1]", path))


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"
