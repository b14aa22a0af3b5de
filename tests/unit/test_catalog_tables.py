"""The columns of a catalog's tables: the same in both ways to ask DuckDB for them."""

from __future__ import annotations

import pytest

from canvasback.catalog.connections import connect
from canvasback.catalog.engines.duckdb import tables
from canvasback.model.relation import Column


@pytest.mark.parametrize("schema", ["main", 'o"dd'])
def test_few_tables_are_asked_one_by_one(schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a quote is no reason to miss one."""
    quoted = '"' + schema.replace('"', '""') + '"'
    with connect(None) as connection:
        connection.execute(
            f"ATTACH ':memory:' AS image; CREATE SCHEMA IF NOT EXISTS image.{quoted}; USE image.{quoted}"
        )
        connection.execute('CREATE TABLE "ducklake_of a.b" (a INTEGER NOT NULL, b VARCHAR, PRIMARY KEY (b, a))')
        connection.execute('CREATE TABLE ducklake_nested ("c d" STRUCT(e INTEGER, "f g" DECIMAL(4, 1)[])[], h DATE)')
        connection.execute("CREATE TABLE other (i INTEGER)")
        connection.execute("CREATE VIEW ducklake_view AS FROM other")

        few = tables.read_tables(connection, "image", schema)
        monkeypatch.setattr(tables, "_FEW", 0)
        many = tables.read_tables(connection, "image", schema)

    assert few == many
    assert {name: (relation.columns, relation.primary_key) for name, relation in few.items()} == {
        "ducklake_nested": ((Column("c d", 'STRUCT(e INTEGER, "f g" DECIMAL(4,1)[])[]'), Column("h", "DATE")), ()),
        "ducklake_of a.b": (
            (Column("a", "INTEGER", nullable=False), Column("b", "VARCHAR", nullable=False)),
            ("b", "a"),
        ),
    }
