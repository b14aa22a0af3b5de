"""Sound lakes of every version, and after every kind of maintenance, give no finding at any level."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import open_engine
from canvasback.catalog.image import Image
from canvasback.checks import WantedFiles, check_files, stray_files
from canvasback.model.lake import parse_lake
from canvasback.model.level import CheckLevel
from canvasback.storage.run import Run
from tests.lake.builder import Lake
from tests.lake.saved import LAKES
from tests.oracle import load_fixture
from tests.postgres import Server


def findings(image: Image, data: Path) -> list[object]:
    """All that a check of the rows and a look for strays yield."""
    root, run = f"{data}/", Run.begin(jobs=2)
    converted = in_dialect(image, "duckdb")
    return [
        *check_files(WantedFiles(converted, root), root, run, CheckLevel.ROWS),
        *stray_files(converted, root, run, datetime.now(UTC)),
    ]


@pytest.mark.parametrize("name", LAKES)
def test_a_sound_lake_has_no_damaged_file(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    fixture = load_fixture(name, tmp_path)
    attach = fixture.attach
    if name.startswith("postgres"):
        postgres: Server = request.getfixturevalue("postgres")
        string = postgres.create()
        postgres.psql(string.split()[0].removeprefix("dbname="), fixture.catalog.read_text())
        attach = f"ducklake:postgres:{string}"
    with open_engine(parse_lake(attach)).read() as image:
        assert findings(image, fixture.data) == []


VALUES = (
    "('', -1, -0.0, DATE '-infinity', TIMESTAMP '1969-12-31 23:59:59.999999', true, 'x'::BLOB)",
    "(NULL, 9223372036854775807, 'nan', DATE '5000-01-01', NULL, NULL, NULL)",
    "('Ünïcödé', -9223372036854775808, 'inf', NULL, TIMESTAMP '2026-01-01', false, '\\xFF\\x00'::BLOB)",
)


def test_odd_values_columns_that_change_and_every_maintenance(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.run(
        "CREATE TABLE lake.t (s VARCHAR, i BIGINT, f DOUBLE, d DATE, t TIMESTAMP, b BOOLEAN, x BLOB)",
        f"INSERT INTO lake.t VALUES {', '.join(VALUES)}",
        "INSERT INTO lake.t SELECT repeat('long ', 999) || i, i, i / 7, NULL, NULL, NULL, NULL FROM range(3000) r(i)",
        "CREATE TABLE lake.e AS SELECT 1 AS i WHERE false",
        "CREATE TABLE lake.c (i INTEGER, f FLOAT, u UUID, z TIMESTAMPTZ, n DECIMAL(30, 3), h HUGEINT)",
        "INSERT INTO lake.c SELECT i, i / 3, uuid(), TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_hours(i::INTEGER), "
        "i * 1000000000, i FROM range(100) r(i)",
        "ALTER TABLE lake.c ALTER i TYPE BIGINT",
        "ALTER TABLE lake.c ALTER f TYPE DOUBLE",
        "INSERT INTO lake.c SELECT 100 + i, 2, uuid(), NULL, NULL, NULL FROM range(100) r(i)",
        "ALTER TABLE lake.c RENAME u TO v",
        "ALTER TABLE lake.c DROP h",
        "ALTER TABLE lake.c ADD w VARCHAR DEFAULT 'none'",
        "DELETE FROM lake.c WHERE i % 3 = 0",
        "DELETE FROM lake.c WHERE i % 3 = 1",
        "UPDATE lake.c SET w = 'u' WHERE i % 7 = 2",
        "ALTER TABLE lake.t RENAME TO r",
        "INSERT INTO lake.r SELECT 'more', i, i, NULL, NULL, NULL, NULL FROM range(10) r(i)",
        "CREATE TABLE lake.n (i INTEGER, s VARCHAR)",
        "CALL lake.set_option('data_inlining_row_limit', 2, table_name => 'n')",
        "INSERT INTO lake.n VALUES (5, 'inlined')",
        "INSERT INTO lake.n SELECT i, 'row ' || i FROM range(10) r(i)",
    )
    steps = [
        "CALL ducklake_flush_inlined_data('lake')",
        "CALL ducklake_merge_adjacent_files('lake')",
        "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.1)",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    ]
    for step in ["SELECT 1", *steps]:
        lake.run(step)
        with open_engine(parse_lake(lake.attach)).read() as image:
            assert findings(image, lake.data) == [], step


def test_added_files_have_their_columns_by_name(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    added = tmp_path / "elsewhere" / "k=7" / "added.parquet"
    added.parent.mkdir(parents=True)
    lake.run(
        f"COPY (SELECT 'a' AS other, i FROM range(9) r(i)) TO '{added}'",
        "CREATE TABLE lake.t (i BIGINT, other VARCHAR, k INTEGER)",
        "INSERT INTO lake.t SELECT i, 'b', 1 FROM range(9) r(i)",
        f"CALL ducklake_add_data_files('lake', 't', '{added}', hive_partitioning => true)",
        "DELETE FROM lake.t WHERE i = 3",
    )
    with open_engine(parse_lake(lake.attach)).read() as image:
        assert findings(image, lake.data) == []
