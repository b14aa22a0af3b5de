"""A catalog in PostgreSQL comes back as of a commit, exactly, with its files; the real extension judges."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest

import canvasback
from canvasback.errors import CorruptError, LockedError, RefusedError, UsageError
from canvasback.repository.archived_log import ArchivedLog
from canvasback.repository.bases import TAR, base_name
from canvasback.repository.commit_map import read_commits
from canvasback.repository.wal_object import wal_name
from canvasback.storage.local.process import started
from canvasback.storage.local.store import LocalStore
from tests.clusters import open_folder
from tests.lake.answers import wrong_answers
from tests.lake.builder import contents, session
from tests.lake.pitr_lake import PitrLake, Running, pitr_lake, restored

ROUNDS = 6
SAMPLES = {15: [0.5], 17: [1.0], 18: [0.0, 0.6]}
"""Which commits are recovered in `make test`, as parts of the history; `make soak` takes them all."""


def destroyed(folder: Path, version: int, rounds: int) -> PitrLake:
    """A lake whose log was archived while it was written, and of which only the repository is left."""
    with pitr_lake(folder, version) as lake:
        with Running(lake) as run:
            run.wait_for_base()
            lake.write(rounds)
            canvasback.backup(lake.attach, lake.repository)
            run.wait_for_snapshot(max(lake.truths), lake.cluster)
        assert run.error is None
        lake.cluster.stop()
        shutil.rmtree(lake.cluster.data)
        shutil.rmtree(lake.data)
    return lake


def judge(lake: PitrLake, snapshot: int) -> None:
    """Recover to a snapshot; ask the real extension whether it is the truth, and write to it."""
    data = lake.folder / "recovered"
    result = canvasback.pitr_restore(
        lake.attach, lake.repository, pgdata=str(data), to_snapshot=snapshot, bindir=lake.bindir
    )
    assert (result.snapshot_id, result.lost_files, result.findings) == (snapshot, 0, ())
    server = restored(lake, str(data))
    try:
        with session(f"ducklake:postgres:{server.conninfo()}") as connection:
            assert contents(connection) == lake.truths[snapshot]
            assert wrong_answers(connection, thorough=False) == []
            connection.execute("CREATE TABLE lake.written (i INTEGER)")
            connection.execute("INSERT INTO lake.written VALUES (1)")
            assert connection.execute("SELECT max(snapshot_id) FROM lake.snapshots()").fetchall() == [(snapshot + 2,)]
    finally:
        server.stop()
        shutil.rmtree(data)
        shutil.rmtree(server.socket)


@pytest.mark.parametrize("version", SAMPLES)
def test_commits_come_back(version: int, *, every_step: bool) -> None:
    with open_folder() as folder:
        lake = destroyed(folder, version, 28 if every_step else ROUNDS)
        snapshots = sorted(lake.truths)[1:]
        chosen = snapshots if every_step else [snapshots[int(at * (len(snapshots) - 1))] for at in SAMPLES[version]]
        told = canvasback.pitr_target(lake.attach, lake.repository, to_snapshot=snapshots[-1], bindir=lake.bindir)
        assert told.archive is not None
        assert (told.kind, told.archive.reached, told.findings, told.services) == ("lsn", True, (), ())
        assert [one.to for one in told.instructions] == ["PostgreSQL", "Canvasback"]
        for snapshot in chosen:
            judge(lake, snapshot)


@pytest.fixture(scope="module")
def lake() -> Iterator[PitrLake]:
    """What is left of a lake with PostgreSQL 18."""
    with open_folder() as folder:
        yield destroyed(folder, 18, 3)


@pytest.fixture
def copied(lake: PitrLake, tmp_path: Path) -> str:
    """A repository of one's own, to break."""
    shutil.copytree(lake.repository, tmp_path / "repository")
    return str(tmp_path / "repository")


def plan(lake: PitrLake, repository: str | None = None, **target: object) -> canvasback.PitrRestoreResult:
    """The plan of a recovery."""
    return canvasback.pitr_restore(
        lake.attach, repository or lake.repository, export="ducklake:/tmp/none.ducklake", dry_run=True,
        bindir=lake.bindir, **target,  # type: ignore[arg-type]
    )  # fmt: skip


def log(lake: PitrLake, repository: str) -> ArchivedLog:
    """The log that a repository has."""
    return ArchivedLog(LocalStore(f"{repository}/"), int(plan(lake, repository, latest=True).system))


def test_all_that_there_is_goes_into_a_catalog_of_another_engine(lake: PitrLake, tmp_path: Path) -> None:
    catalog = f"ducklake:{tmp_path}/exported.ducklake"
    result = canvasback.pitr_restore(lake.attach, lake.repository, latest=True, export=catalog, bindir=lake.bindir)
    assert (result.snapshot_id, result.lost_files, result.pgdata) == (max(lake.truths), 0, "")
    with session(catalog) as connection:
        assert contents(connection) == lake.truths[max(lake.truths)]
        assert wrong_answers(connection, thorough=False) == []
    shutil.rmtree(lake.data)


def test_a_time_is_the_newest_commit_until_then(lake: PitrLake) -> None:
    commits, _ = read_commits(LocalStore(f"{lake.repository}/"))
    known = {commit.snapshot_id: commit for commit in commits.commits}
    middle = sorted(lake.truths)[len(lake.truths) // 2]
    just_before = known[middle + 1].snapshot_time - timedelta(microseconds=1)
    found = plan(lake, to_time=just_before)
    assert found.snapshot_id == middle
    assert found.committed is not None
    assert known[middle].snapshot_time < found.committed
    assert plan(lake, to_snapshot=middle).lsn == found.lsn


def test_commits_that_nobody_noted_are_found_in_the_log(lake: PitrLake, copied: str) -> None:
    noted = plan(lake, to_snapshot=max(lake.truths))
    shutil.rmtree(f"{copied}/pitr/map")
    assert plan(lake, copied, to_snapshot=max(lake.truths)).lsn == noted.lsn
    with pytest.raises(RefusedError, match="commit-not-mapped"):
        plan(lake, copied, to_snapshot=max(lake.truths) + 1)


def test_nothing_is_not_sound(copied: str) -> None:
    [system] = (path for path in Path(copied, "pitr").iterdir() if path.name.isdecimal())
    shutil.rmtree(system / "base")
    assert dict(canvasback.pitr_verify(copied).finding_counts) == {"log-without-base": 1}
    shutil.rmtree(system)
    with pytest.raises(RefusedError, match="no-archive"):
        canvasback.pitr_verify(copied)


def test_what_the_archive_does_not_reach_is_refused_with_what_is_possible(lake: PitrLake, copied: str) -> None:
    with pytest.raises(RefusedError, match="target-before-base") as refused:
        plan(lake, to_snapshot=0)
    assert f"to {max(lake.truths)}" in refused.value.hint
    with pytest.raises(RefusedError, match="no-archive"):
        plan(lake, latest=True, system=7)
    with pytest.raises(UsageError, match="which-target"):
        plan(lake)
    with pytest.raises(UsageError, match="which-target"):
        plan(lake, latest=True, to_snapshot=1)
    occupied = Path(copied)
    with pytest.raises(RefusedError, match="pgdata-not-empty"):
        canvasback.pitr_restore(lake.attach, lake.repository, latest=True, pgdata=str(occupied), bindir=lake.bindir)


def test_a_missing_segment_is_named_and_no_recovery_goes_past_it(lake: PitrLake, copied: str) -> None:
    archived = log(lake, copied)
    [system] = canvasback.pitr_list(copied).systems
    [window] = system.windows
    assert system.end == window.end
    assert system.written is not None
    assert abs(datetime.now(UTC) - system.written) < timedelta(minutes=10)
    assert (window.usable, window.last_snapshot) == (True, max(lake.truths))
    assert canvasback.pitr_verify(copied, level="checksum").findings == ()
    names = archived.held().segments
    missing = names[-2]
    archived.delete(missing)
    with pytest.raises(RefusedError, match="log-gap") as refused:
        plan(lake, copied, to_snapshot=max(lake.truths))
    assert missing in refused.value.message
    assert canvasback.pitr_list(copied).systems[0].gaps == (missing,)
    assert "log-gap" in canvasback.pitr_verify(copied).finding_counts


def test_the_commands_say_it_as_text_and_as_json(
    lake: PitrLake, cli: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    newest = max(lake.truths)
    wanted: list[tuple[list[str], type[msgspec.Struct], str]] = [
        (["list"], canvasback.PitrListResult, f"to {newest} "),
        (["verify", "--level", "checksum"], canvasback.PitrVerifyResult, "all sound"),
        (["forget", "--keep-last", "1", "--dry-run"], canvasback.PitrForgetResult, "nothing was changed (--dry-run)"),
        (
            ["restore", lake.attach, "--to-snapshot", str(newest), "--export", "ducklake:/tmp/none.ducklake",
             "--bindir", lake.bindir, "--dry-run"],
            canvasback.PitrRestoreResult,
            "pg_verifybackup",
        ),
    ]  # fmt: skip
    for arguments, kind, said in wanted:
        command = ["pitr", *arguments, "-r", lake.repository]
        assert cli(*command) == 0
        text = capfd.readouterr().out
        assert said in text
        assert ("archived to " in text) == (arguments == ["list"])
        assert cli(*command, "--json") == 0
        msgspec.json.decode(capfd.readouterr().out, type=kind, strict=True)


def test_a_recovery_that_is_killed_leaves_no_server_and_the_next_one_cleans_up(lake: PitrLake) -> None:
    with open_folder() as folder:
        data = folder / "to" / "be" / "new"
        pid = data / "postmaster.pid"
        command = ["pitr", "restore", lake.attach, "-r", lake.repository, "--latest", "--pgdata", str(data)]
        with subprocess.Popen(
            [sys.executable, "-m", "canvasback", *command, "--bindir", lake.bindir], stdout=subprocess.DEVNULL
        ) as killed:
            try:
                while not pid.exists() or not pid.read_text():  # it is there before it is written
                    assert killed.poll() is None
                    time.sleep(0.001)
                killed.send_signal(signal.SIGSTOP)
                again = partial(
                    canvasback.pitr_restore,
                    lake.attach,
                    lake.repository,
                    pgdata=str(data),
                    latest=True,
                    bindir=lake.bindir,
                )
                with pytest.raises(LockedError, match="pgdata-in-use"):
                    again()
                server = int(pid.read_text().splitlines()[0])
                assert started(server) is not None
            finally:
                killed.kill()  # or a failure would wait for who is stopped
        planned = again(dry_run=True)
        assert f"what a killed recovery left in {data} is removed" in planned.steps
        for _ in range(200):  # its pid file goes a moment before it does
            if started(server) is None:
                break
            time.sleep(0.05)
        assert started(server) is None
        # Whoever has started a server on it since may have written to it.
        options = (data / "postmaster.opts").read_text()
        (data / "postmaster.opts").write_text("postgres -D data")
        with pytest.raises(RefusedError, match="pgdata-not-empty"):
            again()
        (data / "postmaster.opts").write_text(options)
        assert again().snapshot_id == max(lake.truths)
        assert list(data.parent.iterdir()) == [data]
        with pytest.raises(RefusedError, match="pgdata-not-empty"):
            again()
    shutil.rmtree(lake.data)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda archived, base: wal_name(archived.system, archived.held().segments[-1]), "wal-corrupt"),
        (lambda archived, base: base_name(archived.system, base, TAR), "base-corrupt"),
    ],
)
def test_what_is_damaged_stops_a_recovery(
    lake: PitrLake, copied: str, tmp_path: Path, damage: Callable[[ArchivedLog, str], str], code: str
) -> None:
    archived = log(lake, copied)
    flipped(Path(copied) / damage(archived, plan(lake, copied, latest=True).base))
    assert list(canvasback.pitr_verify(copied, level="checksum").finding_counts) == [code]
    with open_folder() as folder, pytest.raises(CorruptError, match=code):
        canvasback.pitr_restore(
            lake.attach, copied, latest=True, pgdata=f"{folder}/new", export=None, bindir=lake.bindir
        )
    assert not (tmp_path / "new").exists()
