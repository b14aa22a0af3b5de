"""The recipe of docs/format.md: a repository restores with DuckDB and b3sum alone, whatever became of Canvasback."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback.repository.layout import FORMAT
from tests.golden.contents import files_of, heads, kinds
from tests.golden.test_golden import expected, lost, unpack
from tests.lake.saved import read_here
from tests.oracle import OTHER_ENGINES, conflict, load_fixture, read_lake, write_lake
from tests.postgres import Server

PAGE = Path(__file__).parents[2] / "docs" / "format.md"


def recipe() -> str:
    [found] = re.findall(r"^```python recipe\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return unpack(FORMAT, tmp_path)


def cook(repo: Path, point: str, target: Path) -> subprocess.CompletedProcess[str]:
    script = target.parent / "recipe.py"
    script.write_text(recipe(), encoding="utf-8")
    return subprocess.run(
        [sys.executable, script, repo, point, target], capture_output=True, text=True, check=False, cwd=target.parent
    )


def test_it_needs_nothing_of_ours() -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(recipe()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= {*sys.stdlib_module_names, "duckdb"}
    assert "b3sum" in recipe()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_it_restores_every_point(repo: Path, number: int, tmp_path: Path) -> None:
    point = expected(FORMAT)[number]
    target = tmp_path / "target"
    ran = cook(repo, point["point"], target)
    if point["lost"]:
        assert ran.returncode == 1
        assert ran.stderr.splitlines() == [f"not in this point: {point['lost']}"]
    else:
        assert (ran.returncode, ran.stderr) == (0, "")
    assert set(point["files"].values()) <= set(files_of(target).values())
    attach = f"ducklake:{target / 'main.ducklake'}"
    assert heads(attach, lost(point)) == point["tables"]
    if "snapshots" in point:
        assert read_lake(attach)["snapshots"] == point["snapshots"]


def test_it_restores_variants(repo: Path, tmp_path: Path) -> None:
    told = json.loads((PAGE.parents[1] / "tests" / "golden" / f"repository-format-{FORMAT}.json").read_text())["kinds"]
    cook(repo, expected(FORMAT)[1]["point"], tmp_path / "target")
    assert kinds(f"ducklake:{tmp_path / 'target' / 'main.ducklake'}") == told


def test_what_it_restores_is_a_whole_lake(repo: Path, tmp_path: Path) -> None:
    assert cook(repo, expected(FORMAT)[0]["point"], tmp_path / "target").returncode == 0
    attach = f"ducklake:{tmp_path / 'target' / 'main.ducklake'}"
    assert write_lake(attach)["ok"]
    assert conflict(attach, "delete")["ok"]  # the primary keys are there


@pytest.mark.parametrize("name", read_here(*OTHER_ENGINES))
def test_it_makes_a_catalog_in_duckdb_of_any(name: str, tmp_path: Path, postgres: Server) -> None:
    fixture = load_fixture(name, tmp_path)
    attach, repository = fixture.attach, tmp_path / "repository"
    if name.startswith("postgres"):
        string = postgres.create()
        postgres.psql(string.split()[0].removeprefix("dbname="), fixture.catalog.read_text())
        attach = f"ducklake:postgres:{string}"
    canvasback.init(attach, str(repository))
    point = canvasback.backup(attach, str(repository), data_path=str(fixture.data)).point

    ran = cook(repository, point, tmp_path / "target")

    assert (ran.returncode, ran.stderr) == (0, "")
    attach = f"ducklake:{tmp_path / 'target' / 'main.ducklake'}"
    at = fixture.some(6)
    found = read_lake(attach, read_only=fixture.ducklake_version != "0.2", at=at)["snapshots"]
    assert found == {str(snapshot): fixture.shown[str(snapshot)] for snapshot in {*at, fixture.head}}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_it_refuses_damaged_chunks(repo: Path, tmp_path: Path) -> None:
    point = expected(FORMAT)[0]["point"]
    manifest = (repo / "points" / f"{point}.json").read_text()
    for number, victim in enumerate(sorted(repo.glob("catalog/*/*.parquet"))):
        if victim.stem not in manifest or number % 6:
            continue
        content = victim.read_bytes()
        flip(victim)
        ran = cook(repo, point, tmp_path / f"target-{number}")
        assert ran.returncode == 1
        assert ran.stderr == f"damaged: {victim}\n"
        victim.write_bytes(content)


def test_it_refuses_a_damaged_manifest(repo: Path, tmp_path: Path) -> None:
    point = expected(FORMAT)[0]["point"]
    path = repo / "points" / f"{point}.json"
    path.write_text(path.read_text().replace('"rows":', '"rows":1', 1))
    ran = cook(repo, point, tmp_path / "target")
    assert (ran.returncode, ran.stderr) == (1, "damaged: the manifest\n")


def test_it_names_damaged_copies_and_restores_the_rest(repo: Path, tmp_path: Path) -> None:
    point = expected(FORMAT)[0]
    victim = min(repo.glob("data/main/events/*/*.parquet"))
    flip(victim)
    ran = cook(repo, point["point"], tmp_path / "target")
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [f"damaged: {victim.relative_to(repo / 'data')}"]
    others = {path: hash_ for path, hash_ in point["files"].items() if not victim.match(path)}
    assert others.items() <= files_of(tmp_path / "target").items()


def test_it_overwrites_nothing(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "target" / "data").mkdir(parents=True)
    ran = cook(repo, expected(FORMAT)[0]["point"], tmp_path / "target")
    assert ran.returncode == 1
    assert "FileExistsError" in ran.stderr
    assert not (tmp_path / "target" / "main.ducklake").exists()


def test_duckdb_reads_a_chunk_alone(repo: Path) -> None:
    """What the page says of chunks, for who has no Python at all."""
    found = [
        duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()[0][0]
        for path in repo.glob("catalog/*/*.parquet")
    ]
    assert sum(found) > 100
