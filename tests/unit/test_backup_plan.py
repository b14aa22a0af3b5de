"""What a backup is about to do, in words: a value that prints and compares, and reads nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from canvasback.model.commit import Commit
from canvasback.model.finding import Finding
from canvasback.model.plans.backup import BackupPlan

PLAN = BackupPlan(
    lake="ducklake:main.ducklake",
    repository="/backups/main/",
    before="p6",
    held=False,
    continues=True,
    head=Commit(8, datetime(2026, 11, 27, 9, 30, tzinfo=UTC)),
    commits=2,
    data_path="/lake/data/",
    tables=3,
    chunks=1204,
    full=False,
    new_files=2,
    new_bytes=2048,
    held_files=20_000,
    suspects=0,
    findings=(),
    finding_counts={},
)
STEPS = (
    "ducklake:main.ducklake is at snapshot 8 of 2026-11-27 09:30:00 UTC",
    "point p6 is the one before, 2 snapshots earlier",
    "2 files (2048 bytes) of /lake/data/ are copied",
    "20,000 files are held already",
    "1,204 chunks of 3 tables of the catalog are written",
    "the point is published in /backups/main/",
)


def changed(**fields: Any) -> BackupPlan:
    return msgspec.structs.replace(PLAN, **fields)


def test_the_steps_are_in_order() -> None:
    assert PLAN.steps == STEPS


@pytest.mark.parametrize(
    ("fields", "at", "said"),
    [
        ({"before": ""}, 1, "/backups/main/ holds no point yet: everything is saved"),
        ({"commits": 1}, 1, "point p6 is the one before, 1 snapshot earlier"),
        ({"commits": 0}, 1, "point p6 is the one before, of the same snapshot"),
        ({"continues": False}, 1, "the lake was taken back since point p6: a new timeline begins"),
        ({"held": True}, 1, "point p6 has this snapshot: another one is made only if a file comes that it lacks"),
        ({"new_files": 1, "new_bytes": 1}, 2, "1 file (1 byte) of /lake/data/ is copied"),
        (
            {"full": True},
            2,
            "2 files (2048 bytes) of /lake/data/ are compared with the repository, and copied where it lacks them",
        ),
        ({"held_files": 1}, 3, "1 file is held already"),
        ({"suspects": 1}, 4, "1 file of these looks changed or lost in the lake: it is read again"),
        ({"suspects": 3}, 4, "3 files of these look changed or lost in the lake: they are read again"),
        ({"tables": 1, "chunks": 1}, 4, "1 chunk of 1 table of the catalog is written"),
        ({"tables": 0, "chunks": 0}, 4, "the point is published in /backups/main/"),
    ],
)
def test_a_step_says_what_the_plan_has(fields: dict[str, Any], at: int, said: str) -> None:
    assert changed(**fields).steps[at] == said


def test_where_nothing_is_new_there_is_one_step() -> None:
    nothing = changed(held=True, new_files=0, new_bytes=0)
    assert nothing.nothing
    held = "point p6 holds all of ducklake:main.ducklake up to snapshot 8 of 2026-11-27 09:30:00 UTC"
    assert nothing.steps == (f"{held}: there is nothing to do",)
    assert not changed(held=True).nothing  # a file that the point lacks may be there again
    assert not changed(held=True, new_files=0, suspects=1).nothing
    assert not changed(new_files=0, new_bytes=0).nothing  # nobody asked for new ones only


def test_plans_compare_by_what_they_say() -> None:
    finding = Finding("repository-damaged", "error", "p6", "is damaged")
    assert changed() == PLAN
    assert changed(findings=(finding,), finding_counts={"repository-damaged": 1}) != PLAN
    assert all(
        msgspec.structs.replace(PLAN, **{field: "another"}) != PLAN for field in msgspec.structs.asdict(PLAN)
    )  # no field is left out
