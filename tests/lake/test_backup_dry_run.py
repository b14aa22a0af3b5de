"""A dry run of a backup: it tells what the run would do, and leaves no trace."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import canvasback
from canvasback.catalog.engines import open_engine
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from canvasback.repository.leases import hold_lease
from canvasback.repository.points import known_to_leases
from canvasback.repository.repository import open_repository
from canvasback.storage.local.store import LocalStore
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.transfer.planned_point import Request, plan_point
from tests.lake.values import tree_of

if TYPE_CHECKING:
    from canvasback.model.plans.backup import BackupPlan
    from tests.lake.builder import Lake


def foretold(lake: Lake, **options: Any) -> canvasback.BackupResult:
    """The answer of a dry run, which has to leave lake and repository as they are."""
    before = everything(lake)
    result = canvasback.backup(lake.attach, lake.repository, dry_run=True, **options)
    assert everything(lake) == before
    assert (result.dry_run, result.made, result.point, result.catalog_bytes) == (True, False, "", 0)
    return result


def everything(lake: Lake) -> list[tuple[str, int, int, bytes]]:
    """Every file and folder of the lake and of the repository, with its content."""
    found = []
    for folder in (lake.folder, Path(lake.repository)):
        for path in sorted(folder.rglob("*")):
            stat = path.stat()
            found.append((str(path), stat.st_ino, stat.st_mtime_ns, path.read_bytes() if path.is_file() else b""))
    return found


def numbers(result: canvasback.BackupResult) -> tuple[object, ...]:
    """What a dry run tells of the run."""
    return (
        *(result.snapshot_id, result.snapshot_time, result.commits, result.steps),
        *(result.files, result.bytes, result.new_files, result.new_bytes, result.reused_files),
        *(result.findings, result.finding_counts, result.absent),
    )


def planned(lake: Lake) -> BackupPlan:
    """The plan, as a value."""
    name = parse_lake(lake.attach)
    store = LocalStore(lake.repository + "/")
    request = Request(
        lake=name, engine=open_engine(name), repository=open_repository(Stores(), lake.repository), run=Run.begin()
    )
    with closing(request.open()) as live:
        return plan_point(request, live, known_to_leases(store), (), trust=True).plan


def test_of_the_first_point(lake: Lake) -> None:
    canvasback.init(lake.attach, lake.repository)

    dry = foretold(lake)

    assert dry.steps[1] == f"{lake.repository}/ holds no point yet: everything is saved"
    assert dry.new_files == dry.files == len(lake.files())
    made = canvasback.backup(lake.attach, lake.repository)
    assert (made.made, made.dry_run) == (True, False)
    assert numbers(made) == numbers(dry)


def test_of_the_next_point(lake: Lake) -> None:
    first = lake.backup()
    lake.run("INSERT INTO lake.t SELECT i, 'x' FROM range(30) r(i)", "DELETE FROM lake.u WHERE n = 3")

    dry = foretold(lake)

    assert dry.steps[1] == f"point {first.point} is the one before, 2 snapshots earlier"
    assert (dry.commits, dry.reused_files) == (2, first.files)
    assert 1 <= dry.new_files <= 2  # the deleted row is noted in a file, or in the catalog
    assert numbers(lake.backup()) == numbers(dry)


def test_a_plan_is_the_same_until_somebody_carries_it_out(lake: Lake) -> None:
    lake.backup()
    lake.run("INSERT INTO lake.t SELECT i, 'x' FROM range(30) r(i)")

    plan = planned(lake)

    assert planned(lake) == plan
    assert foretold(lake).steps == plan.steps
    assert canvasback.backup(lake.attach, lake.repository).steps == plan.steps
    assert planned(lake) != plan


def test_where_nothing_is_new(lake: Lake) -> None:
    made = lake.backup()

    dry = foretold(lake, only_new=True)

    assert len(dry.steps) == 1
    assert dry.steps[0].startswith(f"point {made.point} holds all of {lake.attach} up to snapshot ")
    assert numbers(dry) == numbers(canvasback.backup(lake.attach, lake.repository, only_new=True))
    again = foretold(lake)  # who asks for a point gets one
    assert again.steps[1:3] == (
        f"point {made.point} is the one before, of the same snapshot",
        f"0 files (0 bytes) of {lake.data}/ are copied",
    )
    assert again.steps[-1] == f"the point is published in {lake.repository}/"


def test_what_looks_lost_or_changed_is_counted(lake: Lake) -> None:
    made = lake.backup()
    lost, changed, *_ = lake.files()
    lost.unlink()
    changed.write_bytes(changed.read_bytes()[::-1])

    dry = foretold(lake)

    assert "2 files of these look changed or lost in the lake: they are read again" in dry.steps
    assert (dry.new_files, dry.reused_files, dry.finding_counts) == (0, made.files, {})
    assert len(foretold(lake, only_new=True).steps) == 1  # as the run, it does not look where nothing was committed
    assert lake.backup(findings=("file-changed", "lake-damaged")).steps == dry.steps


def test_a_file_that_the_newest_point_lacks_may_be_there_again(lake: Lake) -> None:
    lost = lake.files()[0]
    lost.unlink()
    made = lake.backup(findings=("file-missing",))

    dry = foretold(lake, only_new=True)

    assert dry.steps[1].startswith(f"point {made.point} has this snapshot: another one is made only if ")
    assert (dry.new_files, dry.finding_counts) == (1, {"file-missing": 1})
    assert not canvasback.backup(lake.attach, lake.repository, only_new=True).made


def test_damage_is_told_and_left_alone(lake: Lake) -> None:
    made = lake.backup()
    manifest = Path(lake.repository, "points", f"{made.point}.json")
    manifest.write_bytes(manifest.read_bytes()[:-9])

    dry = foretold(lake)

    assert dry.finding_counts == {"repository-damaged": 1}
    assert dry.new_files == made.files


def test_a_damaged_chunk_of_the_point_before_is_told_and_left_alone(lake: Lake) -> None:
    """It is found out while the lists are compared: then the plan is made anew, without the point."""
    made = lake.backup()
    lake.run("INSERT INTO lake.t SELECT i, 'x' FROM range(30) r(i)")
    for chunk in Path(lake.repository, "catalog").rglob("*.parquet"):
        chunk.write_bytes(b"nonsense")

    dry = foretold(lake)

    assert dry.finding_counts == {"repository-damaged": 1}
    assert dry.new_files == made.files + 1
    assert "are compared with the repository, and copied where it lacks them" in dry.steps[2]


def test_full_compares_everything(lake: Lake) -> None:
    made = lake.backup()
    dry = foretold(lake, full=True)
    assert dry.new_files == made.files
    assert dry.steps[2].endswith(" are compared with the repository, and copied where it lacks them")


def test_while_another_run_holds_the_repository(lake: Lake) -> None:
    lake.backup()
    lake.run("INSERT INTO lake.t SELECT i, 'x' FROM range(30) r(i)")
    with hold_lease(LocalStore(lake.repository + "/"), "backup", now):
        dry = foretold(lake)
    assert dry.new_files == 1


def test_what_a_backup_refuses_its_dry_run_refuses(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(canvasback.RepositoryError) as missing:
        foretold(lake)
    assert missing.value.code == "not-a-repository"
    assert not Path(lake.repository).exists()

    lake.backup()
    other = type(lake)(tmp_path / "other")
    other.run("CREATE TABLE lake.t (i INTEGER)")
    before = tree_of(Path(lake.repository))
    with pytest.raises(canvasback.RefusedError) as refused:
        canvasback.backup(other.attach, lake.repository, dry_run=True)
    assert refused.value.code == "other-lake"
    assert tree_of(Path(lake.repository)) == before


def test_from_inside_of_the_application(lake: Lake) -> None:
    lake.backup()
    with lake.session() as connection:
        connection.execute("INSERT INTO lake.t SELECT i, 'x' FROM range(30) r(i)")
        before = tree_of(Path(lake.repository))
        dry = canvasback.backup_attached(connection, "lake", lake.repository, dry_run=True)
        assert tree_of(Path(lake.repository)) == before
        made = canvasback.backup_attached(connection, "lake", lake.repository)
    assert (dry.new_files, dry.made, dry.steps) == (1, False, made.steps)
