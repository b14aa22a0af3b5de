"""A damaged object of the newest point stops nobody: older whole points are used, and it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from blake3 import blake3

import canvasback
from canvasback.model.clock import now
from canvasback.model.manifest import StoredTable
from canvasback.repository import layout
from canvasback.repository.leases import hold_lease
from canvasback.repository.points import read_point
from canvasback.storage.local.store import LocalStore
from tests.lake.builder import Lake
from tests.lake.damage import remove, spoil


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with two points, and a file that both hold."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(50) r(i)")
    lake.backup()
    lake.run("INSERT INTO lake.t SELECT i FROM range(50, 99) r(i)")
    lake.backup()
    return lake


def of_newest(lake: Lake, name: str, *, lists: bool) -> Path:
    """The chunk that the newest point alone needs of a table, or of a list of files."""
    store = LocalStore(lake.repository + "/")
    older, newest = (read_point(store, point) for point in lake.points)

    def chunks(tables: tuple[StoredTable, ...]) -> set[str]:
        return {chunk.hash for table in tables if table.name == name for chunk in table.chunks}

    [hash_] = chunks(newest.files) - chunks(older.files) if lists else chunks(newest.tables) - chunks(older.tables)
    return Path(lake.repository) / layout.chunk_name(hash_)


@pytest.mark.parametrize(("damage", "code"), [(spoil, "chunk-corrupt"), (remove, "chunk-missing")])
def test_a_damaged_list_of_the_newest_point_stops_neither_heal_nor_check(lake: Lake, damage: object, code: str) -> None:
    truth = lake.read()
    assert callable(damage)
    damage(of_newest(lake, "data", lists=True))
    lake.files()[0].unlink()

    checked = canvasback.check(lake.attach, lake.repository, level="checksum")
    assert [(f.code, f.where) for f in checked.findings] == [
        ("file-missing", checked.findings[0].where),
        (code, lake.points[1]),
    ]
    assert checked.unknown_checksums == 1  # that of the newest file

    healed = canvasback.heal(lake.attach, lake.repository)
    assert [(file.code, file.source) for file in healed.healed] == [("file-missing", f"point {lake.points[0]}")]
    assert [(f.code, f.where) for f in healed.findings] == [(code, lake.points[1])]
    assert lake.read() == truth


def test_a_forged_list_of_the_newest_point_does_not_stop_heal(lake: Lake) -> None:
    """Its checksums fit, and it names a file that would lead out of the repository."""
    truth = lake.read()
    list_ = of_newest(lake, "data", lists=True)
    forged = list_.with_suffix(".forged")
    duckdb.sql(f"FROM '{list_}'").select("* REPLACE ('../' || path AS path)").write_parquet(str(forged))
    content = forged.read_bytes()
    hash_ = blake3(content).hexdigest()
    named = Path(lake.repository) / layout.chunk_name(hash_)
    named.parent.mkdir(exist_ok=True)
    forged.rename(named)
    point = Path(lake.repository) / layout.point_name(lake.points[1])
    manifest = json.loads(point.read_bytes())
    chunks = [chunk for table in manifest["files"] for chunk in table.get("chunks", ())]
    [chunk] = [chunk for chunk in chunks if chunk["hash"] == list_.stem]
    chunk.update(hash=hash_, bytes=len(content))
    blank = "0" * 64
    manifest["self"] = blank
    text = json.dumps(manifest, separators=(",", ":")).encode()
    point.chmod(0o644)
    point.write_bytes(text.replace(blank.encode(), blake3(text).hexdigest().encode(), 1))
    lake.files()[0].unlink()

    healed = canvasback.heal(lake.attach, lake.repository)

    assert [(file.code, file.source) for file in healed.healed] == [("file-missing", f"point {lake.points[0]}")]
    assert [(f.code, f.where) for f in healed.findings] == [("unsafe-name", lake.points[1])]
    assert lake.read() == truth


@pytest.mark.parametrize(("damage", "code"), [(spoil, "chunk-corrupt"), (remove, "chunk-missing")])
def test_a_damaged_catalog_of_the_newest_point_does_not_stop_verify(lake: Lake, damage: object, code: str) -> None:
    assert callable(damage)
    damage(of_newest(lake, "ducklake_data_file", lists=False))
    spoil(Path(lake.repository) / "data" / lake.files()[0].relative_to(lake.data))

    result = canvasback.verify(lake.repository, all_points=True, level="rows")

    told = {(f.code, f.where.rpartition("/")[2]) for f in result.findings}
    assert (code, lake.points[1]) in told  # the rows of the older point were looked at all the same
    assert ("object-corrupt", lake.files()[0].name) in told


def test_what_is_said_of_a_damaged_object_names_the_points_that_need_it(lake: Lake) -> None:
    first, second = lake.points
    old, new = (Path(lake.repository) / "data" / file.relative_to(lake.data) for file in lake.files())
    spoil(old)
    spoil(new)
    messages = [f.message for f in canvasback.verify(lake.repository, all_points=True, level="checksum").findings]
    assert messages == [
        f"does not hold the bytes that were saved; 2 points need it, from {first} to {second}",
        f"does not hold the bytes that were saved; point {second} needs it",
    ]
    old.unlink()
    [missing, _] = canvasback.verify(lake.repository, level="checksum").findings
    size = lake.files()[0].stat().st_size
    assert missing.message == f"is missing, and had {size} bytes; point {second} needs it"


@pytest.fixture
def beside(lake: Lake) -> Iterator[threading.Event]:
    """Another run that holds the repository until it is told to end."""
    held, end = threading.Event(), threading.Event()

    def hold() -> None:
        with hold_lease(LocalStore(lake.repository + "/"), "watch", now):
            held.set()
            end.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    yield end
    end.set()
    thread.join()


def test_a_heal_waits_for_whoever_writes_to_the_repository(lake: Lake, beside: threading.Event) -> None:
    with duckdb.connect(str(lake.catalog)) as database:
        database.execute("UPDATE ducklake_data_file SET footer_size = footer_size + 1")
    timer = threading.Timer(1.5, beside.set)
    timer.start()
    result = canvasback.heal(lake.attach, lake.repository)
    timer.join()
    assert result.safety_point
    assert [repair.code for repair in result.repairs] == ["footer-size"]
    assert result.findings == ()
