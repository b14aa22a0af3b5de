"""Forgetting points of real lakes: what goes with them is said by name, and what stays restores as before."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from canvasback.catalog.connections import connect
from canvasback.model.manifest import Manifest
from canvasback.repository import layout
from canvasback.repository.points import read_point
from canvasback.repository.reachability import Reachability
from canvasback.repository.repository import open_repository
from canvasback.storage.locations import Stores
from canvasback.storage.reach import reach_of
from tests.kept import Kept
from tests.lake.builder import Lake, read
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server

LAST = canvasback.Policy(keep_last=1)
EXPIRE = "CALL ducklake_expire_snapshots('lake', older_than => now())"
CLEAN = "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)"


@pytest.fixture
def grown(kept: Kept) -> Lake:
    """Four points: of a table, of a second one, of what is left without that one's history, and of more rows."""
    return kept.again(make)


def make(folder: Path) -> Lake:
    lake = Lake(folder / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    grow(lake)
    return lake


def grow(lake: Lake) -> None:
    lake.run("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t FROM range(10)")  # snapshots 1 and 2
    lake.backup()
    lake.run("CREATE SCHEMA lake.s", "CREATE TABLE lake.s.gone (i INTEGER)", "INSERT INTO lake.s.gone FROM range(100)")
    lake.run("ALTER TABLE lake.s.gone RENAME TO away")  # snapshot 6
    lake.backup()
    lake.run("DROP TABLE lake.s.away", EXPIRE, CLEAN)  # snapshot 7
    lake.backup()
    lake.run("INSERT INTO lake.t FROM range(5)")  # snapshot 8
    lake.backup()


def restored(lake: Lake, point: str, folder: Path) -> object:
    to = folder / point
    canvasback.restore(f"ducklake:{to}/r.ducklake", lake.repository, point, data_path=str(to / "data"))
    return read(f"ducklake:{to}/r.ducklake")


def ranges(result: canvasback.ForgetResult) -> list[tuple[int, int, int]]:
    return [(one.timeline, one.first, one.last) for one in result.unreachable]


def objects(repository: str, points: list[str]) -> dict[str, int]:
    """All that points name, one by one."""
    store = open_repository(Stores(), repository).store
    found: dict[str, int] = {}
    for point in points:
        with connect(None, reach=reach_of(store)) as connection:
            reach = Reachability(connection, store)
            reach.add(read_point(store, point))
            found |= dict(connection.execute(reach.objects([point])).fetchall())
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_what_goes_is_said_by_name(tmp_path: Path, engine: Engine, postgres: Server) -> None:
    lake = Lake(
        tmp_path / "lake",
        options=("DATA_INLINING_ROW_LIMIT 0",),
        elsewhere=attach_string(engine, tmp_path / "lake", postgres),
    )
    grow(lake)
    planned = canvasback.forget(lake.repository, policy=LAST, dry_run=True)
    assert planned.forgotten == tuple(lake.points[:3])
    assert ranges(planned) == [(1, 0, 6)]
    assert planned.lost_tables == ("s.away",)
    named = canvasback.forget(lake.repository, points=[lake.points[2]], dry_run=True)
    assert (ranges(named), named.lost_tables) == ([], ())
    first = canvasback.forget(lake.repository, points=[lake.points[0]], dry_run=True)
    assert (ranges(first), first.lost_tables) == ([], ())


def test_what_a_prune_would_free(grown: Lake) -> None:
    for points in ([0], [1], [0, 2], [0, 1, 2]):
        going = [grown.points[n] for n in points]
        planned = canvasback.forget(grown.repository, points=going, dry_run=True)
        kept = objects(grown.repository, [point for point in grown.points if point not in going])
        freed = {name: size for name, size in objects(grown.repository, going).items() if name not in kept}
        assert freed
        assert (planned.freed_objects, planned.freed_bytes) == (len(freed), sum(freed.values()))


def test_all_that_points_name_is_all_that_there_is(grown: Lake) -> None:
    named = objects(grown.repository, grown.points)
    folder = Path(grown.repository)
    there = {
        str(path.relative_to(folder)): path.stat().st_size
        for kind in ("catalog", "data", "external")
        for path in (folder / kind).rglob("*")
        if path.is_file()
    }
    assert named == there


def test_those_that_were_forgotten_before_are_counted(grown: Lake) -> None:
    both = canvasback.forget(grown.repository, points=grown.points[:2], dry_run=True)
    canvasback.forget(grown.repository, points=grown.points[:1])
    second = canvasback.forget(grown.repository, points=grown.points[1:2])
    assert second.freed_bytes == both.freed_bytes
    assert ranges(second) == [(1, 0, 6)]  # the first, which has some of them, is forgotten too


@pytest.mark.parametrize("list_", ["data", "ducklake_snapshot"])
def test_a_point_of_which_a_list_is_damaged_stays_and_vouches_for_nothing(grown: Lake, list_: str) -> None:
    """Who is the only one to hold a snapshot is asked of points that can be read."""
    store = open_repository(Stores(), grown.repository).store
    tables = {point: {t.name: t.chunks for t in (*m.tables, *m.files)} for point, m in _manifests(grown).items()}
    [chunk] = tables[grown.points[1]][list_]
    assert all(chunk not in tables[point][list_] for point in grown.points if point != grown.points[1])
    Path(store.url, layout.chunk_name(chunk.hash)).write_bytes(b"damaged")
    planned = canvasback.forget(grown.repository, policy=LAST, dry_run=True)
    assert [(finding.code, finding.where) for finding in planned.findings] == [("chunk-corrupt", grown.points[1])]
    assert planned.forgotten == (grown.points[0], grown.points[2])
    assert ranges(planned) == [(1, 0, 2)]
    assert planned.freed_bytes is None
    named = canvasback.forget(grown.repository, points=[grown.points[1]], dry_run=True)
    assert (named.findings, ranges(named)) == ((), [])
    assert named.freed_bytes is not None


def _manifests(lake: Lake) -> dict[str, Manifest]:
    store = open_repository(Stores(), lake.repository).store
    return {point: read_point(store, point) for point in lake.points}


def test_a_span_keeps_every_snapshot(grown: Lake) -> None:
    span = canvasback.Policy(keep_snapshot_span=True)
    done = canvasback.forget(grown.repository, policy=span)
    assert [one.kept for one in done.points] == [False, True, False, True]
    assert (ranges(done), done.lost_tables) == ([], ())


def test_points_of_a_rewound_lake(grown: Lake, tmp_path: Path) -> None:
    """Two snapshots of one number on two timelines are two."""
    grown.delete()
    canvasback.restore(grown.attach, grown.repository, grown.points[1])
    grown.run("INSERT INTO lake.t VALUES (1)")
    grown.backup()
    planned = canvasback.forget(grown.repository, policy=LAST, dry_run=True)
    assert ranges(planned) == [(1, 7, 8)]
    assert planned.lost_tables == ()
    named = canvasback.forget(grown.repository, points=grown.points[3:4], dry_run=True)
    assert ranges(named) == [(1, 8, 8)]


def test_moments_and_heal_do_not_see_forgotten_points(grown: Lake, tmp_path: Path) -> None:
    whole = restored(grown, grown.points[1], tmp_path)
    canvasback.forget(grown.repository, policy=LAST)
    with pytest.raises(canvasback.RefusedError, match="moment-not-held"):
        canvasback.restore(f"ducklake:{tmp_path}/m.ducklake", grown.repository, at_snapshot=6, data_path=str(tmp_path))
    assert canvasback.show(grown.repository).point.point == grown.points[3]
    (tmp_path / grown.points[1]).rename(tmp_path / "before")
    assert restored(grown, grown.points[1], tmp_path) == whole  # the whole id opens it
    canvasback.unforget(grown.repository, points=grown.points[:3])
    held = canvasback.restore(
        f"ducklake:{tmp_path}/m.ducklake", grown.repository, at_snapshot=6, data_path=str(tmp_path / "m")
    )
    assert held.point == grown.points[1]


def test_a_backup_relies_on_no_forgotten_point(grown: Lake) -> None:
    """Where the newest cannot be read the one before is relied on: not if it is forgotten, and its objects are gone."""
    canvasback.forget(grown.repository, points=[grown.points[2]])
    manifest = Path(grown.repository, "points", f"{grown.points[3]}.json")
    manifest.write_bytes(b"{")
    kept = objects(grown.repository, grown.points[:2])
    for name in objects(grown.repository, [grown.points[2]]).keys() - kept.keys():
        Path(grown.repository, name).unlink()  # as a prune does
    grown.backup(findings=("repository-damaged",))
    assert canvasback.verify(grown.repository, grown.points[4], level="rows").findings == ()


def test_what_only_a_forgotten_point_holds_is_not_overwritten(grown: Lake, tmp_path: Path) -> None:
    """A file that comes back with another content is held twice, though nobody sees the point that has the first."""
    forgotten = grown.points[1]
    whole = restored(grown, forgotten, tmp_path)
    kept = objects(grown.repository, [point for point in grown.points if point != forgotten])
    [copy] = [name for name in objects(grown.repository, [forgotten]) if name[:5] == "data/" and name not in kept]
    canvasback.forget(grown.repository, points=[forgotten])
    grown.delete()
    canvasback.restore(grown.attach, grown.repository, forgotten)
    file = grown.folder / copy
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    canvasback.backup(grown.attach, grown.repository, full=True)
    canvasback.unforget(grown.repository, points=[forgotten])
    assert canvasback.verify(grown.repository, all_points=True, level="checksum").findings == ()
    (tmp_path / forgotten).rename(tmp_path / "before")
    assert restored(grown, forgotten, tmp_path) == whole


def test_somebody_holds_a_point_while_the_plan_is_made(grown: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is made again with the register as it is then."""
    plans = []
    make = canvasback.verbs.forget.verb._plan  # type: ignore[attr-defined]

    def held_up(*arguments: object, **options: object) -> object:
        plans.append(make(*arguments, **options))
        if len(plans) == 1:
            canvasback.hold(grown.repository, grown.points[0])
        return plans[-1]

    monkeypatch.setattr("canvasback.verbs.forget.verb._plan", held_up)
    done = canvasback.forget(grown.repository, policy=LAST)
    assert done.forgotten == tuple(grown.points[1:3])
    assert len(plans) == 2
    assert [one.point for one in canvasback.list_points(grown.repository).points] == [grown.points[0], grown.points[3]]
