"""Files and catalogs that are lost or changed: never in silence, and never to the harm of what is saved."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import canvasback
from tests.lake.builder import Lake, read
from tests.lake.values import literal, tree_of

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("kind", ["missing", "0 bytes", "unreadable"])
def test_a_file_that_cannot_be_saved(kind: str, lake: Lake, cli: Callable[..., int]) -> None:
    truth = lake.read()
    lost = min((lake.data / "main/t").iterdir())
    content = lost.read_bytes()
    others = {path: md5 for path, md5 in tree_of(lake.data).items() if lake.data / path != lost}
    lost.unlink()
    if kind == "0 bytes":
        lost.touch()
    elif kind == "unreadable":
        lost.symlink_to(lost)
    canvasback.init(lake.attach, lake.repository)

    assert cli("backup", lake.attach, "-r", lake.repository) == 3

    shown = canvasback.show(lake.repository)
    assert {finding.where for finding in shown.findings} == {str(lost)}
    codes = {"missing": "file-missing", "0 bytes": "file-size", "unreadable": "file-unreadable"}
    assert shown.finding_counts == {codes[kind]: 1}
    assert tree_of(Path(lake.repository) / "data") == others

    if kind == "unreadable":
        lost.unlink()
    lost.write_bytes(content)
    assert cli("backup", lake.attach, "-r", lake.repository) == 0
    assert canvasback.list_points(lake.repository).points[-1].new_files == 1
    lake.delete()
    assert cli("restore", "-r", lake.repository, "--to", lake.attach) == 0
    assert lake.read() == truth


@pytest.fixture
def readable(tmp_path: Path) -> tuple[Lake, Path]:
    """A lake with one file, in which `old content` can be replaced without Parquet noticing."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.t AS SELECT 'old content' AS s UNION ALL SELECT 'other'")
    (file,) = lake.files()
    assert b"old content" in file.read_bytes()
    return lake, file


def test_a_file_whose_content_changed(readable: tuple[Lake, Path], tmp_path: Path) -> None:
    lake, file = readable
    old, truth = file.read_bytes(), lake.read()
    first = lake.backup()
    file.write_bytes(old.replace(b"old content", b"new content"))
    changed = lake.read()
    assert changed != truth

    second = lake.backup(findings=("file-changed",))
    lake.backup()
    shutil.rmtree(lake.data)

    assert canvasback.verify(lake.repository, all_points=True, level="rows").finding_counts == {}
    for number, (point, expected) in enumerate([(first.point, truth), (second.point, changed), ("latest", changed)]):
        copy = tmp_path / f"copy {number}"
        canvasback.restore(f"ducklake:{copy}/main.ducklake", lake.repository, point, data_path=f"{copy}/files")
        assert read(f"ducklake:{copy}/main.ducklake") == expected
        attached = canvasback.attach(lake.repository, point, out=f"{copy}/attached.ducklake")
        assert read(f"ducklake:{attached.file}") == expected
        canvasback.restore(lake.attach, lake.repository, point, replace=True, level="checksum")
        assert lake.read() == expected


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
def test_an_added_file_whose_content_changed(new_lake: Lake, tmp_path: Path, *, inside: bool) -> None:
    """Both contents are held under names that still tell the partition."""
    added = (new_lake.data if inside else new_lake.folder / "outside") / "k=7" / "added.parquet"
    added.parent.mkdir(parents=True)
    new_lake.run(
        f"COPY (SELECT 'old content' AS s) TO {literal(str(added))}",
        "CREATE TABLE lake.t (s VARCHAR, k INTEGER)",
        f"CALL ducklake_add_data_files('lake', 't', {literal(str(added))}, hive_partitioning => true)",
    )
    old = (new_lake.backup(), new_lake.read())
    added.write_bytes(added.read_bytes().replace(b"old content", b"new content"))
    new = (new_lake.backup(findings=("file-changed",)), new_lake.read())
    assert old[1] != new[1]
    new_lake.delete()

    assert canvasback.verify(new_lake.repository, all_points=True, level="rows").finding_counts == {}
    for result, truth in (old, new):
        folder = tmp_path / result.point
        canvasback.restore(
            f"ducklake:{folder}/main.ducklake", new_lake.repository, result.point, data_path=f"{folder}/files"
        )
        attached = canvasback.attach(new_lake.repository, result.point, out=f"{folder}/attached.ducklake")
        assert read(f"ducklake:{folder}/main.ducklake") == read(f"ducklake:{attached.file}") == truth
        canvasback.restore(new_lake.attach, new_lake.repository, result.point)
        assert new_lake.read() == truth
        new_lake.delete()


def test_a_file_that_was_changed_and_changed_back(readable: tuple[Lake, Path], tmp_path: Path) -> None:
    lake, file = readable
    truth, old = lake.read(), file.read_bytes()
    lake.backup()
    file.write_bytes(old.replace(b"old content", b"new content"))
    lake.backup(findings=("file-changed",))
    file.write_bytes(old)

    last = lake.backup(findings=("file-changed",))
    lake.delete()

    assert canvasback.verify(lake.repository, all_points=True, level="checksum").finding_counts == {}
    canvasback.restore(lake.attach, lake.repository, last.point)
    assert lake.read() == truth


@pytest.mark.parametrize("damage", [b"", b"no Parquet", b"x" * 100_000])
def test_a_file_that_was_damaged_after_it_was_saved(damage: bytes, lake: Lake, cli: Callable[..., int]) -> None:
    truth, tree = lake.read(), tree_of(lake.data)
    lake.backup()
    (lake.data / min(tree)).write_bytes(damage)

    second = lake.backup(findings=("lake-damaged",))
    assert cli("backup", lake.attach, "-r", lake.repository) == 3

    assert second.new_files == 0
    assert canvasback.verify(lake.repository, all_points=True, level="rows").finding_counts == {}
    lake.delete()
    canvasback.restore(lake.attach, lake.repository)
    assert (lake.read(), tree_of(lake.data)) == (truth, tree)


def test_a_damaged_catalog_is_not_said_to_be_in_use(lake: Lake) -> None:
    lake.backup()
    with lake.catalog.open("r+b") as file:
        size = file.seek(0, 2)
        file.truncate(3 * 4096)
        file.truncate(size)

    with pytest.raises(canvasback.LakeError) as error:
        canvasback.backup(lake.attach, lake.repository)

    assert error.value.code == "catalog-unreadable"
