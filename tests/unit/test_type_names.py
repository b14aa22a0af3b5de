"""Names of types are read strictly, for they become a part of SQL."""

from __future__ import annotations

import duckdb
import pytest

from canvasback.errors import LakeError
from canvasback.model.relation import Column
from canvasback.model.type_names import TypeNameError, check_declared, check_type

_NESTING = frozenset({"ARRAY", "ENUM", "LIST", "MAP", "ROW", "STRUCT", "TUPLE", "TYPE", "UNION"})
"""What DuckDB lists as types, and is none without what is inside of it; ``TYPE`` is a type's own."""

_OF_FUNCTIONS = frozenset({"PARQUET_VARIANT"})
"""Types that no column of a table has."""


def test_every_type_of_duckdb_has_a_name_that_is_read() -> None:
    listed = duckdb.execute("SELECT DISTINCT upper(unnest([type_name, logical_type])) FROM duckdb_types()").fetchall()
    names = {name for (name,) in listed} - _NESTING - _OF_FUNCTIONS
    assert len(names) > 60
    for name in names:
        assert check_type(name) == name
        check_type(f"{name}[]")


@pytest.mark.parametrize(
    "type_",
    [
        "DECIMAL(18,3)", "DECIMAL(38, 38)", 'STRUCT(a INTEGER, "b c" VARCHAR[])', 'STRUCT("q""q" STRUCT("" BLOB))[3][]',
        "MAP(VARCHAR, DECIMAL(4,1)[])", "UNION(num INTEGER, str VARCHAR)", "ENUM('a', 'b''c')",
        "TIMESTAMP WITH TIME ZONE",
        "TIME WITH TIME ZONE[]", "GEOMETRY('OGC:CRS84')", '"NULL"', "decimal(9,2)", "TIMESTAMP_NS",
    ],
)  # fmt: skip
def test_a_type_as_duckdb_spells_it(type_: str) -> None:
    assert check_type(type_) == type_


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "NOTHING", "INTEGER)", "INTEGER; COPY (SELECT 1) TO '/tmp/x'", "INTEGER) AS x, CAST(1 AS INTEGER",
        "INTEGER -- x", "INTEGER /* x */", "INTEGER DEFAULT 1", "INTEGER COLLATE de", "DECIMAL(39,1)", "DECIMAL(3,4)",
        "DECIMAL(0)", "DECIMAL(a)", "DECIMAL(" + "9" * 30 + ")", "STRUCT()", "STRUCT(a)", "STRUCT(a INTEGER",
        "STRUCT(a INTEGER,)", '"x" INTEGER', "MAP(INTEGER)", "ENUM(a)", "ENUM('a'", "INTEGER[", "INTEGER[1",
        "INTEGER[-1]",
        "VARCHAR(getenv('HOME'))", "INTEGER\0", "STRUCT(" * 5000, "STRUCT(a " * 200 + "INTEGER" + ")" * 200,
        "INTEGER\n;",
        "main.my_type", "\uff29NT", "INTEGER[\u0661]",
    ],
)  # fmt: skip
def test_what_is_more_than_a_type_is_refused(text: str) -> None:
    with pytest.raises(TypeNameError, match="is no name of a type"):
        check_type(text)
    with pytest.raises(LakeError) as caught:
        Column("c", text or " ")
    assert caught.value.code == "type-not-understood"


@pytest.mark.parametrize(
    "declared",
    [
        "", "bigint", "BIGINT", "character varying", "character varying(20)", "timestamp(3) with time zone", "bytea",
        "interval day to second(3)", "numeric(10,2)[]", "numeric(5,-2)", "geometry(Point,4326)", 'public."My Type"',
        "double precision", "DECIMAL(10, 2)", "VARCHAR(20)", "STRUCT(a INTEGER)",
    ],
)  # fmt: skip
def test_a_type_as_a_database_declares_it(declared: str) -> None:
    assert check_declared(declared) == declared
    assert Column("c", "VARCHAR", declared=declared).declared == declared


@pytest.mark.parametrize(
    "text",
    [
        "INT DEFAULT x", "INT DEFAULT (load_extension('x'))", "INT); DROP TABLE x; --", "INT CHECK (a)", "INT NOT NULL",
        "INT PRIMARY KEY", "INT AS (a)", "INT GENERATED ALWAYS AS (a) STORED", "INT COLLATE x", "INT REFERENCES y",
        "a'b",
        "INT -- ", "INT /* */", "INT, b INT", '"', "INT DEFAULT\tx", "a " * 50,
    ],
)  # fmt: skip
def test_what_is_more_than_a_declared_type_is_refused(text: str) -> None:
    with pytest.raises(TypeNameError):
        check_declared(text)
    with pytest.raises(LakeError) as caught:
        Column("c", "VARCHAR", declared=text)
    assert caught.value.code == "type-not-understood"


def test_a_long_text_is_refused_in_no_time_and_not_repeated() -> None:
    for text in ("INTEGER" + "[]" * 300_000 + "[", "a" * 2_000_000, "a (" + "1," * 400_000):
        for check in (check_type, check_declared):
            with pytest.raises(TypeNameError) as caught:
                check(text)
            assert len(str(caught.value)) < 200
