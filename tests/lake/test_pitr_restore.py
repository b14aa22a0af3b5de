"""A catalog in PostgreSQL comes back as of each commit, exactly, with its files; the real extension judges."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import canvasback
from tests.clusters import open_folder
from tests.lake.answers import wrong_answers
from tests.lake.builder import contents, session
from tests.lake.pitr_lake import PitrLake, Running, pitr_lake, restored


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


def judge(lake: PitrLake, snapshot: int) -> None:
    """Recover to a snapshot; ask the real extension whether it is the truth, and write to it."""
    data = lake.folder / "recovered"
    result = canvasback.pitr_restore(
        lake.attach, lake.repository, pgdata=str(data), to_snapshot=snapshot, bindir=lake.bindir
    )
    assert (result.snapshot_id, result.lost_files, result.findings) == (snapshot, 0, ())
    server = restored(lake, str(data))
    try:
        attach = f"ducklake:postgres:{server.conninfo()}"
        with session(attach) as connection:
            assert contents(connection) == lake.truths[snapshot]
            assert wrong_answers(connection, thorough=False) == []
            connection.execute("CREATE TABLE lake.written (i INTEGER)")
            connection.execute("INSERT INTO lake.written VALUES (1)")
            assert connection.execute("SELECT max(snapshot_id) FROM lake.snapshots()").fetchall() == [(snapshot + 2,)]
    finally:
        server.stop()
        shutil.rmtree(data)
        shutil.rmtree(server.socket)


@pytest.mark.parametrize("version", [15, 17, 18])
def test_each_commit_comes_back(folder: Path, version: int) -> None:
    with pitr_lake(folder, version) as lake:
        with Running(lake) as run:
            run.wait_for_base()
            lake.write(6)
            canvasback.backup(lake.attach, lake.repository)
            run.wait_for_snapshot(max(lake.truths), lake.cluster)
        assert run.error is None
        lake.cluster.stop()
        shutil.rmtree(lake.cluster.data)
        shutil.rmtree(lake.data)
        snapshots = sorted(lake.truths)[1:]
        told = canvasback.pitr_target(lake.attach, lake.repository, to_snapshot=snapshots[-1], bindir=lake.bindir)
        assert told.archive is not None
        assert (told.kind, told.archive.reached, told.findings, told.services) == ("lsn", True, (), ())
        assert [one.to for one in told.instructions] == ["PostgreSQL", "Canvasback"]
        for snapshot in snapshots[:: max(len(snapshots) // 4, 1)]:
            judge(lake, snapshot)
