"""Plans are values: they print and compare by themselves, and whatever they are made of shows in what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from canvasback.model.commit import Commit
from canvasback.model.plans.files import PlannedFiles
from canvasback.model.plans.heal import CatalogChanges, HealPlan
from canvasback.model.plans.restore import RestorePlan
from canvasback.model.plans.rewind import RewindPlan
from canvasback.model.plans.table_restore import TableRestorePlan
from canvasback.model.results.heal import CatalogRepair

HEAD = Commit(9, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
THEN = Commit(7, datetime(2026, 1, 2, 3, 0, 0, tzinfo=UTC))
RESTORE = RestorePlan(
    point="p",
    commit=THEN,
    left_out=2,
    lake="ducklake:x",
    data_path="/d/",
    blind=False,
    kept=1,
    damaged=0,
    files=PlannedFiles(3, 30, "a"),
    cut=0,
    outside=0,
    aside=(),
    spelled="",
    findings=(),
    finding_counts={},
)
NOTHING_LEFT = CatalogChanges(
    repairs=(), accepting=False, left_out=0, lost_rows=0, returning_rows=0, unhealable=0, unsure=0, whole=0
)
HEAL = HealPlan(
    lake="ducklake:x", data_path="/d/", repository="repo", files=PlannedFiles(), rewritten=0, catalog=NOTHING_LEFT
)
REWIND = RewindPlan(lake="ducklake:x", head=HEAD, target=THEN, repository="repo", abandoned=4)
TABLES = TableRestorePlan(
    point="p",
    commit=THEN,
    lake="ducklake:x",
    data_path="/d/",
    schemas=("odd ☂",),
    tables=(),
    files=PlannedFiles(1, 10, "a"),
    cut=1,
    findings=(),
    finding_counts={},
)


def test_a_restore_says_what_stays_what_comes_and_what_is_moved() -> None:
    assert RESTORE.steps == (
        "point p: snapshot 7 of 2026-01-02 03:00:00 UTC",
        "the 2 snapshots after it that the point holds are left out",
        "1 file is at /d/ already and stays",
        "3 files (30 bytes) are put there",
        "the catalog is written to ducklake:x",
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"left_out": 1}, "the snapshot after it that the point holds is left out"),
        ({"blind": True}, "/d/ cannot be listed: whether it holds files that are newer than the point is not known"),
        ({"damaged": 1}, "1 damaged file there is moved aside, to a name that ends in .damaged-<time>"),
        ({"cut": 1}, "1 file that holds later rows too is written anew without them"),
        ({"outside": 2}, "outside of the data path 2 files are put where the catalog says"),
        ({"aside": ("what is at x is moved to y",)}, "what is at x is moved to y"),
        ({"spelled": "files/"}, "the catalog names them as files/, relative to where it is attached"),
    ],
)
def test_each_part_of_a_restore_is_said(changed: dict[str, Any], said: str) -> None:
    assert said not in RESTORE.steps
    assert said in msgspec.structs.replace(RESTORE, **changed).steps


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"left_out": 1, "lost_rows": 2}, "one commit leaves out 1 file that cannot be read: 2 rows are lost"),
        ({"unhealable": 2}, "2 files cannot be healed; --accept-loss"),
        ({"accepting": True, "unsure": 1}, "1 file not left out: storage does not let them be read"),
        ({"whole": 1}, "1 file not left out, whatever is wrong there: every row can be read"),
        ({"repairs": (CatalogRepair(code="x", faults=1, words="y"),)}, "x: y"),
    ],
)
def test_each_change_of_a_healed_catalog_is_said(changed: dict[str, Any], said: str) -> None:
    plan = msgspec.structs.replace(HEAL, catalog=msgspec.structs.replace(NOTHING_LEFT, **changed))
    safe = "before the catalog is changed, a point of the lake as it is is made in repo"

    assert HEAL.steps == ("nothing is to be done",)
    assert any(step.startswith(said) for step in plan.steps)
    assert (safe in plan.steps) == bool(changed.keys() & {"left_out", "repairs"})
    assert safe not in msgspec.structs.replace(plan, repository="").steps


def test_files_are_healed_before_the_catalog() -> None:
    changes = msgspec.structs.replace(NOTHING_LEFT, unhealable=1)
    steps = msgspec.structs.replace(HEAL, files=PlannedFiles(1, 5, "a"), rewritten=1, catalog=changes).steps

    assert [step.split(" ", 2)[2][:8] for step in steps] == ["(5 bytes", "file wri", "catalog ", "cannot b"]


def test_a_rewind_says_what_becomes_of_the_files() -> None:
    assert REWIND.steps[2] == "scheduled for DuckLake's cleanup: 4 files of undone commits"
    kept = msgspec.structs.replace(REWIND, keep_files=True, repository="")
    assert kept.steps[1].startswith("no point is made before it")
    assert kept.steps[2].startswith("left alone")
    there = msgspec.structs.replace(REWIND, target=HEAD)
    assert (there.nothing, len(there.steps)) == (True, 1)


def test_tables_that_come_back_are_copied_to_fresh_names() -> None:
    assert TABLES.steps[1:4] == (
        "the schema odd ☂ is made, which the lake lacks",
        "copied to fresh names below /d/: 1 file (10 bytes)",
        "1 file that holds later rows too is written anew without them",
    )


@pytest.mark.parametrize("plan", [RESTORE, HEAL, TABLES])
def test_plans_compare_by_which_files_they_mean(plan: RestorePlan | HealPlan | TableRestorePlan) -> None:
    same = msgspec.structs.replace(plan)
    others = msgspec.structs.replace(plan, files=msgspec.structs.replace(plan.files, fingerprint="b"))

    assert plan == same
    assert plan != others
    assert plan.steps == others.steps
    with pytest.raises(AttributeError):
        plan.lake = "another"  # type: ignore[misc]
