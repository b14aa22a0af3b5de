"""What a repository lost comes back from its mirror, and what stays broken is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback import CanvasbackError, NoSpaceError, RefusedError
from canvasback.model.clock import now
from canvasback.model.manifest import Manifest, StoredTable
from canvasback.repository import layout
from canvasback.repository.chunks import read_chunks
from canvasback.repository.leases import find_newest, hold_lease
from canvasback.repository.points import read_point
from canvasback.storage.local.store import LocalStore
from tests.clouds import cloud
from tests.kept import Kept
from tests.lake.builder import Lake, read
from tests.lake.damage import remove, spoil
from tests.lake.test_mirror import failing_at, is_whole, objects_of
from tests.lake.values import literal, tree_of


def shorten(path: Path) -> None:
    """Cut an object short."""
    path.write_bytes(path.read_bytes()[:20])


@pytest.fixture
def lake(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with two points, which have objects of every kind, and a mirror of its repository."""
    monkeypatch.setattr(layout, "INLINE_CHUNKS", 1)
    return kept.again(make)


@pytest.fixture
def tmp_path(lake: Lake) -> Path:
    """Where all of it is."""
    return lake.folder.parent


def make(folder: Path) -> Lake:
    """Write it."""
    lake = Lake(folder / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.t (i INTEGER)", *(f"INSERT INTO lake.t VALUES ({i})" for i in range(12)))
    lake.run(
        "CREATE TABLE lake.h (k INTEGER)",
        f"COPY (SELECT range::INTEGER AS k FROM range(30)) TO {literal(f'{folder}/outside.parquet')}",
        f"CALL ducklake_add_data_files('lake', 'h', {literal(f'{folder}/outside.parquet')})",
    )
    canvasback.init(lake.attach, lake.repository)
    marker = Path(lake.repository) / layout.MARKER
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "chunk_rows": 4}, separators=(",", ":")))
    for more in (0, 1):
        lake.run(f"INSERT INTO lake.t VALUES ({100 + more})")
        lake.points.append(canvasback.backup(lake.attach, lake.repository).point)
    canvasback.mirror(lake.repository, mirror_of(lake))
    return lake


def mirror_of(lake: Lake) -> str:
    return str(lake.folder.with_name("mirror"))


def manifest_of(lake: Lake) -> Manifest:
    return read_point(LocalStore(lake.repository), lake.points[1])


def index_of(tables: tuple[StoredTable, ...]) -> str:
    """The first index object."""
    return next(layout.chunk_name(table.index.hash) for table in tables if table.index)


KINDS: dict[str, Callable[[Lake], str]] = {
    "chunk": lambda lake: next(layout.chunk_name(t.chunks[0].hash) for t in manifest_of(lake).tables if t.chunks),
    "index": lambda lake: index_of(manifest_of(lake).tables),
    "index of a list": lambda lake: index_of(manifest_of(lake).files),
    "list": lambda lake: next(
        layout.chunk_name(read_chunks(duckdb.connect(), LocalStore(lake.repository), table)[-1].hash)
        for table in manifest_of(lake).files
        if table.index
    ),
    "file": lambda lake: f"data/{lake.files()[0].relative_to(lake.data)}",
    "external": lambda lake: next(name for name in objects_of(lake.repository) if name.startswith("external/")),
    "manifest": lambda lake: layout.point_name(lake.points[0]),
    "newest manifest": lambda lake: layout.point_name(lake.points[1]),
}
"""An object of each kind."""


@pytest.mark.parametrize("damage", [remove, spoil, shorten])
@pytest.mark.parametrize("kind", KINDS)
def test_damage_of_every_kind_is_repaired(kind: str, damage: Callable[[Path], None], lake: Lake) -> None:
    whole = objects_of(lake.repository)
    name = KINDS[kind](lake)
    path = Path(lake.repository) / name
    damage(path)
    damaged = path.read_bytes() if path.exists() else None
    mirror = tree_of(Path(mirror_of(lake)))

    result = canvasback.repair(lake.repository, mirror_of(lake), level="checksum")

    assert result.findings == ()
    assert objects_of(lake.repository) == whole
    assert not canvasback.verify(lake.repository, all_points=True, level="rows").findings
    is_point = name.startswith("points/")
    assert (result.repaired_objects, len(result.points)) == ((0, 1) if is_point else (1, 0))
    aside = [path.read_bytes() for path in Path(lake.repository).rglob("*.damaged-*")]
    assert aside == ([] if damaged is None else [damaged])
    assert tree_of(Path(mirror_of(lake))) == mirror
    newest = find_newest(LocalStore(lake.repository))[1]
    assert newest is not None
    assert newest.latest == lake.points[1]
    again = canvasback.repair(lake.repository, mirror_of(lake), level="checksum")
    assert (again.repaired_objects, again.points, len(again.steps)) == (0, (), 1)


def test_at_exists_damage_of_the_same_size_is_not_looked_for(lake: Lake) -> None:
    path = Path(lake.repository) / KINDS["file"](lake)
    spoil(path)
    shorten(Path(lake.repository) / KINDS["external"](lake))
    assert canvasback.repair(lake.repository, mirror_of(lake)).repaired_objects == 1
    assert canvasback.repair(lake.repository, mirror_of(lake), level="checksum").repaired_objects == 1
    is_whole(lake.repository)


def test_all_at_once_and_a_dry_run_before(lake: Lake, tmp_path: Path) -> None:
    whole = objects_of(lake.repository)
    for number, name in enumerate(sorted(whole)):
        if name != layout.MARKER:
            (remove, spoil, shorten)[number % 3](Path(lake.repository) / name)
    before = tree_of(tmp_path)

    planned = canvasback.repair(lake.repository, mirror_of(lake), level="checksum", dry_run=True)
    assert tree_of(tmp_path) == before
    done = canvasback.repair(lake.repository, mirror_of(lake), level="checksum")

    assert (planned.steps, planned.points) == (done.steps, done.points)
    assert (planned.repaired_objects, planned.repaired_bytes) == (done.repaired_objects, done.repaired_bytes)
    assert (done.points, done.findings) == (tuple(lake.points), ())
    assert objects_of(lake.repository) == whole
    is_whole(lake.repository)


def test_points_that_somebody_deleted_come_back(lake: Lake, tmp_path: Path) -> None:
    whole, truth = objects_of(lake.repository), lake.read()
    for folder in ("points", "data", "catalog", "external", "leases"):
        shutil.rmtree(Path(lake.repository) / folder)
    lake.delete()

    result = canvasback.repair(lake.repository, mirror_of(lake))

    assert (result.points, result.findings) == (tuple(lake.points), ())
    assert objects_of(lake.repository) == whole
    back = f"ducklake:{tmp_path}/back.ducklake"
    canvasback.restore(back, lake.repository, data_path=f"{tmp_path}/back")
    assert read(back) == truth


def test_where_even_the_marker_is_gone_the_mirror_is_mirrored(lake: Lake) -> None:
    whole = objects_of(lake.repository)
    shutil.rmtree(lake.repository)
    with pytest.raises(CanvasbackError) as raised:
        canvasback.repair(lake.repository, mirror_of(lake))
    assert raised.value.code == "not-a-repository"
    assert canvasback.mirror(mirror_of(lake), lake.repository).points == tuple(lake.points)
    assert objects_of(lake.repository) == whole


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_mirror_has_not_either_is_told(kind: str, lake: Lake) -> None:
    name = KINDS[kind](lake)
    shorten(Path(lake.repository) / name)
    damaged = (Path(lake.repository) / name).read_bytes()
    spoil(Path(mirror_of(lake)) / name)
    other = Path(lake.repository) / f"data/{lake.files()[1].relative_to(lake.data)}"
    remove(other)

    result = canvasback.repair(lake.repository, mirror_of(lake), level="checksum")

    assert result.findings
    assert all(finding.severity == "error" for finding in result.findings)
    told = {finding.where for finding in result.findings}
    assert told & {name, *lake.points}
    assert other.exists()  # and the rest is put right
    assert (Path(lake.repository) / name).read_bytes() == damaged
    remove(Path(mirror_of(lake)) / name)
    assert canvasback.repair(lake.repository, mirror_of(lake), level="checksum").findings


def test_a_point_that_only_the_mirror_has_comes_too(lake: Lake) -> None:
    lake.run("INSERT INTO lake.t VALUES (200)")
    there = canvasback.backup(lake.attach, mirror_of(lake)).point
    result = canvasback.repair(lake.repository, mirror_of(lake))
    assert (result.points, result.findings) == ((there,), ())
    is_whole(lake.repository)


def test_other_repositories_are_refused(lake: Lake, tmp_path: Path) -> None:
    other = Lake(tmp_path / "other")
    other.run("CREATE TABLE lake.t AS SELECT 1 AS i")
    other.backup()
    canvasback.init(lake.attach, str(tmp_path / "own"))
    remove(Path(lake.repository) / KINDS["file"](lake))
    for code, place in {
        "other-lake": other.repository,
        "other-repository": f"{tmp_path}/own",
        "one-place": lake.repository,
    }.items():
        before = tree_of(tmp_path)
        with pytest.raises(RefusedError) as raised:
            canvasback.repair(lake.repository, place)
        assert (raised.value.code, tree_of(tmp_path)) == (code, before)
    with pytest.raises(CanvasbackError) as raised_other:
        canvasback.repair(lake.repository, mirror_of(lake), level="rows")
    assert raised_other.value.code == "unknown-level"
    with hold_lease(LocalStore(lake.repository), "backup", now), pytest.raises(CanvasbackError) as locked:
        canvasback.repair(lake.repository, mirror_of(lake))
    assert locked.value.code == "repository-locked"


@pytest.mark.parametrize("verb", ["place_new", "move_aside", "put_new", "sync"])
def test_a_run_that_fails_at_any_operation_is_gone_on_with(
    verb: str, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = objects_of(lake.repository)
    for number, name in enumerate(sorted(whole)):
        if name != layout.MARKER and (number % 5 == 0 or name.startswith("points/")):
            (remove, shorten)[number % 2](Path(lake.repository) / name)
    shutil.copytree(lake.repository, tmp_path / "damaged")
    number, failed = 0, True
    while failed:
        number, failed = number + 1, False
        shutil.rmtree(lake.repository)
        shutil.copytree(tmp_path / "damaged", lake.repository)
        with monkeypatch.context() as patch:
            patch.setattr(LocalStore, verb, failing_at(number, verb, f"{lake.repository}/"))
            try:
                canvasback.repair(lake.repository, mirror_of(lake), level="checksum", jobs=1)
            except NoSpaceError:
                failed = True
        assert not canvasback.repair(lake.repository, mirror_of(lake), level="checksum").findings
        assert objects_of(lake.repository) == whole
    assert number > 1


@pytest.mark.parametrize("kind", ["s3", "azure", "gcs"])
def test_in_a_bucket(kind: str, lake: Lake, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    where = cloud(kind, request, monkeypatch)
    stores, first, second = where.stores(), f"{where.bucket()}one", f"{where.bucket()}two"
    for place in (first, second):
        canvasback.mirror(lake.repository, place, stores=stores)
    store = stores.open(first)
    names = sorted(
        stat.name for stat in store.list("") if not stat.name.startswith(("leases/", "register/", "canvasback"))
    )
    whole = {name: store.get(name) for name in names}
    for number, name in enumerate(names):
        if number % 2:
            store.delete(name)
        if number % 4 == 1:
            store.put_new(name, whole[name][:20])

    result = canvasback.repair(first, second, level="checksum", stores=stores)

    assert result.findings == ()
    store = stores.open(first)
    assert {name: store.get(name) for name in names} == whole
    assert not canvasback.verify(first, all_points=True, level="rows", stores=stores).findings
