"""Covers canvasback.repository.own_table: tables that do not get into each other's way."""

from __future__ import annotations

import duckdb
import pytest

from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows

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
