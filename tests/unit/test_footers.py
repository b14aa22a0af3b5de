"""Covers canvasback.parquet.footers, file_end and encryption: what is asked of the ends of Parquet files."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from canvasback.errors import ObjectMissingError
from canvasback.parquet.encryption import UndecipheredError, count_rows
from canvasback.parquet.file_end import LAST, copy_end, footer_bytes, footer_size
from canvasback.parquet.footers import column_chunks, field_ids_in, nodes_in, note_in, schemas, totals_in
from canvasback.storage.local.store import LocalStore

KEY, OTHER_KEY = (base64.b64encode(letter * 16).decode() for letter in (b"k", b"o"))
SOURCE = Path(__file__).parents[2] / "src" / "canvasback"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def write(connection: duckdb.DuckDBPyConnection, path: Path, select: str, options: str = "") -> str:
    connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet{options})")
    return str(path)


def test_many_files_are_asked_at_a_time(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    one = write(
        connection,
        tmp_path / "one.parquet",
        "SELECT 1 AS i, [2] AS l",
        ", FIELD_IDS {i: 7, l: {__duckdb_field_id: 8, element: 9}}",
    )
    two = write(connection, tmp_path / "two.parquet", "FROM range(5)")
    totals = totals_in(connection, [one, two])
    assert {path: found.rows for path, found in totals.items()} == {one: 1, two: 5}
    assert totals[one].writer.startswith("DuckDB")
    assert {path: sorted(ids) for path, ids in field_ids_in(connection, [one, two]).items()} == {one: [7, 8, 9]}
    for relation in (schemas([one, two]), column_chunks([one, two])):
        assert {name for (name,) in connection.execute(f"SELECT file_name FROM {relation}").fetchall()} == {one, two}


def test_a_name_that_is_a_pattern_is_one_file(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write(connection, tmp_path / "a[1]*.parquet", "FROM range(2)")
    write(connection, tmp_path / "a1.parquet", "FROM range(3)")
    assert {name: found.rows for name, found in totals_in(connection, [path]).items()} == {path: 2}


def test_nodes_come_with_the_root_first(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write(connection, tmp_path / "f.parquet", "SELECT {'a': 1, 'b': 'x'} AS s", ", FIELD_IDS {s: 3}")
    root, *nodes = nodes_in(connection, path)
    assert root.children == 1
    assert [(node.name, node.children, node.id) for node in nodes] == [
        ("s", 2, 3),
        ("a", None, None),
        ("b", None, None),
    ]


def test_notes(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write(connection, tmp_path / "f.parquet", "SELECT 1 AS i", ", KV_METADATA {\"it's\": 'noted'}")
    assert note_in(connection, path, "it's") == "noted"
    assert note_in(connection, path, "another") is None


def test_one_file_without_a_footer_fails_the_question(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    good = write(connection, tmp_path / "good.parquet", "SELECT 1 AS i")
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1" + bytes(20))
    with pytest.raises(duckdb.Error):
        totals_in(connection, [good, str(bad)])


@pytest.mark.parametrize("columns", [1, 3000])
def test_a_copy_of_the_end_says_what_the_file_says(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, columns: int
) -> None:
    """Whether the first read has the whole footer or not."""
    names = ", ".join(f"{n} AS column_{n}" for n in range(columns))
    path = write(
        connection, tmp_path / "f.parquet", f"SELECT {names} FROM range(50000)" if columns == 1 else f"SELECT {names}"
    )
    content = Path(path).read_bytes()
    assert (footer_bytes(path) + LAST > 64 * 1024) == (columns > 1)
    copy = tmp_path / "copy.parquet"
    tail = copy_end(LocalStore(tmp_path), "f.parquet", len(content), str(copy))
    assert content.endswith(tail)
    assert len(tail) >= footer_size(tail) + LAST == footer_bytes(path) + LAST
    assert copy.stat().st_size == len(content)
    assert totals_in(connection, [str(copy)])[str(copy)] == totals_in(connection, [path])[path]


def test_a_wrong_end_is_copied_as_it_is(tmp_path: Path) -> None:
    """A length that nobody wrote is not believed: not the whole file is read."""
    content = bytes(100_000) + (90_000).to_bytes(4, "little") + b"none"
    (tmp_path / "f").write_bytes(content)
    assert copy_end(LocalStore(tmp_path), "f", len(content), str(tmp_path / "copy")) == content[-64 * 1024 :]
    with pytest.raises(ObjectMissingError):
        copy_end(LocalStore(tmp_path), "gone", 10, str(tmp_path / "copy"))


def test_rows_of_an_encrypted_file(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with suppress(duckdb.CatalogException):  # before 1.5 nobody had to say that a test need not be safe
        connection.execute("SET force_mbedtls_unsafe = 'true'")
    options = f", ENCRYPTION_CONFIG {{footer_key_value: from_base64('{KEY}')}}"
    path = write(connection, tmp_path / "f.parquet", "FROM range(5)", options)
    assert count_rows(connection, path, KEY) == 5
    for key in (OTHER_KEY, None):
        with pytest.raises(UndecipheredError) as told:
            count_rows(connection, path, key)
        assert str(told.value)
        assert OTHER_KEY not in str(told.value)
        assert told.value.__cause__ is None


def test_nobody_else_asks_for_footers() -> None:
    asking = re.compile(r"parquet_(schema|metadata|file_metadata|kv_metadata)\(|encryption_config")
    found = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if asking.search(path.read_text("utf-8"))}
    assert found == {"parquet/footers.py", "parquet/encryption.py", "storage/keyring.py"}  # the last of chunks
