"""Covers canvasback.model.lake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvasback.errors import UsageError
from canvasback.model.lake import LakeName, parse_lake, without_secrets


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
        ("ducklake:postgres:", "postgres", ""),
        ("ducklake:postgresql:dbname=cat", "postgres", "dbname=cat"),
        ("postgresql://u@host/cat", "postgres", "postgresql://u@host/cat"),
        ("ducklake:sqlite:a:b.db", "sqlite", "a:b.db"),
        ("日本.ducklake", "duckdb", "日本.ducklake"),
    ],
)
def test_names(text: str, engine: str, target: str) -> None:
    name = parse_lake(text)
    assert (name.engine, name.target) == (engine, target)


@pytest.mark.parametrize("text", ["", "ducklake:", "ducklake:sqlite:", "ducklake:duckdb:"])
def test_a_name_without_a_catalog(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_lake(text)
    assert refused.value.code == "lake-name"
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("kind", ["mysql", "md", "motherduck", "quack"])
def test_kinds_that_are_not_supported(kind: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_lake(f"ducklake:{kind}:whatever")
    assert refused.value.code == "engine-not-supported"
    assert kind in refused.value.message


@pytest.mark.parametrize("target", ["main.ducklake", "sqlite:main.db", "postgres:dbname=cat host=here"])
def test_the_schema_is_named_as_in_attach(target: str) -> None:
    for text in (f"ducklake:{target} (METADATA_SCHEMA 'it''s mine')", f"{target}(metadata_schema 'it''s mine' )"):
        name = parse_lake(text)
        assert name.schema == "it's mine"
        assert name.target == parse_lake(target).target
        assert parse_lake(str(name)) == name


@pytest.mark.parametrize(
    "target",
    [
        "dbname=cat password=geheim host=here",
        "password = geheim",
        "dbname=cat password='geheim \\' geheim' host=here",
        "dbname=cat PASSWORD=geheim sslpassword=geheim",
        "postgresql://user:geheim@host:5432/cat",
        "postgresql://host/cat?user=u&password=geheim&sslmode=require",
        "postgres://user:geheim@[::1]/cat",
    ],
)
def test_no_password_is_shown(target: str) -> None:
    name = parse_lake(f"ducklake:postgres:{target}" if "://" not in target else target)
    assert name.target == target
    assert "geheim" not in str(name)
    assert "***" in str(name)
    assert "geheim" not in without_secrets(f"could not connect to {target}: no")


@given(st.sampled_from(["duckdb", "sqlite"]), st.text(st.characters(exclude_characters=":()"), min_size=1))
def test_what_is_printed_is_read_again(engine: str, target: str) -> None:
    name = LakeName(engine, target)  # type: ignore[arg-type]
    assert parse_lake(str(name)) == name
