"""A catalog that is older than the points is brought forward, and the real extension reads all that was committed."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import canvasback
from canvasback.catalog.engines import open_engine
from canvasback.catalog.image import Image
from canvasback.datapath.opened_lake import OpenedLake, open_lake
from canvasback.errors import LockedError, RefusedError
from canvasback.model.clock import now
from canvasback.model.finding import Findings
from canvasback.model.lake import parse_lake
from canvasback.model.results.fast_forward import Divergence, FastForwardResult
from canvasback.repository.repository import open_repository
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.verbs.salvage.fast_forward import FastForward, fast_forward, plan_fast_forward
from canvasback.verbs.salvage.later_points import LaterPoint, LaterPoints
from tests.lake.builder import Contents, contents, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.lake.values import literal, tree_of
from tests.postgres import Server

HISTORY = (
    "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
    "INSERT INTO lake.t SELECT i, 'old ' || i FROM range(50) r(i)",
    "INSERT INTO lake.t VALUES (100, 'in the catalog'), (101, 'too')",
    "COMMENT ON TABLE lake.t IS 'what is told'",
    "DELETE FROM lake.t WHERE i % 7 = 0",
    "CREATE VIEW lake.few AS SELECT * FROM lake.t WHERE i < 10",
    "CREATE TABLE lake.gone AS SELECT range AS x FROM range(30)",
    "DROP TABLE lake.gone",
    "ALTER TABLE lake.t ADD COLUMN more DOUBLE DEFAULT 1.5",
    "INSERT INTO lake.t SELECT i, 'new ' || i, i / 2 FROM range(200, 230) r(i)",
    "INSERT INTO lake.t SELECT i, 'newer ' || i, i / 2 FROM range(230, 260) r(i)",
    "CALL ducklake_merge_adjacent_files('lake')",
    "CREATE TABLE lake.emptied AS SELECT range AS x FROM range(40)",
    "TRUNCATE lake.emptied",
    "INSERT INTO lake.t VALUES (300, 'last', NULL)",
)
"""A statement is a commit."""
HEAD = len(HISTORY)


def catalog_of(attach: str) -> list[object]:
    """All snapshots, views and comments that the attached lake shows."""
    with session(attach, "READ_ONLY") as connection:
        return [
            connection.execute(sql).fetchall()
            for sql in (
                "SELECT * FROM ducklake_snapshots('lake') ORDER BY snapshot_id",
                "SELECT view_name, sql FROM duckdb_views() WHERE database_name = 'lake' AND NOT internal ORDER BY 1",
                "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'lake' ORDER BY 1",
            )
        ]


@dataclass
class Kept:
    """A lake of which a copy of the catalog is kept at some commits, and a point made at others."""

    folder: Path
    engine: Engine
    postgres: Server
    attach: str = ""
    truths: dict[int, Contents] = field(default_factory=dict)
    copies: dict[int, Image] = field(default_factory=dict)
    points: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.attach = attach_string(self.engine, self.folder, self.postgres)

    @property
    def repository(self) -> str:
        return str(self.folder / "repository")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def do(self, *statements: str, keep: tuple[int, ...] = (), save: tuple[int, ...] = ()) -> None:
        """Commit the statements; note what each showed, copy the catalog after some, and back up after others."""
        for statement in statements:
            options = (f"DATA_PATH {literal(f'{self.data}/')}", "DATA_INLINING_ROW_LIMIT 5")
            with session(self.attach, *options) as connection:
                connection.execute(statement)
                [(head,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
                self.truths[head] = contents(connection)
            if head in keep:
                self.copies[head] = self.image()
            if head in save:
                self.save()

    def save(self) -> None:
        if not self.points:
            canvasback.init(self.attach, self.repository)
        result = canvasback.backup(self.attach, self.repository)
        assert result.findings == ()
        self.points.append(result.point)

    def image(self) -> Image:
        return open_engine(parse_lake(self.attach)).read()

    def live(self) -> OpenedLake:
        name = parse_lake(self.attach)
        return open_lake(open_engine(name), name)

    def put_back(self, snapshot: int) -> None:
        """Let the catalog be what it was."""
        open_engine(parse_lake(self.attach)).write(self.copies[snapshot], now(), replace=True)

    def plan(self, *, codes: tuple[str, ...] = (), lost: bool = False) -> FastForward | Divergence | None:
        """What is planned for the catalog as it is, or for one that is lost."""
        findings = Findings()
        name, opened = parse_lake(self.attach), open_repository(Stores(), self.repository)
        with ExitStack() as closing:
            live = None if lost else closing.enter_context(self.live())
            later = LaterPoints(opened, None if live is None else live.image, findings, 1, closing).find()
            assert tuple(findings.counts) == codes
            if not isinstance(later, LaterPoint):
                return later
            return plan_fast_forward(later, opened, live, name, open_engine(name), Run.begin())

    def forward(self, *, codes: tuple[str, ...] = ()) -> FastForwardResult:
        """Bring it forward."""
        planned = self.plan(codes=codes)
        assert isinstance(planned, FastForward)
        plan = planned.plan
        done = fast_forward(planned)
        assert done.steps[: len(plan.steps)] == plan.steps
        assert (plan.placed_files, plan.placed_bytes) == (done.placed_files, done.placed_bytes)
        assert done.finding_counts == {}
        return done

    def read(self, at: int | None = None) -> Contents:
        options = [] if at is None else [f"SNAPSHOT_VERSION {at}"]
        with session(self.attach, "READ_ONLY", *options) as connection:
            return contents(connection)

    def check(self, step: int = 1) -> None:
        """Every snapshot, or one of so many, shows what it did when it was committed."""
        for at, truth in [*self.truths.items()][::-step]:
            # 0.3 gives the rows of a merged file other ids, in what was before too.
            assert without_ids(self.read(at)) == without_ids(truth), at


def without_ids(found: Contents) -> Contents:
    return {table: [rows[0], *sorted(row.partition(": ")[2] for row in rows[1:])] for table, rows in found.items()}


@pytest.fixture
def kept(tmp_path: Path, postgres: Server) -> Kept:
    """A lake whose catalog is in DuckDB."""
    return Kept(tmp_path, "duckdb", postgres)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stale_catalog_is_brought_forward(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """From several commits; files that vanished are put back; the lake goes on and is backed up again.

    Of which commits it is stale matters to the plan, which is made of images: in other engines than DuckDB some do.
    """
    kept = Kept(tmp_path, engine, postgres)
    stale = (1, 3, 8, 10, 13) if engine == "duckdb" else (3, 10)
    kept.do(*HISTORY, keep=stale, save=(2, 6, HEAD))
    truth, shown = kept.read(), catalog_of(kept.attach)
    assert truth == kept.truths[HEAD]
    tree = tree_of(kept.data)

    for snapshot in stale:
        kept.put_back(snapshot)
        # Of the sources of the merged file, which only time travel in a stale catalog needs, no point needs any.
        lost = [kept.data / path for path in sorted(tree) if (kept.data / path).exists()][:: snapshot + 1]
        for path in lost:
            path.unlink()

        result = kept.forward()

        assert (result.from_snapshot, result.snapshot_id, result.point) == (snapshot, HEAD, kept.points[-1])
        assert [commit.snapshot_id for commit in result.commits] == list(range(snapshot + 1, HEAD + 1))
        assert result.placed_files == len([path for path in lost if path.exists()])
        assert result.placed_files > 0
        assert kept.read() == truth
        assert catalog_of(kept.attach) == shown
    kept.check(1 if engine == "duckdb" else 4)
    assert kept.plan() is None
    kept.do("INSERT INTO lake.t VALUES (400, 'goes on', 2)", "CREATE TABLE lake.fresh AS SELECT 1 AS a")
    kept.save()
    assert {point.timeline for point in canvasback.list_points(kept.repository).points} == {1}


def test_a_catalog_comes_forward_into_another_engine(tmp_path: Path, postgres: Server) -> None:
    """The stale catalog had been restored into PostgreSQL, and the points are of one in DuckDB."""
    kept = Kept(tmp_path, "duckdb", postgres)
    kept.do(*HISTORY, save=(4, HEAD))
    truth = kept.read()
    kept.attach = attach_string("postgres", tmp_path, postgres)
    restored = canvasback.restore(kept.attach, kept.repository, kept.points[0], shares_files=True)
    assert restored.finding_counts == {"newer-files": 1}

    assert kept.forward().from_snapshot == 4

    assert kept.read() == truth
    kept.check(4)


def test_a_catalog_that_is_up_to_date_has_nothing_to_gain(kept: Kept) -> None:
    kept.do(*HISTORY[:4], save=(2, 4))
    assert kept.plan() is None
    kept.do("INSERT INTO lake.t VALUES (7, 'after the point')")
    assert kept.plan() is None


def test_a_catalog_that_went_its_own_way_is_recognized_and_untouched(kept: Kept) -> None:
    kept.do(*HISTORY[:8], keep=(5,), save=(3, 8))
    kept.put_back(5)
    kept.do("INSERT INTO lake.t SELECT i, 'its own' FROM range(20) r(i)")
    tree = tree_of(kept.folder)

    plan = kept.plan()

    assert isinstance(plan, Divergence)
    assert (plan.point, plan.snapshot_id, plan.live_snapshot, plan.point_snapshot) == (kept.points[-1], 5, 6, 8)
    assert tree_of(kept.folder) == tree


def test_a_watch_that_saved_the_stale_catalog_hides_nothing(kept: Kept) -> None:
    """The newest point is of the stale catalog then, on a timeline of its own."""
    kept.do(*HISTORY[:8], keep=(5,), save=(3, 8))
    truth = kept.read()
    kept.put_back(5)
    kept.save()

    assert kept.forward().point == kept.points[-2]

    assert kept.read() == truth
    assert kept.plan() is None


@pytest.mark.parametrize("saved", [(3, 8), (8,)], ids=["an older point has it", "no point has it"])
def test_the_point_expired_what_the_catalog_has(kept: Kept, saved: tuple[int, ...]) -> None:
    kept.do(*HISTORY[:8], keep=(3,), save=saved[:-1])
    kept.do("CALL ducklake_expire_snapshots('lake', versions => [0, 1, 2, 3, 4, 5])", save=(8,))
    truth, shown = kept.read(), catalog_of(kept.attach)
    kept.put_back(3)

    result = kept.forward()

    assert [commit.snapshot_id for commit in result.commits] == [6, 7, 8]
    assert any("which was expired" in step for step in result.steps) == (len(saved) == 1)
    assert (kept.read(), catalog_of(kept.attach)) == (truth, shown)


def test_its_own_way_shows_though_the_point_expired_all(kept: Kept) -> None:
    kept.do(*HISTORY[:8], keep=(3,))
    kept.do("CALL ducklake_expire_snapshots('lake', versions => [0, 1, 2, 3, 4, 5])", save=(8,))
    kept.put_back(3)
    kept.do("INSERT INTO lake.t SELECT i, 'its own' FROM range(20) r(i)")

    plan = kept.plan()

    assert isinstance(plan, Divergence)
    assert (plan.snapshot_id, plan.live_snapshot, plan.point_snapshot) == (None, 4, 8)


def test_of_two_timelines_the_one_that_goes_on_is_taken(kept: Kept) -> None:
    kept.do(*HISTORY[:8], keep=(2, 7), save=(8,))
    first = kept.read()
    assert canvasback.rewind(kept.attach, to_snapshot=4, safety_point=False, keep_files=True).snapshot_id == 4
    kept.copies[4] = kept.image()
    assert kept.plan() is None  # it was taken back on purpose
    kept.do("INSERT INTO lake.t SELECT i, 'second' FROM range(20) r(i)", keep=(5,))
    kept.do(*("INSERT INTO lake.t VALUES (1, 'more')",) * 5)
    kept.save()
    second = kept.read()
    assert [point.timeline for point in canvasback.list_points(kept.repository).points] == [1, 2]

    for snapshot, point, truth in ((2, 1, second), (4, 1, second), (5, 1, second), (7, 0, first)):
        kept.put_back(snapshot)
        assert kept.forward().point == kept.points[point]
        assert kept.read() == truth


def test_an_older_point_serves_where_the_newest_is_damaged(kept: Kept) -> None:
    kept.do(*HISTORY[:8], keep=(3,), save=(5, 8))
    manifest = Path(kept.repository) / "points" / f"{kept.points[-1]}.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"timeline", b"time1ine"))
    kept.put_back(3)

    assert kept.forward(codes=("repository-damaged",)).snapshot_id == 5

    assert kept.read() == kept.truths[5]


def test_an_older_point_serves_where_a_chunk_of_the_newest_is_gone(kept: Kept) -> None:
    kept.do(*HISTORY[:8], keep=(3,), save=(5,))
    before = set(tree_of(Path(kept.repository) / "catalog"))
    kept.save()
    for path in set(tree_of(Path(kept.repository) / "catalog")) - before:
        (Path(kept.repository) / "catalog" / path).unlink()
    kept.put_back(3)

    assert kept.forward(codes=("repository-damaged",)).snapshot_id == 5

    assert kept.read() == kept.truths[5]


def test_a_catalog_that_changes_meanwhile_is_left_alone(kept: Kept) -> None:
    kept.do(*HISTORY[:6], keep=(3,), save=(6,))
    kept.put_back(3)
    plan = kept.plan()
    assert isinstance(plan, FastForward)
    kept.do("INSERT INTO lake.t VALUES (5, 'meanwhile')")
    truth = kept.read()

    with pytest.raises(LockedError) as refused:
        fast_forward(plan)

    assert refused.value.code == "catalog-changed"
    assert kept.read() == truth


def test_a_catalog_that_is_gone_comes_back_whole(kept: Kept) -> None:
    kept.do(*HISTORY[:6], save=(4, 6))
    truth = kept.read()
    (kept.folder / "main.ducklake").unlink()
    shutil.rmtree(kept.data)

    plan = kept.plan(lost=True)
    assert isinstance(plan, FastForward)
    result = fast_forward(plan)

    assert (result.from_snapshot, result.snapshot_id) == (None, 6)
    assert [commit.snapshot_id for commit in result.commits] == list(range(7))
    assert kept.read() == truth


def test_a_lake_that_was_moved_stays_where_it_is(kept: Kept) -> None:
    """A catalog that points at a copy must not point at the original afterwards, and delete files there."""
    kept.do(*HISTORY[:8], save=(4, 8))
    truth = kept.read()
    kept.attach = f"ducklake:{kept.folder}/copy/main.ducklake"
    canvasback.restore(kept.attach, kept.repository, kept.points[0], data_path=f"{kept.folder}/copy/files")

    result = kept.forward()

    assert result.data_path == f"{kept.folder}/copy/files/"
    shutil.rmtree(kept.data)
    assert kept.read() == truth


def test_another_lake_is_refused(kept: Kept, tmp_path: Path, postgres: Server) -> None:
    kept.do(*HISTORY[:2], save=(2,))
    other = Kept(tmp_path / "other", "duckdb", postgres)
    other.folder.mkdir()
    other.do(*HISTORY[:1])
    repository = open_repository(Stores(), kept.repository)
    with ExitStack() as closing, other.live() as live, pytest.raises(RefusedError) as refused:
        LaterPoints(repository, live.image, Findings(), 1, closing).find()
    assert refused.value.code == "other-lake"
