"""What points name, found by their trees of hashes; what is there of it; and two places of one repository.

The repository is made of a few rows. That real points are read right, other tests see.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import msgspec
import pytest

from canvasback.errors import CorruptError, RefusedError
from canvasback.model.manifest import Manifest
from canvasback.model.progress import SILENT
from canvasback.model.relation import Column, Relation
from canvasback.repository import layout
from canvasback.repository.chunk_writer import ChunkWriter
from canvasback.repository.division import divide
from canvasback.repository.filelist import COLUMNS, HeldFiles, files_relation
from canvasback.repository.held_objects import has_content, list_held
from canvasback.repository.leases import hold_lease
from canvasback.repository.named_objects import NamedObjects
from canvasback.repository.places import copy_points, look_for_place, open_place, refuse_one_place
from canvasback.repository.points import list_points, publish_point, read_point
from canvasback.repository.reachability import Reachability
from canvasback.repository.repository import Repository, create_repository, make_repository, open_repository
from canvasback.storage.local.store import LocalStore
from canvasback.storage.locations import Stores
from canvasback.storage.parallel import Stop
from canvasback.storage.store import Store
from tests.unit.test_points import NOON, manifest

SNAPSHOTS = (Column("snapshot_id", "BIGINT"), Column("note", "VARCHAR"))


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return create_repository(LocalStore(tmp_path / "repo"), "l", NOON)


def point(connection: duckdb.DuckDBPyConnection, repository: Repository, number: int, *, many: bool = False) -> str:
    """Publish a point that names the files 1 to n, and a table that has a chunk for each row."""
    store = repository.store
    writer = ChunkWriter(connection, store, 1)
    rows = f"SELECT range AS snapshot_id, 'odd ☂' || range AS note FROM range({64 if many else 2 * number})"
    snapshots = Relation("ducklake_snapshot", SNAPSHOTS, rows, ("snapshot_id",))
    table = writer.store(
        snapshots, writer.write_fresh(divide(connection, snapshots, "snapshot_id", 1), ("snapshot_id",))
    )
    files = " UNION ALL ".join(
        f"SELECT {n}::BIGINT AS file_id, 'main/{n}.parquet' AS path, false AS elsewhere, 4::BIGINT AS size, "
        "NULL::VARCHAR AS blake3, NULL::VARCHAR AS object, 0::BIGINT AS modified_ns, "
        f"'md5:{n}' AS checksum, NULL::VARCHAR AS etag"
        for n in range(1, number + 1)
    )
    listed = Relation("data", COLUMNS, files)
    lists = writer.store(listed, writer.write_fresh(divide(connection, listed, "file_id", 8), ("file_id",)))
    metadata = Relation("ducklake_metadata", (Column("key", "VARCHAR"),), "SELECT 'version' AS key")
    meta = writer.store(metadata, writer.write_fresh(divide(connection, metadata, None, 8), ("key",)))
    if store.stat(f"data/main/{number}.parquet") is None:
        store.put_new(f"data/main/{number}.parquet", b"rows")
    made = msgspec.structs.replace(
        manifest(NOON + timedelta(hours=number), number),
        format=layout.FORMAT,
        repository_id=repository.marker.repository_id,
        lake_id=repository.marker.lake_id,
        tables=(meta, table),
        files=(lists,),
    )
    return publish_point(store, made, None).id


def names(connection: duckdb.DuckDBPyConnection, select: object) -> set[str]:
    return {name for (name,) in connection.execute(f"SELECT DISTINCT name FROM ({select})").fetchall()}


def stored(store: Store) -> set[str]:
    return {stat.name for prefix in (layout.CATALOG, layout.DATA) for stat in store.list(prefix)}


def test_all_that_is_there_is_named_and_a_part_by_each_point(
    connection: duckdb.DuckDBPyConnection, repository: Repository
) -> None:
    first = point(connection, repository, 1)
    objects = stored(repository.store)
    second = point(connection, repository, 2, many=True)
    third = point(connection, repository, 3)
    reach = Reachability(connection, repository.store, ["ducklake_snapshot"])
    named = NamedObjects(connection, repository.store)
    manifests = [read_point(repository.store, id_) for id_ in (first, second, third)]
    assert manifests[1].tables[1].index is not None  # it has more chunks than a manifest lists
    for one in manifests:
        reach.add(one)
        named.add(one)

    assert names(connection, reach.objects([first])) == objects
    assert names(connection, reach.objects([first, second, third])) == stored(repository.store)
    assert names(connection, f"FROM {named}") == stored(repository.store)
    assert reach.freed([first], [second, third])[0] == len(objects - names(connection, reach.objects([second, third])))
    assert reach.freed([second], [third])[0] > 32
    rows = reach.rows([third], "ducklake_snapshot", {"snapshot_id": "BIGINT", "gone": "VARCHAR"})
    assert sorted(connection.execute(rows).fetchall()) == [(n, None) for n in range(6)]
    held = list_held(connection, repository.store, SILENT)
    assert connection.execute(f"SELECT count(*) FROM {held} ANTI JOIN {named} USING (name)").fetchall() == [(0,)]
    [one] = named.each("WHERE name = 'data/main/2.parquet'")
    assert (one.size, one.checksum) == (4, "md5:2")
    held.drop()
    named.drop()


def test_what_another_point_names_is_left_out(connection: duckdb.DuckDBPyConnection, repository: Repository) -> None:
    first, second = (read_point(repository.store, point(connection, repository, n)) for n in (1, 2))
    fresh = NamedObjects(connection, repository.store)
    fresh.know(repository.store, first)
    fresh.add(second)
    every = NamedObjects(connection, repository.store)
    every.add(second)
    assert "data/main/2.parquet" in names(connection, f"FROM {fresh}")
    assert names(connection, f"FROM {fresh}") < names(connection, f"FROM {every}")


def test_a_damaged_list_of_files_is_no_list(connection: duckdb.DuckDBPyConnection, repository: Repository) -> None:
    made = read_point(repository.store, point(connection, repository, 2))
    chunk = Path(repository.store.url, layout.chunk_name(made.files[0].chunks[0].hash))
    chunk.write_bytes(chunk.read_bytes()[:-1])
    with pytest.raises(CorruptError):
        Reachability(connection, repository.store).add(made)
    with pytest.raises(CorruptError):
        NamedObjects(connection, repository.store).add(made)


def test_lists_of_files_as_rows(connection: duckdb.DuckDBPyConnection, repository: Repository) -> None:
    made = read_point(repository.store, point(connection, repository, 9))
    rows = files_relation(connection, repository.store, made)
    assert connection.execute(f"SELECT count(*), min(kind) FROM ({rows.select})").fetchall() == [(9, "data")]
    held = HeldFiles(connection, repository.store, made.files[0].chunks)
    assert len(held.by_range()) == len(held.chunks) > 1
    window, end = held.window(0, 1)
    assert (len(window), end > 0) == (1, True)
    assert held.only(window).chunks == tuple(window)
    within = held.relation({(window[0].lower, window[0].upper)}).select
    assert connection.execute(f"SELECT count(*) FROM ({within})").fetchall()[0][0] < 9


def test_an_object_has_the_content_of_a_checksum_or_not(repository: Repository) -> None:
    repository.store.put_new("data/x", b"abc")
    assert has_content(repository.store, "data/x", "md5:900150983cd24fb0d6963f7d28e17f72", Stop())
    assert not has_content(repository.store, "data/x", "md5:00", Stop())


def test_two_places_of_one_repository(
    connection: duckdb.DuckDBPyConnection, repository: Repository, tmp_path: Path
) -> None:
    target = LocalStore(tmp_path / "mirror")
    assert look_for_place(Stores(), target.url, repository) is None
    make_repository(target, repository.marker, NOON)
    assert open_place(Stores(), target.url, repository).marker == repository.marker
    ids = [point(connection, repository, n) for n in (1, 2)]
    with hold_lease(target, "mirror", lambda: NOON) as lease:
        copy_points(repository.store, target, ids, lease, [])
        assert lease.latest == ids[-1]
        copy_points(repository.store, target, [], lease, ids)
    assert list_points(target) == ids
    assert msgspec.json.encode(read_point(target, ids[0])) == msgspec.json.encode(read_point(repository.store, ids[0]))
    with pytest.raises(RefusedError) as caught:
        refuse_one_place(target, LocalStore(tmp_path / "mirror" / "in it"))
    assert caught.value.code == "one-place"
    for lake, code in (("l", "other-repository"), ("another", "other-lake")):
        other = create_repository(LocalStore(tmp_path / code), lake, NOON)
        with pytest.raises(RefusedError) as caught:
            open_place(Stores(), other.store.url, repository)
        assert caught.value.code == code
    assert isinstance(read_point(open_repository(Stores(), target.url).store, ids[1]), Manifest)
