"""Covers canvasback.model.lake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvasback.errors import UsageError
from canvasback.model.lake import LakeName, parse_lake


@pytest.mark.parametrize(
    ("text", "engine", "target"),
    [
        ("ducklake:main.ducklake", "duckdb", "main.ducklake"),
        ("main.ducklake", "duckdb", "main.ducklake"),
        ("ducklake:duckdb:main.ducklake", "duckdb", "main.ducklake"),
        ("duckdb:main.ducklake", "duckdb", "main.ducklake"),
        ("ducklake:sqlite:main.db", "sqlite", "main.db"),
        ("ducklake:postgres:dbname=cat host=here", "postgres", "dbname=cat host=here"),
        ("ducklake:postgres:postgresql://u:p@host:5432/cat", "postgres", "postgresql://u:p@host:5432/cat"),
        ("/abs/path with space/a.ducklake", "duckdb", "/abs/path with space/a.ducklake"),
        ("ducklake:../up/a.ducklake", "duckdb", "../up/a.ducklake"),
        ("ducklake:odd:name.ducklake", "duckdb", "odd:name.ducklake"),
        ("ducklake:ducklake:x", "duckdb", "ducklake:x"),
        ("日本.ducklake", "duckdb", "日本.ducklake"),
    ],
)
def test_names(text: str, engine: str, target: str) -> None:
    name = parse_lake(text)
    assert (name.engine, name.target) == (engine, target)


@pytest.mark.parametrize("text", ["", "ducklake:", "ducklake:sqlite:", "ducklake:duckdb:", "postgres:"])
def test_a_name_without_a_catalog(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_lake(text)
    assert refused.value.code == "lake-name"
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("kind", ["mysql", "postgresql", "md", "motherduck"])
def test_kinds_that_are_not_supported(kind: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_lake(f"ducklake:{kind}:whatever")
    assert refused.value.code == "lake-name"
    assert kind in refused.value.message


@given(st.sampled_from(["duckdb", "sqlite", "postgres"]), st.text(st.characters(exclude_characters=":"), min_size=1))
def test_what_is_printed_is_read_again(engine: str, target: str) -> None:
    name = LakeName(engine, target)  # type: ignore[arg-type]
    assert parse_lake(str(name)) == name
