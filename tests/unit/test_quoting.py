"""Covers canvasback.model.relation."""

from __future__ import annotations

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from canvasback.model.relation import Column, Relation, identifier, literal

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NASTY = ["'", "''", "\\'", '"', '""', "; DROP TABLE t; --", "$1", "?", "{x}", "%s", "\n", "\\", "日本 🦆", "/*", "{{}}"]


@given(TEXTS | st.sampled_from(NASTY))
def test_a_literal_is_its_text(text: str) -> None:
    assert duckdb.sql(f"SELECT {literal(text)}").fetchall() == [(text,)]


@given(TEXTS.filter(bool) | st.sampled_from(NASTY))
def test_an_identifier_is_its_name(name: str) -> None:
    duckdb.execute(f"CREATE TABLE {identifier(name)} ({identifier(name)} INTEGER)")
    try:
        duckdb.execute(f"INSERT INTO {identifier(name)} VALUES (1)")
        assert duckdb.execute(f"SELECT {identifier(name)} FROM {identifier(name)}").fetchall() == [(1,)]
        assert duckdb.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [(name,)]
    finally:
        duckdb.execute(f"DROP TABLE {identifier(name)}")


def test_a_relation_knows_its_columns() -> None:
    relation = Relation("t", (Column("a", "BIGINT"), Column("A b", "VARCHAR")), "SELECT 1")
    assert relation.has("A b")
    assert not relation.has("b")
