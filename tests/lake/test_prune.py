"""What no point names is deleted after the grace, and nothing else is: whatever goes on meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import canvasback
from canvasback import CorruptError, LockedError, ObjectExistsError, RefusedError, UsageError
from canvasback.repository import layout
from canvasback.repository.leases import hold_lease
from canvasback.repository.register import find_register
from canvasback.storage.bucket.store import ObjectStore
from canvasback.storage.local.store import LocalStore
from canvasback.storage.store import Stat
from tests.clouds import cloud
from tests.interrupted import Clock, interrupted
from tests.kept import Kept
from tests.lake.builder import Contents, Lake, read
from tests.lake.values import tree_of


def store_of(lake: Lake) -> LocalStore:
    return LocalStore(lake.repository + "/")


def objects(lake: Lake) -> set[str]:
    """List what points could name."""
    return {stat.name for prefix in ("data/", "external/", "catalog/") for stat in store_of(lake).list(prefix)}


def restored(lake: Lake, point: str, folder: Path) -> Contents:
    """Read what comes back of a point, without the lake's own files."""
    shutil.rmtree(folder, ignore_errors=True)
    result = canvasback.restore(f"ducklake:{folder}/main.ducklake", lake.repository, point, data_path=f"{folder}/data")
    assert result.findings == ()
    return read(f"ducklake:{folder}/main.ducklake")


@pytest.fixture
def told(kept: Kept) -> tuple[Lake, list[Contents]]:
    """Three points; what the first holds is no more in the others: its table was dropped, expired and cleaned up."""
    return kept.again(tell)


def tell(folder: Path) -> tuple[Lake, list[Contents]]:
    """Write and save it; what each point holds."""
    lake, truth = Lake(folder / "lake", options=("DATA_INLINING_ROW_LIMIT 0",)), []
    lake.run("CREATE TABLE lake.gone AS SELECT range AS i FROM range(1000)", "CREATE TABLE lake.t (i INTEGER)")
    lake.backup()
    truth.append(lake.read())
    lake.run(
        "DROP TABLE lake.gone",
        "INSERT INTO lake.t VALUES (1)",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    )
    lake.backup()
    truth.append(lake.read())
    lake.run("INSERT INTO lake.t VALUES (2)")
    lake.backup()
    truth.append(lake.read())
    return lake, truth


def test_what_only_forgotten_points_name_goes_and_the_others_stay_whole(
    told: tuple[Lake, list[Contents]], tmp_path: Path
) -> None:
    lake, truth = told
    before = objects(lake)
    canvasback.forget(lake.repository, points=[lake.points[0]])

    soon = canvasback.prune(lake.repository)
    assert (soon.points, soon.objects, soon.steps) == (0, 0, ("nothing is to be deleted",))
    planned = canvasback.prune(lake.repository, dry_run=True, clock=Clock(days=8))
    assert objects(lake) == before
    done = canvasback.prune(lake.repository, clock=Clock(days=8))

    assert (done.points, done.objects) == (planned.points, planned.objects) == (1, len(before) - len(objects(lake)))
    assert done.steps == planned.steps
    assert any("gone" in name for name in before - objects(lake))
    assert not any("gone" in name for name in objects(lake))
    assert done.bytes == planned.bytes > 0
    listed = canvasback.list_points(lake.repository)
    assert [point.point for point in listed.points] == lake.points[1:]
    assert find_register(store_of(lake)).register.points == {}
    assert find_register(store_of(lake)).register.sweeps == ()
    assert canvasback.verify(lake.repository, all_points=True, level="checksum").findings == ()
    for point, contents in zip(lake.points[1:], truth[1:], strict=True):
        assert restored(lake, point, tmp_path / "back") == contents
    again = canvasback.prune(lake.repository, clock=Clock(days=8))
    assert (again.points, again.objects) == (0, 0)


def test_what_a_killed_backup_left_goes_when_it_is_old(told: tuple[Lake, list[Contents]]) -> None:
    lake, _ = told
    left = Path(lake.repository, "data", "left.parquet")
    left.write_bytes(b"half")

    young = canvasback.prune(lake.repository)
    assert (young.objects, young.waiting, young.waiting_bytes) == (0, 1, 4)
    assert young.steps[-1].startswith("1 object (4 bytes) that no point names and that is younger than 7d: left")
    old = datetime.now(UTC).timestamp() - 8 * 24 * 3600
    os.utime(left, (old, old))
    assert canvasback.prune(lake.repository).objects == 1
    assert not left.exists()


def test_a_point_that_cannot_be_read_stops_it_all(told: tuple[Lake, list[Contents]]) -> None:
    lake, _ = told
    canvasback.forget(lake.repository, points=[lake.points[0]])
    manifest = Path(lake.repository, "points", f"{lake.points[1]}.json")
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-10])
    before = tree_of(Path(lake.repository))

    with pytest.raises(CorruptError) as caught:
        canvasback.prune(lake.repository, clock=Clock(days=8))
    assert caught.value.code == "manifest-corrupt"
    assert tree_of(Path(lake.repository)) == before

    manifest.write_bytes(whole)
    newest = Path(lake.repository, "points", f"{lake.points[2]}.json")
    newest.rename(newest.with_suffix(".away"))
    with pytest.raises(CorruptError) as caught:
        canvasback.prune(lake.repository, clock=Clock(days=8))
    assert caught.value.code == "point-missing"


def test_bad_input_is_told_and_deletes_nothing(told: tuple[Lake, list[Contents]]) -> None:
    lake, _ = told
    before = objects(lake)
    for grace, code in (("soon", "duration-not-understood"), ("0h", "grace-too-short")):
        with pytest.raises(UsageError) as caught:
            canvasback.prune(lake.repository, grace=grace)
        assert caught.value.code == code
    with pytest.raises(RefusedError) as refused:
        canvasback.prune(lake.repository, clock=Clock(days=-1))
    assert refused.value.code == "clock-behind"
    assert objects(lake) == before


def test_a_point_that_is_being_pruned_cannot_be_brought_back(told: tuple[Lake, list[Contents]]) -> None:
    lake, _ = told
    canvasback.forget(lake.repository, points=[lake.points[0]])
    with interrupted(2, fail, ("delete",)), pytest.raises(KeyboardInterrupt):
        canvasback.prune(lake.repository, clock=Clock(days=8), jobs=1)

    with pytest.raises(RefusedError) as caught:
        canvasback.unforget(lake.repository, points=[lake.points[0]])
    assert caught.value.code == "point-pruned"
    assert canvasback.prune(lake.repository, clock=Clock(days=8, minutes=5)).points == 1


def fail() -> None:
    """Die."""
    raise KeyboardInterrupt


def test_a_point_that_another_prune_deletes_meanwhile_is_no_damage(told: tuple[Lake, list[Contents]]) -> None:
    lake, _ = told
    canvasback.forget(lake.repository, points=[lake.points[0]])
    clock, before = Clock(days=8), Path(f"{lake.repository}.before")
    shutil.copytree(lake.repository, before)

    def other() -> None:
        assert canvasback.prune(lake.repository, clock=clock).points == 1

    at = 0
    while True:
        at += 1
        with interrupted(at, other, ("get",)) as log:
            assert canvasback.prune(lake.repository, grace="30d", dry_run=True, clock=clock).points == 0
        if len(log) < at:
            break
        assert [point.point for point in canvasback.list_points(lake.repository).points] == lake.points[1:]
        shutil.rmtree(lake.repository)
        shutil.copytree(before, lake.repository)
    assert at > len(lake.points)


def test_it_waits_for_whoever_writes(told: tuple[Lake, list[Contents]], monkeypatch: pytest.MonkeyPatch) -> None:
    lake, _ = told
    monkeypatch.setattr("canvasback.verbs.prune.sweep._PATIENCE", 1)
    with hold_lease(store_of(lake), "backup", Clock()), pytest.raises(LockedError) as caught:
        canvasback.prune(lake.repository)
    assert caught.value.code == "repository-locked"


def test_a_point_that_comes_after_the_points_were_listed_is_none_that_vanished(
    told: tuple[Lake, list[Contents]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, _ = told
    listing = LocalStore.list

    def listed(store: LocalStore, prefix: str) -> Iterator[Stat]:
        found = list(listing(store, prefix))
        monkeypatch.undo()
        lake.backup()
        return iter(found)

    monkeypatch.setattr(LocalStore, "list", listed)
    canvasback.prune(lake.repository, jobs=1)
    assert len(lake.points) == 4
    assert canvasback.verify(lake.repository, all_points=True, level="checksum").findings == ()


def test_two_prunes_find_out_at_once_in_a_bucket_whether_they_may_delete(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One meets what the other wrote for that, which is gone when it is compared."""
    where = cloud("s3", request, monkeypatch)
    store = where.stores().open(where.bucket())
    store.put_new(layout.PROBE, b"the other's")
    real = ObjectStore.get

    def get(asked: ObjectStore, name: str) -> bytes:
        asked.delete(name)
        return real(asked, name)

    monkeypatch.setattr(ObjectStore, "get", get)
    with pytest.raises(ObjectExistsError):
        store.put_new(layout.PROBE, b"ours")
    store.put_new(layout.PROBE, b"ours")
