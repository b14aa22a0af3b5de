"""How fast PostgreSQL's log is archived and given back, next to `zstd -1` and pgBackRest.

    python -m bench.wal [SEGMENTS]

Prints a Markdown table. The segments are of a real PostgreSQL 15 (Debian's) that pgbench writes to, 16 MiB each; 24 if
not given. What is next to pgBackRest is the best of three, in turn, of both. Needs root, or the user postgres, and
Debian's `postgresql-15`, `pgbackrest` and `zstd`.
"""

from __future__ import annotations

import filecmp
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from canvasback.model.clock import now
from canvasback.postgres.new_cluster import account_for
from canvasback.postgres.receiver import Spool
from canvasback.postgres.wal_feed import WalFeed
from canvasback.repository.archived_log import ArchivedLog
from canvasback.storage.local.store import LocalStore
from canvasback.verbs.pitr_run.moving import Moving
from tests.clusters import Cluster, as_user, give, open_folder

SIZE = 16 << 20
TURNS = 3
PUSH = "from canvasback.cli.archiving import push; push()"

Measured = Callable[[Cluster, list[Path], Path], tuple[float, float]]


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


class Server:
    """Starts commands as a server starts its own: by a small process, in the cluster's folder, by ``sh -c``.

    Use as a context manager.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._place = cluster.data / "pg_wal" / "RECOVERYXLOG"
        here, there = socket.socketpair()
        self._talk = here.makefile("rw")
        self._shell = subprocess.Popen([*as_user(), "sh"], stdin=there, stdout=there, cwd=cluster.data)
        here.close()
        there.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End it."""
        self._talk.close()
        self._shell.wait()

    def run(self, command: str) -> None:
        """Run a command, which has to succeed."""
        self._talk.write(f"sh -c {shlex.quote(command)} </dev/null >&2; echo $?\n")
        self._talk.flush()
        if self._talk.readline() != "0\n":
            sys.exit(f"{command} failed")

    def restore(self, command: str, segments: list[Path], got: Path) -> None:
        """Run a restore_command for every segment, and keep each by its name, as a server does."""
        for segment in segments:
            self.run(command.replace("%f", segment.name).replace("%p", f"pg_wal/{self._place.name}").replace("%%", "%"))
            self._place.rename(got / segment.name)


def pgbackrest(cluster: Cluster, segments: list[Path], folder: Path) -> tuple[float, float]:
    """Seconds in which pgBackRest archives all segments, and gives them back; asynchronously, zst, two processes."""
    for name in ("pgbackrest", "spool", "log"):
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
    tool = f"pgbackrest --config={config} --stanza=b"
    with Server(cluster) as server:
        server.run(f"{tool} --no-online stanza-create")

        def push() -> None:
            for segment in segments:
                server.run(f"{tool} archive-push pg_wal/{segment.name}")

        stored = settled(push)
        return stored, given_back(server, f"{tool} archive-get %f %p", segments, folder)


def ours(cluster: Cluster, segments: list[Path], folder: Path) -> tuple[float, float]:
    """Seconds in which we archive what is in a spool, and give it back to a restore_command."""
    for name in ("ours", "stream", "feed"):
        (folder / name).mkdir()
    for segment in segments:
        shutil.copy(segment, folder / "stream" / segment.name)
    log = ArchivedLog(LocalStore(f"{folder}/ours/"), cluster.system)
    moving = Moving(Spool(f"{folder}/stream"), log, SIZE)
    stored = settled(lambda: moving.move(now()))
    account = account_for(str(cluster.data))
    feed = WalFeed(f"{folder}/feed", log.get, SIZE, str(cluster.data), account)
    with feed, Server(cluster) as server:
        return stored, given_back(server, feed.command, segments, folder)


def settled(work: Callable[[], object]) -> float:
    """How many seconds something takes when nothing that was written before is still on its way to the disk."""
    os.sync()
    return timed(work)


def given_back(server: Server, command: str, segments: list[Path], folder: Path) -> float:
    """Seconds in which a restore_command gives all segments; what it gives is compared with what there was."""
    got = folder / "got"
    got.mkdir()
    give(got)
    seconds = settled(lambda: server.restore(command, segments, got))
    for segment in segments:
        if not filecmp.cmp(segment, got / segment.name, shallow=False):
            sys.exit(f"{command} gave another {segment.name}")
    return seconds


def main(count: int) -> None:
    """Measure, and print the table."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its bytecode
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
        times: dict[Measured, list[tuple[float, float]]] = {ours: [], pgbackrest: []}
        for turn in range(TURNS):
            for measured, found in times.items():
                place = folder / f"{measured.__name__}-{turn}"
                place.mkdir()
                found.append(measured(cluster, segments, place))
                shutil.rmtree(place)
    our_push, our_get = map(min, zip(*times[ours], strict=True))
    their_push, their_get = map(min, zip(*times[pgbackrest], strict=True))
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
