"""The processes that the oracle keeps: each question is answered as if it were the only one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import duckdb
import pytest

from tests.oracle import OWN, PYTHONS, READERS, OracleError, conflict, load_fixture, read_lake, write_lake


def process() -> int:
    """The process that was asked last, which waits for the next question."""
    return READERS.process(PYTHONS[OWN])


def new_lake(folder: Path) -> tuple[str, str]:
    attach, data_path = f"ducklake:{folder / 'new.ducklake'}", f"{folder / 'files'}/"
    assert write_lake(attach, data_path=data_path)["ok"]
    return attach, data_path


def test_one_process_answers_many_questions(tmp_path: Path) -> None:
    attach, _ = new_lake(tmp_path)
    asked = process()
    assert read_lake(attach) == read_lake(attach)
    assert process() == asked


def test_no_answer_keeps_a_catalog_open(tmp_path: Path) -> None:
    attach, data_path = new_lake(tmp_path)
    assert conflict(attach, "delete", data_path=data_path)["ok"]
    read_lake(attach)
    asked = process()
    with duckdb.connect(tmp_path / "new.ducklake") as connection:  # to write, which admits no other process
        connection.execute("DELETE FROM ducklake_snapshot_changes")
    read_lake(attach)
    assert process() == asked


def test_an_error_is_the_last_answer_of_its_process(tmp_path: Path) -> None:
    attach, _ = new_lake(tmp_path)
    before = process()
    with pytest.raises(OracleError, match="absent"):
        read_lake(f"ducklake:{tmp_path}/absent.ducklake")
    read_lake(attach)
    assert process() != before


def test_a_process_that_dies_says_so_and_the_next_question_is_answered(tmp_path: Path) -> None:
    attach, _ = new_lake(tmp_path)
    os.kill(process(), signal.SIGKILL)
    with pytest.raises(OracleError, match="ended with status -9"):
        read_lake(attach)
    assert read_lake(attach)["snapshots"]


def test_relative_paths_are_relative_to_the_folder_of_the_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_lake("ducklake:here.ducklake", data_path=f"{name}/", cwd=tmp_path / name)
    monkeypatch.chdir(tmp_path / "one")
    assert read_lake("ducklake:here.ducklake") == read_lake("ducklake:here.ducklake", cwd=tmp_path / "one")
    with pytest.raises(OracleError):
        read_lake("ducklake:one/here.ducklake")
    fixture = load_fixture("duckdb-0.1", tmp_path)  # whose data path is relative
    read_lake(fixture.attach, fixture.reader_version, cwd=fixture.path, at=[])
