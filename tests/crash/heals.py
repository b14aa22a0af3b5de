"""Scenarios of a heal: killed anywhere, it loses nothing that was there, and the next run ends as if it was the first.

The lake lacks a file that only a replica has, in 0.3 one that was merged of others that are still there, and one that
nobody has; another is damaged, of which the repository has a copy, and so is its catalog, twice.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, Any

import duckdb

import canvasback
from canvasback.catalog.engines.duckdb.engine import DuckDBEngine
from canvasback.transfer import safety_point as safety
from tests.crash.driver import RANDOM, STAGED, Problems, Scenario, content_of, in_child
from tests.extension import DUCKLAKE
from tests.lake.builder import session
from tests.lake.values import literal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crash.killer import Killer

SAVED = [
    "CREATE TABLE lake.cut AS SELECT i FROM range(20) r(i)",
]
SINCE = [
    "CREATE TABLE lake.replicated AS SELECT i FROM range(7) r(i)",
    "CREATE TABLE lake.lost AS SELECT i FROM range(5) r(i)",
    "CREATE TABLE lake.merged (i INTEGER)",
    "INSERT INTO lake.merged SELECT i FROM range(10) r(i)",
    "INSERT INTO lake.merged SELECT i FROM range(10, 20) r(i)",
    "CALL ducklake_merge_adjacent_files('lake')",
]
MERGED_AGAIN = DUCKLAKE == "0.3"
"""Whether the catalog tells of a merged file what it was merged of, so that it can be written anew."""
HEAD = len(SAVED) + len(SINCE)
TABLES = {"cut": 1, "replicated": 2, "merged": 4}
"""The tables that are whole in the end, and since when they are there."""

SAME = ("after create ", "after write ", "after utime ", "after fsync ")
"""Steps after which there is nothing else than a file that is not in its place yet, as in the middle of it."""


class Heal(Scenario):
    """A heal of a lake in DuckDB, with all that it can do."""

    def attach(self) -> str:
        """The lake."""
        return f"ducklake:{self.catalog}"

    def prepare(self) -> None:
        """Write the lake, a repository and a replica, once, and damage it."""

        def build() -> Any:
            self.lake.mkdir(parents=True)
            self.write(SAVED)
            canvasback.init(self.attach(), str(self.repo))
            canvasback.backup(self.attach(), str(self.repo))
            self.write(SINCE)
            shutil.copytree(self.lake / "data", self.work / "replica")
            truth = self.look()
            self.damage()
            shutil.copytree(self.lake, self.base / "lake")
            shutil.copytree(self.repo, self.base / "repo")
            return truth

        self.seen = in_child(build)

    def write(self, statements: list[str]) -> None:
        """Commit each statement."""
        options = (f"DATA_PATH {literal(f'{self.lake}/data/')}", "DATA_INLINING_ROW_LIMIT 0")
        with session(self.attach(), *options) as connection:
            for statement in statements:
                connection.execute(statement)

    def look(self) -> dict[str, list[str]]:
        """What the extension shows of the tables, of each snapshot that has them."""
        found = {}
        with session(self.attach(), "READ_ONLY") as connection:
            for table, since in TABLES.items():
                for at in {since + 1, HEAD - 1, HEAD}:
                    query = f"SELECT (rowid, {table})::VARCHAR FROM lake.{table} AT (VERSION => {at}) ORDER BY 1"
                    found[f"{table} at {at}"] = [row for (row,) in connection.execute(query).fetchall()]
        return found

    def files(self, table: str) -> list[Path]:
        """Its files, oldest first."""
        return sorted((self.lake / "data" / "main" / table).glob("*.parquet"))

    def damage(self) -> None:
        """See above."""
        [cut], [copied], [lost] = map(self.files, ("cut", "replicated", "lost"))
        *_, merged = self.files("merged")
        cut.write_bytes(cut.read_bytes()[:100])
        copied.unlink()
        for path in (lost, merged) if MERGED_AGAIN else (lost,):
            path.unlink()
            for copy in (self.work / "replica").rglob(path.name):
                copy.unlink()
        with duckdb.connect(str(self.catalog)) as connection:
            connection.execute("DELETE FROM ducklake_snapshot_changes WHERE snapshot_id = 2")
            connection.execute("UPDATE ducklake_data_file SET footer_size = 7 WHERE data_file_id = 0")

    def reset(self) -> None:
        """The damaged lake."""
        for folder in (self.lake, self.repo):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.base / folder.name, folder)

    def spare(self, killer: Killer) -> None:
        """The scenarios of backup have the steps of the safety point, those of rewind the ones of a transaction."""
        safety.back_up = killer.spares(safety.back_up)  # type: ignore[attr-defined]
        DuckDBEngine.change = killer.spares(DuckDBEngine.change)  # type: ignore[method-assign]
        if self.every > 1:
            step = killer.step

            def choose(label: str) -> None:
                if not label.startswith(SAME):
                    step(label)

            killer.step = choose  # type: ignore[method-assign]

    def operate(self) -> None:
        """Heal it."""
        result = canvasback.heal(
            self.attach(), str(self.repo), source=str(self.work / "replica"), accept_loss=True, jobs=1
        )
        if any(finding.severity != "info" for finding in result.findings):
            message = f"heal found {result.findings}"
            raise AssertionError(message)

    def watched(self) -> Path:
        """The lake."""
        return self.lake

    def state(self) -> str:
        """Names and contents of all files, random names and times aside, and how many points there are."""
        hasher = hashlib.md5()
        for path in sorted(self.lake.rglob("*.*")):
            content = "" if STAGED in path.name else content_of(path)  # nobody ever reads one
            hasher.update(RANDOM.sub("*", str(path)).encode() + content.encode())
        return f"{hasher.hexdigest()} {len(list(self.repo.glob('points/*')))}"

    def examine(self, number: int) -> Problems:
        """Nothing that was there is lost, and the next run makes the lake whole, with one commit in all."""
        problems = self._lost("the kill")
        self.operate()
        problems += self._lost("the next run")
        if self.look() != self.seen:
            problems.append("a table shows something else")
        with session(self.attach(), "READ_ONLY") as connection:
            shown = connection.execute(
                "SELECT max(snapshot_id), (SELECT count(i) FROM lake.lost) FROM lake.snapshots()"
            ).fetchall()
        if shown != [(HEAD + 1, 0)]:
            problems.append(f"head and rows of the lost table are {shown}")
        checked = canvasback.check(self.attach(), level="rows")
        if checked.finding_counts.keys() - {"moved-aside", "file-under-way"} or checked.accepted != 1:
            problems.append(f"a check finds {checked.findings}")
        return problems

    def _lost(self, after: str) -> Problems:
        """Files of the base state whose content is nowhere any more."""
        left = {content_of(path) for path in self.lake.rglob("*.parquet*")}
        lost = [path for path in (self.base / "lake").rglob("*.parquet*") if content_of(path) not in left]
        return [f"{after} lost {path.name}" for path in lost]


HEALS: dict[str, type[Scenario]] = {"heal": Heal}
