"""diff and tables as a user meets them: what they say, and what they refuse."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest

import canvasback
from canvasback.model.results.diff import DiffResult, TablesResult
from tests.cli.running import Place, fails, tree
from tests.cli.test_commands import answered
from tests.lake.builder import session

LAKE = "lake/main.ducklake"


def compared(place: Place, *arguments: object) -> DiffResult:
    """What diff says as JSON."""
    found: DiffResult = answered(place.run("diff", *arguments, "--json"), "diff")
    return found


def listed(place: Place, *arguments: object) -> TablesResult:
    """What tables says as JSON."""
    found: TablesResult = answered(place.run("tables", *arguments, "--json"), "tables")
    return found


def change(place: Place, *statements: str) -> None:
    """Commit to the lake."""
    with session(
        f"ducklake:{place.catalog}", "OVERRIDE_DATA_PATH true", f"DATA_PATH '{place.lake}/data/'"
    ) as connection:
        for statement in statements:
            connection.execute(statement)


def test_all_ways_to_name_a_moment(place: Place) -> None:
    """Two points, their snapshots, and the live lake, which is at the second one."""
    old, new = place.points
    a, b = (int(point.rpartition("s")[2]) for point in (old, new))
    told = compared(place, old, new, "-r", "repo")
    assert (told.before.source, told.after.source) == (old, new)
    assert (told.before.snapshot_id, told.after.snapshot_id) == (a, b)
    assert told.ancestor
    [one] = [table for table in told.tables if table.table == "t"]
    assert (one.kinds, one.exact) == (("data",), True)
    assert (one.rows_before, one.rows_after, one.rows_added, one.rows_removed) == (54, 64, 12, 2)
    assert told.totals.rows_added == 12 + 30
    assert [commit.snapshot_id for commit in told.commits] == list(range(a + 1, b + 1))
    before = tree(place.folder)
    repo, lake = str(place.repo), str(place.catalog)
    times = [side.snapshot_time.isoformat() for side in (told.before, told.after)]
    for moments, places in (
        ((old, "latest"), {"repository": repo}),
        ((old[:-2], str(b)), {"repository": repo}),
        ((str(a), str(b)), {"repository": repo}),
        ((str(a), "now"), {"lake": lake}),
        ((old, "now"), {"lake": lake, "repository": repo}),
        (times, {"lake": lake}),
        ((times[0], new), {"repository": repo}),
    ):
        same = canvasback.diff(*moments, **places)
        assert (same.tables, same.objects, same.commits) == (told.tables, told.objects, told.commits), moments
    assert tree(place.folder) == before


def test_diff_as_text(place: Place) -> None:
    change(
        place,
        "ALTER TABLE lake.s.t ADD COLUMN n INTEGER DEFAULT 3",
        "ALTER TABLE lake.s.t RENAME TO u",
        "DROP TABLE lake.s.parts",
        "CREATE SCHEMA lake.other",
        "CREATE TABLE lake.other.new AS SELECT i FROM range(7) r(i)",
        "CREATE VIEW lake.other.v AS SELECT 1 AS one",
        "BEGIN",
        "INSERT INTO lake.other.new VALUES (8)",
        "CALL lake.set_commit_message('ana', 'one more')",
        "COMMIT",
    )
    ran = place.run("diff", "latest", "now", "-r", "repo", "--lake", LAKE)
    assert (ran.code, ran.err) == (0, "")
    lines = re.sub(" +", " ", ran.out).splitlines()
    assert re.fullmatch(r"from snapshot 14 of .* UTC, in point \S+-s14", lines[0])
    assert lines[1].endswith("in ducklake:lake/main.ducklake")
    for line in (
        "s.t → s.u renamed, altered 64",
        "s.parts dropped 40 → 0 -40 -3 -",
        " s.u: column n INTEGER added",
        " schema other created",
        " view other.v created",
        "tables 1 created, 1 dropped, 1 renamed, 1 altered",
        "rows 8 added, 40 removed",
    ):
        assert any(found.startswith(line) for found in lines), line
    assert re.fullmatch(r"21 \S+ \S+ ana one more inserted into other\.new", lines[-1])
    nothing = place.run("diff", "now", "now", "--lake", LAKE)
    assert nothing.out.endswith("\n\nnothing changed: all 2 tables are as they were\n")


def test_tables_and_those_that_were_dropped(place: Place) -> None:
    assert [(t.schema, t.table, t.rows, t.exact) for t in listed(place, "-r", "repo").tables] == [
        ("s", "parts", 40, True),
        ("s", "t", 64, True),
    ]
    assert listed(place, "-r", "repo").dropped is None
    assert listed(place, "-r", "repo", "--dropped").dropped == ()
    change(
        place,
        "ALTER TABLE lake.s.t RENAME TO u",
        'CREATE TABLE lake.s."it\'s odd" AS SELECT i FROM range(5) r(i)',
        "DROP TABLE lake.s.parts",
        'DROP TABLE lake.s."it\'s odd"',
    )
    told = listed(place, "--lake", LAKE, "--dropped", "-r", "repo")
    assert [(t.table, t.rows) for t in told.tables] == [("u", 64)]
    assert told.dropped is not None
    assert [(t.table, t.dropped_by, t.last_snapshot, t.rows, t.exact) for t in told.dropped] == [
        ("it's odd", 18, 17, 5, True),
        ("parts", 17, 16, 40, True),
    ]
    assert [t.restore for t in told.dropped] == ["", ""]  # no point has those snapshots yet
    assert place.run("backup", LAKE, "-r", "repo").code == 0
    for arguments in (("-r", "repo"), ("latest", "-r", "repo"), ("--lake", LAKE, "-r", "repo")):
        again = listed(place, *arguments, "--dropped")
        to = LAKE if "--lake" in arguments else "LAKE"
        assert again.tables == told.tables
        assert again.dropped is not None
        assert [t.restore for t in again.dropped] == [
            f"""canvasback restore --table 's."it'"'"'s odd"' --at-snapshot 17 --to {to} -r repo""",
            f"canvasback restore --table s.parts --at-snapshot 16 --to {to} -r repo",
        ]
    then = listed(place, "--at-snapshot", 16, "--dropped", "-r", "repo")
    assert [t.table for t in then.tables] == ["it's odd", "parts", "u"]
    assert then.dropped == ()
    assert told.dropped[1].dropped_at is not None
    at_time = listed(place, "--at-time", told.dropped[1].dropped_at.isoformat(), "--dropped", "--lake", LAKE)
    assert [t.table for t in at_time.dropped or ()] == ["parts"]
    text = place.run("tables", "--dropped", "-r", "repo")
    assert (text.code, text.err) == (0, "")
    assert re.search(r"^s +parts +snapshot 17 +\S+ \S+ +snapshot 16 +40$", text.out, re.MULTILINE)
    assert "\nto bring back:\n  canvasback restore --table " in text.out
    assert place.run("tables", "--dropped", "-r", "repo", place.points[0]).out.endswith(
        "no dropped tables that this catalog still knows\n"
    )


def test_a_name_of_the_settings_file(place: Place) -> None:
    (place.folder / "canvasback.toml").write_text(f"[lakes.sales]\nlake = '{LAKE}'\nrepository = 'repo'\n")
    assert compared(place, "latest", "now", "--lake", "sales").after.source == f"ducklake:{LAKE}"
    assert listed(place, "--lake", "sales").at.snapshot_id == 14


def test_moments_that_make_no_sense(place: Place) -> None:
    said = fails(place, 2, "moment-not-understood", "diff", "yesterday", "latest", "-r", "repo")
    assert "'yesterday' is no point" in said
    fails(place, 2, "no-repository", "diff", "latest", "now", "--lake", LAKE)
    fails(place, 2, "no-repository", "tables")
    fails(place, 2, "two-moments", "tables", "--at-snapshot", "3", "--at-time", "1 hour ago", "-r", "repo")
    fails(place, 4, "moment-not-held", "tables", "--at-snapshot", "-1", "-r", "repo")
    repo, lake = str(place.repo), str(place.catalog)
    tomorrow = datetime.fromtimestamp(time.time() + 86400, UTC).isoformat()
    for code, moments, places in (
        ("time-not-understood", ("2026-11-24T12:30 noon", "latest"), {"repository": repo}),
        ("newer-first", ("latest", "3"), {"repository": repo}),
        ("no-lake", ("latest", "now"), {"repository": repo}),
        ("no-repository", ("3", "4"), {}),
        ("unknown-point", ("20200101T", "latest"), {"repository": repo}),
        ("moment-not-held", ("3", "99"), {"repository": repo}),
        ("moment-not-held", ("3", "99"), {"repository": repo, "lake": lake}),
        ("moment-not-held", ("3", "99999999999999999999999"), {"lake": lake}),
        ("moment-not-held", ("3", tomorrow), {"lake": lake}),
        ("moment-not-held", ("90 weeks ago", "3"), {"lake": lake}),
    ):
        with pytest.raises(canvasback.CanvasbackError) as refused:
            canvasback.diff(*moments, **places)
        assert refused.value.code == code, moments
        assert refused.value.hint
    for code, options in (
        ("point-and-lake", {"point": "latest", "lake": lake}),
        ("time-not-understood", {"repository": repo, "at_time": "noon"}),
        ("moment-not-held", {"repository": repo, "at_time": "90 weeks ago"}),
        ("moment-not-held", {"lake": lake, "at_snapshot": 99}),
    ):
        with pytest.raises(canvasback.CanvasbackError) as refused:
            canvasback.tables(**options)  # type: ignore[arg-type]
        assert refused.value.code == code, options


def test_another_lake(place: Place) -> None:
    with session(f"ducklake:{place.folder}/other.ducklake", f"DATA_PATH '{place.folder}/other/'") as connection:
        connection.execute("CREATE TABLE lake.t (i INTEGER)")
    fails(place, 4, "other-lake", "diff", "latest", "now", "-r", "repo", "--lake", "other.ducklake")


@pytest.mark.parametrize("what", ["catalog", "manifest"])
def test_a_damaged_point(what: str, place: Place) -> None:
    """A number of a damaged chunk would be a wrong number."""
    if what == "manifest":
        (place.repo / "points" / f"{place.points[1]}.json").write_text("{}")
    for chunk in place.repo.glob("catalog/*/*.parquet") if what == "catalog" else ():
        chunk.write_bytes(bytes(len(chunk.read_bytes())))
    for arguments in (("diff", place.points[0], "latest"), ("tables", "latest")):
        ran = place.run(*arguments, "-r", "repo", "--json")
        assert ran.code == 1
        assert ran.document["code"] == ("manifest-corrupt" if what == "manifest" else "chunk-corrupt")
        assert "Traceback" not in ran.err
