"""Fields of nested columns that were renamed, dropped, added anew and promoted, as the real extension shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from tests.lake.builder import Lake
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server

CREATE = (
    "CREATE TABLE lake.n (id INTEGER, s STRUCT(i INTEGER, j INTEGER, t STRUCT(a FLOAT)), "
    "l STRUCT(x INTEGER, y VARCHAR)[], m MAP(VARCHAR, STRUCT(v INTEGER)))"
)
FIRST = (
    "INSERT INTO lake.n VALUES (1, {'i': 11, 'j': 12, 't': {'a': 1.5}}, [{'x': 1, 'y': 'one'}, NULL], "
    "MAP {'k': {'v': 2}}), (2, NULL, NULL, NULL), (3, {'i': NULL, 'j': 1, 't': NULL}, [], MAP {'k': NULL})"
)
CHANGES = (
    "ALTER TABLE lake.n RENAME COLUMN s.i TO ii",
    "ALTER TABLE lake.n DROP COLUMN s.j",
    "ALTER TABLE lake.n ADD COLUMN s.j INTEGER",
    "ALTER TABLE lake.n ADD COLUMN s.k INTEGER DEFAULT 5",
    "ALTER TABLE lake.n RENAME COLUMN s.t.a TO aa",
    "ALTER TABLE lake.n ADD COLUMN s.t.a INTEGER",
)
INSIDE = (
    "ALTER TABLE lake.n RENAME COLUMN l.element.x TO xx",
    "ALTER TABLE lake.n ADD COLUMN l.element.x VARCHAR",
    "ALTER TABLE lake.n RENAME COLUMN m.value.v TO vv",
)
PROMOTION = (
    "ALTER TABLE lake.n ALTER COLUMN s "
    "SET DATA TYPE STRUCT(ii BIGINT, t STRUCT(aa DOUBLE, a INTEGER), j INTEGER, k BIGINT)"
)
SECOND = (
    "INSERT INTO lake.n SELECT 4, {'ii': 5000000000, 't': {'aa': 1e300, 'a': 3}, 'j': 7, 'k': 8}, "
    "[{'xx': 4, 'y': 'four', 'x': 'new'}], MAP {'l': {'vv': 5}}"
)


def seen(lake: Lake, table: str, at: str = "") -> list[tuple[object, ...]]:
    """Read a table's shape and rows, with row ids."""
    with lake.session() as connection:
        shape = [row[:2] for row in connection.execute(f"DESCRIBE lake.{table}").fetchall()]
        columns = ", ".join(name for name, _ in shape)
        rows = connection.execute(f"SELECT rowid, {columns} FROM lake.{table} {at} ORDER BY id").fetchall()
    return [*shape, *rows]


@pytest.mark.parametrize("engine", ENGINES)
def test_inlined_rows_of_older_shapes(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """Written to a file by the restore of a table, at every moment."""
    lake = Lake(
        tmp_path / "lake",
        options=("DATA_INLINING_ROW_LIMIT 10",),
        elsewhere=attach_string(engine, tmp_path, postgres),
    )
    lake.run(CREATE, FIRST)
    truths = [seen(lake, "n")]
    for change in (*CHANGES, *INSIDE, PROMOTION, SECOND):
        lake.run(change)
        truths.append(seen(lake, "n"))
    assert lake.files() == []
    lake.backup()
    for snapshot, truth in enumerate(truths, start=2):
        if snapshot % 3 != 0 or snapshot == len(truths) + 1:
            canvasback.restore_tables(
                lake.attach, lake.repository, "main.n", as_name=f"n{snapshot}", at_snapshot=snapshot
            )
            assert seen(lake, f"n{snapshot}") == truth
    assert canvasback.check(lake.attach, level="rows").findings == ()


@pytest.mark.versions
def test_files_of_older_shapes(tmp_path: Path) -> None:
    """Those that straddle a moment are written anew with the fields that they had."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(CREATE, FIRST)
    before = seen(lake, "n")
    lake.run(FIRST.replace("(1,", "(9,"), "CALL ducklake_merge_adjacent_files('lake')", *CHANGES, *INSIDE)
    lake.run("DELETE FROM lake.n WHERE id = 9", PROMOTION, SECOND)
    head = seen(lake, "n")
    lake.backup()

    canvasback.restore_tables(lake.attach, lake.repository, "main.n", as_name="head")
    assert seen(lake, "head") == head
    canvasback.restore_tables(lake.attach, lake.repository, "main.n", as_name="first", at_snapshot=2)
    assert seen(lake, "first") == before
    lake.run(*(change.replace("lake.n ", "lake.first ") for change in (*CHANGES, *INSIDE, PROMOTION)))
    assert seen(lake, "first") == [row for row in head if not isinstance(row[0], int) or row[0] < 3]
    canvasback.rewind(lake.attach, to_snapshot=2, safety_point=False)
    assert seen(lake, "n") == before
