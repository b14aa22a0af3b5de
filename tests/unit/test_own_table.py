"""Covers canvasback.repository.own_table: tables that do not get into each other's way."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows

SOURCE = Path(__file__).parents[2] / "src" / "canvasback"
COLUMNS = {"id": "BIGINT", "na me": "VARCHAR"}


def test_two_of_one_kind_are_two_tables() -> None:
    with duckdb.connect() as connection:
        one, other = (OwnTable(connection, "places", COLUMNS) for _ in range(2))
        insert_rows(connection, str(one), COLUMNS, [(1, "a")])
        with connection.cursor() as cursor:
            assert cursor.execute(f"FROM {one}").fetchall() == [(1, "a")]
            assert cursor.execute(f"FROM {other}").fetchall() == []


def test_a_table_is_made_of_rows_and_let_go_of() -> None:
    with duckdb.connect() as connection:
        table = OwnTable(connection, "numbers", "SELECT i FROM range(3) r(i)")
        assert connection.execute(f"SELECT sum(i) FROM {table}").fetchall() == [(3,)]
        table.drop()
        with pytest.raises(duckdb.CatalogException):
            connection.execute(f"FROM {table}")


def test_no_table_of_memory_has_a_name_that_another_could_know() -> None:
    named = re.compile(r"\bmemory\.(?!main\b)\"?[\w{]")
    found = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if named.search(path.read_text("utf-8"))}
    assert found == {"repository/own_table.py"}
