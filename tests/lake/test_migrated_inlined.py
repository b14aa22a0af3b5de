"""Tables of inlined rows that DuckLake 0.3 made, after the catalog was migrated: 1.0 writes other values into them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import canvasback
from tests import extension
from tests.lake.saved import Engine, attach_string
from tests.oracle import PYTHONS, ROOT
from tests.postgres import Server

WRITE = """
import sys
from tests import extension
attach, data, *statements = sys.argv[1:]
with extension.for_lake(attach) as connection:
    connection.execute(f"ATTACH '{attach}' AS lake (DATA_PATH '{data}', DATA_INLINING_ROW_LIMIT 10)")
    for statement in statements:
        connection.execute(statement)
"""
OLD = (
    "CREATE TABLE lake.people (id INTEGER, name VARCHAR, born DATE, weight DOUBLE)",
    "INSERT INTO lake.people VALUES (1, 'old', DATE '2026-01-01', 1.5)",
    "CREATE TABLE lake.numbers (i INTEGER)",
    "INSERT INTO lake.numbers VALUES (1)",
)
NEW = (
    "INSERT INTO lake.people VALUES (2, 'new', DATE '2026-02-02', 'nan')",
    "SELECT name, weight::VARCHAR, born::VARCHAR FROM lake.people ORDER BY id",
)


def by_1_0(attach: str, *statements: str) -> list[tuple[object, ...]]:
    """What DuckLake 1.0 answers to the last of some statements."""
    with extension.for_lake(attach) as connection:
        connection.execute(f"ATTACH '{attach}' AS lake (AUTOMATIC_MIGRATION, DATA_INLINING_ROW_LIMIT 10)")
        for statement in statements:
            answer = connection.execute(statement).fetchall()
    return answer


@pytest.fixture(params=["sqlite", "postgres"])
def migrated(request: pytest.FixtureRequest, tmp_path: Path, postgres: Server) -> str:
    engine: Engine = request.param
    attach = attach_string(engine, tmp_path, postgres)
    command = [str(PYTHONS["1.4.4"]), "-W", "ignore", "-c", WRITE, attach, f"{tmp_path}/data/", *OLD]
    subprocess.run(command, check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    assert by_1_0(attach, "SELECT name, weight FROM lake.people") == [("old", 1.5)]
    return attach


def test_they_are_told_and_removed_when_they_are_empty(migrated: str, tmp_path: Path) -> None:
    [found] = canvasback.check(migrated).findings
    assert (found.code, found.severity, found.table) == ("inlined-types-old", "warning", "main.people")
    assert found.message.endswith("as 0.3 made it; it holds 1 row")
    repository = str(tmp_path / "repository")
    canvasback.init(migrated, repository)
    assert canvasback.heal(migrated, repository).finding_counts == {"inlined-types-old": 1}
    assert by_1_0(migrated, "SELECT name FROM lake.people") == [("old",)]

    # What the cure says.
    by_1_0(migrated, "CALL ducklake_flush_inlined_data('lake')")
    assert canvasback.heal(migrated, repository).findings == ()
    rows = by_1_0(migrated, *NEW)
    assert rows == [("old", "1.5", "2026-01-01"), ("new", "nan", "2026-02-02")]
    assert canvasback.check(migrated, level="rows").findings == ()


def test_what_1_0_writes_into_them_is_another_value(migrated: str) -> None:
    """So that the rule can go when the extension no longer does it."""
    if ":sqlite:" in migrated:
        row = "INSERT INTO lake.people (id, weight) VALUES (2, 'nan')"
        assert by_1_0(migrated, row, "SELECT weight FROM lake.people WHERE id = 2") == [(None,)]
        return
    row = "INSERT INTO lake.people (id, name) VALUES (2, 'new')"
    assert by_1_0(migrated, row, "SELECT name FROM lake.people WHERE id = 2") == [("\\x6e6577",)]
    [found] = canvasback.check(migrated).findings
    assert found.message.endswith("it holds 2 rows, 1 of them with a text that begins with \\x")
