"""Scenarios of a rewind: killed anywhere, it leaves the lake as it was or as asked, and the next run ends as asked.

The lake has tables of every trap: files that were merged of commits before and after the snapshot, inlined rows, a
table that came and one that went, changed columns, deletes of both sides.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import canvasback
from canvasback.transfer import safety_point as safety
from tests.crash.driver import RANDOM, Problems, Scenario, content_of, dump, in_child
from tests.lake.builder import contents, read, session
from tests.lake.values import files_named_by, literal
from tests.postgres import Server

if TYPE_CHECKING:
    from tests.crash.killer import Killer
    from tests.lake.builder import Contents

KEPT = [
    "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
    "CREATE TABLE lake.few (x INTEGER)",
    "CREATE TABLE lake.gone AS SELECT i FROM range(30) r(i)",
    *(f"INSERT INTO lake.t SELECT i, 'v' || i FROM range({k}, {k + 10}) r(i)" for k in (0, 10, 20)),
    "INSERT INTO lake.few VALUES (1), (2)",
    "DELETE FROM lake.t WHERE i IN (3, 4)",
]
UNDONE = [
    "INSERT INTO lake.t SELECT i, 'v' || i FROM range(30, 40) r(i)",
    "INSERT INTO lake.few VALUES (3)",
    "DELETE FROM lake.few WHERE x = 1",
    "INSERT INTO lake.t SELECT i, 'v' || i FROM range(40, 50) r(i)",
    "INSERT INTO lake.t SELECT i, 'v' || i FROM range(50, 60) r(i)",
    "DELETE FROM lake.t WHERE i IN (5, 55)",
    "CREATE TABLE lake.bad AS SELECT 1 AS a",
    "DROP TABLE lake.gone",
    "INSERT INTO lake.bad VALUES (7)",
    "ALTER TABLE lake.t ADD COLUMN more INTEGER",
]
MERGE = "CALL ducklake_merge_adjacent_files('lake')"
GOES_ON = [
    *(f"INSERT INTO lake.t SELECT i, 'new ' || i FROM range({k}, {k + 5}) r(i)" for k in range(1000, 1050, 5)),
    "INSERT INTO lake.few VALUES (100)",
    MERGE,
    "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)",
]
TO = len(KEPT)


class Rewind(Scenario):
    """A rewind of a lake in DuckDB, with a file to be cut and a safety point."""

    def attach(self) -> str:
        """The lake."""
        return f"ducklake:{self.catalog}"

    def execute(self, *statements: str) -> dict[str, Contents]:
        """Commit each statement; what the lake showed after each, by snapshot."""
        seen: dict[str, Contents] = {}
        for statement in statements:
            with session(self.attach(), f"DATA_PATH {literal(f'{self.lake}/data/')}", *self.options()) as connection:
                connection.execute(statement)
                [(head,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
                seen[str(head)] = contents(connection)
        return seen

    def go_on(self) -> None:
        """Commit more, whatever it shows meanwhile."""
        with session(self.attach(), f"DATA_PATH {literal(f'{self.lake}/data/')}", *self.options()) as connection:
            for statement in GOES_ON:
                connection.execute(statement)

    def options(self) -> list[str]:
        """How all statements attach the lake."""
        return ["DATA_INLINING_ROW_LIMIT 4"]

    def prepare(self) -> None:
        """Write the lake and a repository, once; the file that merged commits of both sides has to be cut."""

        def build() -> dict[str, Any]:
            self.create()
            truth = self.execute(*KEPT, *UNDONE, MERGE)
            canvasback.init(self.attach(), str(self.repo))
            self.keep()
            return {"truth": truth, "catalog": self.dump_catalog()}

        built = in_child(build)
        self.commits: dict[str, Contents] = built["truth"]
        self.whole = built["catalog"]

    def create(self) -> None:
        """Make room for the lake."""
        self.lake.mkdir(parents=True)

    def keep(self) -> None:
        """Keep the base state."""
        shutil.copytree(self.lake, self.base / "lake")
        shutil.copytree(self.repo, self.base / "repo")

    def reset(self) -> None:
        """The lake with all its commits."""
        for folder in (self.lake, self.repo):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.base / folder.name, folder)

    def spare(self, killer: Killer) -> None:
        """The scenarios of backup have the steps of the safety point."""
        safety.back_up = killer.spares(safety.back_up)  # type: ignore[attr-defined]

    def operate(self) -> None:
        """Go back."""
        result = canvasback.rewind(self.attach(), to_snapshot=TO, repository=str(self.repo), jobs=1)
        if result.findings or (result.commits and result.cut_files != 1):
            message = f"rewind found {result.findings} and cut {result.cut_files} files"
            raise AssertionError(message)

    def watched(self) -> Path:
        """The lake."""
        return self.lake

    def state(self) -> str:
        """All of the lake but random names; of the repository, which has its own scenarios, the points."""
        hasher = hashlib.md5()
        for path in sorted(self.lake.rglob("*.*")):
            hasher.update(RANDOM.sub("*", str(path)).encode() + content_of(path).encode())
        return f"{hasher.hexdigest()} {len(list(self.repo.glob('points/*')))}"

    def dump_catalog(self) -> Any:
        """All rows and definitions of the catalog."""
        return dump(self.catalog)["tables"]

    def examine(self, number: int) -> Problems:
        """As it was or as asked; as asked after the next run, with whatever is done next."""
        problems = self._either("after the kill")
        self.operate()
        problems += self._as_asked("after the next run")
        if canvasback.verify(str(self.repo), all_points=True, level="checksum").findings:
            problems.append("the repository is damaged")
        if number <= 2:  # the others are the same by now
            self.go_on()
            problems += self._as_asked("after more commits", head=False)
            problems += self._files()
        return problems

    def _either(self, when: str) -> Problems:
        if self._head() == TO:
            return self._as_asked(when)
        return [] if self.dump_catalog() == self.whole else [f"{when} the catalog is neither as it was nor as asked"]

    def _head(self) -> int:
        with session(self.attach(), "READ_ONLY") as connection:
            [(head,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
        return int(head)

    def _as_asked(self, when: str, *, head: bool = True) -> Problems:
        """The snapshot and all before it show what they did, and the safety point what was undone."""
        problems: Problems = []
        if head and self._head() != TO:
            problems.append(f"{when} the head is {self._head()}")
        for at in (TO - 3, TO - 1, TO):
            if read(self.attach(), f"SNAPSHOT_VERSION {at}") != self.commits[str(at)]:
                problems.append(f"{when} snapshot {at} shows something else")
        if head and read(self.attach()) != self.commits[str(TO)]:
            problems.append(f"{when} the head shows something else")
        out = self.work / "look.ducklake"
        out.unlink(missing_ok=True)
        looked = canvasback.attach(str(self.repo), at_snapshot=TO + len(UNDONE), out=str(out))
        if read(f"ducklake:{looked.file}") != self.commits[str(TO + len(UNDONE))]:
            problems.append(f"{when} the safety point shows something else")
        return problems

    def _files(self) -> Problems:
        """DuckLake's cleanup leaves what the catalog names, and nothing else."""
        there = {str(path.relative_to(self.lake / "data")) for path in self.lake.rglob("*.parquet")}
        named = files_named_by(self.catalog)
        return [] if there == named else [f"after cleanup there are {there ^ named} too many or too few"]


class RewindInSqlite(Rewind):
    """The same in SQLite."""

    def attach(self) -> str:
        """The lake."""
        return f"ducklake:sqlite:{self.lake}/main.db"

    def dump_catalog(self) -> Any:
        """All rows and definitions of the catalog."""
        with closing(sqlite3.connect(self.lake / "main.db")) as database:
            return sorted(database.iterdump())

    def _files(self) -> Problems:
        return []  # paths are the same in every engine


class RewindInPostgres(Rewind):
    """The same in PostgreSQL: the server outlives its client, and rolls back."""

    def __init__(self, request: dict[str, Any], worker: int) -> None:
        super().__init__(request, worker)
        self.server = Server(Path(request["postgres"]))
        self.database = f"rewound_{worker}"

    def attach(self) -> str:
        """The lake."""
        return f"ducklake:postgres:{self.server.string(self.database)}"

    def create(self) -> None:
        """Make a database for it, too."""
        super().create()
        self.server.psql("postgres", f"CREATE DATABASE {self.database}")

    def keep(self) -> None:
        """Keep a copy of the database."""
        super().keep()
        self.server.psql("postgres", f"CREATE DATABASE {self.database}_base TEMPLATE {self.database}")

    def reset(self) -> None:
        """The database too."""
        super().reset()
        self.server.psql("postgres", f"DROP DATABASE {self.database} WITH (FORCE)")
        self.server.psql("postgres", f"CREATE DATABASE {self.database} TEMPLATE {self.database}_base")

    def state(self) -> str:
        """The database too."""
        self._wait()
        return super().state() + hashlib.md5("\n".join(self.dump_catalog()).encode()).hexdigest()

    def dump_catalog(self) -> Any:
        """All rows and definitions of the catalog."""
        return self.server.dump(self.database).splitlines()

    def _files(self) -> Problems:
        return []  # paths are the same in every engine

    def _wait(self) -> None:
        """Until the server has seen that its client is dead."""
        asked = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.database}'"
        while self.server.psql("postgres", asked).strip() != "0":
            pass


REWINDS: dict[str, type[Scenario]] = {
    "rewind": Rewind,
    "rewind-sqlite": RewindInSqlite,
    "rewind-postgres": RewindInPostgres,
}
