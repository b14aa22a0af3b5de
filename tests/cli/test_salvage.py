"""salvage as a user meets it: what it says, as text and as JSON, what it refuses, and its exit codes."""

from __future__ import annotations

import re
import shutil

import msgspec

from canvasback.model.results.salvage import SalvageResult
from tests.cli.running import Place, fail, fails, tree
from tests.cli.test_commands import answered
from tests.crash.lakes import Stages
from tests.oracle import read_lake

LAKE = "lake/main.ducklake"


def sink(place: Place, stages: Stages) -> None:
    """Put the catalog of stage 2 in the place of that of stage 3, whose files stay."""
    shutil.copy(stages.folders["2"] / "main.ducklake", place.catalog)


def test_an_older_catalog_gets_its_commits_back_in_words(place: Place, stages: Stages) -> None:
    sink(place, stages)
    before = tree(place.folder)
    dry = place.run("salvage", LAKE, "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert dry.out.startswith("would bring ducklake:lake/main.ducklake from snapshot 9 to ")
    assert dry.out.endswith("nothing was changed (--dry-run)\n")
    assert tree(place.folder) == before

    wet = place.run("salvage", LAKE)
    assert (wet.code, wet.err) == (0, "")
    assert wet.out.startswith("brought ducklake:lake/main.ducklake from snapshot 9 to ")
    assert "  - whoever has the lake attached has to attach it again\n" in wet.out
    assert re.search(r"\nTABLE +FILES +ROWS *\ns\.t +1 +1 *\ns\.parts +1 +30 *\n", wet.out), wet.out
    assert "\nwhat the files cannot tell, and may be lost:\n  rows that commits after snapshot 9 kept in the" in wet.out
    assert re.search(r"\ndone in \d+\.\d\d s\n$", wet.out)
    assert len(read_lake(f"ducklake:{place.catalog}", cwd=place.lake)["snapshots"]) > len(stages.truth["2"])

    again = place.run("salvage", LAKE)
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith("nothing to salvage for ducklake:lake/main.ducklake\n  - storage holds nothing that")


def test_a_repository_is_named_and_brings_back_what_it_holds(place: Place, stages: Stages) -> None:
    sink(place, stages)
    ran = place.run("salvage", LAKE, "-r", "repo")
    assert (ran.code, ran.err) == (0, "")
    assert f"point {place.points[-1]}" in ran.out
    assert read_lake(f"ducklake:{place.catalog}", cwd=place.lake)["snapshots"] == stages.truth["3"]


def test_json_of_every_way(place: Place, stages: Stages) -> None:
    sink(place, stages)
    dry: SalvageResult = answered(place.run("salvage", LAKE, "--dry-run", "--json"), "salvage")
    wet: SalvageResult = answered(place.run("salvage", LAKE, "--json"), "salvage")
    assert (dry.dry_run, wet.dry_run) == (True, False)
    assert (dry.commits, dry.left, dry.losses, dry.tables) == (wet.commits, wet.left, wet.losses, wet.tables)
    assert (wet.from_snapshot, wet.forwarded) == (9, None)
    assert {table.table for table in wet.tables} == {"s.t", "s.parts"}

    new = "lake/new.ducklake"
    made: SalvageResult = answered(
        place.run("salvage", "--new-catalog", new, "--data-path", wet.data_path, "--json"), "salvage"
    )
    assert {table.table for table in made.tables if table.created} == {"s.t", "s.parts"}
    pointed: SalvageResult = answered(
        place.run("salvage", "--new-catalog", "lake/pointed.ducklake", "-r", "repo", "--data-path", wet.data_path,
                  "--json"),
        "salvage",
    )  # fmt: skip
    assert pointed.forwarded is not None
    assert (pointed.forwarded.point, pointed.snapshot_id) == (place.points[-1], 14)
    assert msgspec.json.decode(msgspec.json.encode(pointed), type=SalvageResult) == pointed


def test_what_it_refuses(place: Place) -> None:
    said = fails(place, 2, "no-data-path", "salvage", "--new-catalog", "new.ducklake")
    assert "--data-path" in said
    new = ["salvage", "--new-catalog", LAKE]
    for taken in fail(place, 4, "target-not-empty", [[*new, "--data-path", "lake/data"], [*new, "-r", "repo"]]):
        assert "--new-catalog" in taken
        assert "--replace" not in taken
    fails(place, 1, "catalog-missing", "salvage", "not-there.ducklake")
    fails(place, 1, "not-a-repository", "salvage", LAKE, "-r", "not-there")


def test_a_misspelled_data_path_makes_no_catalog(place: Place) -> None:
    said = fails(place, 4, "data-path-empty", "salvage", "--new-catalog", "new.ducklake", "--data-path", "lake/flies")
    assert f"{place.lake}/flies/" in said
    assert not (place.folder / "new.ducklake").exists()


def test_a_damaged_point_is_a_finding_with_exit_code_3(place: Place, stages: Stages) -> None:
    sink(place, stages)
    newest = place.repo / "points" / f"{place.points[-1]}.json"
    newest.write_bytes(newest.read_bytes()[:-40])
    ran = place.run("salvage", LAKE, "-r", "repo", "--json")
    assert ran.code == 3, ran
    result = msgspec.json.decode(ran.out, type=SalvageResult)
    assert result.finding_counts == {"repository-damaged": 1}
    assert result.commits
