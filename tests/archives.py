"""Debian's PostgreSQL 15 with an archive that pgBackRest and Barman keep, for tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lake.builder import session

BIN = Path("/usr/lib/postgresql/15/bin")
STANZA = BARMAN = "lake"
FILES = ("DATA_INLINING_ROW_LIMIT 0",)
"""Options of ATTACH by which rows are in files."""

OWNER = "postgres" if os.geteuid() == 0 else ""
"""Who the server and its tools run as: it refuses to run as root."""


def as_owner(*command: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command as who owns the cluster."""
    user = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--init-groups"] if OWNER else []
    done = subprocess.run([*user, *map(str, command)], capture_output=True, text=True, check=False, cwd="/")
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


@contextmanager
def being_owner() -> Iterator[None]:
    """Be who owns the cluster for the time of a block, in this process."""
    if not OWNER:
        yield
        return
    owner, groups = pwd.getpwnam(OWNER), os.getgroups()
    os.initgroups(OWNER, owner.pw_gid)
    os.setresgid(owner.pw_gid, owner.pw_gid, 0)
    os.setresuid(owner.pw_uid, owner.pw_uid, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


class Cluster:
    """A cluster in a folder; its server listens on a socket there.

    Attributes:
        folder: The folder.
        data: PGDATA.
        port: The port's number, which names the socket.
    """

    def __init__(self, folder: Path, data: Path, port: int) -> None:
        self.folder, self.data, self.port = folder, data, port

    def string(self, database: str = "postgres") -> str:
        """The connection string of a database."""
        return f"dbname={database} host={self.folder} port={self.port} user=postgres"

    def start(self, *options: str) -> None:
        """Start the server, which ends its recovery or stands still in it."""
        given = f"-k {self.folder} -c listen_addresses= -c port={self.port} {' '.join(options)}"
        as_owner(
            BIN / "pg_ctl", "start", "-w", "-t", "30", "-s", "-D", self.data, "-l", f"{self.data}.log", "-o", given
        )

    def stop(self) -> None:
        """Stop it at once, as if its machine had died."""
        as_owner(BIN / "pg_ctl", "stop", "-s", "-m", "immediate", "-D", self.data, check=False)

    def psql(self, sql: str, database: str = "postgres") -> str:
        """Run a statement, and answer what it prints."""
        return as_owner(BIN / "psql", self.string(database), "-XqAtc", sql).stdout.strip()


class Archived(Cluster):
    """A cluster whose log goes to both tools, with a lake's catalog in the database ``postgres``.

    Attributes:
        truth: How many rows each snapshot of another lake of it showed when it was the newest.
        aborted: A transaction that was rolled back.
    """

    truth: dict[int, int]
    aborted: str

    @property
    def attach(self) -> str:
        """The lake's name."""
        return f"ducklake:postgres:{self.string()}"

    def commit(self, *statements: str) -> int:
        """Commit each, and answer the newest snapshot."""
        with session(self.attach, *FILES) as connection:
            for statement in statements:
                connection.execute(statement)
            [(head,)] = connection.execute("SELECT max(snapshot_id) FROM lake.snapshots()").fetchall()
        return int(head)

    def archive(self) -> None:
        """Have all that is in the log in both archives."""
        name = self.psql("SELECT pg_walfile_name(pg_switch_wal())")
        self.psql("CHECKPOINT")
        for _ in range(300):
            if self.psql(f"SELECT last_archived_wal >= '{name}' FROM pg_stat_archiver") == "t":
                break
            self.psql("SELECT pg_sleep(0.1)")
        else:
            raise AssertionError(self.psql("SELECT * FROM pg_stat_archiver"))
        as_owner("barman", "-c", self.folder / "barman.conf", "-q", "archive-wal", BARMAN)

    def pgbackrest(self, *arguments: str) -> str:
        """Run pgBackRest."""
        config = f"--config={self.folder}/pgbackrest.conf"
        return as_owner("pgbackrest", config, f"--stanza={STANZA}", *arguments).stdout

    def barman(self, *arguments: str) -> str:
        """Run Barman."""
        return as_owner("barman", "-c", self.folder / "barman.conf", *arguments).stdout


@contextmanager
def archived() -> Iterator[Archived]:
    """Run a cluster whose log is archived from its first transaction on; it has no base backup yet."""
    folder = Path(tempfile.mkdtemp(prefix="canvasback-pitr-"))
    for name in ("repo", "barman", "incoming", "log"):
        (folder / name).mkdir()
    cluster = Archived(folder, folder / "data", 5432)
    (folder / "pgbackrest.conf").write_text(
        f"[global]\nrepo1-path={folder}/repo\nlog-path={folder}/log\nlock-path={folder}/log\nlog-level-console=warn\n"
        f"start-fast=y\n[{STANZA}]\npg1-path={cluster.data}\npg1-socket-path={folder}\npg1-port={cluster.port}\n"
        "pg1-user=postgres\n"
    )
    (folder / "barman.conf").write_text(
        f"[barman]\nbarman_user={OWNER or os.environ.get('USER', 'nobody')}\nbarman_home={folder}/barman\n"
        f"log_file={folder}/log/barman.log\n[{BARMAN}]\ndescription=the catalog\nconninfo={cluster.string()}\n"
        f"streaming_conninfo={cluster.string()}\nbackup_method=postgres\narchiver=on\npath_prefix={BIN}\n"
        f"incoming_wals_directory={folder}/incoming\n"
    )
    if OWNER:
        shutil.chown(folder, OWNER, OWNER)
        for path in folder.rglob("*"):
            shutil.chown(path, OWNER, OWNER)
    try:
        as_owner(BIN / "initdb", "-D", cluster.data, "-U", "postgres", "-A", "trust", "--no-sync", "-k")
        push = f"pgbackrest --config={folder}/pgbackrest.conf --stanza={STANZA} archive-push %p"
        settings = {
            "archive_mode": "on",
            "archive_command": f"{push} && cp %p {folder}/incoming/%f.new && mv {folder}/incoming/%f.new "
            f"{folder}/incoming/%f",
            "wal_level": "replica",
            "max_wal_senders": "5",
            "fsync": "off",
            "shared_buffers": "16MB",
        }
        with (cluster.data / "postgresql.conf").open("a") as written:
            written.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        cluster.start()
        cluster.pgbackrest("stanza-create")
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
