"""Names of files that are not whole yet, and what becomes of those that were left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from canvasback.storage.local.staging import STAGED, staged_path, sweep


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def stage_in_another_process(path: Path) -> str:
    """What another process calls it, which is over by now."""
    script = "import sys; from canvasback.storage.local.staging import staged_path; print(staged_path(sys.argv[1]))"
    ran = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    return ran.stdout.removesuffix("\n")


def test_every_name_is_another_one_beside_the_path() -> None:
    staged = {staged_path("/lake/main.ducklake") for _ in range(100)}
    assert len(staged) == 100
    assert all(name.startswith("/lake/main.ducklake.") and name.endswith(STAGED) for name in staged)


def test_what_a_process_left_is_swept_when_it_is_over(tmp_path: Path) -> None:
    for name in ("f.parquet", "with\nnewline", "Ü☂ .1-2-3"):
        left = stage_in_another_process(tmp_path / name)
        Path(left).touch()
        Path(left + ".wal").touch()
    sweep(str(tmp_path))
    assert names(tmp_path) == set()


def test_what_is_written_now_stays(tmp_path: Path) -> None:
    ours = Path(staged_path(str(tmp_path / "f")))
    ours.touch()
    sweep(str(tmp_path))
    assert names(tmp_path) == {ours.name}


def test_a_process_that_has_the_number_of_a_dead_one_is_another(tmp_path: Path) -> None:
    # In a container every run may have the number 1.
    (tmp_path / f"f.{os.getpid()}-1-01234567{STAGED}").touch()
    sweep(str(tmp_path))
    assert names(tmp_path) == set()


@pytest.mark.parametrize("name", ["f", f"f{STAGED}", f"f.1-2-xyz{STAGED}", f"f.999999999-2-01234567{STAGED}.txt"])
def test_what_is_not_ours_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    sweep(str(tmp_path))
    assert names(tmp_path) == {name}


def test_only_what_was_to_become_that_file(tmp_path: Path) -> None:
    mine, other = (stage_in_another_process(tmp_path / name) for name in ("a.ducklake", "b.ducklake"))
    Path(mine).touch()
    Path(other).touch()
    sweep(str(tmp_path), "a.ducklake")
    assert names(tmp_path) == {Path(other).name}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    sweep(str(tmp_path / "nowhere"))
