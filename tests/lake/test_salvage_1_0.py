"""Salvage of lakes whose small commits lie in the catalog, as DuckLake 1.0 keeps them: the flushed ones come back."""

from __future__ import annotations

import shutil
from pathlib import Path

import canvasback
from tests.lake.builder import Contents, Lake


def rows_of(contents: Contents) -> dict[str, list[str]]:
    """The rows without their row ids."""
    return {table: sorted(row.partition(": ")[2] for row in rows[1:]) for table, rows in contents.items()}


def test_what_was_flushed_comes_back_and_what_was_not_is_named(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.run(
        "CREATE TABLE lake.t (i INTEGER)",
        "INSERT INTO lake.t SELECT i FROM range(5) r(i)",
        "INSERT INTO lake.t SELECT i FROM range(100, 150) r(i)",
    )
    old = shutil.copyfile(lake.catalog, tmp_path / "old.ducklake")
    lake.run(
        "INSERT INTO lake.t VALUES (7), (8)",
        "CREATE TABLE lake.u AS SELECT i FROM range(3) r(i)",
        "UPDATE lake.t SET i = i + 1000 WHERE i > 140",
        "DELETE FROM lake.t WHERE i < 3",
        "INSERT INTO lake.t SELECT i FROM range(200, 250) r(i)",
        "CALL ducklake_flush_inlined_data('lake')",
    )
    truth = rows_of(lake.read())
    lake.run("INSERT INTO lake.t VALUES (9)")
    shutil.copyfile(old, lake.catalog)

    result = canvasback.salvage(lake.attach)

    assert ("", "inlined-rows") in {(loss.table, loss.kind) for loss in result.losses}
    assert rows_of(lake.read()) == truth
    assert canvasback.check(lake.attach, level="rows").findings == ()
    assert canvasback.salvage(lake.attach, dry_run=True).commits == ()
    lake.run("UPDATE lake.t SET i = -i", "INSERT INTO lake.t SELECT i FROM range(20) r(i)")
    assert canvasback.check(lake.attach, level="rows").findings == ()
