"""Whose lake it is, and which line of its history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import canvasback
from tests.lake.builder import Contents, Lake, read
from tests.lake.values import Tree, tree_of

if TYPE_CHECKING:
    from collections.abc import Callable


def test_repositories_refuse_each_others_lakes(tmp_path: Path, cli: Callable[..., int]) -> None:
    lakes = [Lake(tmp_path / name) for name in ("one", "two")]
    for lake in lakes:
        lake.run("CREATE TABLE lake.t AS SELECT i FROM range(9) r(i)")
        lake.backup()
    trees = [without_leases(lake) for lake in lakes]

    for lake, other in (lakes, lakes[::-1]):
        with pytest.raises(canvasback.RefusedError) as refused:
            canvasback.backup(lake.attach, other.repository)
        assert refused.value.code == "other-lake"
        assert cli("backup", lake.attach, "-r", other.repository) == 4

    assert [without_leases(lake) for lake in lakes] == trees


def without_leases(lake: Lake) -> Tree:
    """What a repository holds besides the marks that runs leave."""
    return {path: held for path, held in tree_of(Path(lake.repository)).items() if not path.startswith("leases/")}


def timelines(lake: Lake) -> list[int]:
    """The timeline of each point."""
    return [point.timeline for point in canvasback.list_points(lake.repository).points]


def test_a_rewritten_lake_goes_on_on_a_new_timeline(lake: Lake, tmp_path: Path) -> None:
    first = lake.backup()
    truths: list[Contents] = [lake.read()]
    for number in range(2):
        lake.run(f"INSERT INTO lake.t SELECT i, 'first {number}' FROM range(20) r(i)")
    lake.backup()
    truths.append(lake.read())
    assert timelines(lake) == [1, 1]

    canvasback.restore(lake.attach, lake.repository, first.point, replace=True)
    # As many commits as before, of as many bytes: the same ids of snapshots and files, and the same sizes.
    for number in range(2):
        lake.run(f"INSERT INTO lake.t SELECT i, 'other {number}' FROM range(20) r(i)")
    # What the first timeline left behind goes away, though files of this timeline have the same ids.
    lake.run("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")
    lake.backup()
    truths.append(lake.read())
    lake.run("INSERT INTO lake.t SELECT i, 'third' FROM range(20) r(i)")
    lake.backup()
    truths.append(lake.read())

    assert timelines(lake) == [1, 1, 2, 2]
    assert canvasback.verify(lake.repository, all_points=True, level="rows").finding_counts == {}
    lake.delete()
    for point, truth in zip(lake.points, truths, strict=True):
        copy = tmp_path / point
        canvasback.restore(f"ducklake:{copy}/main.ducklake", lake.repository, point, data_path=f"{copy}/files")
        assert read(f"ducklake:{copy}/main.ducklake") == truth


def test_a_restored_lake_that_goes_on_stays_on_its_timeline(lake: Lake) -> None:
    lake.backup()
    lake.delete()
    canvasback.restore(lake.attach, lake.repository)
    lake.run("INSERT INTO lake.t SELECT i, 'more' FROM range(20) r(i)")

    result = lake.backup()

    assert timelines(lake) == [1, 1]
    assert result.new_files == 1


def test_a_lake_that_was_only_rewound_is_on_a_new_timeline(lake: Lake) -> None:
    first = lake.backup()
    lake.run("INSERT INTO lake.t SELECT i, 'more' FROM range(20) r(i)")
    lake.backup()
    canvasback.restore(lake.attach, lake.repository, first.point, replace=True)

    lake.backup()

    assert timelines(lake) == [1, 1, 2]
