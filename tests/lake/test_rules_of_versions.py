"""The same damages in lakes of every version of DuckLake: each is named, and what heal may mend it mends."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback.catalog.rules import RULES
from tests.oracle import OWN, Fixture, Version, load_fixture, read_lake

LAKES: list[tuple[str, Version]] = [
    ("duckdb-0.1", "1.3.0"),
    ("duckdb-0.2", "1.3.2"),
    ("duckdb-0.3-maintained", "1.4.4"),
    ("duckdb-1.0-maintained", "1.5.5"),
]

HEAD = "(SELECT max(snapshot_id) FROM ducklake_snapshot)"
LIVE = (
    "(SELECT max(data_file_id) FROM ducklake_data_file WHERE end_snapshot IS NULL AND table_id IN "
    "(SELECT table_id FROM ducklake_table WHERE end_snapshot IS NULL) AND data_file_id NOT IN "
    "(SELECT data_file_id FROM ducklake_delete_file))"
)
TABLE = f"(SELECT table_id FROM ducklake_data_file WHERE data_file_id = {LIVE})"
NUMBER = (
    "(SELECT min(column_id) FROM ducklake_column WHERE end_snapshot IS NULL AND column_type IN ('int32', 'int64') "
    f"AND table_id = {TABLE})"
)
DELETES = "(SELECT max(delete_file_id) FROM ducklake_delete_file)"

DAMAGES = [
    (
        "snapshot-without-changes",
        "DELETE FROM ducklake_snapshot_changes WHERE snapshot_id = (SELECT min(snapshot_id) FROM ducklake_snapshot)",
    ),
    ("changes-without-snapshot", "INSERT INTO ducklake_snapshot_changes (snapshot_id, changes_made) VALUES (999, '')"),
    ("id-past-counter", f"UPDATE ducklake_snapshot SET next_file_id = 1 WHERE snapshot_id = {HEAD}"),
    ("range-reversed", f"UPDATE ducklake_data_file SET end_snapshot = 1 WHERE data_file_id = {LIVE}"),
    ("range-past-head", f"UPDATE ducklake_data_file SET begin_snapshot = 999 WHERE data_file_id = {LIVE}"),
    (
        "duplicate-name",
        (
            "UPDATE ducklake_view SET view_name = (SELECT max(table_name) FROM ducklake_table t "
            "WHERE t.end_snapshot IS NULL AND t.schema_id = ducklake_view.schema_id) WHERE end_snapshot IS NULL"
        ),
    ),
    ("parent-missing", f"UPDATE ducklake_delete_file SET data_file_id = 77777 WHERE delete_file_id = {DELETES}"),
    ("orphan-row", "INSERT INTO {stats} (data_file_id, table_id, column_id) VALUES (77777, 1, 1)"),
    ("impossible-number", f"UPDATE ducklake_data_file SET footer_size = -1 WHERE data_file_id = {LIVE}"),
    (
        "more-deletes-than-rows",
        f"UPDATE ducklake_delete_file SET delete_count = 1000000 WHERE delete_file_id = {DELETES}",
    ),
    ("row-id-past-counter", f"UPDATE ducklake_table_stats SET next_row_id = 0 WHERE table_id = {TABLE}"),
    (
        "table-bounds-unfit",
        (
            "UPDATE ducklake_table_column_stats SET max_value = 'zebra' "
            f"WHERE table_id = {TABLE} AND column_id = {NUMBER}"
        ),
    ),
    (
        "file-bounds-unfit",
        (f"UPDATE {{stats}} SET min_value = 'zebra' WHERE data_file_id = {LIVE} AND column_id = {NUMBER}"),
    ),
]


def damage(fixture: Fixture, sql: str) -> None:
    with duckdb.connect(str(fixture.catalog)) as database:
        tables = {row[0] for row in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        [stats] = tables & {"ducklake_file_column_stats", "ducklake_file_column_statistics"}
        [(changed,)] = database.execute(sql.replace("{stats}", stats)).fetchall()
        assert changed > 0


@pytest.mark.parametrize(("code", "sql"), DAMAGES, ids=[code for code, _ in DAMAGES])
@pytest.mark.parametrize("name", [name for name, _ in LAKES])
def test_a_damage_is_named_in_every_version(name: str, code: str, sql: str, tmp_path: Path) -> None:
    fixture = load_fixture(name, tmp_path)
    damage(fixture, sql)
    assert {finding.code for finding in canvasback.check(fixture.attach, level="catalog").findings} == {code}


@pytest.mark.parametrize(("name", "version"), LAKES, ids=[name for name, _ in LAKES])
def test_damages_are_mended_in_every_version(
    name: str, version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that have a repair at once: test_rules.py mends each alone."""
    fixture = load_fixture(name, tmp_path)
    monkeypatch.chdir(fixture.path)  # a relative data path is relative to the process
    repairable = {rule.kind.code for rule in RULES if rule.repair is not None}
    done = {code: sql for code, sql in DAMAGES if code in repairable}
    assert len(done) == 7
    for sql in done.values():
        damage(fixture, sql)
    repository = str(fixture.path / "repository")
    canvasback.init(fixture.attach, repository)

    result = canvasback.heal(fixture.attach, repository)

    assert sorted(repair.code for repair in result.repairs) == sorted(done)
    assert canvasback.check(fixture.attach, level="rows").findings == ()
    fixture.check(read_lake(fixture.attach, version, cwd=fixture.path, at=[], judged=version == OWN))
