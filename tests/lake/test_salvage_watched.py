"""A lake that a watch followed loses its catalog: up to the last point all comes back exactly, then what files tell."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from canvasback.catalog.engines import open_engine
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from tests.lake.builder import Contents, Lake, contents, read, session
from tests.lake.saved import Engine, attach_string
from tests.lake.test_fast_forward import HISTORY, catalog_of
from tests.lake.values import tree_of
from tests.postgres import Server
from tests.watching import watching

AFTER = (
    "INSERT INTO lake.t SELECT i, 'after', 1 FROM range(400, 420) r(i)",
    "DELETE FROM lake.t WHERE i % 9 = 4",
    "UPDATE lake.t SET s = 'changed' WHERE i IN (100, 205, 300, 405)",
    "CREATE TABLE lake.late AS SELECT range AS x FROM range(30)",
    "DELETE FROM lake.late WHERE x = 7",
)
"""Commits that leave files, where nothing is inlined."""

INLINED, FILES = "DATA_INLINING_ROW_LIMIT 5", "DATA_INLINING_ROW_LIMIT 0"


class Followed:
    """A lake that a watch follows for some commits, and not for others."""

    def __init__(self, folder: Path, attach: str) -> None:
        self.lake = Lake(folder / "lake", elsewhere=attach, options=(INLINED,))
        self.truths: dict[int, Contents] = {}

    @property
    def attach(self) -> str:
        return self.lake.attach

    @property
    def repository(self) -> str:
        return self.lake.repository

    def do(self, *statements: str, inlined: str = INLINED) -> int:
        """Commit; answer the newest snapshot."""
        self.lake.options = (inlined,)
        head = 0
        for statement in statements:
            with self.lake.session() as connection:
                connection.execute(statement)
                [(head,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
                self.truths[head] = contents(connection)
        return head

    def follow(self, *statements: str) -> int:
        """Commit while a watch looks on, and wait until it has it all."""
        canvasback.init(self.attach, self.repository)
        with watching(self.attach, self.repository) as watch:
            half = len(statements) // 2
            watch.wait_for_snapshot(self.do(*statements[:half]))
            head = self.do(*statements[half:])
            watch.wait_for_snapshot(head)
            assert watch.stop() == 0
        return head

    def shown(self, at: int) -> Contents:
        with session(self.attach, "READ_ONLY", f"SNAPSHOT_VERSION {at}") as connection:
            return contents(connection)

    def lose(self) -> None:
        """The catalog is gone; the new one is made beside where it was."""
        Path(self.lake.elsewhere.rpartition(":")[2]).unlink()
        self.lake.elsewhere = self.lake.elsewhere.replace("main.", "new.")


def made_in(engine: Engine, folder: Path, postgres: Server) -> Followed:
    made = Followed(folder, attach_string(engine, folder, postgres))
    made.do("CREATE TABLE lake.first AS SELECT 1 AS i")
    return made


@pytest.fixture
def followed(tmp_path: Path, postgres: Server) -> Followed:
    return made_in("duckdb", tmp_path, postgres)


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_a_lost_catalog_comes_back_to_the_last_tick_exactly_and_then_from_files(
    engine: Engine, tmp_path: Path, postgres: Server
) -> None:
    followed = made_in(engine, tmp_path, postgres)
    tick = followed.follow(*HISTORY)
    catalog = catalog_of(followed.attach)
    head = followed.do(*AFTER, inlined=FILES)
    followed.lose()
    before = tree_of(tmp_path)
    dry = canvasback.salvage(followed.attach, followed.repository, new_catalog=True, dry_run=True)
    assert tree_of(tmp_path) == before
    before = tree_of(followed.lake.data)

    result = canvasback.salvage(followed.attach, followed.repository, new_catalog=True)

    assert (dry.commits, dry.losses, dry.tables, dry.left) == (
        result.commits,
        result.losses,
        result.tables,
        result.left,
    )
    assert dry.snapshot_id == result.snapshot_id == head
    assert result.forwarded is not None
    assert (result.forwarded.snapshot_id, result.forwarded.from_snapshot) == (tick, None)
    assert [commit.snapshot_id for commit in result.commits] == list(range(tick + 1, head + 1))
    assert read(followed.attach) == followed.truths[head]
    for at in (snapshot for snapshot in followed.truths if snapshot <= tick):
        assert followed.shown(at) == followed.truths[at], at
    shown = catalog_of(followed.attach)
    assert shown[1:] != []
    assert shown[1] == catalog[1]
    assert [row for row in shown[2] if row != ("late", None)] == catalog[2]  # type: ignore[attr-defined]
    assert tree_of(followed.lake.data) == before
    assert canvasback.salvage(followed.attach, followed.repository).commits == ()


def test_an_older_catalog_is_brought_to_the_last_tick_exactly_and_then_on(followed: Followed) -> None:
    with open_engine(parse_lake(followed.attach)).read() as kept:
        tick = followed.follow(*HISTORY)
        head = followed.do(*AFTER, inlined=FILES)
        open_engine(parse_lake(followed.attach)).write(kept, now(), replace=True)

    result = canvasback.salvage(followed.attach, followed.repository)

    assert result.forwarded is not None
    assert (result.from_snapshot, result.forwarded.snapshot_id, result.snapshot_id) == (1, tick, head)
    assert read(followed.attach) == followed.truths[head]
    for at in (snapshot for snapshot in followed.truths if snapshot <= tick):
        assert followed.shown(at) == followed.truths[at], at


def test_what_was_inlined_after_the_last_tick_is_named_and_all_else_is_there(followed: Followed) -> None:
    followed.follow(*HISTORY[:3])
    followed.do("INSERT INTO lake.t VALUES (999, 'nowhere else')")
    head = followed.do(
        "INSERT INTO lake.t SELECT i, 'after' FROM range(400, 420) r(i)",
        "DELETE FROM lake.t WHERE i % 9 = 4",
        *AFTER[3:],
        inlined=FILES,
    )
    followed.lose()

    result = canvasback.salvage(followed.attach, followed.repository, new_catalog=True)

    assert "inlined-rows" in {loss.kind for loss in result.losses}
    shown, truth = (
        {table: sorted(row.partition(": ")[2] for row in rows[1:]) for table, rows in found.items()}
        for found in (read(followed.attach), followed.truths[head])
    )
    [lost] = [row for row in truth["main.t"] if "nowhere else" in row]
    truth["main.t"].remove(lost)
    assert shown == truth


def test_a_loss_that_was_accepted_after_the_last_point_is_named_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", options=(FILES,))
    lake.run("CREATE TABLE lake.t AS SELECT range AS i FROM range(30)", "INSERT INTO lake.t SELECT range FROM range(9)")
    lake.backup()
    lost = lake.files()[-1]
    for copy in (lost, *Path(lake.repository).rglob(lost.name)):
        copy.unlink()
    accepted = canvasback.heal(lake.attach, lake.repository, accept_loss=True)
    assert len(lake.read()["main.t"]) == 31
    assert accepted.losses
    lake.catalog.unlink()

    result = canvasback.salvage(lake.attach, lake.repository, new_catalog=True)

    assert [finding.where for finding in result.findings if lost.name in finding.where]
