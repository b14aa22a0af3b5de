"""How fast PostgreSQL's log is archived and given back, next to `zstd -1` and pgBackRest.

    python -m bench.wal [SEGMENTS]

Prints a Markdown table. The segments are of a real PostgreSQL 15 (Debian's) that pgbench writes to, 16 MiB each; 24 if
not given. Needs root, or the user postgres, and Debian's `postgresql-15`, `pgbackrest` and `zstd`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from canvasback.model.clock import now
from canvasback.postgres.receiver import Spool
from canvasback.postgres.wal_feed import WalFeed
from canvasback.repository.archived_log import ArchivedLog
from canvasback.storage.local.store import LocalStore
from canvasback.verbs.pitr_run.moving import Moving
from tests.clusters import Cluster, as_user, give, open_folder

SIZE = 16 << 20
PUSH = "from canvasback.cli.archiving import push; push()"


def timed(work: Callable[[], object]) -> float:
    """How many seconds it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def run(*command: object, env: dict[str, str] | None = None) -> None:
    """Run a program, which has to succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        sys.exit(f"{command}: {done.stderr}{done.stdout}")


def started() -> tuple[float, float]:
    """The start of a push next to that of a bare Python, in milliseconds: the best of 40, in turn."""
    load = (
        "from canvasback.cli.archiving import _load_zstandard_alone as load; load(); "
        "import canvasback.repository.wal_object"
    )
    found: dict[str, list[float]] = {"pass": [], load: []}
    for _ in range(40):
        for code, times in found.items():
            times.append(timed(lambda code=code: run(sys.executable, "-c", code)))  # type: ignore[misc]
    return min(found[load]) * 1000, min(found["pass"]) * 1000


def pushed(segments: list[Path], folder: Path, system: int) -> tuple[float, float]:
    """Seconds for one segment, as a process each: our push, and `zstd -1` with a copy and fsync; the best, in turn."""
    (folder / "one").mkdir()
    (folder / "one" / "canvasback.json").write_text("{}")
    ours, theirs = [], []
    for number, segment in enumerate(segments):
        arguments = (sys.executable, "-c", PUSH, "-r", folder / "one", "--system", system, segment)
        ours.append(timed(lambda a=arguments: run(*a)))  # type: ignore[misc]
        copy = f"zstd -q -1 {segment} -o {folder}/z{number} && cp {folder}/z{number} {folder}/c{number} && "
        theirs.append(timed(lambda c=copy, n=number: run("sh", "-c", f"{c} sync {folder}/c{n}")))  # type: ignore[misc]
    return min(ours), min(theirs)


def pgbackrest(cluster: Cluster, segments: list[Path], folder: Path) -> tuple[float, float]:
    """Seconds in which pgBackRest archives all segments, and gives them back; asynchronously, zst, two processes."""
    for name in ("pgbackrest", "spool", "log", "got"):
        (folder / name).mkdir()
    give(folder)
    config = folder / "pgbackrest.conf"
    config.write_text(
        f"[global]\nrepo1-path={folder}/pgbackrest\nspool-path={folder}/spool\nlog-path={folder}/log\n"
        f"lock-path={folder}/log\narchive-async=y\ncompress-type=zst\ncompress-level=1\nprocess-max=2\n"
        f"archive-get-queue-max=1GiB\n[b]\npg1-path={cluster.data}\npg1-socket-path={cluster.socket}\n"
        "pg1-user=postgres\n"
    )
    ready = cluster.data / "pg_wal" / "archive_status"
    for segment in segments:  # so PostgreSQL tells which segments there are to archive
        (ready / f"{segment.name}.ready").touch()
    give(ready)
    tool = [*as_user(), "pgbackrest", f"--config={config}", "--stanza=b"]
    run(*tool, "--no-online", "stanza-create")

    def push() -> None:
        for segment in segments:
            run(*tool, "archive-push", segment)

    def get() -> None:
        for segment in segments:
            run(*tool, "archive-get", segment.name, folder / "got" / segment.name)

    return timed(push), timed(get)


def ours(segments: list[Path], folder: Path, system: int) -> tuple[float, float]:
    """Seconds in which we archive what is in a spool, and give it back to a restore_command."""
    (folder / "ours").mkdir()
    (folder / "stream").mkdir()
    (folder / "feed").mkdir()
    for segment in segments:
        shutil.copy(segment, folder / "stream" / segment.name)
    log = ArchivedLog(LocalStore(f"{folder}/ours/"), system)
    moving = Moving(Spool(f"{folder}/stream"), log, SIZE)
    stored = timed(lambda: moving.move(now()))
    with WalFeed(f"{folder}/feed", log.get, SIZE, None) as feed:

        def get() -> None:
            for segment in segments:
                target = folder / "back"
                run("sh", "-c", feed.command.replace("%f", segment.name).replace("%p", str(target)))

        return stored, timed(get)


def main(count: int) -> None:
    """Measure, and print the table."""
    with open_folder() as folder:
        cluster = Cluster(folder, 15, segment_mb=16)
        cluster.start("wal_keep_size=64GB", "max_wal_size=64GB")
        wal = cluster.data / "pg_wal"

        def finished() -> list[Path]:
            return sorted(path for path in wal.iterdir() if len(path.name) == 24)[:-2]

        while len(finished()) < count:
            cluster.run("pgbench", "-i", "-q", "-s", "10", "-h", str(cluster.socket), "-U", "postgres", "postgres")
            cluster.run("pgbench", "-n", "-T", "3", "-h", str(cluster.socket), "-U", "postgres", "postgres")
        segments = finished()[:count]
        system = cluster.system
        cluster.stop()
        start, bare = started()
        push, plain = pushed(segments[:12], folder, system)
        their_push, their_get = pgbackrest(cluster, segments, folder)
        our_push, our_get = ours(segments, folder, system)
    print(f"{count} segments of 16 MiB, {os.cpu_count()} CPUs\n")
    print("| what | ours | peer | ratio |\n|---|---|---|---|")
    for what, mine, theirs, unit in (
        ("start of a push; a bare Python", start, bare, "ms"),
        ("one segment pushed; zstd -1, cp and fsync", push * 1000, plain * 1000, "ms"),
        ("the same without the starts", push * 1000 - start, plain * 1000, "ms"),
        ("all archived; pgBackRest archive-push, asynchronous", our_push, their_push, "s"),
        ("all given back; pgBackRest archive-get, asynchronous", our_get, their_get, "s"),
        ("both", our_push + our_get, their_push + their_get, "s"),
    ):
        print(f"| {what} | {mine:.2f} {unit} | {theirs:.2f} {unit} | {mine / theirs:.2f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
