"""A data path that stays relative when that is asked for: a lake that travels with its files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import canvasback
from canvasback.catalog.engines import open_engine
from canvasback.model.lake import parse_lake
from tests.lake.builder import Lake, read
from tests.lake.saved import Engine

KINDS: list[Engine] = ["duckdb", "sqlite"]


def data_path(lake: str) -> str:
    with open_engine(parse_lake(lake)).read() as image:
        return image.data_path


def make(kind: Engine, folder: Path) -> Lake:
    lake = Lake(folder, options=("DATA_INLINING_ROW_LIMIT 0",), elsewhere=f"ducklake:{kind}:{folder}/l.db")
    lake.run(
        "CREATE SCHEMA lake.s",
        "CREATE TABLE lake.s.t AS SELECT i FROM range(100) r(i)",
        "DELETE FROM lake.s.t WHERE i < 3",
        'CREATE TABLE lake."odd name" AS SELECT 1 AS i',
    )
    return lake


@pytest.mark.versions
@pytest.mark.parametrize("kind", KINDS)
def test_a_lake_is_pointed_to_a_relative_folder_and_travels(
    kind: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(kind, tmp_path / "lake")
    truth = lake.read()
    monkeypatch.chdir(lake.folder)
    name = f"ducklake:{kind}:l.db"

    for relative, spelled in ((True, "data/"), (False, f"{lake.data}/"), (None, "data/")):
        result = canvasback.repoint(name, "./data", verify=True, relative=relative)
        assert (result.data_path, data_path(name)) == (f"{lake.data}/", spelled)

    moved = shutil.move(lake.folder, tmp_path / "elsewhere")
    monkeypatch.chdir(moved)
    assert read(name) == truth
    assert canvasback.check(name).findings == ()


@pytest.mark.versions
@pytest.mark.parametrize("kind", KINDS)
def test_a_point_comes_back_with_a_relative_folder(
    kind: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make(kind, tmp_path / "lake")
    lake.backup()
    truth = lake.read()
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    name = f"ducklake:{kind}:l.db"

    result = canvasback.restore(name, lake.repository, data_path="files", relative=True)
    assert (result.findings, data_path(name)) == ((), "files/")
    monkeypatch.chdir(shutil.move(tmp_path / "new", tmp_path / "moved"))
    lake.delete()  # as long as it is there too, a relative path could mean its files
    assert read(name) == truth
    assert canvasback.backup(name, lake.repository).findings == ()

    absolute = canvasback.restore("ducklake:other.ducklake", lake.repository, data_path="files2")
    assert data_path(absolute.lake) == f"{tmp_path}/moved/files2/"


def test_files_outside_of_the_data_path_come_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = make("duckdb", tmp_path / "lake")
    extra = tmp_path / "extra.parquet"
    with lake.session() as connection:
        connection.execute(f"COPY (SELECT 7::BIGINT AS i) TO '{extra}' (FORMAT parquet)")
        connection.execute(f"CALL ducklake_add_data_files('lake', 't', '{extra}', schema => 's')")
    truth = lake.read()
    lake.backup()
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    canvasback.restore("ducklake:l.ducklake", lake.repository, data_path="files", relative=True)
    monkeypatch.chdir(shutil.move(tmp_path / "new", tmp_path / "moved"))
    extra.unlink()
    lake.delete()
    assert read("ducklake:l.ducklake") == truth
    assert canvasback.backup("ducklake:l.ducklake", lake.repository).findings == ()


@pytest.mark.parametrize("folder", ["/abs/files", "s3://bucket/files", None])
def test_what_is_not_relative_cannot_stay_so(folder: str | None, tmp_path: Path) -> None:
    lake = make("duckdb", tmp_path / "lake")
    lake.backup()
    with pytest.raises(canvasback.UsageError) as error:
        canvasback.restore(f"ducklake:{tmp_path}/x", lake.repository, data_path=folder, relative=True)
    assert error.value.code == "not-relative"
    if folder is not None:
        with pytest.raises(canvasback.UsageError) as error:
            canvasback.repoint(lake.attach, folder, relative=True)
        assert error.value.code == "not-relative"
