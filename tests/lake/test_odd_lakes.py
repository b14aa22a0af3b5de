"""Lakes that are not like the others, written by the real extension: all come back as they were."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import duckdb
import pytest

import canvasback
from tests.lake.builder import Lake, connect, detach, read
from tests.lake.values import catalog_of, literal, quoted, tree_of, without

Level = Literal["exists", "checksum", "rows"]

FILES = ("DATA_INLINING_ROW_LIMIT 0",)
LEVELS: list[Level] = ["exists", "checksum", "rows"]
NAMES = ["a b", 'q"q', "it's", "..", ".", "ü☂", "con/tain", "main.x", "%20", "C:\\x", "new\nline", "{x}$1", "bucket"]
AWKWARD = {
    "HUGEINT": ["170141183460469231731687303715884105727", "'-170141183460469231731687303715884105728'"],
    "UHUGEINT": ["340282366920938463463374607431768211455"],
    "UBIGINT": ["18446744073709551615"],
    "INTERVAL": ["INTERVAL '1 month'", "INTERVAL '30 days'", "INTERVAL '-2 days 3 microseconds'"],
    "TIMETZ": ["'12:00:00.000001+05:30'", "'06:30:00.000001+00'", "'23:59:59-15:59'"],
    "TIMESTAMP_NS": ["'2026-01-01 00:00:00.123456789'"],
    "TIMESTAMP_S": ["'2026-01-01 00:00:01'"],
    "TIMESTAMP_MS": ["'2026-01-01 00:00:00.123'"],
    "TIMESTAMPTZ": ["'infinity'", "'2026-01-01 00:00:00.123456+05:30'"],
    "DATE": ["'-infinity'", "'0044-03-15 (BC)'"],
    "TIME": ["'24:00:00'"],
    "DOUBLE": ["'nan'", "'-inf'", "-0.0", "5e-324"],
    "FLOAT": ["'nan'", "'inf'", "0.1"],
    "DECIMAL(38,10)": ["-1234567890123456789012345678.0123456789"],
    "DECIMAL(4,1)": ["-999.9"],
    "BLOB": [r"'\x00\xFF'::BLOB", "''::BLOB"],
    "VARCHAR": ["chr(0) || 'a'", "''", "'NULL'", "'🦆'"],
    "UUID": ["'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'"],
    "JSON": ["'{\"a\": [1,  null]}'", "'null'"],
    "JSON[]": ["['1'::JSON, NULL]"],
    'STRUCT(a HUGEINT, "b c" VARCHAR[])': ["{'a': 1, 'b c': ['x', NULL, 'NULL']}", "{'a': NULL, 'b c': []}"],
    "MAP(VARCHAR, INTERVAL)": ["MAP {'k': INTERVAL '1 month'}", "MAP {}"],
    "TIMETZ[][]": ["[['12:00:00+01'], NULL, []]"],
}
"""Values per type that a detour through Parquet or text could change."""


@pytest.fixture
def new_lake(tmp_path: Path) -> Lake:
    """A lake that does not exist yet, and will have files for few rows too."""
    return Lake(tmp_path / "lake", options=FILES)


def assert_comes_back(lake: Lake, *, cwd: Path | None = None, monkeypatch: pytest.MonkeyPatch | None = None) -> None:
    """Back up, verify, and bring back in all three ways: each reads as before.

    The lake is lost, its whole folder; what the repository needs not bring back must lie elsewhere.

    Args:
        lake: The lake; `data_path` may be relative to its folder.
        cwd: Where canvasback runs, if not where the extension does.
        monkeypatch: To go there.
    """

    def go(folder: Path) -> None:
        if monkeypatch is not None:
            monkeypatch.chdir(folder)

    go(lake.folder)
    truth, tree, catalog = lake.read(), lake.tree(), catalog_of(lake.catalog)
    elsewhere = lake.folder.with_name("elsewhere")
    go(cwd or lake.folder)
    lake.backup()
    for level in LEVELS:
        assert canvasback.verify(lake.repository, level=level).finding_counts == {}

    lake.delete()
    moved = canvasback.restore(
        f"ducklake:{elsewhere}/main.ducklake", lake.repository, data_path=str(elsewhere / "files")
    )
    attached = canvasback.attach(lake.repository, out=str(elsewhere / "attached.ducklake"))
    assert moved.finding_counts == attached.finding_counts == {}
    go(lake.folder.parent)
    options = lake.options
    assert read(f"ducklake:{elsewhere}/main.ducklake", *options) == truth
    assert read(f"ducklake:{attached.file}", *options) == truth

    go(cwd or lake.folder.parent)
    restored = canvasback.restore(lake.attach, lake.repository)
    assert restored.finding_counts == {}
    go(lake.folder)
    assert read(lake.attach, *options) == truth
    assert catalog_of(lake.catalog) == catalog
    assert without_catalog(lake.tree()) == without_catalog(tree)


def without_catalog(tree: dict[str, str]) -> dict[str, str]:
    """Leave out the database file, whose bytes differ."""
    return {path: content for path, content in tree.items() if path != "main.ducklake"}


def test_without_a_table(new_lake: Lake) -> None:
    new_lake.run()
    assert_comes_back(new_lake)


def test_without_a_file(new_lake: Lake) -> None:
    new_lake.run("CREATE SCHEMA lake.s", "CREATE TABLE lake.s.t (i INTEGER)", "CREATE VIEW lake.v AS SELECT 1 AS i")
    assert_comes_back(new_lake)


def test_odd_names(new_lake: Lake) -> None:
    statements = []
    for name in map(quoted, NAMES):
        statements += [
            f"CREATE SCHEMA lake.{name}",
            f"CREATE TABLE lake.{name}.{name} AS SELECT i AS {name} FROM range(3) r(i)",
        ]
    new_lake.run(*statements)
    assert len(new_lake.files()) == len(NAMES)
    assert_comes_back(new_lake)


@pytest.mark.parametrize("name", ["it's", "[a-b]", 'q"q', "50%20%", "ü☂ {x}", "semi;colon"])
def test_odd_folders(name: str, tmp_path: Path) -> None:
    """All but `*` and `?`: the extension takes them for patterns, or cannot open the lake at all."""
    lake = Lake(tmp_path / name / name, options=FILES)
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(9) r(i)", "DELETE FROM lake.t WHERE i = 4")
    assert_comes_back(lake)


@pytest.mark.parametrize(("name", "sibling"), [("what*", "whatever"), ("what?", "whats"), ("wha[t]", "what")])
def test_a_repository_whose_folder_is_a_pattern(name: str, sibling: str, lake: Lake, tmp_path: Path) -> None:
    """A copy of the repository in a folder that matches must not be read as well, or instead."""
    repository = tmp_path / name
    catalog, tree = catalog_of(lake.catalog), tree_of(lake.data)
    canvasback.init(lake.attach, str(repository))
    assert canvasback.backup(lake.attach, str(repository)).findings == ()
    shutil.copytree(repository, tmp_path / sibling)
    for data in (tmp_path / sibling / "data").rglob("*.parquet"):
        data.write_bytes(b"")

    assert canvasback.verify(str(repository), level="rows").findings == ()
    lake.delete()
    restored = canvasback.restore(lake.attach, str(repository))

    assert restored.findings == ()
    assert catalog_of(lake.catalog) == catalog
    assert tree_of(lake.data) == tree


def test_hive_partitions(new_lake: Lake) -> None:
    values = ["a/b", "..", "[x]", "*", "?", "ü b", "", "a%20b", "it''s", "{y}", "a=b"]
    rows = ", ".join(f"('{value}', {number})" for number, value in enumerate(values))
    new_lake.run(
        "CREATE TABLE lake.p (k VARCHAR, i INTEGER)",
        "ALTER TABLE lake.p SET PARTITIONED BY (k)",
        f"INSERT INTO lake.p VALUES {rows}",
        "DELETE FROM lake.p WHERE i % 2 = 0",
    )
    assert len({path.parent for path in new_lake.files()}) == len(values)
    assert_comes_back(new_lake)


def test_added_files_outside_of_the_data_path(new_lake: Lake) -> None:
    names = ["x/same.parquet", "y/same.parquet", "z/it's [odd] %20 ü*.parquet"]
    outside = [new_lake.folder / "outside" / name for name in names]
    with new_lake.session() as connection:
        for number, path in enumerate(outside):
            path.parent.mkdir(parents=True)
            connection.execute(f"COPY (SELECT {number}::INTEGER AS i) TO {literal(str(path))}")
        connection.execute("CREATE TABLE lake.t (i INTEGER)")
        connection.execute("CREATE TABLE lake.u (i INTEGER)")
        for table, paths in {"t": outside, "u": outside[:1]}.items():
            for path in paths:
                # The extension takes a glob.
                pattern = str(path).replace("[", "[[]").replace("*", "?")
                connection.execute(f"CALL ducklake_add_data_files('lake', '{table}', {literal(pattern)})")
        connection.execute("DELETE FROM lake.t WHERE i = 1")
    assert len(read(new_lake.attach)["main.t"]) == 3
    assert_comes_back(new_lake)


def test_added_files_inside_of_the_data_path(new_lake: Lake) -> None:
    added = new_lake.data / "by hand" / "a.parquet"
    added.parent.mkdir(parents=True)
    with new_lake.session() as connection:
        connection.execute(f"COPY (SELECT 1::INTEGER AS i) TO {literal(str(added))}")
        connection.execute("CREATE TABLE lake.t (i INTEGER)")
        connection.execute(f"CALL ducklake_add_data_files('lake', 't', {literal(str(added))})")
    assert_comes_back(new_lake)
    assert tree_of(new_lake.folder.with_name("elsewhere") / "files").keys() == {"by hand/a.parquet"}


def test_added_files_with_a_relative_path(new_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    (new_lake.folder / "outside").mkdir()
    monkeypatch.chdir(new_lake.folder)
    new_lake.run(
        "COPY (SELECT 1::INTEGER AS i) TO 'outside/a.parquet'",
        "CREATE TABLE lake.t (i INTEGER)",
        "CALL ducklake_add_data_files('lake', 't', 'outside/a.parquet')",
    )
    truth, tree = new_lake.read(), new_lake.tree()
    new_lake.backup()
    (new_lake.folder / "outside/a.parquet").unlink()

    canvasback.restore(new_lake.attach, new_lake.repository, replace=True)

    assert without_catalog(new_lake.tree()).items() >= without_catalog(tree).items()
    assert new_lake.read() == truth


def test_added_hive_partitions(new_lake: Lake) -> None:
    outside = new_lake.folder / "outside"
    outside.mkdir(parents=True)
    new_lake.run(
        f"COPY (SELECT i::INTEGER AS i, (i % 3)::INTEGER AS k FROM range(9) r(i)) TO {literal(str(outside))} "
        "(FORMAT parquet, PARTITION_BY k, OVERWRITE_OR_IGNORE)",
        "CREATE TABLE lake.t (i INTEGER, k INTEGER)",
        f"CALL ducklake_add_data_files('lake', 't', {literal(f'{outside}/*/*.parquet')}, hive_partitioning => true)",
    )
    truth = new_lake.read()
    assert len(truth["main.t"]) == 10
    assert_comes_back(new_lake)


def test_a_table_whose_path_is_absolute(new_lake: Lake) -> None:
    new_lake.run("CREATE TABLE lake.t AS SELECT i FROM range(9) r(i)")
    shutil.move(new_lake.data / "main/t", new_lake.folder / "own")
    with duckdb.connect(new_lake.catalog) as connection:
        path = literal(f"{new_lake.folder}/own/")
        connection.execute(f"UPDATE ducklake_table SET path = {path}, path_is_relative = false")
    new_lake.run("INSERT INTO lake.t VALUES (9)", "DELETE FROM lake.t WHERE i = 3")
    assert len(list((new_lake.folder / "own").iterdir())) == 3
    assert_comes_back(new_lake)


@pytest.mark.parametrize("spelled", ["{}/data", "{}/data/", "{}/data//", "file://{}/data/", "{}/../x/../lake/data/"])
def test_spellings_of_the_data_path(spelled: str, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", data_path=spelled.format(tmp_path / "lake"), options=FILES)
    (tmp_path / "x").mkdir()
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(9) r(i)")
    assert len(lake.files()) == 1
    assert_comes_back(lake)


@pytest.mark.parametrize("spelled", ["data/", "./data/", "deep/data/"])
def test_a_relative_data_path(spelled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path / "lake", data_path=spelled, options=FILES)
    away = tmp_path / "away"
    away.mkdir()
    monkeypatch.chdir(lake.folder)
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(9) r(i)")
    assert_comes_back(lake, cwd=away, monkeypatch=monkeypatch)
    assert tree_of(away) == {}


def test_a_relative_data_path_that_is_lost_is_not_looked_for_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path / "lake", data_path="data/", options=FILES)
    monkeypatch.chdir(lake.folder)
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(9) r(i)")
    truth = lake.read()
    lake.backup()
    shutil.rmtree(lake.data)
    away = tmp_path / "away"
    (away / "data").mkdir(parents=True)

    monkeypatch.chdir(away)
    lake.backup(findings=("lake-damaged",))
    canvasback.restore(lake.attach, lake.repository, replace=True)

    assert tree_of(away) == {}
    monkeypatch.chdir(lake.folder)
    assert lake.read() == truth


def test_a_data_path_behind_a_symlink(new_lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    new_lake.data.symlink_to(tmp_path / "disk", target_is_directory=True)
    added = {"real": tmp_path / "disk/a.parquet", "linked": new_lake.data / "b.parquet"}
    with new_lake.session() as connection:
        connection.execute("CREATE TABLE lake.t AS SELECT i FROM range(9) r(i)")
        for path in added.values():
            connection.execute(f"COPY (SELECT 1::BIGINT AS i) TO {literal(str(path))}")
            connection.execute(f"CALL ducklake_add_data_files('lake', 't', {literal(str(path))})")
    truth, tree = new_lake.read(), tree_of(tmp_path / "disk")
    new_lake.backup()
    shutil.rmtree(tmp_path / "disk")
    (tmp_path / "disk").mkdir()

    canvasback.restore(new_lake.attach, new_lake.repository, replace=True)

    assert new_lake.data.is_symlink()
    assert tree_of(tmp_path / "disk") == tree
    assert new_lake.read() == truth


def test_a_catalog_in_a_schema_of_its_own(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", options=("METADATA_SCHEMA 'my \"cat\"'", *FILES))
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(9) r(i)")
    with lake.session() as connection:
        truth = connection.execute("FROM lake.t").fetchall()
    lake.backup()
    lake.delete()

    canvasback.restore(lake.attach, lake.repository)
    attached = canvasback.attach(lake.repository, out=str(tmp_path / "attached.ducklake"))

    with lake.session() as connection:
        assert connection.execute("FROM lake.t").fetchall() == truth
    with connect() as connection:
        connection.execute(attached.statement)
        assert connection.execute("FROM lake.t").fetchall() == truth
        detach(connection)


def test_inlined_rows_of_awkward_types(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 100",))
    statements = []
    for number, (type_, values) in enumerate(AWKWARD.items()):
        rows = ", ".join(f"({value}::{type_})" for value in [*values, "NULL"])
        statements += [f"CREATE TABLE lake.t{number} (x {type_})", f"INSERT INTO lake.t{number} VALUES {rows}"]
    lake.run(*statements)
    assert lake.files() == []
    inlined = [name for name in catalog_of(lake.catalog) if name.startswith("ducklake_inlined_data_")]
    assert len(inlined) == len(AWKWARD) + 1
    assert_comes_back(lake)

    moved = catalog_of(lake.folder.with_name("elsewhere") / "main.ducklake")
    assert without(moved) == without(catalog_of(lake.catalog))


def test_inlined_columns_of_reserved_names(tmp_path: Path) -> None:
    """More inlined rows than a chunk holds, in columns whose names a query could use for itself."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 20000",))
    columns = ["bucket", "rows", "hash", "key", "select", "kind", "file_id", "x", "name", "value"]
    lake.run(
        f"CREATE TABLE lake.t ({', '.join(f'{quoted(name)} INTEGER' for name in columns)})",
        f"INSERT INTO lake.t SELECT {', '.join(f'i + {number}' for number in range(len(columns)))} "
        "FROM range(9000) r(i)",
    )
    assert lake.files() == []
    lake.backup()
    lake.run("UPDATE lake.t SET bucket = -7 WHERE bucket = 42")
    truth = lake.read()
    lake.backup()
    lake.delete()

    canvasback.restore(lake.attach, lake.repository)

    assert lake.read() == truth
