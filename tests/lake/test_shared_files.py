"""Two catalogs over one data path: each deletes, as orphans, what the other writes. A restore says so, or refuses."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import msgspec
import pytest

import canvasback
from canvasback.catalog.engines import open_engine
from canvasback.model.lake import parse_lake
from canvasback.repository.points import publish_point, read_point
from canvasback.storage.local.store import LocalStore
from tests.lake.builder import Lake, read, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server

UNKNOWN = "shares-files-unknown"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    made.run("CREATE TABLE lake.t AS SELECT i FROM range(100) r(i)", "INSERT INTO lake.t VALUES (1000)")
    made.backup()
    return made


def refused(repository: str, to: str, **options: object) -> None:
    with pytest.raises(canvasback.RefusedError) as error:
        canvasback.restore(to, repository, **options)  # type: ignore[arg-type]
    assert (error.value.code, error.value.exit_code) == ("shares-files", 4)
    assert "--data-path" in error.value.hint


@pytest.mark.versions
@pytest.mark.parametrize("engine", ENGINES)
def test_a_spare_beside_the_living(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    place = attach_string(engine, tmp_path, postgres)
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",), elsewhere=place)
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(100) r(i)")
    lake.backup()
    lake.run("INSERT INTO lake.t VALUES (1000)")
    spare = attach_string(engine, tmp_path / "spare", postgres)
    other = f"ducklake:{tmp_path}/other.ducklake"

    for to in (spare, other):
        refused(lake.repository, to)
        refused(lake.repository, to, dry_run=True)
        refused(lake.repository, to, data_path=lake.data_path)
        refused(lake.repository, to, at_snapshot=1)
    assert not Path(tmp_path / "spare").exists()
    assert not Path(tmp_path / "other.ducklake").exists()

    trial = canvasback.restore(spare, lake.repository, data_path=str(tmp_path / "files"))
    assert trial.findings == ()
    truth = lake.read()
    with session(spare) as connection:
        connection.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")
    assert lake.read() == truth

    shared = canvasback.restore(other, lake.repository, shares_files=True)
    assert list(shared.finding_counts) == ["newer-files"]
    with session(other) as connection:  # what it is about: so it ends
        connection.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")
    with pytest.raises(Exception, match=r"(?i)no such file|cannot open file|no files found"):
        lake.read()


@pytest.mark.parametrize("engine", ENGINES)
def test_in_its_old_place_it_shares_nothing(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    place = attach_string(engine, tmp_path, postgres)
    lake = Lake(tmp_path / "lake", elsewhere=place)
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(100) r(i)")
    lake.backup()
    truth = lake.read()
    if engine == "postgres":  # another spelling of the same place
        place = place.replace("ducklake:postgres:", "ducklake:postgres:application_name=other ")
    assert canvasback.restore(place, lake.repository, replace=True).findings == ()
    assert lake.read() == truth


def test_another_schema_of_the_same_database_is_another_place(tmp_path: Path, postgres: Server) -> None:
    place = attach_string("postgres", tmp_path, postgres)
    lake = Lake(tmp_path / "lake", elsewhere=place)
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(100) r(i)")
    lake.backup()
    refused(lake.repository, f"{place} (METADATA_SCHEMA 'spare')")
    refused(lake.repository, f"ducklake:postgres:{postgres.create()}")


def test_a_catalog_that_is_gone_shares_nothing(lake: Lake, tmp_path: Path) -> None:
    truth = lake.read()
    lake.catalog.rename(tmp_path / "kept.ducklake")
    result = canvasback.restore(f"ducklake:{tmp_path}/spare.ducklake", lake.repository)
    assert result.findings == ()
    assert read(result.lake) == truth


def test_a_catalog_that_was_pointed_elsewhere_shares_nothing(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    for file in lake.files():
        target = tmp_path / "moved" / file.relative_to(lake.data)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    canvasback.repoint(lake.attach, str(tmp_path / "moved"))
    assert canvasback.restore(f"ducklake:{tmp_path}/spare.ducklake", lake.repository).findings == ()


def test_the_newest_point_tells_where_the_catalog_went(lake: Lake, tmp_path: Path, postgres: Server) -> None:
    """The catalog moved to PostgreSQL after the first point, and its file is gone."""
    moved = attach_string("postgres", tmp_path, postgres)
    lake.catalog.rename(tmp_path / "kept.ducklake")
    canvasback.restore(moved, lake.repository)
    canvasback.backup(moved, lake.repository)
    refused(lake.repository, f"ducklake:{tmp_path}/spare.ducklake", point=lake.points[0])


def test_another_lake_at_the_old_place_is_none_of_ours(lake: Lake, tmp_path: Path) -> None:
    lake.catalog.unlink()
    other = Lake(lake.folder)
    other.run("CREATE TABLE lake.u AS SELECT 1 AS i")
    assert canvasback.restore(
        f"ducklake:{tmp_path}/spare.ducklake", lake.repository, level="exists"
    ).finding_counts in (
        {},
        {"newer-files": 1},
    )


def test_an_old_catalog_that_cannot_be_read_is_a_finding(lake: Lake, tmp_path: Path) -> None:
    content = bytearray(lake.catalog.read_bytes())
    content[4096:12288] = b"\0" * 8192
    lake.catalog.write_bytes(content)
    result = canvasback.restore(f"ducklake:{tmp_path}/spare.ducklake", lake.repository)
    assert list(result.finding_counts) == [UNKNOWN]
    assert str(lake.catalog) in result.findings[0].where


@pytest.mark.parametrize("what", ["server", "machine"])
def test_where_nobody_can_look_it_is_a_finding(what: str, lake: Lake, tmp_path: Path) -> None:
    store = LocalStore(lake.repository)
    manifest = read_point(store, lake.points[0])
    assert manifest.origin is not None
    changed = {
        "server": {"engine": "postgres", "target": "host='127.0.0.1' port='1' dbname='cat'", "schema": "public"},
        "machine": {"target": "/srv/elsewhere.ducklake", "host": "another"},
    }[what]
    origin = msgspec.structs.replace(manifest.origin, **changed)
    point = publish_point(store, msgspec.structs.replace(manifest, origin=origin), lake.points[0]).id
    truth = lake.read()
    lake.catalog.unlink()
    result = canvasback.restore(f"ducklake:{tmp_path}/one.ducklake", lake.repository, point)
    assert result.finding_counts == {UNKNOWN: 1}
    assert read(result.lake) == truth
    if what == "server":
        assert "127.0.0.1" in result.findings[0].where
    for options in ({"shares_files": True}, {"data_path": str(tmp_path / "files")}):
        to = f"ducklake:{tmp_path}/{len(options)}-{next(iter(options))}.ducklake"
        assert canvasback.restore(to, lake.repository, point, **options).findings == ()
    lake.delete()  # then all files are put there anew, and are nobody else's
    assert canvasback.restore(f"ducklake:{tmp_path}/two.ducklake", lake.repository, point).findings == ()


def test_a_point_of_an_older_release_does_not_tell(lake: Lake, tmp_path: Path) -> None:
    store = LocalStore(lake.repository)
    for file in Path(lake.repository, "points").iterdir():
        manifest = read_point(store, file.stem)
        file.unlink()
        point = publish_point(store, msgspec.structs.replace(manifest, origin=None), None).id
    assert "origin" not in json.loads(Path(lake.repository, "points", f"{point}.json").read_text())
    assert canvasback.restore(f"ducklake:{tmp_path}/spare.ducklake", lake.repository, point).findings == ()


def test_the_place_is_remembered_without_a_password(tmp_path: Path, postgres: Server) -> None:
    place = attach_string("postgres", tmp_path, postgres)
    lake = Lake(tmp_path / "lake", elsewhere=place)
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(100) r(i)")
    canvasback.init(place, lake.repository)
    point = canvasback.backup(f"{place} password=geheim", lake.repository).point
    text = Path(lake.repository, "points", f"{point}.json").read_text()
    assert "geheim" not in text
    origin = json.loads(text)["origin"]
    assert (origin["engine"], origin["schema"], origin["host"]) == ("postgres", "public", socket.gethostname())
    database = re.search(r"dbname=(\S+)", place)
    assert database is not None
    assert f"dbname='{database[1]}'" in origin["target"]
    with open_engine(parse_lake(f"ducklake:postgres:{origin['target']}")).read() as image:
        assert image.head()[0] == 1


def test_a_lost_catalog_is_made_anew_elsewhere_only_if_it_is_lost(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(canvasback.RefusedError) as error:
        canvasback.salvage(f"ducklake:{tmp_path}/new.ducklake", lake.repository, new_catalog=True)
    assert error.value.code == "shares-files"
    lake.catalog.unlink()
    assert canvasback.salvage(f"ducklake:{tmp_path}/new.ducklake", lake.repository, new_catalog=True).findings == ()
