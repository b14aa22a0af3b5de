"""The plan of a salvage: a value that is made before anything is changed, and that says what is done."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

import canvasback
from canvasback import SalvageResult
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from canvasback.model.plans.salvage import SalvagePlan
from canvasback.storage.run import Run
from canvasback.verbs.salvage.verb import plan_salvage
from tests.lake.builder import Contents, Lake

SAVED = (
    "CREATE TABLE lake.t AS SELECT i, 'v' || i AS s FROM range(20) r(i)",
    "INSERT INTO lake.t SELECT i, 'v' || i FROM range(20, 40) r(i)",
    "UPDATE lake.t SET s = 'new' WHERE i % 10 = 5",
)
AFTER = (
    "DELETE FROM lake.t WHERE i IN (3, 25, 30)",
    "INSERT INTO lake.t SELECT i, 'after' FROM range(40, 50) r(i)",
    "UPDATE lake.t SET s = 'newer' WHERE i IN (15, 31, 44)",
)


@dataclass
class Sunk:
    """A lake whose catalog is an old one: some of what it lacks a point has, the rest is in files."""

    lake: Lake
    truth: Contents

    def plan(self) -> SalvagePlan:
        name = parse_lake(self.lake.attach)
        return plan_salvage(name, self.lake.repository, Run.begin(clock=now), new_catalog=False, data_path=None).plan

    def salvage(self, *, dry_run: bool = False) -> SalvageResult:
        return canvasback.salvage(self.lake.attach, self.lake.repository, dry_run=dry_run)


@pytest.fixture
def sunk(tmp_path: Path) -> Sunk:
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(SAVED[0])
    old = shutil.copy(lake.catalog, tmp_path / "old.ducklake")
    lake.run(*SAVED[1:])
    lake.backup()
    lake.run(*AFTER)
    truth = lake.read()
    shutil.copy(old, lake.catalog)
    return Sunk(lake, truth)


def test_what_a_dry_run_plans_is_what_a_run_does(sunk: Sunk) -> None:
    before = sunk.lake.tree()
    plan, dry = sunk.plan(), sunk.salvage(dry_run=True)
    assert sunk.lake.tree() == before
    assert sunk.plan() == plan
    assert (dry.steps, dry.findings) == (plan.steps, ())

    done = sunk.salvage()

    assert plan.forward is not None
    assert done.forwarded is not None
    assert (done.commits, done.losses, done.left, done.tables) == (dry.commits, dry.losses, dry.left, dry.tables)
    assert (done.from_snapshot, done.snapshot_id) == (plan.from_snapshot, plan.files.snapshot_id)
    aside = done.forwarded.steps[len(plan.forward.steps) :]
    assert len(aside) == 1, "only the name that the old catalog has now, which nobody could know"
    assert done.steps == (*plan.forward.steps, *aside, *plan.files.steps)
    assert sunk.lake.read() == sunk.truth
    assert sunk.salvage().steps == sunk.plan().steps


def test_what_is_made_of_files_alone_has_the_steps_of_its_plan(sunk: Sunk) -> None:
    lost = f"ducklake:{sunk.lake.folder}/new.ducklake"
    data_path = str(sunk.lake.data)
    made = plan_salvage(parse_lake(lost), None, Run.begin(), new_catalog=True, data_path=data_path)

    assert canvasback.salvage(lost, new_catalog=True, data_path=data_path).steps == made.plan.steps


def test_files_that_a_point_brings_back_are_not_missed(sunk: Sunk) -> None:
    """What later commits changed is told by them: their row ids, and which of them were deleted."""
    saved = {path.name for path in Path(sunk.lake.repository).rglob("*.parquet")}
    lost = [path for path in sunk.lake.files() if path.name in saved]
    assert len(lost) > 2
    whole = sunk.plan()
    for path in lost[1:]:
        path.unlink()
    lost[0].write_bytes(b"torn")

    plan, done = sunk.plan(), sunk.salvage()

    assert plan.files == whole.files
    assert done.finding_counts == {}
    assert done.forwarded is not None
    assert done.forwarded.placed_files == len(lost)
    assert done.losses == plan.files.losses
    assert sunk.lake.read() == sunk.truth


def test_plans_of_two_states_differ(sunk: Sunk) -> None:
    plan = sunk.plan()
    newest = max(sunk.lake.files(), key=lambda path: path.stat().st_mtime_ns)
    newest.rename(sunk.lake.folder / "away")

    other = sunk.plan()

    assert other != plan
    assert other.steps != plan.steps
    assert other.forward == plan.forward


def test_a_plan_prints_when_all_is_gone(sunk: Sunk) -> None:
    plan = sunk.plan()
    steps = plan.steps
    sunk.lake.delete()
    shutil.rmtree(sunk.lake.repository)

    assert plan.steps == steps
    assert str(plan) == "\n".join(steps)
    assert steps[-1] == "whoever has the lake attached has to attach it again"
    assert plan.lake in repr(plan)


def test_files_from_outside_are_of_no_commit_in_a_lake_that_moved(tmp_path: Path) -> None:
    """They lie inside of its data path, and the point that comes back names them where they were."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        "CREATE TABLE lake.t (i BIGINT)",
        f"COPY (SELECT range AS i FROM range(30)) TO '{tmp_path}/outside.parquet' (FIELD_IDS {{i: 1}})",
        f"CALL ducklake_add_data_files('lake', 't', '{tmp_path}/outside.parquet')",
    )
    lake.backup()
    lake.run("INSERT INTO lake.t SELECT range FROM range(30, 40)")
    lake.backup()
    lake.run("INSERT INTO lake.t SELECT range FROM range(40, 45)")
    moved = Lake(tmp_path / "moved")
    moved.points = lake.points
    canvasback.restore(moved.attach, lake.repository, lake.points[0], data_path=str(moved.data))
    [late] = set(lake.files()) - {p for p in lake.files() if list(Path(lake.repository).rglob(p.name))}
    (moved.data / late.relative_to(lake.data)).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(late, moved.data / late.relative_to(lake.data))

    done = canvasback.salvage(moved.attach, lake.repository)

    assert [commit.what for commit in done.commits] == [("insert",)]
    assert done.left == ()
    assert moved.read() == lake.read()
