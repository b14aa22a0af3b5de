"""A second place holds a repository's points: what is copied, what is not, and what the points are worth there."""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

import canvasback
from canvasback import CanvasbackError, NoSpaceError, RefusedError, Stores
from canvasback.model.clock import now
from canvasback.model.register import Sweep
from canvasback.repository import layout
from canvasback.repository.leases import find_newest, hold_lease
from canvasback.repository.register import change_register
from canvasback.repository.repository import open_repository
from canvasback.storage.bucket.store import ObjectStore, OpenRemote
from canvasback.storage.local.batch import SmallCopy, SmallFile, copy_small
from canvasback.storage.local.store import LocalStore
from canvasback.storage.store import Store
from canvasback.transfer import objects as transfer
from tests.clouds import Cloud, cloud
from tests.interrupted import Clock
from tests.lake.builder import Lake, read
from tests.lake.cloud_lakes import comparable, write
from tests.lake.cloud_lakes import read as read_at
from tests.lake.damage import remove, spoil
from tests.lake.values import literal, tree_of

_NUMBERS = itertools.count()


@pytest.fixture
def mirror(tmp_path: Path) -> str:
    """Where the second place is to be."""
    return f"{tmp_path}/mirror/"


def objects_of(repository: str | Path) -> dict[str, str]:
    """All that a repository holds but what each place has for itself, and what was moved aside."""
    own = (layout.LEASES, layout.REGISTER)
    tree = tree_of(Path(repository))
    return {name: hash_ for name, hash_ in tree.items() if not name.startswith(own) and ".damaged" not in name}


def restores(repository: str, point: str, folder: Path) -> dict[str, list[str]]:
    """What the real extension reads of a point that is restored to a new place."""
    place = folder / f"back-{next(_NUMBERS)}"
    attach = f"ducklake:{place}.ducklake"
    assert not canvasback.restore(attach, repository, point, data_path=str(place)).findings
    return read(attach)


def is_whole(repository: str) -> None:
    assert not canvasback.verify(repository, all_points=True, level="rows").findings


@pytest.fixture
def outside(lake: Lake, tmp_path: Path) -> Lake:
    """The lake with a file from outside of its data path."""
    lake.run(
        "CREATE TABLE lake.h (k INTEGER)",
        f"COPY (SELECT range::INTEGER AS k FROM range(30)) TO {literal(f'{tmp_path}/outside.parquet')}",
        f"CALL ducklake_add_data_files('lake', 'h', {literal(f'{tmp_path}/outside.parquet')})",
    )
    return lake


def test_every_point_is_worth_the_same_there(outside: Lake, mirror: str, tmp_path: Path) -> None:
    truths = {outside.backup().point: outside.read()}
    outside.run("DELETE FROM lake.u WHERE n % 5 = 0", "CALL ducklake_merge_adjacent_files('lake')")
    truths[outside.backup().point] = outside.read()

    result = canvasback.mirror(outside.repository, mirror)

    assert (result.points, result.held_points, result.made, result.findings) == (tuple(truths), 0, True, ())
    assert objects_of(mirror) == objects_of(outside.repository)
    shutil.rmtree(outside.repository)
    outside.delete()
    is_whole(mirror)
    for point, truth in truths.items():
        assert restores(mirror, point, tmp_path) == truth
    attached = canvasback.attach(mirror, out=str(tmp_path / "attached.ducklake"))
    assert read(f"ducklake:{attached.file}") == truth


def test_what_is_there_is_not_looked_at_again(lake: Lake, mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.backup()
    first = canvasback.mirror(lake.repository, mirror)
    assert first.copied_objects == len([name for name in objects_of(mirror) if name.startswith(("cat", "data"))])
    lake.run("INSERT INTO lake.t SELECT i, 'more' FROM range(9) r(i)")
    made = lake.backup()
    before = objects_of(mirror)
    opened: list[SmallFile] = []

    def noted(origin: Store, target: Store, files: Sequence[SmallFile]) -> list[SmallCopy | None]:
        opened.extend(files)
        return copy_small(origin, target, files)

    monkeypatch.setattr(transfer, "copy_small", noted)

    again = canvasback.mirror(lake.repository, mirror)
    assert (again.points, again.held_points, again.kept_objects) == ((made.point,), 1, 0)
    fresh = objects_of(mirror).keys() - before.keys()
    assert {file.target for file in opened} == fresh - {layout.point_name(made.point)}
    assert (again.copied_objects, again.copied_bytes) == (len(opened), sum(file.size for file in opened))
    assert len(opened) < first.copied_objects

    nothing = canvasback.mirror(lake.repository, mirror)
    assert (nothing.points, nothing.held_points, nothing.copied_objects, nothing.kept_objects) == ((), 2, 0, 0)
    assert len(opened) == again.copied_objects


def test_a_dry_run_changes_nothing(lake: Lake, mirror: str, tmp_path: Path) -> None:
    lake.backup()
    before = tree_of(tmp_path)

    planned = canvasback.mirror(lake.repository, mirror, dry_run=True)
    assert tree_of(tmp_path) == before
    assert not Path(mirror).exists()
    done = canvasback.mirror(lake.repository, mirror)
    assert (planned.steps, planned.points) == (done.steps, done.points)
    assert (planned.copied_objects, planned.made, planned.dry_run) == (0, False, True)


def test_only_the_points_that_are_named_are_mirrored(lake: Lake, mirror: str, tmp_path: Path) -> None:
    truths = {}
    for number in range(4):
        lake.run(f"INSERT INTO lake.t SELECT i, 'round {number}' FROM range(7) r(i)")
        truths[lake.backup().point] = lake.read()
    a, b, c, d = truths

    assert canvasback.mirror(lake.repository, mirror, points=[c]).points == (c,)
    assert canvasback.mirror(lake.repository, mirror, points=["latest", c]).points == (d,)
    is_whole(mirror)
    # An older one comes beside newer ones, which stay the newest.
    assert canvasback.mirror(lake.repository, mirror, points=[a]).points == (a,)
    newest = find_newest(LocalStore(mirror))[1]
    assert newest is not None
    assert newest.latest == d
    assert canvasback.mirror(lake.repository, mirror).points == (b,)
    assert objects_of(mirror) == objects_of(lake.repository)
    for point, truth in truths.items():
        assert restores(mirror, point, tmp_path) == truth


def test_a_mirror_is_mirrored_and_backed_up_to(lake: Lake, mirror: str, tmp_path: Path) -> None:
    first = lake.backup().point
    canvasback.mirror(lake.repository, mirror)
    second = f"{tmp_path}/second"
    canvasback.mirror(mirror, second)
    assert objects_of(second) == objects_of(lake.repository)

    shutil.rmtree(lake.repository)  # and the mirror takes its place
    lake.run("INSERT INTO lake.t SELECT i, 'more' FROM range(9) r(i)")
    made = canvasback.backup(lake.attach, mirror)
    assert (made.findings, made.new_files) == ((), 1)
    back = canvasback.mirror(mirror, lake.repository)
    assert back.points == (first, made.point)
    assert restores(lake.repository, "latest", tmp_path) == lake.read()


def test_points_of_both_places_come_together(lake: Lake, mirror: str, tmp_path: Path) -> None:
    lake.backup()
    canvasback.mirror(lake.repository, mirror)
    lake.run("INSERT INTO lake.t SELECT i, 'here' FROM range(9) r(i)")
    here, read_here = lake.backup().point, lake.read()
    lake.run("INSERT INTO lake.t SELECT i, 'there' FROM range(9) r(i)")
    there, read_there = canvasback.backup(lake.attach, mirror).point, lake.read()

    assert canvasback.mirror(lake.repository, mirror).points == (here,)
    assert canvasback.mirror(mirror, lake.repository).points == (there,)

    assert objects_of(mirror) == objects_of(lake.repository)
    is_whole(mirror)
    assert restores(mirror, here, tmp_path) == read_here
    assert restores(lake.repository, there, tmp_path) == read_there


def test_an_absent_file_does_not_keep_its_point_away(lake: Lake, mirror: str) -> None:
    lake.files()[0].unlink()
    made = lake.backup(findings=("file-missing",))
    result = canvasback.mirror(lake.repository, mirror)
    assert (result.points, result.findings) == ((made.point,), ())


def test_many_chunks_come_through_an_index(tmp_path: Path, mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with an index object, of which the next point changes a part."""
    monkeypatch.setattr(layout, "INLINE_CHUNKS", 1)
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.t (i INTEGER)", *(f"INSERT INTO lake.t VALUES ({i})" for i in range(40)))
    canvasback.init(lake.attach, lake.repository)
    marker = Path(lake.repository) / layout.MARKER
    marker.chmod(0o600)
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "chunk_rows": 8}, separators=(",", ":")))
    canvasback.backup(lake.attach, lake.repository)
    first = canvasback.mirror(lake.repository, mirror)
    lake.run("INSERT INTO lake.t VALUES (41)")
    made = canvasback.backup(lake.attach, lake.repository)
    second = canvasback.mirror(lake.repository, mirror)
    assert (second.points, second.kept_objects) == ((made.point,), 0)
    assert 0 < second.copied_objects < first.copied_objects / 2
    assert objects_of(mirror) == objects_of(lake.repository)
    is_whole(mirror)


# Damage


@pytest.fixture
def two(tmp_path: Path) -> Lake:
    """A lake with two points, the second of which has one more file."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(50) r(i)")
    lake.backup()
    lake.run("INSERT INTO lake.t SELECT i FROM range(50, 99) r(i)")
    lake.backup()
    return lake


def held(lake: Lake, number: int) -> Path:
    """The repository's copy of a file."""
    return Path(lake.repository) / "data" / lake.files()[number].relative_to(lake.data)


@pytest.mark.parametrize(("damage", "code"), [(spoil, "object-corrupt"), (remove, "object-missing")])
def test_a_damaged_file_keeps_only_its_points_away(
    two: Lake, mirror: str, damage: Callable[[Path], None], code: str, tmp_path: Path
) -> None:
    first, second = two.points
    damage(held(two, 1))

    result = canvasback.mirror(two.repository, mirror)
    assert result.points == (first,)
    assert [(finding.code, finding.where) for finding in result.findings] == [
        (code, f"data/{two.files()[1].relative_to(two.data)}"),
        ("point-not-mirrored", second),
    ]
    is_whole(mirror)
    assert not (Path(mirror) / held(two, 1).relative_to(two.repository)).exists()

    canvasback.backup(two.attach, two.repository, full=True)  # mends it
    again = canvasback.mirror(two.repository, mirror)
    assert (again.points[0], again.findings) == (second, ())
    assert restores(mirror, second, tmp_path) == two.read()


@pytest.mark.parametrize("damage", [spoil, remove])
@pytest.mark.parametrize("what", ["chunk", "list", "manifest"])
def test_a_damaged_part_of_a_point_keeps_it_away(
    two: Lake, mirror: str, what: str, damage: Callable[[Path], None]
) -> None:
    first, second = two.points
    repository = Path(two.repository)
    manifests = [json.loads((repository / layout.point_name(point)).read_text()) for point in two.points]
    if what == "manifest":
        damaged = repository / layout.point_name(second)
    else:
        field = "files" if what == "list" else "tables"
        old, new = ({c["hash"] for t in m[field] for c in t.get("chunks", ())} for m in manifests)
        damaged = repository / layout.chunk_name(min(new - old))
    damage(damaged)

    result = canvasback.mirror(two.repository, mirror)

    assert result.points == (first,)
    if what == "manifest" and damage is remove:
        assert not result.findings  # nobody knows of it
    else:
        assert second in {finding.where for finding in result.findings}
    is_whole(mirror)


def test_what_went_bad_in_the_mirror_is_put_right_when_it_is_met(two: Lake, mirror: str) -> None:
    first, second = two.points
    canvasback.mirror(two.repository, mirror, points=[first])
    # The manifest is lost, and a file is damaged that other points need: nobody compares with the lost one.
    canvasback.mirror(two.repository, mirror)
    (Path(mirror) / layout.point_name(first)).unlink()
    spoil(Path(mirror) / held(two, 0).relative_to(two.repository))
    (Path(mirror) / layout.point_name(second)).unlink()

    result = canvasback.mirror(two.repository, mirror)
    assert (result.points, result.findings) == ((first, second), ())
    assert (result.copied_objects, objects_of(mirror)) == (1, objects_of(two.repository))


def test_another_content_of_a_name_stays(two: Lake, mirror: str) -> None:
    """A file that changed under its name: each place took another content for the usual one."""
    first, _ = two.points
    canvasback.mirror(two.repository, mirror, points=[first])
    spoil(two.files()[1])
    there = canvasback.backup(two.attach, mirror)
    content = (Path(mirror) / held(two, 1).relative_to(two.repository)).read_bytes()

    result = canvasback.mirror(two.repository, mirror)
    assert (result.points, list(result.finding_counts)) == ((), ["object-differs", "point-not-mirrored"])
    assert (Path(mirror) / held(two, 1).relative_to(two.repository)).read_bytes() == content
    assert not canvasback.verify(mirror, there.point, level="checksum").findings


def test_another_content_of_a_name_is_seen_whichever_point_is_compared_with(two: Lake, mirror: str) -> None:
    """The newest point in the mirror names the same object as the one that is lacking, with another content."""
    canvasback.mirror(two.repository, mirror)
    two.run("INSERT INTO lake.t SELECT i FROM range(99, 150) r(i)")
    there = canvasback.backup(two.attach, mirror)
    spoil(two.files()[2])
    here = canvasback.backup(two.attach, two.repository)

    result = canvasback.mirror(two.repository, mirror)
    assert (result.points, list(result.finding_counts)) == ((), ["object-differs", "point-not-mirrored"])
    assert result.findings[-1].where == here.point
    assert not canvasback.verify(mirror, there.point, level="checksum").findings


def test_two_kinds_of_checksums_of_one_content(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The service vouched for the copies of the first point; the second read them all."""
    where = cloud("s3", request, monkeypatch)
    stores, attach = where.stores(), f"ducklake:{tmp_path}/main.ducklake"
    data_path = f"{where.bucket()}lake/"
    truth = write(where, tmp_path / "main.ducklake", data_path)
    repository = f"{where.bucket()}repo"
    canvasback.init(attach, repository, stores=stores)
    canvasback.backup(attach, repository, stores=stores)
    for stat in stores.open(data_path).list(""):
        target = tmp_path / "local" / stat.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(stores.open(data_path).get(stat.name))
    canvasback.backup(attach, repository, data_path=f"{tmp_path}/local", full=True, stores=stores)

    result = canvasback.mirror(repository, f"{tmp_path}/mirror", stores=stores)
    assert (len(result.points), result.findings) == (2, ())
    assert result.kept_objects > 0  # compared with the other checksum, too
    is_whole(f"{tmp_path}/mirror")
    back = f"ducklake:{tmp_path}/back.ducklake"
    canvasback.restore(back, f"{tmp_path}/mirror", data_path=f"{tmp_path}/back")
    assert comparable(read_at(where, back, truth)) == comparable(truth)


def test_what_is_forgotten_in_a_place_does_not_come_back_there(two: Lake, mirror: str) -> None:
    first, second = two.points
    canvasback.mirror(two.repository, mirror)
    canvasback.forget(mirror, points=[first])
    again = canvasback.mirror(two.repository, mirror)
    assert (again.points, again.held_points, again.findings) == ((), 2, ())
    (Path(mirror) / layout.point_name(second)).unlink()
    result = canvasback.mirror(two.repository, mirror)
    assert (result.points, result.findings) == ((second,), ())
    remove(Path(mirror) / layout.point_name(first))  # as a prune does that has not said so yet
    assert canvasback.repair(mirror, two.repository).points == ()
    assert [point.point for point in canvasback.list_points(mirror).points] == [second]


def test_what_was_pruned_in_a_mirror_comes_back_only_by_its_name(two: Lake, mirror: str) -> None:
    first, second = two.points
    canvasback.mirror(two.repository, mirror)
    canvasback.forget(mirror, points=[first])
    assert canvasback.prune(mirror, clock=Clock(days=8)).points == 1
    assert canvasback.mirror(two.repository, mirror).points == ()
    assert canvasback.repair(mirror, two.repository).points == ()
    assert canvasback.prune(mirror, clock=Clock(days=8)).points == 0
    assert [point.point for point in canvasback.list_points(mirror, forgotten=None).points] == [second]

    assert canvasback.mirror(two.repository, mirror, points=[first]).points == (first,)
    assert canvasback.verify(mirror, all_points=True, level="checksum").findings == ()
    assert [point.point for point in canvasback.list_points(mirror).points] == [first, second]


# Refusals


def refused(code: str, repository: str, to: str, folder: Path) -> None:
    before = tree_of(folder)
    with pytest.raises(RefusedError) as raised:
        canvasback.mirror(repository, to)
    assert raised.value.code == code
    assert tree_of(folder) == before


def test_what_is_no_second_place_is_refused(two: Lake, mirror: str, tmp_path: Path) -> None:
    other = Lake(tmp_path / "other")
    other.run("CREATE TABLE lake.t AS SELECT 1 AS i")
    other.backup()
    canvasback.init(two.attach, str(tmp_path / "own"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("somebody's")
    (tmp_path / "link").symlink_to(two.repository)

    refused("other-lake", two.repository, other.repository, tmp_path)
    refused("other-repository", two.repository, f"{tmp_path}/own", tmp_path)
    refused("folder-not-empty", two.repository, f"{tmp_path}/full", tmp_path)
    for same in (two.repository, f"{two.repository}/inside", str(tmp_path), f"{tmp_path}/link"):
        refused("one-place", two.repository, same, tmp_path)
    refused("repository-in-data-path", two.repository, f"{two.data}/mirror", tmp_path)
    with pytest.raises(CanvasbackError) as raised:
        canvasback.mirror(two.repository, mirror, points=["19990101"])
    assert (raised.value.code, Path(mirror).exists()) == ("unknown-point", False)


def test_one_run_at_a_time_writes_there(two: Lake, mirror: str) -> None:
    canvasback.mirror(two.repository, mirror, points=[two.points[0]])
    with hold_lease(LocalStore(mirror), "backup", now), pytest.raises(CanvasbackError) as raised:
        canvasback.mirror(two.repository, mirror)
    assert raised.value.code == "repository-locked"
    with hold_lease(LocalStore(two.repository), "backup", now):  # nothing is written here
        assert canvasback.mirror(two.repository, mirror).points == (two.points[1],)


# Runs that end early


def failing_at(number: int, verb: str, where: str) -> Callable[..., object]:
    """A verb of a folder that fails when it is called for the n-th time in a place."""
    real, calls = getattr(LocalStore, verb), itertools.count(1)

    def fail(store: LocalStore, *args: object, **options: object) -> object:
        if store.url == where and next(calls) == number:
            raise NoSpaceError(store.url)
        return real(store, *args, **options)

    return fail


@pytest.mark.parametrize("verb", ["copy_new", "put_new", "sync"])
def test_a_run_that_fails_at_any_operation_is_gone_on_with(
    outside: Lake, mirror: str, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.backup()
    outside.run("INSERT INTO lake.t SELECT i, 'more' FROM range(9) r(i)")
    outside.backup()
    monkeypatch.setattr(transfer, "copy_small", lambda _, __, files: [None] * len(files))  # one by one

    def arrived() -> int:
        return len([name for name in objects_of(mirror) if not name.startswith(("points/", "canvasback"))])

    for number in itertools.count(1):
        shutil.rmtree(mirror, ignore_errors=True)
        with monkeypatch.context() as patch:
            patch.setattr(LocalStore, verb, failing_at(number, verb, mirror))
            try:
                done = canvasback.mirror(outside.repository, mirror, jobs=1)
            except NoSpaceError:
                done = None
        before = arrived()
        if list(Path(mirror).glob("points/*")):
            assert not canvasback.verify(mirror, all_points=True, level="checksum").findings
        resumed = canvasback.mirror(outside.repository, mirror, jobs=1)
        assert not resumed.findings
        assert resumed.copied_objects == arrived() - before
        assert objects_of(mirror) == objects_of(outside.repository)
        if done is not None:
            assert done.points == tuple(outside.points)
            break


def test_what_a_dead_run_left_by_half_is_found_out(two: Lake, mirror: str) -> None:
    canvasback.mirror(two.repository, mirror, points=[two.points[0]])
    torn = Path(mirror) / held(two, 1).relative_to(two.repository)
    torn.parent.mkdir(parents=True, exist_ok=True)
    torn.write_bytes(held(two, 1).read_bytes()[:100])
    chunks = objects_of(two.repository).keys() - objects_of(mirror).keys()
    chunk = min(name for name in chunks if name.startswith("catalog/"))
    (Path(mirror) / chunk).parent.mkdir(parents=True, exist_ok=True)
    (Path(mirror) / chunk).write_bytes(b"")

    result = canvasback.mirror(two.repository, mirror)
    assert (result.points, result.findings, result.kept_objects) == ((two.points[1],), (), 0)
    assert objects_of(mirror) == objects_of(two.repository)
    assert not list(Path(mirror).rglob("*.damaged-*"))


# Object stores


@pytest.fixture(params=["s3", "azure", "gcs"])
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A cloud."""
    return cloud(request.param, request, monkeypatch)


def same_objects(stores: Stores, one: str, other: str) -> None:
    """Two places hold the same but for their leases."""

    def content(url: str) -> dict[str, bytes]:
        store = stores.open(url)
        return {
            s.name: store.get(s.name) for s in store.list("") if not s.name.startswith((layout.LEASES, layout.REGISTER))
        }

    assert content(one) == content(other)


def test_from_a_disk_to_a_bucket_to_another_and_back(where: Cloud, lake: Lake, tmp_path: Path) -> None:
    stores, truth = where.stores(), lake.read()
    lake.backup()
    first, second, back = f"{where.bucket()}m", f"{where.bucket()}deep/m", f"{tmp_path}/back"

    up = canvasback.mirror(lake.repository, first, stores=stores)
    across = canvasback.mirror(first, second, stores=stores)
    down = canvasback.mirror(second, back, stores=stores)

    assert up.points == across.points == down.points == tuple(lake.points)
    assert up.copied_objects == across.copied_objects == down.copied_objects > 0
    same_objects(stores, lake.repository, first)
    same_objects(stores, lake.repository, second)
    assert objects_of(back) == objects_of(lake.repository)
    assert not canvasback.verify(second, level="rows", stores=stores).findings
    assert restores(back, "latest", tmp_path) == truth
    again = canvasback.mirror(lake.repository, second, stores=stores)
    assert (again.points, again.copied_objects, again.kept_objects) == ((), 0, 0)


def test_inside_one_service_no_file_passes_through_us(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    where = cloud("s3", request, monkeypatch)
    stores, catalog = where.stores(), tmp_path / "main.ducklake"
    truth = write(where, catalog, f"{where.bucket()}lake/")
    repository, mirror = f"{where.bucket()}repo", f"{where.bucket()}mirror"
    canvasback.init(str(catalog), repository, stores=stores)
    canvasback.backup(str(catalog), repository, stores=stores)
    opened: list[str] = []
    real = ObjectStore.open

    def noted(store: ObjectStore, name: str, *, vouch: bool = True) -> OpenRemote:
        opened.append(name)
        return real(store, name, vouch=vouch)

    monkeypatch.setattr(ObjectStore, "open", noted)

    result = canvasback.mirror(repository, mirror, stores=stores)
    assert result.points
    assert not [name for name in opened if name.startswith(("data/", "external/"))]

    # The lease is lost with all points: what has arrived is neither sent nor read again.
    store = stores.open(mirror)
    for stat in list(store.list(layout.POINTS)):
        store.delete(stat.name)
    opened.clear()
    resumed = canvasback.mirror(repository, mirror, stores=stores)
    assert (resumed.points, resumed.copied_objects) == (result.points, 0)
    assert resumed.kept_objects == result.copied_objects
    assert not [name for name in opened if name.startswith(("data/", "external/"))]

    monkeypatch.undo()
    cloud("s3", request, monkeypatch)
    assert not canvasback.verify(mirror, level="checksum", stores=stores).findings
    back = f"ducklake:{tmp_path}/back.ducklake"
    canvasback.restore(back, mirror, data_path=f"{where.bucket()}back/", stores=stores)
    assert comparable(read_at(where, back, truth)) == comparable(truth)


def test_a_damaged_object_of_a_service_is_not_copied(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    where = cloud("s3", request, monkeypatch)
    stores, catalog = where.stores(), tmp_path / "main.ducklake"
    write(where, catalog, f"{where.bucket()}lake/")
    repository, mirror = f"{where.bucket()}repo", f"{where.bucket()}mirror"
    canvasback.init(str(catalog), repository, stores=stores)
    canvasback.backup(str(catalog), repository, stores=stores)
    store = stores.open(repository)
    victim = next(store.list("data/"))
    content = bytearray(store.get(victim.name))
    content[10] ^= 1
    store.delete(victim.name)
    stores.open(repository).put_new(victim.name, bytes(content))

    result = canvasback.mirror(repository, mirror, stores=stores)
    assert result.points == ()
    assert list(result.finding_counts) == ["object-corrupt", "point-not-mirrored"]
    assert stores.open(mirror).stat(victim.name) is None


def test_nothing_that_a_prune_may_be_deleting_is_relied_on(two: Lake, mirror: str) -> None:
    canvasback.mirror(two.repository, mirror, points=[two.points[0]])
    sweep = Sweep("token", now() + timedelta(minutes=5), time.time_ns())
    for place in (mirror, two.repository):
        store = open_repository(Stores(), place).store
        change_register(store, now, lambda register: register.prune([], sweep, now()))
    for work in (canvasback.mirror, canvasback.repair):
        with pytest.raises(CanvasbackError) as raised:
            work(two.repository, mirror)
        assert raised.value.code == "prune-unfinished"
    assert [point.point for point in canvasback.list_points(mirror).points] == [two.points[0]]
