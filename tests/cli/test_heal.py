"""heal as a user meets it: what it says, how it leaves, and what it refuses."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest

from canvasback.model.results.check import CheckResult
from canvasback.model.results.heal import HealResult
from tests.cli.running import Place, fail, fails, tree
from tests.cli.test_check import LAKE, data_files
from tests.cli.test_commands import answered
from tests.contract.privileges import give_up_passing
from tests.crash.lakes import Stages
from tests.lake.builder import Lake, session
from tests.oracle import read_lake


def damage(place: Place) -> tuple[Path, Path]:
    """Lose a file of one table, and cut one of another."""
    gone, *_ = data_files(place, "t.table_name = 't'")
    cut, *_ = data_files(place, "t.table_name = 'parts'")
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-5])
    return gone, cut


def is_whole(place: Place, stages: Stages) -> bool:
    """Whether the extension sees all that the lake's writers saw, at each snapshot."""
    return read_lake(f"ducklake:{place.catalog}", cwd=place.lake)["snapshots"] == stages.truth["3"]  # type: ignore[no-any-return]


def test_what_is_healed_and_what_was_planned(place: Place, stages: Stages) -> None:
    gone, cut = damage(place)
    before = tree(place.folder)
    dry = place.run("heal", LAKE, "-r", "repo", "--dry-run")
    assert (dry.code, dry.err) == (3, "")
    assert dry.out.startswith("would heal ducklake:lake/main.ducklake, looking at level footers\n  - 2 files (")
    assert f"\n  {gone}: file-missing, from point {place.points[-1]}\n" in dry.out
    assert f"\n  {cut}: file-size, from point {place.points[-1]}\n" in dry.out
    assert "\nnothing was changed (--dry-run)\n" in dry.out
    assert "\n2 findings: 1 file-missing, 1 file-size\n" in dry.out
    assert tree(place.folder) == before

    wet = place.run("heal", LAKE, "-r", "repo")
    assert (wet.code, wet.err) == (0, "")
    assert wet.out.startswith("healed ducklake:lake/main.ducklake, looking at level footers\n  - 2 files (")
    assert [line for line in dry.out.splitlines() if ", from " in line] == [
        line for line in wet.out.splitlines() if ", from " in line
    ]
    assert re.search(r"\ndone in \d+\.\d\d s\n$", wet.out)
    assert is_whole(place, stages)
    [aside] = place.lake.rglob("*.damaged-*")
    assert aside.name.startswith(cut.name + ".damaged-")

    again: HealResult = answered(place.run("heal", LAKE, "-r", "repo", "--json"), "heal")
    assert (again.steps, again.healed, again.finding_counts) == (("nothing is to be done",), (), {"moved-aside": 1})
    checked = place.run("check", LAKE, "--level", "rows")
    assert (checked.code, checked.out.count("[moved-aside]")) == (0, 1)


def test_a_loss_is_named_with_its_rows_and_snapshots(place: Place) -> None:
    """Without a copy nothing is put back; the delete file that was in force for some snapshots is told as such."""
    with session(f"ducklake:{place.catalog}", f"DATA_PATH '{place.lake}/data/'", "OVERRIDE_DATA_PATH true") as writer:
        writer.execute("DELETE FROM lake.s.t WHERE 20 <= i AND i < 40")  # the file ends, and with it what it deletes
    with duckdb.connect(str(place.catalog), read_only=True) as connection:
        [(name,)] = connection.execute(
            "SELECT x.path FROM ducklake_delete_file x JOIN ducklake_data_file f USING (data_file_id) "
            "WHERE x.begin_snapshot = 9 AND x.end_snapshot IS NULL AND f.end_snapshot = 15"
        ).fetchall()
    old = place.lake / "data" / "s" / "t" / name
    old.unlink()
    gone, cut = damage(place)
    before = tree(place.lake)

    ran = place.run("heal", LAKE)

    assert (ran.code, ran.err) == (3, "")
    assert "  - 3 files cannot be healed; --accept-loss makes the newest snapshot readable without them\n" in ran.out
    assert "\ncannot be healed: 3 files\n" in ran.out
    assert f"\n  s.t: 20 rows of snapshots 5 to now; {gone} is missing\n" in ran.out
    assert f"\n  s.parts: 5 rows of snapshots 7 to now; {cut} has " in ran.out
    assert f"\n  s.t: the deletes of 2 rows of snapshots 9 to 14; {old} is missing\n" in ran.out
    assert "\n3 findings: 2 file-missing, 1 file-size\n" in ran.out
    assert tree(place.lake) == before

    accepted = place.run("heal", LAKE, "--accept-loss", "-r", "repo", "--dry-run")
    assert "cannot be healed" not in accepted.out  # the repository has them all
    accepted = place.run("heal", LAKE, "--accept-loss")
    # What the newest snapshot does not need stays a finding: older ones fail, and nobody hid that.
    assert (accepted.code, accepted.err) == (3, "")
    step = "  - one commit leaves out 2 files that cannot be read: 22 rows are lost, 0 that were deleted show again\n"
    assert step in accepted.out
    assert "\nsnapshot 16 leaves out what is lost; older snapshots still need it\n" in accepted.out
    assert "\n1 finding: 1 file-missing\n" in accepted.out
    checked = place.run("check", LAKE)
    assert checked.code == 3
    assert "  2 lost files not counted: that loss was accepted\n" in checked.out

    healed: HealResult = answered(place.run("heal", LAKE, "-r", "repo", "--json"), "heal")
    assert old.exists()
    assert [file.place for file in healed.healed][-1:] == [str(old)]


def test_files_that_may_be_whole_are_not_given_up(place: Place) -> None:
    """A lost permission, or a bucket that does not answer, is no loss of rows."""
    closed, gone, *_ = data_files(place, "t.table_name = 't'")
    closed.chmod(0)
    gone.unlink()
    result: HealResult = answered(
        place.run("heal", LAKE, "--accept-loss", "--json", preexec=give_up_passing), "heal", 3
    )
    assert {(loss.place, loss.rows) for loss in result.losses} == {(str(closed), 20), (str(gone), 20)}
    assert [step.partition(":")[0] for step in result.steps] == [
        "one commit leaves out 1 file that cannot be read",
        "1 file not left out",
    ]
    assert result.finding_counts == {"file-unreadable": 1}
    closed.chmod(0o644)
    assert place.run("heal", LAKE).code == 0
    with session(
        f"ducklake:{place.catalog}", "READ_ONLY", f"DATA_PATH '{place.lake}/data/'", "OVERRIDE_DATA_PATH true"
    ) as connection:
        seen = connection.execute("SELECT count(s) FILTER (i < 20), count(s) FILTER (20 <= i AND i < 40) FROM lake.s.t")
        assert seen.fetchall() == [(18, 0)]


def test_a_replica_helps_beside_the_repository(place: Place, stages: Stages) -> None:
    gone, cut = damage(place)
    replica = place.folder / "replica"
    shutil.copytree(place.repo / "data", replica)
    [saved] = (place.repo / "data").rglob(cut.name)
    saved.unlink()
    assert not list(replica.rglob("*.damaged-*"))
    ran = place.run("heal", LAKE, "-r", "repo", "--from", "replica", "--json")
    # That the repository lacks a file is still to be told.
    result: HealResult = answered(ran, "heal", 3)
    assert {(file.place, file.source) for file in result.healed} == {
        (str(gone), f"point {place.points[-1]}"),
        (str(cut), str(replica / cut.relative_to(place.lake / "data"))),
    }
    assert result.finding_counts == {"object-missing": 1}
    assert is_whole(place, stages)


def test_a_replica_that_is_none_loses_nothing(place: Place) -> None:
    """A misspelled replica has no copy of anything; that must not look like a loss to accept."""
    damage(place)
    (place.folder / "empty").mkdir()
    (place.folder / "link").symlink_to(place.lake / "data")
    said = fails(place, 4, "no-replica", "heal", LAKE, "--from", "nowhere", "--accept-loss")
    assert f"{place.folder}/nowhere/" in said
    assert f"{place.lake}/data/" in said
    fail(place, 4, "no-replica", [
        ("heal", LAKE, "--from", place, "--accept-loss") for place in ("empty", "lake/data", "link", "lake")
    ])  # fmt: skip
    fails(place, 2, "location-not-supported", "heal", LAKE, "--from", "ftp://old/disk")
    fails(place, 1, "credentials-missing", "heal", LAKE, "--from", "s3://old/disk", AWS_EC2_METADATA_DISABLED="true")


@pytest.mark.parametrize("source", ["-r", "--from"])
def test_where_nobody_may_write_is_told_and_the_rest_healed(place: Place, source: str) -> None:
    gone, cut = damage(place)
    shutil.copytree(place.repo / "data", place.folder / "replica")
    gone.parent.chmod(0o555)
    held = {"-r": "repo", "--from": "replica"}[source]
    ran = place.run("heal", LAKE, source, held, "--accept-loss", "--json", preexec=give_up_passing)
    gone.parent.chmod(0o755)
    result: HealResult = answered(ran, "heal", 3)
    assert [file.place for file in result.healed] == [str(cut)]
    # There is a copy: what could not be put back is not given up.
    assert result.finding_counts == {"copy-failed": 1, "file-missing": 1}
    assert result.accepted_snapshot is None
    [failed] = [finding for finding in result.findings if finding.code == "copy-failed"]
    assert failed.where == str(gone)
    assert str(gone.parent) in failed.message
    assert place.run("heal", LAKE, source, held).code == 0


def test_what_cannot_be_read_in_the_replica_is_not_given_up(place: Place) -> None:
    gone, cut = damage(place)
    replica = place.folder / "replica"
    shutil.copytree(place.repo / "data", replica)
    closed = replica / gone.relative_to(place.lake / "data")
    closed.chmod(0)
    ran = place.run("heal", LAKE, "--from", "replica", "--accept-loss", "--json", preexec=give_up_passing)
    result: HealResult = answered(ran, "heal", 3)
    assert [file.place for file in result.healed] == [str(cut)]
    assert result.finding_counts == {"copy-failed": 1, "file-missing": 1}
    assert result.accepted_snapshot is None


def test_a_disk_that_is_not_mounted_is_no_loss(place: Place, stages: Stages) -> None:
    """The same for a data path that is not the lake's: all that is on the other one would be left out."""
    data, away = place.lake / "data", place.folder / "away"
    data.rename(away)
    heal = ("heal", LAKE, "--data-path", data)  # it is relative, and not found where nothing is
    for made in (False, True):
        if made:
            (data / "lost+found").mkdir(parents=True)
        found: CheckResult = answered(place.run("check", LAKE, "--data-path", data, "--json"), "check", 3)
        assert found.finding_counts["data-path-empty"] == 1
        [first, *_] = found.findings
        assert (first.code, first.where) == ("data-path-empty", f"{data}/")
        assert "Mount the disk" in first.cure
        for more in ((), ("-r", "repo"), ("--dry-run",)):
            assert f"{data}/" in fails(place, 4, "data-path-empty", *heal, "--accept-loss", *more)
        result: HealResult = answered(place.run(*heal, "--json"), "heal", 3)
        assert (result.findings[0].code, result.accepted_snapshot) == ("data-path-empty", None)
    shutil.rmtree(data)
    away.rename(data)
    assert is_whole(place, stages)

    # A disk that is really lost comes back from the repository, and then a loss may be accepted.
    shutil.rmtree(data)
    assert place.run(*heal, "-r", "repo").code == 0
    assert place.run(*heal, "-r", "repo", "--accept-loss").code == 0
    assert is_whole(place, stages)


def test_what_lies_outside_is_left_alone_and_not_given_up(place: Place, stages: Stages) -> None:
    """A file outside of the data path is somebody else's: a copy is not put over it."""
    with duckdb.connect(str(place.catalog), read_only=True) as connection:
        [(path,)] = connection.execute("SELECT path FROM ducklake_data_file WHERE NOT path_is_relative").fetchall()
    outside = Path(path)
    whole = outside.read_bytes()
    outside.write_bytes(b"theirs")
    try:
        heal = ["heal", LAKE, "-r", "repo", "--accept-loss", "--json"]
        planned: HealResult = answered(place.run(*heal, "--dry-run"), "heal", 3)
        result: HealResult = answered(place.run(*heal), "heal", 3)
        assert outside.read_bytes() == b"theirs"
    finally:
        outside.write_bytes(whole)
    assert (result.healed, result.accepted_snapshot) == ((), None)
    assert result.finding_counts == {"elsewhere-damaged": 1, "file-size": 1}
    assert planned.steps == result.steps
    assert (planned.healed, planned.losses, planned.findings) == (result.healed, result.losses, result.findings)
    assert is_whole(place, stages)


@pytest.mark.previous  # 1.0 notes only the newest snapshot of a merged file: it cannot be written anew
def test_the_plan_for_a_merged_file_is_what_is_done(tmp_path: Path) -> None:
    place = Place(tmp_path)
    lake = Lake(place.lake, options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        "CREATE TABLE lake.m (i INTEGER)",
        *(f"INSERT INTO lake.m SELECT i FROM range({n}, {n} + 10) r(i)" for n in range(0, 30, 10)),
    )
    sources = set(lake.files())
    lake.run("CALL ducklake_merge_adjacent_files('lake')")
    truth = lake.read()
    [merged] = set(lake.files()) - sources
    merged.unlink()
    source, *_ = sources

    planned: HealResult = answered(place.run("heal", LAKE, "--dry-run", "--json"), "heal", 3)
    source.rename(tmp_path / "kept")
    without: HealResult = answered(place.run("heal", LAKE, "--dry-run", "--json"), "heal", 3)
    (tmp_path / "kept").rename(source)
    healed: HealResult = answered(place.run("heal", LAKE, "--json"), "heal")

    assert planned.losses == healed.losses == ()
    assert planned.steps == healed.steps
    assert planned.healed == healed.healed
    assert [(file.place, file.code) for file in healed.healed] == [(str(merged), "file-missing")]
    assert (without.healed, [loss.rows for loss in without.losses]) == ((), [30])
    assert lake.read() == truth


def test_a_mended_catalog_is_explained(place: Place, stages: Stages) -> None:
    with duckdb.connect(str(place.catalog)) as connection:
        connection.execute("DELETE FROM ducklake_snapshot_changes WHERE snapshot_id = 5")
        connection.execute("UPDATE ducklake_data_file SET footer_size = footer_size + 1 WHERE data_file_id = 0")
    ran = place.run("heal", LAKE, "-r", "repo")
    assert (ran.code, ran.err) == (0, "")
    steps = [line for line in ran.out.splitlines() if line.startswith("  - ")]
    assert steps[0] == "  - before the catalog is changed, a point of the lake as it is is made in repo"
    assert [step.split(":")[0] for step in steps[1:]] == ["  - snapshot-without-changes", "  - footer-size"]
    assert f"\nwhat the catalog was before is in point {place.points[-1]}\n" in ran.out
    assert is_whole(place, stages)
    assert place.run("check", LAKE).code == 0
    # The damage has no commit of its own, and the point has it all the same.
    assert len(place.points) == 3
    damaged = place.run("attach", "-r", "repo", "--out", "a.ducklake")
    assert damaged.code == 0
    with duckdb.connect(str(place.folder / "a.ducklake"), read_only=True) as connection:
        query = "SELECT count(*) FROM ducklake_snapshot_changes WHERE snapshot_id = 5"
        assert connection.execute(query).fetchall() == [(0,)]
