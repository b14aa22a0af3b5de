"""A backup to two places of a repository: the lake is read once, both hold the same, and neither harms the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import canvasback
from canvasback import BackupResult, CanvasbackError, NoSpaceError, RefusedError
from canvasback.model.clock import now
from canvasback.repository import layout
from canvasback.repository.leases import hold_lease
from canvasback.storage.local.store import LocalStore
from canvasback.storage.store import Store
from canvasback.transfer.both_places import PlaceBeside
from tests import extension
from tests.clouds import cloud
from tests.interrupted import DEEDS, interrupted
from tests.lake.builder import Lake
from tests.lake.test_mirror import is_whole, objects_of, restores
from tests.lake.values import tree_of


@pytest.fixture
def also(lake: Lake, tmp_path: Path) -> str:
    """A second place that has all points of the repository, of which there is one."""
    lake.backup()
    place = f"{tmp_path}/also/"
    canvasback.mirror(lake.repository, place)
    return place


def commit(lake: Lake) -> None:
    lake.run("INSERT INTO lake.t SELECT i, 'more' FROM range(9) r(i)")


def back_up(lake: Lake, also: str, **options: Any) -> BackupResult:
    return canvasback.backup(lake.attach, lake.repository, also=also, **options)


def behind(result: BackupResult) -> list[str]:
    """The codes of what is wrong with the second place."""
    assert result.findings == ()
    assert result.also is not None
    return [finding.code for finding in result.also.findings]


def test_the_lake_is_read_once_and_both_places_get_the_same_point(
    lake: Lake, also: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(lake)
    truth, before = lake.read(), objects_of(lake.repository).keys()
    real = PlaceBeside.bring

    def without_the_lake(place: PlaceBeside, *arguments: Any) -> canvasback.MirrorResult:
        lake.delete()
        return real(place, *arguments)

    monkeypatch.setattr(PlaceBeside, "bring", without_the_lake)

    result = back_up(lake, also)

    assert behind(result) == []
    assert result.also is not None
    assert (result.also.points, result.also.held_points) == ((result.point,), 0)
    fresh = objects_of(lake.repository).keys() - before - {layout.point_name(result.point)}
    assert (result.also.copied_objects, result.also.kept_objects) == (len(fresh), 0)
    assert objects_of(also) == objects_of(lake.repository)
    is_whole(also)
    shutil.rmtree(lake.repository)
    assert restores(also, result.point, tmp_path) == truth


def test_from_inside_of_an_application_too(lake: Lake, also: str) -> None:
    commit(lake)
    with closing(extension.connect()) as connection:
        connection.execute(f"ATTACH '{lake.attach}' AS mine (DATA_PATH '{lake.data_path}')")
        result = canvasback.backup_attached(connection, "mine", lake.repository, also=also)
    assert behind(result) == []
    assert objects_of(also) == objects_of(lake.repository)


def test_what_is_said_of_the_point_is_said_in_both_places(lake: Lake, also: str) -> None:
    made = back_up(lake, also, tags=["monthly"], note="the last before 2.0")
    for place in (lake.repository, also):
        summary = canvasback.list_points(place).points[-1]
        assert (summary.point, summary.tags, summary.note) == (made.point, ("monthly",), "the last before 2.0")


def test_a_dry_run_says_what_both_places_would_get(lake: Lake, also: str, tmp_path: Path) -> None:
    commit(lake)
    missed = lake.backup()
    commit(lake)
    before = tree_of(tmp_path)
    foretold = back_up(lake, also, dry_run=True)
    assert tree_of(tmp_path) == before
    assert foretold.also is not None
    assert (foretold.also.points, foretold.also.dry_run, foretold.also.findings) == ((missed.point,), True, ())
    shutil.rmtree(also)
    assert behind(back_up(lake, also, dry_run=True)) == ["place-behind"]
    assert not Path(also).exists()


# What fails at the second place


def test_a_second_place_that_is_not_there_is_told_and_caught_up_with(lake: Lake, also: str, tmp_path: Path) -> None:
    away = Path(f"{tmp_path}/unmounted")
    Path(also).rename(away)
    commit(lake)
    first = back_up(lake, also)
    assert behind(first) == ["place-behind"]
    assert first.also is not None
    assert "there is no repository at" in first.also.findings[0].message
    assert not Path(also).exists()  # nothing is made where a disk is not mounted
    assert not canvasback.verify(lake.repository, all_points=True, level="checksum").findings
    commit(lake)
    second = back_up(lake, also)
    assert behind(second) == ["place-behind"]

    away.rename(also)
    third = back_up(lake, also, only_new=True)  # nothing was committed
    assert (third.made, third.point, behind(third)) == (False, second.point, [])
    assert third.also is not None
    assert third.also.points == (first.point, second.point)
    assert objects_of(also) == objects_of(lake.repository)
    again = back_up(lake, also, only_new=True)
    assert again.also is not None
    assert (again.also.points, again.also.copied_objects) == ((), 0)


def test_a_second_place_that_is_in_use_is_behind(lake: Lake, also: str) -> None:
    commit(lake)
    before = objects_of(also)
    with hold_lease(LocalStore(also), "prune", now):
        held_up = back_up(lake, also)
    assert behind(held_up) == ["place-behind"]
    assert held_up.also is not None
    assert "[repository-locked]" in held_up.also.findings[0].message
    assert objects_of(also) == before
    made = back_up(lake, also)
    assert made.also is not None
    assert made.also.points == (held_up.point, made.point)


@pytest.mark.parametrize("verb", ["copy_new", "put_new", "sync", "stat"])
def test_a_second_place_that_fails_leaves_both_whole(
    lake: Lake, also: str, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a disk that is full, or broken."""
    commit(lake)
    real = getattr(LocalStore, verb)

    def fail(store: LocalStore, *args: object, **options: object) -> object:
        if store.url == also:
            raise NoSpaceError(store.url)
        return real(store, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, verb, fail)
        patch.setattr("canvasback.transfer.objects.copy_small", lambda _, __, files: [None] * len(files))
        made = back_up(lake, also)
    assert behind(made) == ["place-behind"]
    for place in (lake.repository, also):
        assert not canvasback.verify(place, all_points=True, level="checksum").findings
    assert behind(back_up(lake, also)) == []
    assert objects_of(also) == objects_of(lake.repository)


def test_an_object_that_went_bad_in_the_first_place_does_not_reach_the_second(
    lake: Lake, also: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(lake)
    held = objects_of(lake.repository).keys()
    real = PlaceBeside.bring

    def spoiled(place: PlaceBeside, *arguments: Any) -> canvasback.MirrorResult:
        [new] = [name for name in objects_of(lake.repository).keys() - held if name.startswith("data/")]
        copy = Path(lake.repository, new)
        copy.chmod(0o600)
        copy.write_bytes(bytes(copy.stat().st_size))
        return real(place, *arguments)

    monkeypatch.setattr(PlaceBeside, "bring", spoiled)
    made = back_up(lake, also)
    assert behind(made) == ["object-corrupt", "point-not-mirrored"]
    assert not Path(also, layout.point_name(made.point)).exists()
    is_whole(also)


def test_a_run_that_is_killed_anywhere_is_made_up_for(lake: Lake, also: str, tmp_path: Path) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    held = f"{tmp_path}/kept"
    for place in (lake.repository, also):
        shutil.copytree(place, f"{held}{Path(place).name}")
    commit(lake)
    with interrupted(0, die, DEEDS) as log:
        back_up(lake, also, jobs=1)
    assert {"put_new", "copy_new"} <= {*log}
    for at in range(1, len(log) + 1, 5):
        for place in (lake.repository, also):
            shutil.rmtree(place)
            shutil.copytree(f"{held}{Path(place).name}", place)
        with interrupted(at, die, DEEDS, for_good=True), pytest.raises(KeyboardInterrupt):
            back_up(lake, also, jobs=1)
        for place in (lake.repository, also):
            assert not canvasback.verify(place, all_points=True, level="checksum").findings
        assert behind(back_up(lake, also, only_new=True, jobs=1)) == []
        assert {name for name in objects_of(also) if name.startswith("points/")} == {
            name for name in objects_of(lake.repository) if name.startswith("points/")
        }


# What fails at the first place, and what is refused


def test_a_first_place_that_fails_leaves_the_second_as_it_was(
    lake: Lake, also: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(lake)
    before = tree_of(Path(also))
    real: Callable[..., None] = LocalStore.sync

    def fail(store: Store) -> None:
        if store.url != also:
            raise NoSpaceError(store.url)
        real(store)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "sync", fail)
        with pytest.raises(NoSpaceError):
            back_up(lake, also)
    assert tree_of(Path(also)) == before
    assert behind(back_up(lake, also)) == []


def test_what_is_no_second_place_is_refused_before_the_work(lake: Lake, also: str, tmp_path: Path) -> None:
    other = Lake(tmp_path / "other")
    other.run("CREATE TABLE lake.t AS SELECT 1 AS i")
    other.backup()
    canvasback.init(lake.attach, f"{tmp_path}/own")
    commit(lake)
    before = tree_of(tmp_path)
    for place, code in (
        (other.repository, "other-lake"),
        (f"{tmp_path}/own", "other-repository"),
        (lake.repository, "one-place"),
        (f"{also}../{Path(lake.repository).name}", "one-place"),
    ):
        with pytest.raises(RefusedError) as refused:
            back_up(lake, place)
        assert refused.value.code == code
    with pytest.raises(CanvasbackError) as raised:
        back_up(lake, "")
    assert raised.value.exit_code == 2
    assert tree_of(tmp_path) == before


def test_a_bucket_as_the_second_place(
    lake: Lake, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = cloud("s3", request, monkeypatch)
    stores, also = where.stores(), f"{where.bucket()}also"
    lake.backup()
    canvasback.mirror(lake.repository, also, stores=stores)
    commit(lake)
    made = back_up(lake, also, stores=stores)
    assert behind(made) == []
    store = stores.open(also)
    assert {s.name: s.size for s in store.list("") if not s.name.startswith(("leases/", "register/"))} == {
        name: Path(lake.repository, name).stat().st_size for name in objects_of(lake.repository)
    }
    assert not canvasback.verify(also, level="checksum", stores=stores).findings
