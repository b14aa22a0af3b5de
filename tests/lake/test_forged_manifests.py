"""Manifests whose checksums fit, and which lie all the same: nothing of them runs, and no traceback comes of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

import canvasback
from canvasback.errors import CanvasbackError, CorruptError, UsageError
from tests.lake.builder import Lake

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("forged") / "lake")
    lake.run("CREATE TABLE lake.t (i INTEGER, s VARCHAR)", "INSERT INTO lake.t SELECT range, 'x' FROM range(100)")
    lake.backup()
    return lake


@pytest.fixture
def lake(saved: Lake, tmp_path: Path) -> Lake:
    shutil.copytree(saved.repository, tmp_path / "lake.repository")
    copy = Lake(tmp_path / "lake")
    copy.points = saved.points.copy()
    return copy


def forge(lake: Lake, change: Callable[[Manifest], None]) -> None:
    """Change the point's manifest, and make its checksum fit."""
    path = Path(lake.repository) / "points" / f"{lake.points[0]}.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    manifest["self"] = "0" * 64
    blank = json.dumps(manifest, separators=(",", ":")).encode()
    manifest["self"] = blake3(blank).hexdigest()
    path.chmod(0o600)
    path.write_bytes(json.dumps(manifest, separators=(",", ":")).encode())


def table(manifest: Manifest, name: str = "ducklake_table") -> Manifest:
    found: Manifest = next(one for one in manifest["tables"] if one["name"] == name)
    return found


def column(manifest: Manifest) -> Manifest:
    found: Manifest = table(manifest)["columns"][0]
    return found


def chunk(manifest: Manifest) -> Manifest:
    found: Manifest = table(manifest)["chunks"][0]
    return found


def refused(lake: Lake) -> str:
    """Every way to read the point says that its manifest is not to be believed."""
    target = str(lake.folder.with_name("restored.ducklake"))
    verbs: list[Callable[[], object]] = [
        lambda: canvasback.restore(f"ducklake:{target}", lake.repository, data_path=target + ".files"),
        lambda: canvasback.attach(lake.repository, out=target),
        lambda: canvasback.show(lake.repository),
        lambda: canvasback.restore(f"ducklake:{target}", lake.repository, at_snapshot=1, point="latest"),
    ]
    said = set()
    for verb in verbs:
        with pytest.raises(CorruptError) as caught:
            verb()
        assert caught.value.code == "manifest-corrupt"
        said.add(caught.value.message)
    assert not Path(target).exists()
    [point] = canvasback.list_points(lake.repository).points
    assert point.problem in said
    assert list(canvasback.verify(lake.repository).finding_counts) == ["manifest-corrupt"]
    [message] = said
    return message


@pytest.mark.parametrize("field", ["type", "logical", "declared"])
@pytest.mark.parametrize(
    "type_", ["BIGINT) AS x; COPY (SELECT 1) TO '{}' (FORMAT csv); SELECT CAST(1 AS BIGINT", "BIGINT DEFAULT (1)"]
)
def test_a_type_that_is_more_than_one(lake: Lake, tmp_path: Path, field: str, type_: str) -> None:
    written = tmp_path / "written.csv"
    forge(lake, lambda manifest: column(manifest).update({field: type_.format(written)}))
    assert "is no name of a type" in refused(lake)
    assert not written.exists()


FORGERIES: dict[str, Callable[[Manifest], Any]] = {
    "a hash that is a path": lambda m: chunk(m).update(hash="../../etc/passwd"),
    "a hash with a newline": lambda m: chunk(m).update(hash="a" * 64 + "\n"),
    "a number beyond BIGINT": lambda m: chunk(m).update(rows=2**63),
    "a number beyond all": lambda m: chunk(m).update(bytes=10**30),
    "a bound beyond BIGINT": lambda m: chunk(m).update(lower=-(2**63) - 1),
    "a negative number": lambda m: m["totals"].update(count=-1),
    "a number that is none": lambda m: m.update(snapshot_id="1; DROP TABLE x"),
    "a snapshot beyond BIGINT": lambda m: m.update(snapshot_id=2**64),
    "an unknown engine": lambda m: m["catalog"].update(engine="oracle"),
    "a table of nobody's": lambda m: table(m).update(name="pg_class"),
    "a list of nobody's": lambda m: m["files"][0].update(name="others"),
    "a table that is there twice": lambda m: m["tables"].append(table(m)),
    "a table without columns": lambda m: table(m).update(columns=[]),
    "a column that is there twice": lambda m: table(m)["columns"].append(column(m)),
    "a key of no column": lambda m: table(m).update(primary_key=["nothing"]),
    "no snapshots": lambda m: m["tables"].remove(table(m, "ducklake_snapshot")),
    "a time without a zone": lambda m: m.update(created="2026-01-01T00:00:00"),
    "a time of no year": lambda m: m.update(snapshot_time="0001-01-01T00:00:00+14:00"),
    "a time of no day": lambda m: m.update(created="2026-02-30T00:00:00Z"),
    "another repository": lambda m: m.update(repository_id="7e2b1b64-0000-4000-8000-000000000000"),
    "another lake": lambda m: m.update(lake_id="7e2b1b64-0000-4000-8000-000000000000"),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_what_no_manifest_says(lake: Lake, forgery: Callable[[Manifest], Any]) -> None:
    forge(lake, forgery)
    refused(lake)


def test_a_manifest_of_another_repository_is_refused(lake: Lake, tmp_path: Path) -> None:
    other = Lake(tmp_path / "other")
    other.run("CREATE TABLE lake.u (i INTEGER)")
    other.backup()
    name = f"points/{other.points[0]}.json"
    shutil.copy(Path(other.repository) / name, Path(lake.repository) / name)
    with pytest.raises(CorruptError) as caught:
        canvasback.show(lake.repository, other.points[0])
    assert caught.value.code == "manifest-corrupt"
    assert "is of another repository" in caught.value.message
    assert canvasback.show(lake.repository, lake.points[0]).point.point == lake.points[0]


@pytest.mark.parametrize("name", ["20261399T120000000Z-s1", "20260230T120000000Z-s1", "99991231T235959999Z-s1"])
def test_a_manifest_named_for_a_date_that_does_not_exist_is_none(lake: Lake, name: str) -> None:
    points = Path(lake.repository) / "points"
    shutil.copy(points / f"{lake.points[0]}.json", points / f"{name}.json")
    assert [point.point for point in canvasback.list_points(lake.repository).points] == lake.points
    with pytest.raises(UsageError) as caught:
        canvasback.show(lake.repository, name)
    assert caught.value.code == "unknown-point"
    shutil.copytree(points, points.with_name("points.copy"))


def test_what_is_listed_in_an_index_is_read_as_strictly(lake: Lake) -> None:
    """A table of many chunks has its list in an object; one that is something else is no list."""
    other = next((Path(lake.repository) / "catalog").rglob("*.parquet"))

    def change(manifest: Manifest) -> None:
        found = table(manifest)
        del found["chunks"]
        found["index"] = {"hash": other.stem, "bytes": other.stat().st_size, "chunks": 40}

    forge(lake, change)
    with pytest.raises(CanvasbackError) as caught:
        canvasback.show(lake.repository)
    assert caught.value.code == "chunk-corrupt"


def test_a_lake_whose_own_types_are_forged_is_not_read(tmp_path: Path) -> None:
    """The types of inlined rows follow from the lake's columns, which a catalog's writer may have forged."""
    import sqlite3  # noqa: PLC0415

    written = tmp_path / "written.csv"
    lake = Lake(tmp_path / "lake", elsewhere=f"ducklake:sqlite:{tmp_path}/main.db")
    with lake.session("DATA_INLINING_ROW_LIMIT 100") as connection:
        connection.execute("CREATE TABLE lake.t (d DECIMAL(9,2))")
        connection.execute("INSERT INTO lake.t VALUES (1.5)")
    with sqlite3.connect(tmp_path / "main.db") as database:
        forged = f"decimal(9,2)) AS x; COPY (SELECT 1) TO '{written}'; SELECT CAST(1 AS decimal(9,2)"
        database.execute("UPDATE ducklake_column SET column_type = ?", [forged])
    database.close()
    with pytest.raises(CanvasbackError) as caught:
        canvasback.init(lake.attach, lake.repository)
    assert caught.value.code == "type-not-understood"
    assert not written.exists()
