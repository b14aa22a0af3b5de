"""What PostgreSQL's log says of transactions is read as its server meant it."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import canvasback
from canvasback.errors import CorruptError
from canvasback.model.wal import Lsn, Segment
from canvasback.postgres.commits_in_wal import transaction_of, transactions_in
from canvasback.postgres.programs import Programs
from canvasback.postgres.segment_header import SegmentHeader
from canvasback.repository.commit_map import read_commits
from canvasback.storage.local.store import LocalStore
from tests.lake.builder import session
from tests.postgres import BIN, Restartable, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[Restartable]:
    """A server that lets transactions be prepared, and notes the times of commits."""
    with tempfile.TemporaryDirectory(prefix="canvasback-pg-") as folder, running(Path(folder)) as server:
        settings = ("max_prepared_transactions = 5", "track_commit_timestamp = on")
        with (Path(folder) / "postgresql.conf").open("a") as written:
            written.write("\n".join(["", *settings, ""]))
        server.stop()
        server.start()
        server.psql("postgres", "CREATE TABLE t (what text, xid xid8)")
        yield server


def test_transactions_are_read_as_they_ended(server: Restartable) -> None:
    noted = "INSERT INTO t VALUES ('{}', pg_current_xact_id())"
    begin = Lsn.parse(server.psql("postgres", "SELECT pg_current_wal_insert_lsn()").strip())
    server.psql("postgres", noted.format("plain"))
    aborted = server.psql(
        "postgres", "BEGIN; CREATE TABLE u (); SELECT pg_current_xact_id(); ROLLBACK"
    ).strip()  # what has written nothing has no record of its end
    server.psql(
        "postgres",
        f"BEGIN; {noted.format('outer')}; SAVEPOINT s; INSERT INTO t VALUES ('inner', NULL); RELEASE s; COMMIT",
    )
    server.psql("postgres", f"BEGIN; {noted.format('prepared')}; PREPARE TRANSACTION 'p'")
    server.psql("postgres", noted.format("between"))
    server.psql("postgres", "COMMIT PREPARED 'p'")
    end = Lsn.parse(server.psql("postgres", "SELECT pg_current_wal_flush_lsn()").strip())
    found = list(transactions_in(Programs.find(18, str(BIN)), f"{server.folder}/pg_wal", 1, begin, end))

    rows = dict(
        line.split("|")
        for line in server.psql("postgres", "SELECT what, coalesce(xid::text, xmin::text) FROM t").splitlines()
    )
    ended = [str(one.xid) for one in found if one.outcome == "committed"]
    assert ended == [rows[what] for what in ("plain", "outer", "between", "prepared")]
    assert [str(one.xid) for one in found if one.outcome == "aborted"] == [aborted]
    # What somebody wrote behind a savepoint has a number of its own, and ends with all the rest.
    inner = transaction_of(found, int(rows["inner"]))
    assert inner is not None
    assert (str(inner.xid), inner.within) == (rows["outer"], (int(rows["inner"]),))
    assert transaction_of(found, 3) is None
    # The position is that of the record, and the time is the server's own.
    times = server.psql(
        "postgres", "SELECT pg_xact_commit_timestamp(xmin) AT TIME ZONE 'UTC' FROM t WHERE what = 'plain'"
    )
    assert found[0].time == datetime.fromisoformat(times.strip()).replace(tzinfo=UTC)
    assert begin < found[0].lsn < found[-1].lsn < end
    assert sorted(found, key=lambda one: one.lsn) == found


def test_a_backup_notes_when_commits_were_if_the_server_does(server: Restartable, tmp_path: Path) -> None:
    attach = f"ducklake:postgres:{server.create()}"
    with session(attach, f"DATA_PATH '{tmp_path}/data'") as connection:
        connection.execute("CREATE TABLE lake.t (i INTEGER)")
    canvasback.init(attach, str(tmp_path / "repository"))
    canvasback.backup(attach, str(tmp_path / "repository"))
    database = attach.partition("dbname=")[2].partition(" ")[0]
    said = server.psql(
        database, "SELECT pg_xact_commit_timestamp(xmin) AT TIME ZONE 'UTC' FROM ducklake_snapshot ORDER BY snapshot_id"
    )
    times = [datetime.fromisoformat(line).replace(tzinfo=UTC) for line in said.splitlines()]
    commits = read_commits(LocalStore(str(tmp_path / "repository")))[0].commits
    assert [commit.committed for commit in commits] == times
    assert all(commit.snapshot_time < time for commit, time in zip(commits, times, strict=True))


def test_a_log_that_ends_early_gives_what_it_has(server: Restartable) -> None:
    begin = Lsn.parse(server.psql("postgres", "SELECT pg_current_wal_insert_lsn()").strip())
    server.psql("postgres", "INSERT INTO t VALUES ('last', NULL)")
    beyond = Lsn(begin.position + 1_000_000_000)
    [one] = transactions_in(Programs.find(18, str(BIN)), f"{server.folder}/pg_wal", 1, begin, beyond)
    assert one.outcome == "committed"


def test_a_segment_says_whose_it_is(server: Restartable) -> None:
    lsn = Lsn.parse(server.psql("postgres", "SELECT pg_current_wal_insert_lsn()").strip())
    segment = Segment.holding(1, lsn)
    content = (server.folder / "pg_wal" / segment.name).read_bytes()
    header = SegmentHeader.parse(content, segment.name)
    system = server.psql("postgres", "SELECT system_identifier FROM pg_control_system()").strip()
    assert header == SegmentHeader(18, 1, segment.start, system, len(content))
    for broken in (b"", content[:30], bytes(100), content[8192:]):
        with pytest.raises(CorruptError, match="does not begin as a segment"):
            SegmentHeader.parse(broken, segment.name)
