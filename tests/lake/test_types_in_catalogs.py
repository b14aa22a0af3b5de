"""Every type that DuckLake takes, inlined where the extension does that, through a point into every engine and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

import canvasback
from canvasback.model.types import TYPES
from tests.lake.builder import Lake, connect, session
from tests.lake.saved import ENGINES, Engine, attach_string

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import Server

VALUES = {
    "BOOLEAN": "true", "TINYINT": "-128", "SMALLINT": "-32768", "INTEGER": "7", "BIGINT": "-9223372036854775808",
    "HUGEINT": "-170141183460469231731687303715884105728", "UTINYINT": "255", "USMALLINT": "65535",
    "UINTEGER": "4294967295", "UBIGINT": "18446744073709551615", "UHUGEINT": "340282366920938463463374607431768211455",
    "FLOAT": "'-inf'", "DOUBLE": "'nan'", "DECIMAL(38,10)": "1234567890123456789012345678.0123456789",
    "VARCHAR": r"'it''s \x41 ünï鴨 {a: [1]}'", "JSON": """'{"a":  [1, "x''ä"]}'""", "BLOB": r"'\x00\xFF\x27'::BLOB",
    "UUID": "'a6ee1571-dfdd-4815-9381-900541b80848'", "DATE": "'0044-03-15 (BC)'", "TIME": "'23:59:59.999999'",
    "TIME WITH TIME ZONE": "'23:59:59+15:59:59'", "TIMESTAMP": "'0044-03-15 (BC) 10:00:00'",
    "TIMESTAMP_S": "'1969-12-31 23:59:59'", "TIMESTAMP_MS": "'2026-01-01 00:00:00.123'",
    "TIMESTAMP_NS": "'2026-01-01 00:00:00.123456789'", "TIMESTAMP WITH TIME ZONE": "'0044-03-15 (BC) 10:00:00+00'",
    "INTERVAL": "INTERVAL '1 month -2 days 3.5 seconds'",
    "INTEGER[]": "[1, NULL]", "DOUBLE[]": "['nan'::DOUBLE, 'inf'::DOUBLE]", "VARCHAR[]": "['a,b', NULL, '', 'NULL']",
    'STRUCT(a INTEGER, "b c" VARCHAR)': "{'a': 1, 'b c': 'x, y: {z}'}",
    "MAP(VARCHAR, INTEGER[])": "MAP {'k=1': [1], '': []}",
    "STRUCT(t TIMESTAMP, u UUID)[]": "[{'t': '2026-01-01', 'u': 'a6ee1571-dfdd-4815-9381-900541b80848'}, NULL]",
    "STRUCT(j JSON)": """{'j': '{"a": [1]}'}""",
}  # fmt: skip
"""Types by DuckDB's names, with a value that is easily lost."""

ONLY_IN_DUCKDB = {
    "VARCHAR[][]": "[['a,b', 'c]'], [], NULL]",
    "STRUCT(t TIMESTAMP)": "{'t': '2026-01-01 00:00:00'}",
    "STRUCT(b BLOB)": r"{'b': '\x00A\xFF'::BLOB}",
    "STRUCT(h HUGEINT, i INTERVAL, t TIMETZ)":
        "{'h': 1, 'i': INTERVAL '1 month -2 days 3.5 seconds', 't': '23:59:59+15:59:59'}",
    "TIME_NS": "'23:59:59.999999999'",
    "STRUCT(a VARCHAR[])": """{'a': ['x]', 'y}', 'it''s \\']}""",
}  # fmt: skip
"""The same that the extension can write and read inlined in a catalog in DuckDB alone."""

FILES = {"GEOMETRY": "'POINT (1 2)'::GEOMETRY"}
"""Types of which the extension inlines nothing anywhere."""


Group = dict[str, str]
"""The values of one table's columns, by type."""


def rows(attach: str, groups: dict[str, Group]) -> dict[str, list[tuple[object, ...]]]:
    """Read each group's table, every value with its type, with a fresh client."""
    with session(attach, "READ_ONLY") as connection:
        found = {}
        for table, values in groups.items():
            shown = ", ".join(f"v{n}::VARCHAR, typeof(v{n})" for n in range(len(values)))
            found[table] = connection.execute(f"SELECT i, {shown} FROM lake.{table} ORDER BY i").fetchall()
        return found


def make(attach: str, folder: Path, groups: dict[str, Group]) -> None:
    """Make a lake with a table for each group, whose rows are inlined where the extension inlines such."""
    with session(attach, f"DATA_PATH '{folder}/data'", "DATA_INLINING_ROW_LIMIT 10") as connection:
        for table, values in groups.items():
            columns = ", ".join(f"v{number} {type_}" for number, type_ in enumerate(values))
            connection.execute(f"CREATE TABLE lake.{table} (i INTEGER, {columns})")
            nulls = ", ".join(["NULL"] * len(values))
            connection.execute(f"INSERT INTO lake.{table} VALUES (1, {', '.join(values.values())}), (2, {nulls})")


def go_on(attach: str, groups: dict[str, Group]) -> None:
    """Insert and update by the extension."""
    with session(attach, "DATA_INLINING_ROW_LIMIT 10") as connection:
        for table, values in groups.items():
            connection.execute(f"INSERT INTO lake.{table} VALUES (3, {', '.join(values.values())})")
            connection.execute(f"UPDATE lake.{table} SET i = 10 WHERE i = 1")


@pytest.mark.parametrize("engine", ENGINES)
def test_every_type_goes_from_an_engine_into_every_other_and_back(
    engine: Engine, tmp_path: Path, postgres: Server
) -> None:
    groups = {"common": VALUES} | ({"odd": ONLY_IN_DUCKDB} if engine == "duckdb" else {})
    groups["files"] = FILES
    source = attach_string(engine, tmp_path, postgres)
    make(source, tmp_path, groups)
    truth = rows(source, groups)
    repository = str(tmp_path / "repository")
    canvasback.init(source, repository)
    assert canvasback.backup(source, repository).findings == ()

    for to in ENGINES:
        folder = tmp_path / to
        folder.mkdir()
        target = attach_string(to, folder, postgres)
        canvasback.restore(target, repository, data_path=str(folder / "data"))
        assert rows(target, groups) == truth, to
        written = {table: values for table, values in groups.items() if table != "odd" or to == "duckdb"}
        go_on(target, written)
        changed = rows(target, groups)
        for table in written:
            assert [row[0] for row in changed[table]] == [2, 3, 10]
            assert {row[1:] for row in changed[table]} == {row[1:] for row in truth[table]}

        again = str(folder / "repository")
        canvasback.init(target, again)
        assert canvasback.backup(target, again).findings == ()
        canvasback.restore(f"ducklake:{folder}/back.ducklake", again, shares_files=True)
        attached = canvasback.attach(again, out=str(folder / "attached.ducklake"))
        for back in (f"ducklake:{folder}/back.ducklake", f"ducklake:{attached.file}"):
            assert rows(back, groups) == changed


def test_every_type_that_the_extension_takes_is_tried() -> None:
    """Or its rows would be lost without anybody knowing."""
    tried = {duckdb.sqltype(type_).id.upper() for type_ in VALUES | ONLY_IN_DUCKDB | FILES}
    nested = {"LIST", "STRUCT", "MAP"}
    assert {type_.name for type_ in TYPES.values() if type_.lake} - {"JSON", "VARIANT"} <= tried | nested


def test_the_extension_takes_no_type_of_which_the_list_says_so(tmp_path: Path) -> None:
    spelled = {"ARRAY": "INTEGER[3]", "ENUM": "ENUM('a')", "UNION": "UNION(a INTEGER, b VARCHAR)"}
    lake = Lake(tmp_path / "lake")
    with lake.session() as connection:
        for name in [*(name for name, type_ in TYPES.items() if not type_.lake), "UNION"]:
            with pytest.raises(duckdb.Error, match=r"(?i)unsupported|not supported"):
                connection.execute(f"CREATE TABLE lake.t (v {spelled.get(name, name)})")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_list_spells_columns_as_the_extension_does(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """What a restored catalog has is what the extension would have made."""
    source = attach_string("duckdb", tmp_path, postgres)
    folder = tmp_path / "native"
    folder.mkdir()
    native = attach_string(engine, folder, postgres)
    for attach, place in ((source, tmp_path), (native, folder)):
        make(attach, place, {"common": VALUES})
    repository = str(tmp_path / "repository")
    canvasback.init(source, repository)
    canvasback.backup(source, repository)
    (tmp_path / "restored").mkdir()
    restored = attach_string(engine, tmp_path / "restored", postgres)
    canvasback.restore(restored, repository, shares_files=True)
    assert _declared(restored, postgres) == _declared(native, postgres)


def _declared(attach: str, postgres: Server) -> list[tuple[object, ...]]:
    with connect() as connection:
        if attach.startswith("ducklake:postgres:"):
            database = attach.partition("dbname=")[2].partition(" ")[0]
            asked = (
                "SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns "
                "WHERE table_name LIKE 'ducklake_inlined_data_%' ORDER BY 1"
            )
            return [(line,) for line in postgres.psql(database, asked).splitlines()]
        path = attach.removeprefix("ducklake:").removeprefix("sqlite:")
        kind = "TYPE sqlite, " if ":sqlite:" in attach else ""
        connection.execute(f"ATTACH '{path}' AS catalog ({kind}READ_ONLY)")
        try:
            return connection.execute(
                "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'catalog' "
                "AND table_name LIKE 'ducklake_inlined_data_%' ORDER BY ALL"
            ).fetchall()
        finally:
            connection.execute("DETACH catalog")
