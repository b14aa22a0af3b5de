"""rewind, and restore and attach at a moment, as a user meets them: what they say, and what they refuse."""

from __future__ import annotations

import re

import msgspec

from canvasback.model.results.attach import AttachResult
from canvasback.model.results.restore import RestoreResult
from canvasback.model.results.rewind import RewindResult
from canvasback.model.results.table_restore import TableRestoreResult
from tests.cli.running import Place, fail, fails, tree
from tests.cli.test_commands import answered
from tests.crash.lakes import Stages
from tests.oracle import read_lake

LAKE = "lake/main.ducklake"


def upto(stages: Stages, snapshot: int) -> dict[str, object]:
    """What the real extension read at a snapshot and before."""
    return {at: seen for at, seen in stages.truth["3"].items() if int(at) <= snapshot}


def test_rewind_says_what_is_lost_and_does_it(place: Place, stages: Stages) -> None:
    before = tree(place.lake)
    dry = place.run("rewind", LAKE, "--to-snapshot", "9", "--dry-run", "-r", "repo")
    assert (dry.code, dry.err) == (0, "")
    assert dry.out.startswith("would take ducklake:lake/main.ducklake back to snapshot 9 of ")
    assert "\n5 commits are undone:\nSNAPSHOT " in dry.out
    assert "\ns.t has 54 rows instead of 64\n" in dry.out
    assert "\ns.parts has 10 rows instead of 40\n" in dry.out
    assert dry.out.endswith("nothing was changed (--dry-run)\n")
    assert tree(place.lake) == before

    wet = place.run("rewind", LAKE, "--to-snapshot", "9", "-r", "repo")
    assert (wet.code, wet.err) == (0, "")
    assert wet.out.startswith("took ducklake:lake/main.ducklake back to snapshot 9 of ")
    assert wet.out.endswith(f"what the lake was before is in point {place.points[-1]}\n")
    assert read_lake(f"ducklake:{place.catalog}", cwd=place.lake)["snapshots"] == upto(stages, 9)
    again = place.run("rewind", LAKE, "--to-snapshot", "9", "-r", "repo")
    assert (again.code, again.err) == (0, "")
    assert re.fullmatch(
        r"ducklake:lake/main.ducklake is not changed: .* 9 of .* already: nothing is to be done\n", again.out
    )


def test_json_of_every_way_back(place: Place, stages: Stages) -> None:
    restored: RestoreResult = answered(
        place.run("restore", "-r", "repo", "--at-snapshot", "7", "--to", "r.ducklake", "--data-path", "r", "--json"),
        "restore",
    )
    assert (restored.point, restored.snapshot_id) == (place.points[0], 7)
    assert read_lake(f"ducklake:{place.folder}/r.ducklake")["snapshots"] == upto(stages, 7)

    attached: AttachResult = answered(place.run("attach", "-r", "repo", "--at-snapshot", "7", "--json"), "attach")
    assert attached.file == f"{place.folder}/{place.points[0]}-at-s7.ducklake"
    assert read_lake(f"ducklake:{attached.file}")["snapshots"] == upto(stages, 7)

    ran = place.run("restore", "-r", "repo", "--table", "s.t", "--as", "main.then", "--at-snapshot", "7", "--to", LAKE,
                    "--json")  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    table = msgspec.json.decode(ran.out, type=TableRestoreResult, strict=True)
    assert [(t.table, t.restored_as, t.rows) for t in table.tables] == [("s.t", "main.then", 40)]
    # An inlined row may come late to a table. From there to the next table that is made, by CREATE TABLE too, DuckLake
    # 1.0 does not find the other tables any more: see ducklake_schema_versions.
    seen_by_all = [*range(10), table.new_snapshot_id]
    now = read_lake(f"ducklake:{place.catalog}", cwd=place.lake, at=seen_by_all)["snapshots"]
    assert now[str(table.new_snapshot_id)] == stages.truth["3"]["14"] | {"main.then": stages.truth["3"]["7"]["s.t"]}

    rewound: RewindResult = answered(
        place.run("rewind", LAKE, "--to-time", restored_time(place), "--no-safety-point", "--json"), "rewind"
    )
    assert (rewound.snapshot_id, rewound.from_snapshot, rewound.safety_point) == (14, 15, "")


def restored_time(place: Place) -> str:
    """The time of the newest commit that the points know."""
    [*_, newest] = place.run("list", "-r", "repo", "--json").document["points"]
    return str(newest["snapshot_time"])


def test_text_of_a_table_that_comes_back(place: Place) -> None:
    assert "--as" in fails(place, 4, "table-exists", "restore", "-r", "repo", "--table", "s", "--to", LAKE)
    ran = place.run("restore", "-r", "repo", "--table", '"s"."t"', "--as", "t then", "--to", LAKE)
    assert (ran.code, ran.err) == (0, "")
    assert re.match(r"brought back from \S+, as of snapshot 14, into ducklake:lake/main.ducklake:\n", ran.out)
    assert "    s.t as s.t then: 64 rows, " in ran.out
    assert "the lake has it from snapshot 15 on" in ran.out


def test_what_makes_no_sense_changes_nothing(place: Place) -> None:
    rewind, restore = ("rewind", LAKE, "-r", "repo"), ("restore", "-r", "repo", "--to", "x.ducklake")
    table = ("restore", "-r", "repo", "--to", LAKE, "--table")
    for code, name, commands in (
        (2, "no-moment", [rewind]),
        (2, "no-repository", [("rewind", LAKE, "--to-snapshot", "9")]),
        (2, "two-moments", [(*rewind, "--to-snapshot", "1", "--to-time", "1 h ago")]),
        (2, "time-not-understood", [(*rewind, "--to-time", "2026-11-24 noon")]),
        (
            2,
            "options-together",
            [(*restore, "--as", "x"), (*table, "s.t", "--replace"), (*table, "s", "--level", "exists")],
        ),
        (1, "catalog-missing", [("rewind", "nothing.ducklake", "--to-snapshot", "1", "-r", "repo")]),
        (4, "table-not-there", [(*table, "s.none")]),
        (
            4,
            "moment-not-held",
            [
                (*rewind, "--to-snapshot", "99"),
                (*restore, "--at-snapshot", "99"),
                ("attach", "-r", "repo", "--at-time", "999 weeks ago"),
            ],
        ),
    ):
        fail(place, code, name, commands)
