"""The repositories of format 5, which hold no copies: this release reads them, and so does who has b3sum and DuckDB."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

import canvasback
from tests.golden.contents import heads
from tests.golden.make_borrowing import ARCHIVES, EXPECTED, KINDS
from tests.golden.test_recipe import cook

TOLD: dict[str, list[dict[str, Any]]] = {kind: json.loads(EXPECTED[kind].read_text())["points"] for kind in KINDS}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    asked: str = request.param
    return asked


def unpack(kind: str, folder: Path) -> Path:
    """The repository; beside it, in `files`, what it borrows, under the names that points have for it."""
    with tarfile.open(ARCHIVES[kind]) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        archive.extractall(folder)  # noqa: S202
    return folder / "repository"


@pytest.fixture
def repo(kind: str, tmp_path: Path) -> Path:
    return unpack(kind, tmp_path)


@pytest.fixture
def replicated(tmp_path: Path) -> Path:
    """That of a replica, which is where its marker says."""
    repo = unpack("replica", tmp_path)
    marker = json.loads((repo / "canvasback.json").read_bytes())
    marker["holding"]["url"] = f"{tmp_path}/files/replica/"
    (repo / "canvasback.json").write_text(json.dumps(marker))
    return repo


def test_it_is_what_it_is_meant_to_be(repo: Path, kind: str) -> None:
    marker = json.loads((repo / "canvasback.json").read_bytes())
    assert (marker["format"], marker["holding"]["kind"]) == (5, kind)
    assert not (repo / "data").exists()
    assert len(list(repo.glob("external/*/by hand.parquet"))) == 1


def test_it_is_listed_and_shown_without_who_holds_the_files(repo: Path, kind: str) -> None:
    listed = canvasback.list_points(str(repo))
    assert (listed.storage, [point.point for point in listed.points]) == (kind, [p["point"] for p in TOLD[kind]])
    for point in TOLD[kind]:
        shown = canvasback.show(str(repo), point["point"])
        assert (shown.storage, shown.point.new_bytes > 0) == (kind, point == TOLD[kind][0])
        assert {f"{table.schema}.{table.table}" for table in shown.tables} == set(point["tables"])
    first, _ = TOLD[kind]
    forgotten = canvasback.forget(str(repo), points=[first["point"]])
    assert forgotten.freed_objects


def test_it_is_restored_and_attached(replicated: Path, tmp_path: Path) -> None:
    repo = str(replicated)
    assert canvasback.verify(repo, all_points=True, level="rows").findings == ()
    for point in TOLD["replica"]:
        to = tmp_path / point["point"]
        canvasback.restore(f"ducklake:{to}.ducklake", repo, point["point"], data_path=str(to))
        assert heads(f"ducklake:{to}.ducklake", ()) == point["tables"]
        attached = canvasback.attach(repo, point["point"], out=f"{to}.attached")
        assert heads(f"ducklake:{attached.file}", ()) == point["tables"]


def test_backups_go_on_in_it(replicated: Path, tmp_path: Path) -> None:
    repo, lake = str(replicated), f"ducklake:{tmp_path}/lake.ducklake"
    canvasback.restore(lake, repo, data_path=f"{tmp_path}/data")
    shutil.copytree(f"{tmp_path}/data", f"{tmp_path}/files/replica", dirs_exist_ok=True)
    made = canvasback.backup(lake, repo)
    assert (made.findings, made.new_files) == ((), 1)  # the one from outside, which is at the data path now
    assert canvasback.verify(repo, level="rows").findings == ()


def test_the_recipe_restores_it(repo: Path, kind: str, tmp_path: Path) -> None:
    """It says which files it lacks; once these are in the repository's folder it has all."""
    for point in TOLD[kind]:
        ran = cook(repo, point["point"], tmp_path / "short")
        lacks = [line.removeprefix("not here: ") for line in ran.stderr.splitlines()]
        assert ran.returncode == 1
        assert lacks
        for name in lacks:
            assert (tmp_path / "files" / name).is_file()
        shutil.copytree(tmp_path / "files", repo, dirs_exist_ok=True)
        ran = cook(repo, point["point"], tmp_path / "whole")
        assert (ran.returncode, ran.stderr) == (0, "")
        assert heads(f"ducklake:{tmp_path}/whole/main.ducklake", ()) == point["tables"]
        for target in ("short", "whole"):
            shutil.rmtree(tmp_path / target)
        shutil.rmtree(repo / kind)
