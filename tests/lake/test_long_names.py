"""Files whose names are as long as file systems take, through all that stages them or moves them aside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import canvasback
from canvasback.storage.local.staging import is_staged, staged_path, sweep, with_suffix
from canvasback.storage.local.store import LocalStore
from tests.lake.builder import Lake, read
from tests.lake.values import tree_of

LONGEST = "ä" * 120 + "-long" + ".parquet" + "é"  # 255 bytes


def long_lake(folder: Path, where: str) -> tuple[Lake, Path]:
    """Make a lake with a file of such a name, and back it up."""
    lake = Lake(folder / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    file = folder / where / LONGEST
    for folder_of in (file.parent, lake.data / "main" / "t"):  # 0.3 makes none for a file of deletes
        folder_of.mkdir(parents=True, exist_ok=True)
    lake.run(
        "CREATE TABLE lake.t (i INTEGER)",
        f"COPY (SELECT range::INTEGER AS i FROM range(100)) TO '{file.parent}/short.parquet'",
    )
    (file.parent / "short.parquet").rename(file)
    lake.run(f"CALL ducklake_add_data_files('lake', 't', '{file}')", "DELETE FROM lake.t WHERE i < 10")
    lake.backup()
    return lake, file


def test_the_longest() -> None:
    """It is what this file says it is."""
    assert len(LONGEST.encode()) == 255


@pytest.mark.versions
@pytest.mark.parametrize("where", ["lake/data/main/t", "elsewhere"])
def test_restore_and_heal(where: str, tmp_path: Path) -> None:
    """Below the data path and outside of it, at its place and at another."""
    lake, file = long_lake(tmp_path, where)
    truth, tree = lake.read(), tree_of(file.parent)
    file.unlink()
    canvasback.heal(lake.attach, lake.repository)
    assert tree_of(file.parent) == tree
    if where != "elsewhere":
        content = file.read_bytes()
        file.write_bytes(content[:-1])
        canvasback.heal(lake.attach, lake.repository)
        assert file.read_bytes() == content
        [aside] = [path for path in file.parent.iterdir() if ".damaged-" in path.name]
        assert aside.read_bytes() == content[:-1]
        assert len(aside.name.encode()) <= 255
        aside.unlink()
    lake.delete()
    canvasback.restore(lake.attach, lake.repository)
    assert tree_of(file.parent) == tree
    assert lake.read() == truth
    canvasback.restore(f"ducklake:{tmp_path}/new.ducklake", lake.repository, data_path=f"{tmp_path}/new")
    assert read(f"ducklake:{tmp_path}/new.ducklake") == truth
    assert [path for path in (tmp_path / "new").rglob("*") if path.name == LONGEST]


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    """Its name tells still what it was to become, and so do those of its logs."""
    script = (
        "import sys; from canvasback.storage.local.staging import staged_path; print(staged_path(sys.argv[1]), end='')"
    )
    run = [sys.executable, "-c", script, str(tmp_path / LONGEST)]
    left = Path(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    parts = ["", ".wal", ".wal.checkpoint", ".wal.recovery", "-journal", "-wal", "-shm"]
    for part in parts:
        Path(f"{left}{part}").touch()
    other = Path(staged_path(str(tmp_path / ("x" + LONGEST[1:]))))
    other.touch()
    assert list(LocalStore(tmp_path).list("")) == []
    sweep(str(tmp_path), LONGEST[:-1] + "f")
    assert len(list(tmp_path.iterdir())) == len(parts) + 1
    sweep(str(tmp_path), LONGEST)
    assert list(tmp_path.iterdir()) == [other]


def test_names_that_differ_stay_different() -> None:
    """Though their beginnings are the same."""
    names = {with_suffix(f"/lake/{'a' * 254}{end}", ".damaged-x") for end in "bcd"}
    assert len(names) == 3
    assert all(len(name.rpartition("/")[2]) == 255 and name.endswith(".damaged-x") for name in names)
    assert with_suffix("/lake/short", ".x") == "/lake/short.x"
    assert is_staged(staged_path("short"))
    assert not is_staged("short.parquet")
