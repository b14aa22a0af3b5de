"""The same damages of files in lakes of every version: each is named alone, and comes back byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import canvasback
from tests.lake.values import files_named_by, tree_of
from tests.oracle import Fixture, load_fixture

LAKES = ["duckdb-0.1", "duckdb-0.2", "duckdb-0.3-maintained", "duckdb-1.0-maintained"]


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


DAMAGES: list[tuple[str, Callable[[Path], None]]] = [
    ("file-missing", Path.unlink),
    ("file-size", cut),
    ("file-size", empty),
    ("not-parquet", spoil_the_footer),
    ("file-corrupt", flip),
]


def damage_all(fixture: Fixture) -> dict[Path, str]:
    """Damage a data file and a file of deletes in each way. By file: what check says of it."""
    named = sorted(files_named_by(fixture.catalog))
    damaged: dict[Path, str] = {}
    for deletes in (False, True):
        files = [fixture.data / file for file in named if file.endswith("-delete.parquet") is deletes]
        for path, (code, damage) in zip(files[: len(DAMAGES)], DAMAGES, strict=True):
            damage(path)
            damaged[path] = code
    return damaged


@pytest.mark.parametrize("name", LAKES)
def test_damaged_files_of_any_version_come_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once: that one is named alone, and at which levels, is seen in test_damaged_files.py.

    Catalog and files are then those that the writer left; what the extension shows of them test_oracle.py sees.
    """
    fixture = load_fixture(name, tmp_path)
    monkeypatch.chdir(fixture.path)  # a relative data path is relative to the process
    repository = str(fixture.path / "repository")
    canvasback.init(fixture.attach, repository)
    assert canvasback.backup(fixture.attach, repository).findings == ()
    catalog, tree = fixture.catalog.read_bytes(), tree_of(fixture.data)
    damaged = damage_all(fixture)
    kept = sorted(path.read_bytes() for path in damaged if path.exists())

    found = canvasback.check(fixture.attach, repository, level="footers").findings
    seen = {path: code for path, code in damaged.items() if code != "file-corrupt"}
    assert sorted((f.where, f.code) for f in found) == sorted((str(path), code) for path, code in seen.items())
    found = canvasback.check(fixture.attach, repository, level="checksum").findings
    assert sorted(f.where for f in found) == sorted(map(str, damaged))
    assert {f.code for f in found} == {*damaged.values()}

    result = canvasback.heal(fixture.attach, repository, level="checksum")

    assert sorted(file.place for file in result.healed) == sorted(map(str, damaged))
    assert {name: seen for name, seen in tree_of(fixture.data).items() if ".damaged-" not in name} == tree
    assert fixture.catalog.read_bytes() == catalog
    assert result.findings == ()
    # What was there is kept beside, and that is all that there is to say.
    after = canvasback.check(fixture.attach, repository, level="checksum").findings
    assert {f.code for f in after} == {"moved-aside"}
    assert sorted(Path(f.where).read_bytes() for f in after) == kept
