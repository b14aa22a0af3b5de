"""A lake whose catalog is in a cluster of its own, written by two writers, and archived: for tests of recoveries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import duckdb

import canvasback
from canvasback.model.wal import Lsn
from tests.clusters import Cluster, bindir, give
from tests.lake.builder import Contents, connect, contents, session

Truths = dict[int, Contents]


class PitrLake:
    """The lake.

    Attributes:
        cluster: Its server's cluster.
        repository: Its repository.
        folder: Where it is; below it are the data path, the repository and the spool.
        truths: What each snapshot's lake was, with row ids, as the real extension read it then.
    """

    def __init__(self, folder: Path, cluster: Cluster, repository: str = "") -> None:
        self.folder = folder
        self.repository = repository or f"{folder}/repository"
        self.cluster = cluster
        self.truths: Truths = {}
        cluster.psql("CREATE DATABASE lake")
        with session(self.attach, f"DATA_PATH '{self.data}'"):
            pass
        canvasback.init(self.attach, self.repository)

    @property
    def attach(self) -> str:
        """The lake's name."""
        return f"ducklake:postgres:{self.cluster.conninfo()}"

    @property
    def data(self) -> str:
        """Its data path."""
        return f"{self.folder}/files/"

    @property
    def bindir(self) -> str:
        """PostgreSQL's programs."""
        return str(bindir(self.cluster.version))

    def commit(self, *statements: str) -> int:
        """Commit each statement; note what the lake is then, and answer its newest snapshot."""
        with session(self.attach) as connection:
            for statement in statements:
                connection.execute(statement)
            return self._note(connection)

    def write(self, rounds: int) -> None:
        """Let two writers commit in turn: inserts, deletes; files are merged, expired and removed meanwhile."""
        connections = [connect(), connect()]
        try:
            for number, connection in enumerate(connections):
                connection.execute(f"ATTACH '{self.attach}' AS lake{number}")
                connection.execute(f"CREATE TABLE lake{number}.t{number} (i INTEGER, s VARCHAR)")
            for turn in range(rounds):
                for number, connection in enumerate(connections):
                    table = f"lake{number}.t{number}"
                    if turn % 4 == 3:
                        connection.execute(f"DELETE FROM {table} WHERE i % 7 = {turn % 7}")
                    else:
                        last = turn * 100 + (3 if turn % 2 else 40)
                        connection.execute(
                            f"INSERT INTO {table} SELECT i, 'r' || i FROM range({turn * 100}, {last}) r(i)"
                        )
                    with session(self.attach) as reader:
                        self._note(reader)
                if turn % 4 == 2:
                    self.maintain()
        finally:
            for number, connection in enumerate(connections):
                connection.execute(f"DETACH DATABASE IF EXISTS lake{number}")
                connection.close()

    def maintain(self) -> None:
        """Save what there is, then merge, expire and clean up, as an operator's job would."""
        canvasback.backup(self.attach, self.repository)
        self.commit("CALL ducklake_merge_adjacent_files('lake')")
        with session(self.attach) as connection:
            connection.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
            connection.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")

    def _note(self, connection: duckdb.DuckDBPyConnection) -> int:
        [(head,)] = connection.execute("SELECT max(snapshot_id) FROM lake.snapshots()").fetchall()
        self.truths[head] = contents(connection)
        return int(head)


class Running:
    """`pitr run` in a thread.

    Attributes:
        events: What it told.
        error: What ended it, if not us.
    """

    def __init__(self, lake: PitrLake, **options: object) -> None:
        self.events: list[canvasback.PitrEvent] = []
        self.error: BaseException | None = None
        self._stop = threading.Event()
        settings: dict[str, object] = {"every": 0.05, "part_every": 0.2, "bindir": lake.bindir} | options
        self._events = canvasback.pitr_run(
            lake.attach,
            lake.repository,
            spool=f"{lake.folder}/spool",
            stop=self._stop,
            **settings,  # type: ignore[arg-type]
        )
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            for event in self._events:
                self.events.append(event)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def wait(self, what: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until something is so."""
        waited = threading.Event()
        for _ in range(int(seconds / 0.05)):
            if what():
                return
            if self.error is not None:
                raise self.error
            waited.wait(0.05)
        raise AssertionError(self.events)

    def wait_for_base(self, count: int = 1) -> None:
        """Wait until so many base backups were made."""
        self.wait(lambda: len(self.told(canvasback.BaseMade)) >= count)

    def wait_for_snapshot(self, snapshot: int, cluster: Cluster) -> None:
        """Wait until the repository has a commit, and the log behind it."""
        behind = Lsn.parse(cluster.psql("SELECT pg_switch_wal()"))
        self.wait(
            lambda: any(
                (one.snapshot_id or 0) >= snapshot and Lsn.parse(one.position) >= behind
                for one in self.told(canvasback.LogArchived)
            )
        )

    def told(self, kind: type) -> list:  # type: ignore[type-arg]
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


@contextmanager
def pitr_lake(folder: Path, version: int, *settings: str, repository: str = "") -> Iterator[PitrLake]:
    """A running server with a lake for the time of a block."""
    cluster = Cluster(folder, version)
    cluster.start(*settings)
    lake = None
    try:
        lake = PitrLake(folder, cluster, repository)
        yield lake
    finally:
        (lake.cluster if lake is not None else cluster).stop()


def restored(lake: PitrLake, folder: str, name: str = "recovered") -> Cluster:
    """The server of a cluster that came back."""
    made = Cluster(lake.folder, lake.cluster.version, name=name)
    assert str(made.data) == folder
    give(made.data)
    made.start()
    return made
