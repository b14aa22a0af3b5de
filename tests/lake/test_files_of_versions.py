"""The same damages of files in lakes of every version: each is named alone, and comes back byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import canvasback
from tests.lake.values import tree_of
from tests.oracle import OWN, Fixture, Version, load_fixture, read_lake

LAKES: list[tuple[str, Version]] = [
    ("duckdb-0.1", "1.3.0"),
    ("duckdb-0.2", "1.3.2"),
    ("duckdb-0.3-maintained", "1.4.4"),
    ("duckdb-1.0-maintained", "1.5.5"),
]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def spoil_the_footer(path: Path) -> None:
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    path.write_bytes(content[: -8 - length] + b"\xff" * length + content[-8:])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4] ^= 1  # the first byte of the first page; the footer stays as it is
    path.write_bytes(content)


DAMAGES: list[tuple[str, str, Callable[[Path], None]]] = [
    ("file-missing", "exists", Path.unlink),
    ("file-size", "exists", cut),
    ("file-size", "exists", empty),
    ("not-parquet", "footers", spoil_the_footer),
    ("file-corrupt", "checksum", flip),
]
CASES = pytest.mark.parametrize(("code", "level", "damage"), DAMAGES, ids=[damage.__name__ for *_, damage in DAMAGES])
KINDS = pytest.mark.parametrize("deletes", [False, True], ids=["data", "deletes"])


def comes_back(fixture: Fixture, code: str, level: str, damage: Callable[[Path], None], *, deletes: bool) -> None:
    repository = str(fixture.path / "repository")
    canvasback.init(fixture.attach, repository)
    assert canvasback.backup(fixture.attach, repository).findings == ()
    tree = tree_of(fixture.data)
    path = min(p for p in fixture.data.rglob("*.parquet") if p.stem.endswith("-delete") is deletes)
    damage(path)
    kept = {path.read_bytes()} if path.exists() else set()

    found = canvasback.check(fixture.attach, repository, level=level).findings
    assert [(f.code, Path(f.where).name) for f in found] == [(code, path.name)]
    result = canvasback.heal(fixture.attach, repository, level=level)
    assert [Path(file.place).name for file in result.healed] == [path.name]
    assert {name: seen for name, seen in tree_of(fixture.data).items() if ".damaged-" not in name} == tree
    assert result.findings == ()
    # What was there is kept beside, and that is all that there is to say.
    after = canvasback.check(fixture.attach, repository, level="checksum").findings
    assert {f.code for f in after} <= {"moved-aside"}
    assert {Path(f.where).read_bytes() for f in after} == kept


@KINDS
@CASES
@pytest.mark.parametrize(("name", "version"), LAKES, ids=[name for name, _ in LAKES])
def test_a_damaged_file_of_any_version_comes_back(
    name: str,
    version: Version,
    code: str,
    level: str,
    damage: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    deletes: bool,
) -> None:
    fixture = load_fixture(name, tmp_path)
    monkeypatch.chdir(fixture.path)  # a relative data path is relative to the process
    comes_back(fixture, code, level, damage, deletes=deletes)
    fixture.check(read_lake(fixture.attach, version, cwd=fixture.path, at=[], judged=version == OWN))
