"""What a lost PostgreSQL server costs, and how long a recovery to a snapshot takes, next to pgBackRest.

    python -m bench.pitr [RUNS [MEGABYTES]]

Prints two Markdown tables. Loss: PostgreSQL 18 holds a catalog, `pitr run` archives it asynchronously, a writer commits
for ten seconds as fast as it can, the server is killed and its data deleted; so many runs of each kind, 5 if not given.
Recovery: PostgreSQL 15 (Debian's) with a base backup of both, so many megabytes of its log, 512 if not given, and a
snapshot at its end. Needs root, or the user postgres, and Debian's `postgresql-15` and `pgbackrest`.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import threading
import time

import canvasback
from tests.archives import BIN, STANZA, Archived, Cluster, archived, as_owner
from tests.clusters import open_folder
from tests.lake.builder import session
from tests.lake.pitr_lake import Running, pitr_lake

SECONDS = 10
PART_EVERY = 2.0
PEER = {
    "PGBACKREST_COMPRESS_TYPE": "zst",
    "PGBACKREST_COMPRESS_LEVEL": "1",
    "PGBACKREST_PROCESS_MAX": "2",
    "PGBACKREST_ARCHIVE_ASYNC": "y",
}


def lost(*, spool_too: bool) -> tuple[int, int, float]:
    """Commits that had answered, those of them that are gone, and over how many seconds these had come."""
    with open_folder() as folder, pitr_lake(folder, 18) as lake:
        lake.commit("CREATE TABLE lake.t (i INTEGER)")
        answered: dict[int, float] = {}
        run = Running(lake, part_every=PART_EVERY)
        try:
            with run:
                run.wait_for_base()
                with session(lake.attach) as connection:
                    until = time.monotonic() + SECONDS
                    while time.monotonic() < until:
                        connection.execute(f"INSERT INTO lake.t VALUES ({len(answered)})")
                        answered[len(answered) + 2] = time.monotonic()
                    lake.cluster.kill()
                    killed = time.monotonic()
                    if spool_too:
                        shutil.rmtree(f"{lake.folder}/spool")
                shutil.rmtree(lake.cluster.data)
        except AssertionError:
            if run.error is None and not spool_too:
                raise
        exported = f"ducklake:{folder}/exported.ducklake"
        found = canvasback.pitr_restore(lake.attach, lake.repository, latest=True, export=exported, bindir=lake.bindir)
        gone = [at for snapshot, at in answered.items() if snapshot > (found.snapshot_id or 0)]
        return len(answered), len(gone), killed - min(gone, default=killed)


def recovered(megabytes: int) -> dict[str, float]:
    """Seconds until a cluster stands still at a snapshot: by pgBackRest, by us from its archive, by us from our own."""
    os.environ |= PEER
    with archived() as server:
        os.environ |= {"PGBACKREST_CONFIG": f"{server.folder}/pgbackrest.conf"}
        spool = server.folder / "async"
        spool.mkdir()
        shutil.chown(spool, "postgres", "postgres")
        os.environ |= {"PGBACKREST_SPOOL_PATH": str(spool)}
        with session(server.attach, f"DATA_PATH '{server.folder}/lake'") as connection:
            connection.execute("CREATE TABLE lake.t (i INTEGER)")
        repository = f"{server.folder}/repository"
        canvasback.init(server.attach, repository)
        server.pgbackrest("backup", "--type=full")
        stop = threading.Event()
        events = canvasback.pitr_run(
            server.attach, repository, spool=f"{server.folder}/spool", stop=stop, bindir=str(BIN), every=0.2
        )
        archiving = threading.Thread(target=lambda: told.extend(events))
        told: list[canvasback.PitrEvent] = []
        archiving.start()
        while not any(isinstance(event, canvasback.BaseMade) for event in told):
            time.sleep(0.2)
        begin = server.psql("SELECT pg_current_wal_lsn()")
        as_owner(BIN / "pgbench", "-i", "-q", "-s", "10", "-h", server.folder, "-U", "postgres", "postgres")
        written = 0
        while written < megabytes << 20:
            as_owner(BIN / "pgbench", "-n", "-T", "5", "-c", "2", "-h", server.folder, "-U", "postgres", "postgres")
            written = int(server.psql(f"SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{begin}')::bigint"))
        snapshot = server.commit("INSERT INTO lake.t VALUES (1)")
        canvasback.backup(server.attach, repository)
        server.commit("INSERT INTO lake.t VALUES (2)")
        server.archive()
        time.sleep(2)
        stop.set()
        archiving.join()
        target = canvasback.pitr_target(server.attach, repository, to_snapshot=snapshot, stanza=STANZA)
        server.stop()
        return {
            "pgBackRest": by_pgbackrest(server, target.lsn),
            "ours, from pgBackRest's archive": by_us(server, repository, snapshot, stanza=STANZA),
            "ours, from the repository": by_us(server, repository, snapshot, stanza=None),
        }


def by_pgbackrest(server: Archived, lsn: str) -> float:
    """Seconds until pgBackRest's own restore stands still."""
    data, began = server.folder / "theirs", time.perf_counter()
    aim = ("--type=lsn", f"--target={lsn}", "--target-action=pause", f"--pg1-path={data}")
    server.pgbackrest(*aim, "restore")
    cluster = Cluster(server.folder, data, 5433)
    try:
        cluster.start("-c archive_mode=off")
        while cluster.psql("SELECT pg_get_wal_replay_pause_state()") != "paused":
            time.sleep(0.05)
        return time.perf_counter() - began
    finally:
        cluster.stop()
        shutil.rmtree(data)


def by_us(server: Archived, repository: str, snapshot: int, *, stanza: str | None) -> float:
    """Seconds until ours does; that it is the snapshot is proved after that, and its files are seen to."""
    data = server.folder / "ours"
    found = canvasback.pitr_restore(
        server.attach, repository, to_snapshot=snapshot, pgdata=str(data), stanza=stanza, bindir=str(BIN)
    )
    if found.snapshot_id != snapshot:
        sys.exit(f"snapshot {found.snapshot_id} came back, and not {snapshot}")
    shutil.rmtree(data)
    return found.recovery_seconds


def main(runs: int, megabytes: int) -> None:
    """Measure, and print the tables."""
    print("| what was lost | runs | commits that had answered | gone | over seconds |\n|---|---|---|---|---|")
    for what, spool_too in (("the server", False), (f"server and spool, parts every {PART_EVERY:g} s", True)):
        found = [lost(spool_too=spool_too) for _ in range(runs)]
        gone = [one[1] for one in found]
        seconds = [one[2] for one in found]
        print(
            f"| {what} | {runs} | {statistics.median(one[0] for one in found):g} "
            f"| {min(gone)} to {max(gone)} | {min(seconds):.2f} to {max(seconds):.2f} |"
        )
    print(f"\nRecovery to a snapshot, after {megabytes} MiB of the log, {os.cpu_count()} CPUs\n")
    print("| who | seconds | ratio |\n|---|---|---|")
    times = recovered(megabytes)
    for who, took in times.items():
        print(f"| {who} | {took:.1f} | {took / times['pgBackRest']:.2f} |")


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    main(*given, *(5, 512)[len(given) :])
