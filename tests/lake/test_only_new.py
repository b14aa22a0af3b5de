"""Backups that make a point only where there is something to make one of."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import canvasback

if TYPE_CHECKING:
    from tests.lake.builder import Lake


def only_new(lake: Lake) -> canvasback.BackupResult:
    return canvasback.backup(lake.attach, lake.repository, only_new=True)


def points(lake: Lake) -> list[str]:
    return [point.point for point in canvasback.list_points(lake.repository).points]


def test_nothing_new(lake: Lake) -> None:
    made = lake.backup()
    assert (made.made, made.commits, made.absent) == (True, made.snapshot_id, 0)

    again = only_new(lake)

    assert (again.made, again.point, again.snapshot_id) == (False, made.point, made.snapshot_id)
    assert (again.snapshot_time, again.files) == (made.snapshot_time, made.files)
    assert (again.new_files, again.new_bytes, again.commits, again.catalog_bytes) == (0, 0, 0, 0)
    assert again.reused_files == made.files
    assert points(lake) == [made.point]


def test_commits_are_new_and_maintenance_that_makes_no_snapshot_is_not(lake: Lake) -> None:
    lake.backup()
    lake.run("INSERT INTO lake.t VALUES (2000, 'inlined')", "INSERT INTO lake.t SELECT i, 'x' FROM range(30) r(i)")
    made = only_new(lake)
    assert (made.made, made.commits, made.new_files) == (True, 2, 1)

    lake.run("CALL ducklake_expire_snapshots('lake', older_than => now())")
    lake.run("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")

    assert not only_new(lake).made
    assert len(points(lake)) == 2


def test_the_first_point_is_new(lake: Lake) -> None:
    canvasback.init(lake.attach, lake.repository)
    assert only_new(lake).made


def test_a_lake_that_was_taken_back_is_new(lake: Lake, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    shutil.copy(lake.catalog, kept)
    lake.run("INSERT INTO lake.t VALUES (2000, 'x')")
    first = lake.backup()
    shutil.copy(kept, lake.catalog)

    lower = only_new(lake)
    assert (lower.made, lower.snapshot_id, lower.commits) == (True, first.snapshot_id - 1, 0)

    lake.run("INSERT INTO lake.t VALUES (3000, 'y')")
    assert only_new(lake).made
    shutil.copy(kept, lake.catalog)
    lake.run("INSERT INTO lake.t VALUES (4000, 'z')")
    same = only_new(lake)  # the same number, of another time
    assert (same.made, same.snapshot_id) == (True, first.snapshot_id)
    assert len(points(lake)) == 4


def test_files_that_were_absent_and_can_be_had_again_are_new(lake: Lake) -> None:
    lost = lake.files()[0]
    content = lost.read_bytes()
    lost.unlink()
    made = lake.backup(findings=("file-missing",))
    assert made.absent == 1

    still = only_new(lake)
    assert (still.made, still.point, still.absent) == (False, made.point, 1)
    assert still.finding_counts == {"file-missing": 1}

    lost.write_bytes(content)
    back = only_new(lake)
    assert (back.made, back.absent, back.new_files, back.finding_counts) == (True, 0, 1, {})
    assert not only_new(lake).made


def test_damage_of_the_newest_point_asks_for_another(lake: Lake) -> None:
    made = lake.backup()
    manifest = Path(lake.repository, "points", f"{made.point}.json")
    manifest.write_bytes(manifest.read_bytes()[:-9])

    again = only_new(lake)

    assert again.made
    assert again.finding_counts == {"repository-damaged": 1}
    assert canvasback.verify(lake.repository).finding_counts == {}
