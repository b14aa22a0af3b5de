"""The log of real servers is archived through what befalls: never a false success, and it catches up by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import canvasback
from canvasback.cli.commands.pitr_run import event_line
from canvasback.errors import LockedError, RefusedError, UsageError
from canvasback.model.retention import Policy
from canvasback.model.wal import Lsn
from canvasback.repository.archived_log import ArchivedLog
from canvasback.repository.wal_object import wal_name
from canvasback.storage.local.store import LocalStore
from tests.clusters import Cluster, cluster, give, open_folder
from tests.lake.builder import session
from tests.lake.pitr_lake import PitrLake, Running, pitr_lake
from tests.object_servers import Ministack
from tests.small_disk import small_disk


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


def log(lake: PitrLake) -> ArchivedLog:
    return ArchivedLog(LocalStore(f"{lake.repository}/"), lake.cluster.system)


def newest(lake: PitrLake, **target: object) -> canvasback.PitrRestoreResult:
    """Recover into a catalog in DuckDB, and answer what came."""
    catalog = lake.folder / "exported.ducklake"
    catalog.unlink(missing_ok=True)
    settings: dict[str, object] = {"bindir": lake.bindir, "export": f"ducklake:{catalog}"}
    settings |= target or {"latest": True}
    return canvasback.pitr_restore(lake.attach, lake.repository, **settings)  # type: ignore[arg-type]


def exported_rows(lake: PitrLake) -> list[tuple[int]]:
    """What the real extension reads in the table of the catalog that came last."""
    with session(f"ducklake:{lake.folder}/exported.ducklake") as connection:
        return connection.execute("FROM lake.t ORDER BY i").fetchall()


def fail_over(lake: PitrLake, snapshot: int, *settings: str) -> None:
    """The server is gone; one takes over as of a snapshot, on a new timeline, and so does another machine."""
    lake.cluster.stop()
    result = newest(lake, to_snapshot=snapshot, pgdata=f"{lake.folder}/second", export=None)
    assert (result.snapshot_id, result.timeline) == (snapshot, 1)
    give(lake.folder / "second")
    lake.cluster = Cluster(lake.folder, lake.cluster.version, name="second")
    lake.cluster.start(*settings)
    shutil.rmtree(f"{lake.folder}/spool")


def receiver(lake: PitrLake) -> int:
    """The process that receives the log."""
    mark = f"--directory={lake.folder}/spool".encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it is over
            if mark in entry.read_bytes():
                return int(entry.parent.name)
    raise AssertionError("nobody receives the log")


def grows(run: Running, *, answers: bool) -> None:
    """See that the window of loss is told again and again, and grows."""
    before = len(run.events)

    def told() -> list[canvasback.LogBehind]:
        since = [event for event in run.events[before:] if isinstance(event, canvasback.LogBehind)]
        return [event for event in since if (event.answers, event.position) == (answers, since[-1].position)]

    run.wait(lambda: len(told()) >= 3)
    first, *_, last = told()
    assert first.behind_seconds < last.behind_seconds
    assert f"behind for {last.behind_seconds:.1f} s" in event_line(last)
    if answers:
        assert last.behind_bytes
        assert Lsn.parse(last.position) < Lsn.parse(last.written)


def test_no_acknowledged_commit_is_lost_when_the_log_is_streamed_synchronously(
    folder: Path, *, every_step: bool
) -> None:
    """The server is killed, and its data is gone: what had answered is in the spool, or in the repository."""
    commits = 500 if every_step else 40
    with pitr_lake(folder, 18, "synchronous_standby_names=canvasback", "synchronous_commit=local") as lake:
        lake.commit("CREATE TABLE lake.t (i INTEGER)")
        with Running(lake, synchronous=True, part_every=3600.0) as run:
            run.wait_for_base()
            run.wait(lambda: "sync" in lake.cluster.psql("SELECT sync_state FROM pg_stat_replication"))
            lake.cluster.psql("ALTER DATABASE lake SET synchronous_commit = on")
            with session(lake.attach) as connection:
                for number in range(commits):
                    connection.execute(f"INSERT INTO lake.t VALUES ({number})")
            lake.cluster.kill()
            shutil.rmtree(lake.cluster.data)
        assert run.error is None
        assert newest(lake).snapshot_id == commits + 1


def test_it_goes_on_after_what_can_pass(folder: Path) -> None:
    with pitr_lake(folder, 18) as lake:
        with Running(lake, tell_every=0.3) as run:
            run.wait_for_base()
            with Running(lake) as second:
                second.wait(lambda: second.error is not None)
            assert isinstance(second.error, LockedError)
            # The receiver is killed, and comes back.
            os.kill(receiver(lake), signal.SIGKILL)
            run.wait(lambda: any(event.what == "receiver" for event in run.told(canvasback.ArchivingGoesOn)))
            # The repository cannot be reached: the log waits in the spool.
            os.rename(lake.repository, f"{lake.repository}-away")
            lake.commit("CREATE TABLE lake.t (i INTEGER)")
            last = lake.commit("INSERT INTO lake.t SELECT i FROM range(100) r(i)")
            lake.cluster.psql("SELECT pg_switch_wal()")
            run.wait(lambda: any(event.what == "log" for event in run.told(canvasback.ArchivingHeldUp)))
            grows(run, answers=True)
            os.rename(f"{lake.repository}-away", lake.repository)
            # The server is killed, and comes back.
            lake.cluster.kill()
            grows(run, answers=False)
            lake.cluster.start()
            run.wait_for_snapshot(last, lake.cluster)
        assert run.error is None
        assert [event.what for event in run.told(canvasback.ArchivingHeldUp)]
        assert canvasback.pitr_verify(lake.repository, level="checksum").findings == ()
        assert newest(lake, to_snapshot=last).snapshot_id == last


def test_a_run_that_was_killed_is_gone_on_with(folder: Path) -> None:
    """Its receiver outlives it, and would hold the slot."""
    with pitr_lake(folder, 18) as lake:
        command = [
            "pitr",
            "run",
            lake.attach,
            "-r",
            lake.repository,
            "--spool",
            f"{folder}/spool",
            "--bindir",
            lake.bindir,
        ]
        for line in ("archived to", "base backup"):
            with subprocess.Popen(
                [sys.executable, "-m", "canvasback", *command, "--every", "0.05", "--part-every", "0.2"],
                stdout=subprocess.PIPE,
                text=True,
            ) as killed:
                assert killed.stdout is not None
                assert any(line in said for said in killed.stdout)
                killed.kill()
        orphan = receiver(lake)
        with Running(lake) as run:
            last = lake.commit("CREATE TABLE lake.t (i INTEGER)")
            run.wait_for_snapshot(last, lake.cluster)
            assert receiver(lake) != orphan
        assert run.error is None
        assert canvasback.pitr_verify(lake.repository, level="checksum").findings == ()
        assert newest(lake, to_snapshot=last).snapshot_id == last


def test_another_content_under_a_name_ends_it(folder: Path) -> None:
    with pitr_lake(folder, 18) as lake:
        with Running(lake) as run:
            run.wait_for_base()
        before = log(lake).held().segments
        size = len(log(lake).get(before[-1]) or b"")
        following = f"{before[-1][:16]}{int(before[-1][16:], 16) + 1:08X}"
        content = bytearray(log(lake).get(before[-1]) or b"")
        content[8:16] = (int(following[16:], 16) * size).to_bytes(8, "little")
        for part in log(lake).held().parts:
            log(lake).delete(part.file)
        assert log(lake).put(following, bytes(content))
        with Running(lake) as run:
            lake.cluster.psql("CREATE TABLE t (i INTEGER)")
            lake.cluster.psql("SELECT pg_switch_wal()")
            run.wait(lambda: run.error is not None)
        assert isinstance(run.error, RefusedError)
        assert run.error.code == "wal-differs"
        # What is not archived is not lost: it stays in the spool.
        assert following in os.listdir(f"{lake.folder}/spool")


def test_a_slot_that_the_server_gave_up_is_told_and_so_is_another_lake(folder: Path) -> None:
    with pitr_lake(folder, 18, "max_wal_size=2MB", "min_wal_size=2MB") as lake:
        with Running(lake) as run:
            run.wait_for_base()
        lake.cluster.psql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
        lake.cluster.psql("SELECT pg_reload_conf()")
        for _ in range(6):
            lake.cluster.psql("CREATE TABLE IF NOT EXISTS t (i INTEGER); INSERT INTO t VALUES (1)")
            lake.cluster.psql("SELECT pg_switch_wal()")
        lake.cluster.psql("CHECKPOINT")
        assert lake.cluster.psql("SELECT wal_status FROM pg_replication_slots") == "lost"
        with Running(lake) as run:
            run.wait(lambda: run.error is not None)
        assert isinstance(run.error, RefusedError)
        assert run.error.code == "slot-lost"
        lake.cluster.psql("CREATE DATABASE other")
        other = lake.attach.replace("dbname=lake", "dbname=other")
        with session(other, f"DATA_PATH '{folder}/other/'"):
            pass
        with pytest.raises(RefusedError, match="other-lake"):
            canvasback.pitr_run(other, lake.repository, spool=f"{folder}/other-spool", bindir=lake.bindir)


def test_a_failover_begins_a_timeline_and_both_can_be_recovered(folder: Path) -> None:
    with pitr_lake(folder, 18) as lake:
        with Running(lake) as run:
            run.wait_for_base()
            first = lake.commit("CREATE TABLE lake.t (i INTEGER)")
            lost = lake.commit("INSERT INTO lake.t VALUES (1)")
            run.wait_for_snapshot(lost, lake.cluster)
        fail_over(lake, first)
        with Running(lake) as run:
            run.wait(lambda: bool(run.told(canvasback.LogArchived)))
            again = lake.commit("INSERT INTO lake.t VALUES (2)")
            assert again == lost  # the same number, on another line of history
            run.wait_for_snapshot(again, lake.cluster)
            last = lake.commit("INSERT INTO lake.t VALUES (3)")
            run.wait_for_snapshot(last, lake.cluster)
        assert run.told(canvasback.BaseMade) == []  # the log leads on from the one before
        [system] = canvasback.pitr_list(lake.repository).systems
        assert system.timelines == (1, 2)
        assert canvasback.pitr_verify(lake.repository).findings == ()
        found = newest(lake)
        assert (found.snapshot_id, found.timeline, found.findings) == (last, 2, ())
        assert exported_rows(lake) == [(2,), (3,)]
        # The first segment of the new timeline is lost. That of the old one has a commit behind where it was left.
        [shared, *_] = [name for name in log(lake).held().segments if int(name[:8], 16) == 2]
        assert f"00000001{shared[8:]}" in log(lake).held().segments
        log(lake).delete(shared)
        assert [one.code for one in canvasback.pitr_verify(lake.repository).findings] == ["log-gap"]
        [system] = canvasback.pitr_list(lake.repository).systems
        assert system.gaps == (shared,)
        [window] = system.windows
        assert window.last_snapshot in {None, first}  # where a commit is, is known by a position behind it
        with pytest.raises(RefusedError, match=r"log-gap|commit-not-archived"):
            newest(lake, to_snapshot=again)
        found = newest(lake)
        assert (found.snapshot_id, [one.code for one in found.findings]) == (first, ["log-gap"])
        assert exported_rows(lake) == []


def test_a_run_that_begins_behind_a_gap_makes_a_base_backup_at_once(folder: Path) -> None:
    with pitr_lake(folder, 18, "summarize_wal=on") as lake:
        with Running(lake) as run:
            run.wait_for_base()
            first = lake.commit("CREATE TABLE lake.t (i INTEGER)")
            lost = lake.commit("INSERT INTO lake.t VALUES (1)")
            run.wait_for_snapshot(lost, lake.cluster)
        fail_over(lake, first, "summarize_wal=on")
        unseen = lake.commit("INSERT INTO lake.t VALUES (2)")
        assert unseen == lost
        lake.cluster.psql("SELECT pg_switch_wal()")
        with Running(lake) as run:
            run.wait_for_base()
            last = lake.commit("INSERT INTO lake.t VALUES (3)")
            run.wait_for_snapshot(last, lake.cluster)
        assert [one for one in run.told(canvasback.ArchivingHeldUp) if one.what == "base"] == []
        assert [one.code for one in canvasback.pitr_verify(lake.repository).findings] == ["log-gap"]
        found = newest(lake)
        assert (found.snapshot_id, found.timeline, found.findings) == (last, 2, ())
        assert exported_rows(lake) == [(2,), (3,)]
        with pytest.raises(RefusedError):
            newest(lake, to_snapshot=unseen)
        # The slot and the spool are lost: the next run begins behind another gap.
        lake.cluster.psql("SELECT pg_drop_replication_slot('canvasback')")
        shutil.rmtree(f"{lake.folder}/spool")
        lake.cluster.psql("CREATE TABLE t (i INTEGER)")
        lake.cluster.psql("SELECT pg_switch_wal()")
        lake.cluster.psql("CREATE TABLE u (i INTEGER)")
        with Running(lake) as run:
            run.wait_for_base()
            last = lake.commit("INSERT INTO lake.t VALUES (4)")
            run.wait_for_snapshot(last, lake.cluster)
        assert newest(lake).snapshot_id == last
        assert exported_rows(lake) == [(2,), (3,), (4,)]


def test_a_full_base_backup_is_made_where_the_server_cannot_tell_what_changed(folder: Path) -> None:
    with pitr_lake(folder, 18, "summarize_wal=on") as lake:
        with Running(lake) as run:
            run.wait_for_base()
            first = lake.commit("CREATE TABLE lake.t (i INTEGER)")
            run.wait_for_snapshot(first, lake.cluster)
        # The log leads on, and the one that took over has no summary of what the other wrote.
        fail_over(lake, first, "summarize_wal=on")
        with Running(lake, base_every=0.5) as run:
            run.wait(lambda: bool(run.told(canvasback.BaseMade)), 120)
            last = lake.commit("INSERT INTO lake.t VALUES (2)")
            run.wait_for_snapshot(last, lake.cluster)
        [held] = [one for one in run.told(canvasback.ArchivingHeldUp) if one.what == "base"]
        assert "WAL summaries are required" in held.message
        assert run.told(canvasback.BaseMade)[0].parent == ""
        assert newest(lake).snapshot_id == last


def test_a_bucket_holds_it_all(folder: Path, s3_server: Ministack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": s3_server.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    s3_server.create_bucket("pitr-run")
    with pitr_lake(folder, 18, repository="s3://pitr-run/repository") as lake:
        with Running(lake) as run:
            run.wait_for_base()
            lake.commit("CREATE TABLE lake.t (i INTEGER)")
            last = lake.commit("INSERT INTO lake.t SELECT i FROM range(100) r(i)")
            run.wait_for_snapshot(last, lake.cluster)
        assert run.error is None
        assert canvasback.pitr_verify(lake.repository, level="checksum").findings == ()
        assert newest(lake, to_snapshot=last).snapshot_id == last
        # What PostgreSQL's commands do there: the same file again is fine, and comes back.
        lake.cluster.psql("CREATE TABLE t (i INTEGER)")
        segment = lake.cluster.data / "pg_wal" / lake.cluster.psql("SELECT pg_walfile_name(pg_switch_wal())")
        for program, arguments in (
            ("push", [str(segment)]),
            ("push", [str(segment)]),
            ("fetch", [segment.name, f"{folder}/back"]),
        ):
            options = ["-r", lake.repository, "--system", str(lake.cluster.system), *arguments]
            code = f"from canvasback.cli.archiving import {program}; {program}()"
            assert subprocess.run([sys.executable, "-c", code, *options], check=False).returncode == 0
        assert (folder / "back").read_bytes() == segment.read_bytes()


def test_base_backups_go_with_the_log_that_only_they_need(folder: Path) -> None:
    with pitr_lake(folder, 18, "summarize_wal=on") as lake:
        with Running(lake, base_every=0.5, incremental=1) as run:
            run.wait_for_base(1)
            lake.commit("CREATE TABLE lake.t (i INTEGER)")
            lake.cluster.psql("SELECT pg_switch_wal()")
            run.wait_for_base(4)
            last = lake.commit("INSERT INTO lake.t VALUES (1)")
            run.wait_for_snapshot(last, lake.cluster)
        windows = canvasback.pitr_list(lake.repository).systems[0].windows
        parents = [bool(window.parent) for window in windows]
        assert parents[:4] == [False, True, False, True]
        # A chain of two comes back.
        assert newest(lake, to_snapshot=last).snapshot_id == last
        planned = canvasback.pitr_forget(lake.repository, policy=Policy(keep_last=1), dry_run=True)
        assert planned.deleted_bases >= 2
        assert len(canvasback.pitr_list(lake.repository).systems[0].windows) == len(windows)
        done = canvasback.pitr_forget(lake.repository, policy=Policy(keep_last=1))
        assert (done.steps, done.locked) == (planned.steps, 0)
        left = canvasback.pitr_list(lake.repository).systems[0].windows
        assert [window.base for window in left] == [one.base for one in done.bases if one.reasons]
        assert left[0].parent == ""
        canvasback.prune(lake.repository)  # which deletes what no point names
        assert canvasback.pitr_verify(lake.repository, level="checksum").findings == ()
        assert newest(lake).snapshot_id == last
        with pytest.raises(UsageError, match="keeps-nothing"):
            canvasback.pitr_forget(lake.repository, policy=Policy())


def test_a_server_is_set_up(folder: Path) -> None:
    with cluster(folder, 18, "wal_level=minimal", "max_wal_senders=0") as made:
        made.psql("CREATE ROLE writer LOGIN; CREATE DATABASE lake")
        lake = f"ducklake:postgres:{made.conninfo()}"
        bindir = str(made.bin)
        found = canvasback.pitr_setup(lake, bindir=bindir)
        states = {item.name: item.state for item in found.items}
        assert not found.ready
        assert (states["wal_level"], states["max_wal_senders"]) == ("missing", "missing")
        assert (states["max_slot_wal_keep_size"], states["summarize_wal"]) == ("advised", "advised")
        made.stop()
        made.start()
        weak = canvasback.pitr_setup(lake.replace("user=postgres", "user=writer"), bindir=bindir)
        assert {item.name for item in weak.items if item.state == "missing"} == {
            "the right to replicate", "a connection for replication",
        }  # fmt: skip
        done = canvasback.pitr_setup(lake, synchronous=True, apply=True, bindir=bindir)
        assert done.ready
        assert any("pg_create_physical_replication_slot" in sql for sql in done.applied)
        again = canvasback.pitr_setup(lake, synchronous=True, bindir=bindir)
        assert [item.name for item in again.items if item.state != "ok"] == []
        with pytest.raises(UsageError, match="not-postgres"):
            canvasback.pitr_setup("ducklake:x.ducklake")


def test_tablespaces_are_refused_when_it_begins_and_told_when_one_comes(folder: Path) -> None:
    with pitr_lake(folder, 18) as lake:
        with Running(lake, base_every=0.3) as run:
            run.wait_for_base()
            (folder / "other-disk").mkdir()
            give(folder / "other-disk")
            lake.cluster.psql(f"CREATE TABLESPACE other LOCATION '{folder}/other-disk'")
            run.wait(lambda: any(event.code == "has-tablespaces" for event in run.told(canvasback.ArchivingHeldUp)))
            # The log goes on being archived.
            run.wait_for_snapshot(lake.commit("CREATE TABLE lake.t (i INTEGER)"), lake.cluster)
        assert run.error is None
        with pytest.raises(RefusedError, match="has-tablespaces"):
            canvasback.pitr_run(lake.attach, lake.repository, spool=f"{folder}/spool", bindir=lake.bindir)
        states = {item.name: item.found for item in canvasback.pitr_setup(lake.attach, bindir=lake.bindir).items}
        assert states["tablespaces"] == "other"


def test_full_disks_are_waited_for(folder: Path) -> None:
    """What is not archived stays in the spool, and what the spool cannot take at the server."""
    disks = {"log": folder / "repository", "receiver": folder / "spool"}
    with (
        small_disk(disks["log"], 40_000_000) as mounted,
        small_disk(disks["receiver"], 40_000_000),
        pitr_lake(folder, 18) as lake,
    ):
        last = lake.commit("CREATE TABLE lake.t (i INTEGER)")
        with Running(lake, tell_every=0.3) as run:
            run.wait_for_base()
            for what, disk in disks.items() if mounted else ():  # who may mount none has none that is soon full
                last = lake.commit("INSERT INTO lake.t SELECT i FROM range(9) r(i)")

                def held_up(what: str = what, ballast: Path = disk / "ballast") -> bool:
                    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
                        while file.write(bytes(1 << 20)):  # it takes all there is, and what archiving set free
                            pass
                    lake.cluster.psql("CREATE TABLE IF NOT EXISTS t (i INTEGER); INSERT INTO t VALUES (1)")
                    lake.cluster.psql("SELECT pg_switch_wal()")
                    told = run.told(canvasback.ArchivingHeldUp)
                    return ("no-space", what) in [(event.code, event.what) for event in told]

                run.wait(held_up)
                grows(run, answers=True)
                (disk / "ballast").unlink()
                run.wait_for_snapshot(last, lake.cluster)
            run.wait_for_snapshot(last, lake.cluster)
        assert run.error is None
        assert canvasback.pitr_verify(lake.repository, level="checksum").findings == ()
        assert newest(lake, to_snapshot=last).snapshot_id == last


def test_an_object_of_the_log_is_named_after_its_file() -> None:
    assert wal_name(7, "0000000200000000000000AB") == "pitr/7/wal/00000002/0000000200000000000000AB.zst"
