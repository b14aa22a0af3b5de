"""Repositories of every format that was ever released: this release lists, verifies, shows and restores them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

import canvasback
from canvasback.repository.layout import FORMAT
from tests.cli.running import tree
from tests.golden.contents import files_of, heads, kinds
from tests.oracle import read_lake

HERE = Path(__file__).parent
FORMATS = sorted(int(path.stem.removeprefix("repository-format-")) for path in HERE.glob("repository-format-*.json"))
READ = [pytest.param(number, marks=pytest.mark.previous) if number < 3 else number for number in FORMATS]
"""The formats, for tests that ask the extension: the lakes of the first two are of DuckLake 0.3."""
LOST = {"main.lost"}


def expected(format_: int) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = json.loads((HERE / f"repository-format-{format_}.json").read_text())["points"]
    return points


@pytest.fixture(params=FORMATS)
def format_(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def repo(format_: int, tmp_path: Path) -> Path:
    return unpack(format_, tmp_path)


def unpack(format_: int, folder: Path) -> Path:
    with tarfile.open(HERE / f"repository-format-{format_}.tar.gz") as archive:
        # Early releases of Python 3.11 have no filters; the archives are this project's own.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        archive.extractall(folder)  # noqa: S202
    return folder / "repository"


def test_it_is_mirrored_and_repaired(repo: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirrored = canvasback.mirror(str(repo), str(mirror))
    assert (len(mirrored.points), mirrored.findings) == (3, ())
    before = {name: content for name, content in tree(repo).items() if "/" in name and not name.startswith("leases/")}
    assert tree(mirror).items() >= before.items()
    for path in (repo / "data").rglob("*.parquet"):
        path.unlink()
    assert canvasback.repair(str(repo), str(mirror)).findings == ()
    assert tree(repo).items() >= before.items()


def test_every_format_has_a_repository() -> None:
    assert list(range(1, FORMAT + 1)) == FORMATS
    for number in FORMATS:
        assert (HERE / f"repository-format-{number}.tar.gz").stat().st_size < 300_000


def test_it_holds_what_it_is_meant_to(repo: Path, format_: int) -> None:
    """That the archive was not made anew from something easier."""
    assert json.loads((repo / "canvasback.json").read_text())["format"] == format_
    assert len(list(repo.glob("points/*.json"))) == 3
    assert len(list(repo.glob("external/*/added by hand.parquet"))) == 1
    last = json.loads((repo / "points" / f"{expected(format_)[2]['point']}.json").read_bytes())
    assert last["totals"]["absent"] == 1
    assert last["totals"]["remapped"] == 2  # the one outside, and the one that changed
    assert len(list(repo.glob("external/*/*.parquet"))) == 2


def test_it_is_listed_and_shown(repo: Path, format_: int) -> None:
    before = tree(repo)
    listed = canvasback.list_points(str(repo)).points
    assert [point.point for point in listed] == [point["point"] for point in expected(format_)]
    assert [point.problem for point in listed] == ["", "", ""]
    assert [point.snapshot_id for point in listed] == ([37, 42, 42] if format_ < 3 else [42, 61, 61])
    for point in expected(format_):
        shown = canvasback.show(str(repo), point["point"])
        assert {f"{table.schema}.{table.table}" for table in shown.tables} == {*point["tables"], *lost(point)}
        assert shown.finding_counts == point["findings"]
        assert shown.absent == len(lost(point))
    assert tree(repo) == before


def test_its_variants_are_values(tmp_path: Path) -> None:
    """Those of a restored and of an attached point of format 3, with their types."""
    repo, told = unpack(3, tmp_path), json.loads((HERE / "repository-format-3.json").read_text())["kinds"]
    point = expected(3)[1]["point"]
    canvasback.restore(f"{tmp_path}/restored.ducklake", str(repo), point, data_path=str(tmp_path / "data"))
    attached = canvasback.attach(str(repo), point, out=str(tmp_path / "attached.ducklake"))
    assert kinds(f"ducklake:{tmp_path}/restored.ducklake") == told
    assert kinds(f"ducklake:{attached.file}") == told


def lost(point: dict[str, Any]) -> set[str]:
    return LOST if point["lost"] else set()


@pytest.mark.parametrize("level", ["exists", "checksum", "rows"])
def test_it_is_sound(repo: Path, level: Any) -> None:
    before = tree(repo)
    assert canvasback.verify(str(repo), all_points=True, level=level).finding_counts == {"files-absent": 2}
    assert tree(repo) == before


@pytest.mark.parametrize("format_", READ, indirect=True)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_point_is_restored(repo: Path, format_: int, number: int, tmp_path: Path) -> None:
    point = expected(format_)[number]
    catalog = tmp_path / "lake" / "main.ducklake"
    restored = canvasback.restore(str(catalog), str(repo), point["point"], data_path=str(tmp_path / "lake" / "data"))
    assert restored.finding_counts == ({"file-absent": 1} if point["lost"] else {})
    files = files_of(catalog.parent)
    assert {path: hash_ for path, hash_ in files.items() if not path.startswith("external/")} == {
        path: hash_ for path, hash_ in point["files"].items() if files.get(path) == hash_
    }
    assert set(point["files"].values()) <= set(files.values())
    assert heads(f"ducklake:{catalog}", lost(point)) == point["tables"]
    if "snapshots" in point:
        assert read_lake(f"ducklake:{catalog}")["snapshots"] == point["snapshots"]


@pytest.mark.parametrize("format_", READ, indirect=True)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_point_is_attached(repo: Path, format_: int, number: int, tmp_path: Path) -> None:
    point = expected(format_)[number]
    attached = canvasback.attach(str(repo), point["point"], out=str(tmp_path / "attached.ducklake"))
    assert attached.finding_counts == ({"files-absent": 1} if point["lost"] else {})
    assert heads(f"ducklake:{attached.file}", lost(point)) == point["tables"]


@pytest.mark.parametrize("format_", READ, indirect=True)
def test_backups_go_on_in_it(repo: Path, format_: int, tmp_path: Path) -> None:
    point = expected(format_)[0]
    catalog = tmp_path / "lake" / "main.ducklake"
    canvasback.restore(str(catalog), str(repo), point["point"], data_path=str(tmp_path / "lake" / "data"))
    before = tree(repo)
    made = canvasback.backup(str(catalog), str(repo))
    assert (made.findings, made.new_files, made.files) == ((), 0, len(point["files"]))
    after = tree(repo)
    assert {item for item in before.items() if not item[0].startswith("leases/")} <= set(after.items())
    listed = canvasback.list_points(str(repo)).points
    assert (listed[-1].point, listed[-1].timeline) == (made.point, 2)  # the lake went back to the first point
    again = tmp_path / "again" / "main.ducklake"
    canvasback.restore(str(again), str(repo), data_path=str(tmp_path / "again" / "data"))
    assert read_lake(f"ducklake:{again}")["snapshots"] == point["snapshots"]


def test_its_points_are_forgotten_and_come_back(repo: Path, format_: int) -> None:
    before = tree(repo)
    ids = [point["point"] for point in expected(format_)]
    done = canvasback.forget(str(repo), policy=canvasback.Policy(keep_last=1))
    assert done.forgotten == tuple(ids[:2])
    assert done.freed_objects
    assert [point.point for point in canvasback.list_points(str(repo)).points] == ids[2:]
    canvasback.unforget(str(repo), points=ids[:2])
    assert canvasback.verify(str(repo), all_points=True).points == tuple(ids)
    assert {name for name, _ in tree(repo).items() ^ before.items()} == {
        "register/0000000001.json",
        "register/0000000002.json",
    }
