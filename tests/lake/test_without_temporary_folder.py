"""A machine that has no place for temporary files: every function says so, and what to do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

import canvasback
from canvasback import OutageStarted, StorageError
from tests.lake.builder import Lake, session

VERBS: dict[str, Callable[[Lake], object]] = {
    "init": lambda lake: canvasback.init(lake.attach, f"{lake.repository}-new"),
    "backup": lambda lake: canvasback.backup(lake.attach, lake.repository),
    "show": lambda lake: canvasback.show(lake.repository),
    "verify": lambda lake: canvasback.verify(lake.repository),
    "restore": lambda lake: canvasback.restore(f"{lake.attach}-new", lake.repository),
    "restore_tables": lambda lake: canvasback.restore_tables(lake.attach, lake.repository, "t", as_name="t2"),
    "attach": lambda lake: canvasback.attach(lake.repository, out=f"{lake.repository}.ducklake"),
    "rewind": lambda lake: canvasback.rewind(lake.attach, to_snapshot=2, repository=lake.repository),
    "repoint": lambda lake: canvasback.repoint(lake.attach, str(lake.data)),
    "check": lambda lake: canvasback.check(lake.attach),
    "heal": lambda lake: canvasback.heal(lake.attach, lake.repository),
    "salvage": lambda lake: canvasback.salvage(lake.attach, lake.repository),
    "diff": lambda lake: canvasback.diff("latest", "now", repository=lake.repository, lake=lake.attach),
    "tables": lambda lake: canvasback.tables(lake=lake.attach),
}


def refused(work: Callable[[], object], gone: Path) -> None:
    with pytest.raises(StorageError) as raised:
        work()
    assert raised.value.code == "storage-failed"
    assert str(gone) in raised.value.message
    assert "TMPDIR" in raised.value.hint
    assert isinstance(raised.value.__cause__, FileNotFoundError)


def test_every_function_says_so(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.backup()
    before = lake.tree()
    with session(lake.attach) as connection:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        refused(lambda: canvasback.backup_attached(connection, "lake", lake.repository), tmp_path / "gone")
    for work in VERBS.values():
        refused(lambda work=work: work(lake), tmp_path / "gone")  # type: ignore[misc]
    assert lake.tree() == before


def test_a_watch_waits_for_one(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.backup()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    _, outage = islice(canvasback.watch(lake.attach, lake.repository), 2)
    assert isinstance(outage, OutageStarted)
    assert (outage.code, str(tmp_path / "gone") in outage.message) == ("storage-failed", True)


def test_where_it_was_looked_for_is_said_too(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "gone")])
    refused(lambda: canvasback.check(lake.attach), tmp_path / "gone")
