"""A check finds nothing in the lakes that real writers left behind, whatever they did before."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from tests.extension import DUCKLAKE
from tests.lake.bookkeeping import judged
from tests.lake.builder import Lake, read, session
from tests.lake.saved import ENGINES, LAKES, Engine, Saved, attach_string, together
from tests.oracle import load_fixture
from tests.postgres import Server


@pytest.mark.parametrize("saved", [together(name) for name in LAKES], indirect=True)
def test_a_sound_lake_has_no_finding(saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved.fixture.path)  # a relative data path is relative to the process
    for level in ("catalog", "checksum"):
        assert canvasback.check(saved.attach, saved.repository, level=level).findings == ()


@pytest.mark.versions
@pytest.mark.parametrize("name", ["duckdb-0.1", "duckdb-0.2"])
def test_a_lake_that_was_migrated_has_no_more_than_its_past(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.1 and 0.2 let what a dropped table had live on; that is nobody's trouble, and heal ends it all the same."""
    fixture = load_fixture(name, tmp_path)
    monkeypatch.chdir(fixture.path)
    with session(fixture.attach, *(["AUTOMATIC_MIGRATION true"] if DUCKLAKE == "1.0" else [])):
        pass
    truth = read(fixture.attach)
    result = canvasback.check(fixture.attach, level="rows")
    assert {(f.code, f.severity, f.table) for f in result.findings} == {("live-in-dropped-table", "info", "etl.doomed")}
    repository = str(tmp_path / "repository")
    canvasback.init(fixture.attach, repository)
    canvasback.heal(fixture.attach, repository)
    assert canvasback.check(fixture.attach, level="rows").findings == ()
    assert read(fixture.attach) == truth


@pytest.mark.versions
@pytest.mark.parametrize("engine", ENGINES)
def test_bounds_that_nobody_asks_hide_nothing(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """DuckLake takes a file that has nothing but NaN for one of no values, and asks no bounds where a NaN may be."""
    lake = Lake(tmp_path / "lake", elsewhere=attach_string(engine, tmp_path, postgres))
    lake.run(
        "CREATE TABLE lake.t (d DOUBLE, f FLOAT)",
        "INSERT INTO lake.t SELECT i, i FROM range(50) r(i)",
        "INSERT INTO lake.t SELECT 'nan', 'nan' FROM range(50) r(i)",
        "INSERT INTO lake.t VALUES (-1, -1)",
    )
    assert canvasback.check(lake.attach, level="rows").findings == ()
    with session(lake.attach) as connection:
        assert judged(connection) == []


MAINTENANCE = (
    "CALL ducklake_flush_inlined_data('lake')",
    "CALL ducklake_merge_adjacent_files('lake')",
    "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)",
    "CALL ducklake_expire_snapshots('lake', older_than => now())",
    "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "CHECKPOINT lake",
)


@pytest.mark.versions
@pytest.mark.parametrize("engine", ENGINES)
def test_no_maintenance_and_no_statement_breaks_a_rule(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 5",))
    lake.elsewhere = attach_string(engine, lake.folder, postgres)
    life = (
        'CREATE SCHEMA lake."it\'s"',
        'CREATE TABLE lake."it\'s".t (i INTEGER, s VARCHAR, n STRUCT(a INTEGER, b DOUBLE[]))',
        "INSERT INTO lake.\"it's\".t SELECT i, 'row ' || i, {'a': i, 'b': [i / 2]} FROM range(50) r(i)",
        'INSERT INTO lake."it\'s".t VALUES (100, NULL, NULL)',
        'DELETE FROM lake."it\'s".t WHERE i % 4 = 1 OR i = 100',
        'UPDATE lake."it\'s".t SET s = upper(s) WHERE i % 4 = 2',
        "CREATE TABLE lake.p (d DATE, n DECIMAL(12, 2))",
        "INSERT INTO lake.p SELECT DATE '2026-01-01' + (i % 3)::INTEGER, i / 3 FROM range(30) r(i)",
        "ALTER TABLE lake.p SET PARTITIONED BY (year(d), month(d))",
        "INSERT INTO lake.p SELECT DATE '2026-01-01' + (20 * (i % 3))::INTEGER, i / 3 FROM range(30) r(i)",
        "CREATE TABLE lake.m (d DATE, n INTEGER)",
        "ALTER TABLE lake.m SET PARTITIONED BY (month(d))",
        "INSERT INTO lake.m SELECT DATE '2026-01-01' + (20 * (i % 3))::INTEGER, i FROM range(30) r(i)",
        "UPDATE lake.m SET n = n + 1",
        "COMMENT ON COLUMN lake.m.n IS 'counted'",
        f"COPY (SELECT i FROM range(9) r(i)) TO '{tmp_path}/added.parquet'",
        "CREATE TABLE lake.added (i BIGINT)",
        f"CALL ducklake_add_data_files('lake', 'added', '{tmp_path}/added.parquet')",
        "CREATE SCHEMA lake.brief",
        "CREATE TABLE lake.brief.b AS SELECT * FROM lake.m",
        "CREATE VIEW lake.v AS SELECT n FROM lake.p",
        "CREATE OR REPLACE TABLE lake.r AS SELECT i FROM range(9) r(i)",
        "CREATE OR REPLACE TABLE lake.r AS SELECT 'x' AS s FROM range(9) r(i)",
        "COMMENT ON TABLE lake.r IS 'seen'",
        "DROP TABLE lake.r",
        "DROP VIEW lake.v",
    )
    found = []
    end = ("DROP TABLE lake.m", "DROP TABLE lake.added", "DROP SCHEMA lake.brief CASCADE")
    for statement in (*life, *MAINTENANCE, *life[3:6], *end, *MAINTENANCE):
        lake.run(statement)
        if engine != "duckdb" and statement not in MAINTENANCE:
            continue  # what a statement writes does not depend on the engine
        found += [(statement, f.code, f.where, f.message) for f in canvasback.check(lake.attach).findings]
    assert found == []
