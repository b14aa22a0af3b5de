"""Backups and watches of catalogs in PostgreSQL note where each commit is; what the server told is true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import canvasback
from canvasback.model.commit_position import CommitPosition
from canvasback.model.wal import Lsn
from canvasback.repository.commit_map import read_commits
from canvasback.storage.local.store import LocalStore
from tests.lake.builder import session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import Server


class Lake:
    """A lake whose catalog is in a database of its own, and a repository."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.database = server.create().partition("dbname=")[2].partition(" ")[0]
        self.attach = f"ducklake:postgres:{server.string(self.database)}"
        self.folder = folder
        self.repository = str(folder / "repository")
        with session(self.attach, f"DATA_PATH '{folder}/data'") as connection:
            connection.execute("CREATE TABLE lake.t (i INTEGER)")
        canvasback.init(self.attach, self.repository)

    def insert(self, count: int = 1) -> None:
        """Commit so many times."""
        with session(self.attach) as connection:
            for number in range(count):
                connection.execute(f"INSERT INTO lake.t VALUES ({number})")

    def mapped(self) -> tuple[CommitPosition, ...]:
        """What the repository knows."""
        commits, findings = read_commits(LocalStore(self.repository))
        assert findings == ()
        return commits.commits

    def rows(self) -> list[tuple[str, str]]:
        """Snapshots and the transactions that wrote them, as the server shows them."""
        shown = self.server.psql(self.database, "SELECT snapshot_id, xmin FROM ducklake_snapshot ORDER BY 1")
        return [(one.split("|")[0], one.split("|")[1]) for one in shown.splitlines()]


@pytest.fixture
def lake(postgres: Server, tmp_path: Path) -> Lake:
    return Lake(postgres, tmp_path)


def test_each_commit_is_noted_once_with_what_the_server_says(lake: Lake) -> None:
    lake.insert()
    canvasback.backup(lake.attach, lake.repository)
    first = lake.mapped()
    lake.insert(2)
    canvasback.backup(lake.attach, lake.repository)
    canvasback.backup(lake.attach, lake.repository)
    commits = lake.mapped()
    assert commits[: len(first)] == first
    assert [(str(commit.snapshot_id), str(commit.xid)) for commit in commits] == lake.rows()
    system, timeline = lake.server.psql(
        "postgres", "SELECT system_identifier, timeline_id FROM pg_control_system(), pg_control_checkpoint()"
    ).split("|")
    assert {(commit.system, commit.timeline) for commit in commits} == {(system, int(timeline))}
    positions = [Lsn.parse(commit.after) for commit in commits]
    assert positions == sorted(positions)
    assert positions[-1] <= Lsn.parse(lake.server.psql("postgres", "SELECT pg_current_wal_insert_lsn()").strip())
    assert {commit.committed for commit in commits} == {None}
    assert len(list((lake.folder / "repository/pitr/map").iterdir())) == 2


def test_rows_that_were_copied_together_are_one_transaction(lake: Lake, tmp_path: Path) -> None:
    lake.insert(3)
    canvasback.backup(lake.attach, lake.repository)
    copy = Lake(lake.server, tmp_path / "copy")
    canvasback.restore(copy.attach, lake.repository, data_path=str(tmp_path / "copied"), replace=True)
    repository = str(tmp_path / "other")
    canvasback.init(copy.attach, repository)
    canvasback.backup(copy.attach, repository)
    [commit] = read_commits(LocalStore(repository))[0].commits
    assert (str(commit.snapshot_id), str(commit.xid)) == copy.rows()[-1]


def test_a_lake_that_was_taken_back_has_both_commits(lake: Lake) -> None:
    lake.insert(2)
    canvasback.backup(lake.attach, lake.repository)
    before = lake.mapped()
    canvasback.rewind(lake.attach, lake.repository, to_snapshot=2)
    lake.insert()
    canvasback.backup(lake.attach, lake.repository)
    again = [commit for commit in lake.mapped() if commit.snapshot_id == before[-1].snapshot_id]
    assert again[0] == before[-1]
    assert len(again) == 2
    assert str(again[1].xid) == lake.rows()[-1][1]


def test_a_server_that_does_not_tell_is_no_reason_not_to_back_up(lake: Lake) -> None:
    lake.insert()
    lake.server.psql(
        lake.database,
        f"CREATE ROLE plain_{lake.database} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO "
        f"plain_{lake.database}; REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC",
    )
    plain = f"ducklake:postgres:{lake.server.string(lake.database, f'plain_{lake.database}')}"
    made = canvasback.backup(plain, lake.repository)
    assert (made.snapshot_id, made.findings) == (2, ())
    assert lake.mapped() == ()
    lake.server.psql(lake.database, "GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
    canvasback.backup(plain, lake.repository)
    assert [commit.snapshot_id for commit in lake.mapped()] == [0, 1, 2]  # a role needs no rights of its own for it
