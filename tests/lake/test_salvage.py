"""Lakes whose catalog is older than their files, or gone: what the files tell comes back."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import canvasback
from canvasback.model.results.salvage import SalvageResult
from canvasback.verbs.salvage.verb import salvage
from tests.lake.builder import Contents, Lake, contents, read, session
from tests.lake.values import literal

HISTORY = (
    "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
    "INSERT INTO lake.t SELECT i, 'v' || i FROM range(20) r(i)",
    "INSERT INTO lake.t SELECT i, 'v' || i FROM range(20, 40) r(i)",
    "DELETE FROM lake.t WHERE i % 7 = 1",
    "DELETE FROM lake.t WHERE i IN (2, 23)",
    "UPDATE lake.t SET s = 'new ' || i WHERE i % 5 = 0",
    "CREATE TABLE lake.u AS SELECT i AS a, i / 3 AS b, [i] AS l, {'x': i, 'y': 'z'} AS st FROM range(9) r(i)",
    "ALTER TABLE lake.t ADD COLUMN more DOUBLE",
    "INSERT INTO lake.t SELECT i, 'w', i / 4 FROM range(40, 55) r(i)",
    "ALTER TABLE lake.t RENAME COLUMN s TO name",
    "INSERT INTO lake.t SELECT i, 'renamed', 0.5 FROM range(55, 60) r(i)",
    "ALTER TABLE lake.t ALTER i SET DATA TYPE BIGINT",
    "INSERT INTO lake.t VALUES (5000000000, 'big', 1)",
    "UPDATE lake.u SET b = b + 1",
    "CREATE TABLE lake.p (k VARCHAR, n INTEGER)",
    "ALTER TABLE lake.p SET PARTITIONED BY (k)",
    "INSERT INTO lake.p SELECT 'k ' || (i % 2), i FROM range(10) r(i)",
    "DELETE FROM lake.p WHERE n = 3",
    "INSERT INTO lake.p SELECT 'k 1', i FROM range(10, 16) r(i)",
    "CALL ducklake_merge_adjacent_files('lake')",
    "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)",
    "DELETE FROM lake.t WHERE i BETWEEN 30 AND 33",
    "ALTER TABLE lake.t DROP COLUMN more",
    "INSERT INTO lake.t VALUES (7, 'last')",
)


@dataclass
class Story:
    """A lake, and its catalog and its truth after each commit."""

    folder: Path
    catalogs: list[Path] = field(default_factory=list)
    truths: list[Contents] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """Where its files are."""
        return self.folder / "data"

    def write(self, statements: tuple[str, ...], inlined: int = 0) -> None:
        """Commit each statement."""
        attach = f"ducklake:{self.folder}/main.ducklake"
        for number, statement in enumerate(statements):
            options = (f"DATA_PATH {literal(f'{self.data}/')}", f"DATA_INLINING_ROW_LIMIT {inlined}")
            with session(attach, *options) as connection:
                connection.execute(statement)
                self.truths.append(contents(connection))
            self.catalogs.append(self.folder / f"{number}.ducklake")
            shutil.copy(self.folder / "main.ducklake", self.catalogs[-1])

    def stale(self, number: int) -> str:
        """The lake with the catalog of then."""
        path = self.folder / f"stale-{number}.ducklake"
        shutil.copy(self.catalogs[number], path)
        return f"ducklake:{path}"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A lake of all kinds of commits."""
    made = Story(tmp_path_factory.mktemp("story"))
    made.write(HISTORY)
    return made


@pytest.mark.parametrize("number", range(len(HISTORY)))
def test_each_older_catalog_gets_the_rest_of_the_history(story: Story, number: int) -> None:
    attach = story.stale(number)

    result = salvage(attach)

    assert told(read(attach), result) == told(story.truths[-1], result)


def test_what_was_moved_aside_is_of_no_commit(tmp_path: Path) -> None:
    """A damaged file may be readable: its rows came back with the whole one that took its place."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        "CREATE TABLE lake.t AS SELECT i, 'v' || i AS s FROM range(20) r(i)",
        "INSERT INTO lake.t SELECT i, 'v' || i FROM range(20, 35) r(i)",
    )
    lake.backup()
    truth = lake.read()
    first, second = lake.files()
    shutil.copyfile(second, first)
    assert canvasback.heal(lake.attach, lake.repository).healed_files == 1
    [aside] = lake.data.rglob("*.damaged-*")

    result = salvage(lake.attach)

    assert (result.commits, lake.read()) == ((), truth)
    lost = f"ducklake:{tmp_path}/new.ducklake"
    result = salvage(lost, new_catalog=True, data_path=str(lake.data))
    assert told(read(lost), result) == told(truth, result)
    assert [(left.name, left.reason) for left in result.left] == [
        (str(aside.relative_to(lake.data)), "was moved aside because it was damaged")
    ]
    assert aside.name not in str(result.losses)


def told(found: Contents, result: SalvageResult) -> Contents:
    """Contents without what the result says of being lost."""
    unordered = {loss.table for loss in result.losses if loss.kind == "row-ids"}
    return {
        table: sorted(row.partition(": ")[2] for row in rows[1:]) if table in unordered else rows
        for table, rows in found.items()
    }
