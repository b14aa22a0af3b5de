"""Tables with files whose columns are found by name, and all else that a table is, brought back into a live lake."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from tests import extension
from tests.lake.builder import Lake

Rows = list[tuple[object, ...]]


def rows(lake: Lake, table: str) -> Rows:
    """Read a table with its row ids."""
    with lake.session() as connection:
        return sorted(connection.execute(f"SELECT rowid, * FROM {table}").fetchall(), key=repr)


def ask(lake: Lake, sql: str) -> Rows:
    """Ask the lake."""
    with lake.session() as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.versions
def test_files_that_were_added(tmp_path: Path) -> None:
    """Missing and superfluous columns, partitions in folders, the first mapping of the lake, whose id is 0."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    added = tmp_path / "a=7" / "added"
    added.mkdir(parents=True)
    lake.run(
        "CREATE TABLE lake.t (i INTEGER, j INTEGER)",
        f"COPY (SELECT 42 AS j, 1 AS more) TO '{added}/first.parquet'",
        f"CALL ducklake_add_data_files('lake', 't', '{added}/first.parquet', allow_missing => true, "
        "ignore_extra_columns => true)",
        "INSERT INTO lake.t VALUES (1, 2)",
        "CREATE TABLE lake.h (k INTEGER, v VARCHAR, a INTEGER)",
        f"COPY (SELECT (range % 2)::INTEGER AS k, 'v' || range AS v FROM range(20)) TO '{added}/hive' "
        "(FORMAT parquet, PARTITION_BY (k))",
        f"CALL ducklake_add_data_files('lake', 'h', '{added}/hive/**/*.parquet', hive_partitioning => true)",
        "INSERT INTO lake.h VALUES (5, 'own', 6)",
        "DELETE FROM lake.h WHERE v IN ('v3', 'v4')",
        "ALTER TABLE lake.h RENAME COLUMN v TO w",
        "ALTER TABLE lake.t RENAME COLUMN j TO jj",
    )
    mapped = ask(lake, "SELECT mapping_id FROM __ducklake_metadata_lake.ducklake_data_file ORDER BY 1")
    assert mapped[0] == (0,)
    truth = {table: rows(lake, f"lake.{table}") for table in ("t", "h")}
    assert (0, None, 42) in truth["t"]
    lake.backup()
    for table, wanted in truth.items():
        canvasback.restore_tables(lake.attach, lake.repository, f"main.{table}", as_name=f"{table}_back")
        assert rows(lake, f"lake.{table}_back") == wanted
    lake.run("ALTER TABLE lake.t ADD COLUMN more INTEGER", "DROP TABLE lake.t", "DROP TABLE lake.h")
    for table, wanted in truth.items():
        canvasback.restore_tables(lake.attach, lake.repository, f"main.{table}")
        assert rows(lake, f"lake.{table}") == wanted
        with lake.session() as connection:
            found = connection.execute(
                f"SELECT count(*) FROM lake.{table} WHERE {'k = 1' if table == 'h' else 'jj = 42'}"
            )
            assert found.fetchall() == [(9 if table == "h" else 1,)]

    # Elsewhere the folders of partitions are kept too.
    canvasback.restore(f"ducklake:{tmp_path}/new.ducklake", lake.repository, data_path=f"{tmp_path}/new")
    moved = Lake(tmp_path, f"{tmp_path}/new/", elsewhere=f"ducklake:{tmp_path}/new.ducklake")
    assert {table: rows(moved, f"lake.{table}") for table in truth} == truth


def test_partitions_in_a_folder_above_others(tmp_path: Path) -> None:
    """A value stands in any folder of the path."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    folder = tmp_path / "hive" / "k=3" / "day"
    folder.mkdir(parents=True)
    lake.run(
        "CREATE TABLE lake.h (v VARCHAR, k INTEGER)",
        f"COPY (SELECT 'v' AS v) TO '{folder}/file.parquet'",
        f"CALL ducklake_add_data_files('lake', 'h', '{folder}/file.parquet', hive_partitioning => true)",
    )
    truth = rows(lake, "lake.h")
    assert truth == [(0, "v", 3)]
    lake.backup()
    canvasback.restore_tables(lake.attach, lake.repository, "main.h", as_name="back")
    assert rows(lake, "lake.back") == truth
    canvasback.restore(f"ducklake:{tmp_path}/new.ducklake", lake.repository, data_path=f"{tmp_path}/new")
    moved = Lake(tmp_path, f"{tmp_path}/new/", elsewhere=f"ducklake:{tmp_path}/new.ducklake")
    assert rows(moved, "lake.h") == truth


@pytest.mark.versions
@pytest.mark.parametrize("hive", [True, False])
def test_partitions_of_every_kind(tmp_path: Path, *, hive: bool) -> None:
    """The table goes on being partitioned as it was, and files are found by their values."""
    if not hive and extension.DUCKLAKE == "0.3":
        option: tuple[str, ...] = ()
    else:
        option = (f"CALL lake.set_option('hive_file_pattern', {str(hive).lower()})",)
    recent = ["bucket(4, i)"] if extension.DUCKLAKE == "1.0" else []
    keys = ", ".join(["year(t)", "month(t)", "day(t)", "hour(t)", "s", *recent])
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        *option,
        "CREATE TABLE lake.p (i INTEGER, t TIMESTAMP, s VARCHAR)",
        f"ALTER TABLE lake.p SET PARTITIONED BY ({keys})",
        "INSERT INTO lake.p SELECT i, TIMESTAMP '2025-12-31 22:00:00' + to_hours(i // 2), 'a/ b=' || i % 2 "
        "FROM range(10) r(i), range(2)",
        *(["INSERT INTO lake.p VALUES (9, NULL, NULL)"] if recent else []),  # ends a process with 0.3
        "DELETE FROM lake.p WHERE i = 3 AND rowid % 2 = 0",
    )
    truth = rows(lake, "lake.p")
    lake.backup()
    canvasback.restore_tables(lake.attach, lake.repository, "main.p", as_name="back")
    assert rows(lake, "lake.back") == truth
    for where in ("t = '2026-01-01 00:00:00'", "s = 'a/ b=0'", "t IS NULL", "i = 9", "year(t) = 2026"):
        [(found, wanted)] = ask(
            lake,
            f"SELECT (SELECT count(*) FROM lake.back WHERE {where}), (SELECT count(*) FROM lake.p WHERE {where})",
        )
        assert found == wanted
    added = "VALUES (77, TIMESTAMP '2030-01-01 00:00:00', 'new')"
    lake.run(f"INSERT INTO lake.p {added}", f"INSERT INTO lake.back {added}")
    catalog = "__ducklake_metadata_lake"
    specs = (
        "SELECT c.partition_key_index, c.column_id, c.transform FROM {0}.ducklake_partition_column c "
        "JOIN {0}.ducklake_partition_info i USING (partition_id) "
        "JOIN {0}.ducklake_table t ON t.table_id = i.table_id AND t.end_snapshot IS NULL "
        "WHERE t.table_name = {1} AND i.end_snapshot IS NULL ORDER BY ALL"
    )
    assert ask(lake, specs.format(catalog, "'back'")) == ask(lake, specs.format(catalog, "'p'"))
    folders = [
        sorted("/".join(file.relative_to(lake.data / "main").parts[1:-1]) for file in lake.files()
               if file.relative_to(lake.data / "main").parts[0] == of and not file.name.endswith("-delete.parquet"))
        for of in ("p", "back")
    ]  # fmt: skip
    assert folders[0] == folders[1]


def test_order_options_and_defaults(tmp_path: Path) -> None:
    """What is said of the table alone comes along; what is said of its schema or the lake is theirs, and stays."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 10",))
    lake.run(
        "CREATE SCHEMA lake.s",
        "CREATE TABLE lake.s.t (i INTEGER, j INTEGER DEFAULT 7, w TIMESTAMP DEFAULT now())",
        "ALTER TABLE lake.s.t SET SORTED BY (j DESC, lower(i::VARCHAR) ASC)",
        "CALL lake.set_option('parquet_compression', 'zstd', schema => 's', table_name => 't')",
        "CALL lake.set_option('parquet_row_group_size', 5000, schema => 's')",
        "COMMENT ON TABLE lake.s.t IS 'of it''s own'",
        "COMMENT ON COLUMN lake.s.t.j IS 'seven'",
        "INSERT INTO lake.s.t (i) VALUES (1), (2)",
        "ALTER TABLE lake.s.t ADD COLUMN added VARCHAR DEFAULT 'x'",
        "CREATE VIEW lake.s.v AS FROM lake.s.t",
        "CREATE MACRO lake.s.m(a) AS a + 1",
    )
    truth = rows(lake, "lake.s.t")
    lake.backup()
    lake.run("DROP VIEW lake.s.v", "DROP TABLE lake.s.t")
    canvasback.restore_tables(lake.attach, lake.repository, "s.t")
    assert rows(lake, "lake.s.t") == truth
    catalog = "__ducklake_metadata_lake"
    of_table = f"SELECT table_id FROM {catalog}.ducklake_table WHERE table_name = 't' AND end_snapshot IS NULL"
    assert ask(
        lake, f"SELECT key, value FROM {catalog}.ducklake_metadata WHERE scope = 'table' AND scope_id = ({of_table})"
    ) == [("parquet_compression", "zstd")]
    assert ask(lake, f"SELECT key, value FROM {catalog}.ducklake_metadata WHERE scope = 'schema'") == [
        ("parquet_row_group_size", "5000")
    ]
    assert ask(
        lake,
        f"SELECT e.expression, e.sort_direction FROM {catalog}.ducklake_sort_expression e "
        f"JOIN {catalog}.ducklake_sort_info i USING (sort_id) "
        f"WHERE i.end_snapshot IS NULL AND i.table_id = ({of_table}) ORDER BY e.sort_key_index",
    ) == [("j", "DESC"), ("lower(CAST(i AS VARCHAR))", "ASC")]
    lake.run("INSERT INTO lake.s.t (i) VALUES (3)")
    [(j, is_now, added)] = ask(
        lake, "SELECT j, w > now()::TIMESTAMP - INTERVAL 1 HOUR, added FROM lake.s.t WHERE i = 3"
    )
    assert (j, is_now, added) == (7, True, "x")
    assert ask(lake, "SELECT count(*) FROM duckdb_views() WHERE database_name = 'lake' AND schema_name = 's'") == [(0,)]
    assert ask(lake, "SELECT lake.s.m(1)") == [(2,)]
    assert ask(lake, "SELECT comment FROM duckdb_tables() WHERE database_name = 'lake' AND table_name = 't'") == [
        ("of it's own",)
    ]
