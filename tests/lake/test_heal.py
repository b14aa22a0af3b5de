"""heal: what a live lake lost comes back byte for byte, and what cannot is said and can be left out."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

import canvasback
from tests.lake.builder import Contents, Lake, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.lake.values import tree_of
from tests.postgres import Server

HISTORY = (
    "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
    "INSERT INTO lake.t SELECT i, 'one ' || i FROM range(20) r(i)",
    "INSERT INTO lake.t SELECT i, 'two ' || i FROM range(20, 50) r(i)",
    "DELETE FROM lake.t WHERE i % 10 = 3 AND i < 20",
    "CREATE TABLE lake.u AS SELECT i AS n FROM range(7) r(i)",
)


@pytest.fixture(params=ENGINES)
def lost(request: pytest.FixtureRequest, tmp_path: Path, postgres: Server) -> Lake:
    """A small lake of each engine."""
    engine: Engine = request.param
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.elsewhere = attach_string(engine, lake.folder, postgres)
    lake.run(*HISTORY)
    return lake


def aside(lake: Lake) -> dict[str, bytes]:
    """What was moved aside, by the name that it had."""
    return {path.name.partition(".damaged-")[0]: path.read_bytes() for path in lake.data.rglob("*.damaged-*Z")}


def sound(lake: Lake, level: str = "rows") -> canvasback.CheckResult:
    """Check a lake in which nothing may be wrong."""
    result = canvasback.check(lake.attach, level=level)
    assert [finding for finding in result.findings if finding.severity != "info"] == []
    return result


def files_of(lake: Lake, table: str) -> list[Path]:
    """The data files of a table of `main`, oldest first."""
    return sorted(path for path in (lake.data / "main" / table).rglob("*.parquet") if "-delete" not in path.name)


def test_files_come_back_from_a_point_byte_for_byte(lost: Lake) -> None:
    lost.backup()
    lost.run("INSERT INTO lake.u VALUES (100)")  # what was committed since stays
    truth, tree = lost.read(), tree_of(lost.data)
    gone, empty, other = files_of(lost, "t")[0], files_of(lost, "t")[1], next(lost.data.rglob("*-delete.parquet"))
    gone.unlink()
    empty.write_bytes(b"")
    other.write_bytes(other.read_bytes()[:-9])

    result = canvasback.heal(lost.attach, lost.repository)

    assert {file.place: file.code for file in result.healed}.keys() == {str(gone), str(empty), str(other)}
    assert {file.source for file in result.healed} == {f"point {lost.points[-1]}"}
    assert {file.table for file in result.healed} == {"main.t"}
    assert (result.healed_files, result.losses, result.repairs) == (3, (), ())
    assert {finding.severity for finding in result.findings} <= {"info"}
    assert aside(lost).keys() == {empty.name, other.name}
    kept = {name: digest for name, digest in tree_of(lost.data).items() if ".damaged-" not in name}
    assert kept == tree
    assert lost.read() == truth
    sound(lost)


def test_files_come_back_from_a_replica(lost: Lake, tmp_path: Path) -> None:
    truth, tree = lost.read(), tree_of(lost.data)
    replica = tmp_path / "replica"
    shutil.copytree(lost.data, replica)
    first, second = files_of(lost, "t")
    whole = second.read_bytes()
    first.unlink()
    second.unlink()
    (replica / second.relative_to(lost.data)).write_bytes(b"PAR1 but nothing else PAR1")

    result = canvasback.heal(lost.attach, source=str(replica))

    assert [(file.place, file.source) for file in result.healed] == [
        (str(first), str(replica / first.relative_to(lost.data)))
    ]
    assert [(loss.place, loss.table, loss.rows) for loss in result.losses] == [(str(second), "main.t", 30)]
    assert not second.exists()

    (replica / second.relative_to(lost.data)).write_bytes(whole)
    result = canvasback.heal(lost.attach, source=str(replica))

    assert [file.place for file in result.healed] == [str(second)]
    assert tree_of(lost.data) == tree
    assert lost.read() == truth


def test_a_plan_changes_nothing(lost: Lake) -> None:
    lost.backup()
    files_of(lost, "u")[0].unlink()
    before = tree_of(lost.data), tree_of(Path(lost.repository))

    result = canvasback.heal(lost.attach, lost.repository, accept_loss=True, dry_run=True)

    assert (tree_of(lost.data), tree_of(Path(lost.repository))) == before
    assert (result.healed_files, result.lost_files, result.accepted_snapshot) == (1, 0, None)
    assert set(result.finding_counts) == {"file-missing"}


def test_a_loss_is_listed_and_accepted_in_one_commit(lost: Lake) -> None:
    truth = lost.read()
    head = canvasback.check(lost.attach, level="catalog").snapshot_id
    second = files_of(lost, "t")[1]
    second.unlink()

    listed = canvasback.heal(lost.attach)
    assert [(loss.table, loss.kind, loss.rows, loss.end_snapshot) for loss in listed.losses] == [
        ("main.t", "data", 30, None)
    ]
    assert listed.accepted_snapshot is None
    assert listed.finding_counts == {"file-missing": 1}
    with session(lost.attach, "READ_ONLY") as connection, pytest.raises(duckdb.Error):
        connection.execute("SELECT sum(i) FROM lake.t").fetchall()  # 1.0 answers counts without the file

    accepted = canvasback.heal(lost.attach, accept_loss=True)

    assert accepted.accepted_snapshot == head + 1
    assert accepted.finding_counts == {}
    expected = {**truth, "main.t": [row for row in truth["main.t"] if "two" not in row]}
    assert lost.read() == expected
    assert sound(lost).accepted == 1
    with session(lost.attach, "READ_ONLY") as connection:
        assert connection.execute(
            "SELECT author, commit_message FROM lake.snapshots() ORDER BY snapshot_id DESC LIMIT 1"
        ).fetchall() == [("canvasback", "loss accepted: 1 file left out that cannot be read")]
        with pytest.raises(duckdb.Error):
            connection.execute(f"SELECT sum(i) FROM lake.t AT (VERSION => {head})").fetchall()
    lost.run("INSERT INTO lake.t VALUES (1, 'later')", "CALL ducklake_merge_adjacent_files('lake')")
    assert len(lost.read()["main.t"]) == len(expected["main.t"]) + 1
    sound(lost)


def test_deleted_rows_that_show_again_are_announced(lost: Lake) -> None:
    with session(lost.attach, "READ_ONLY") as connection:
        before = connection.execute("SELECT count(*) FROM lake.t").fetchall()[0][0]
    next(lost.data.rglob("*-delete.parquet")).unlink()

    result = canvasback.heal(lost.attach, accept_loss=True)

    assert [(loss.kind, loss.rows) for loss in result.losses] == [("delete", 2)]
    assert any("0 rows are lost, 2 that were deleted show again" in step for step in result.steps)
    with session(lost.attach, "READ_ONLY") as connection:
        assert connection.execute("SELECT count(*) FROM lake.t").fetchall()[0][0] == before + 2
    sound(lost)


def test_nothing_is_done_to_a_sound_lake(lost: Lake) -> None:
    before = tree_of(lost.data)

    result = canvasback.heal(lost.attach, accept_loss=True)

    assert (result.steps, result.finding_counts, result.accepted_snapshot) == (("nothing is to be done",), {}, None)
    assert tree_of(lost.data) == before


def test_an_older_point_helps_where_the_newest_saved_the_damage(lake: Lake) -> None:
    truth = lake.read()
    first = lake.backup()
    file = files_of(lake, "t")[0]
    whole = file.read_bytes()
    file.write_bytes(whole[:40] + bytes(8) + whole[48:])
    second = lake.backup(findings=("file-changed",))
    assert second.point != first.point

    result = canvasback.heal(lake.attach, lake.repository, level="rows")

    assert [(healed.place, healed.source) for healed in result.healed] == [(str(file), f"point {first.point}")]
    assert file.read_bytes() == whole
    assert lake.read() == truth


def test_other_bytes_of_the_same_size_are_found_by_their_checksum(lake: Lake) -> None:
    lake.run("CREATE TABLE lake.w AS SELECT 'old content' AS s FROM range(10)")
    lake.backup()
    [file] = files_of(lake, "w")
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"old content", b"new content"))

    assert canvasback.check(lake.attach, level="rows").finding_counts.keys() <= {"statistics-hide-rows"}
    found = canvasback.check(lake.attach, lake.repository, level="checksum")
    assert [(finding.where, finding.table) for finding in found.findings] == [(str(file), "main.w")]
    canvasback.heal(lake.attach, lake.repository, level="checksum")

    assert file.read_bytes() == whole
    assert canvasback.check(lake.attach, lake.repository, level="checksum").finding_counts.keys() <= {"moved-aside"}


@pytest.mark.parametrize("sources", [pytest.param("there", marks=pytest.mark.previous), "gone"])
def test_a_merged_file_is_written_anew_from_its_sources(lake: Lake, sources: str) -> None:
    """While the catalog tells which rows are of which snapshot, as DuckLake 0.3 lets it; 1.0 does not."""
    lake.run(
        "CREATE TABLE lake.m (i INTEGER, s VARCHAR)",
        *(f"INSERT INTO lake.m SELECT i, 's' || i FROM range({n}, {n} + 10) r(i)" for n in range(0, 40, 10)),
    )
    old = set(files_of(lake, "m"))
    lake.run("CALL ducklake_merge_adjacent_files('lake')", "DELETE FROM lake.m WHERE i IN (3, 17, 35)")
    with session(lake.attach, "READ_ONLY") as connection:
        heads = [n for (n,) in connection.execute("SELECT snapshot_id FROM lake.snapshots() ORDER BY 1").fetchall()][
            -6:
        ]
        truth = _history(connection, heads)
    [merged] = set(files_of(lake, "m")) - old
    merged.write_bytes(b"")
    if sources == "gone":
        max(old).unlink()

    result = canvasback.heal(lake.attach)

    if sources == "gone":
        assert [(loss.place, loss.rows) for loss in result.losses] == [(str(merged), 40)]
        return
    assert [(healed.place, healed.source) for healed in result.healed] == [
        (str(merged), "the files that were merged into it")
    ]
    assert result.losses == ()
    with session(lake.attach, "READ_ONLY") as connection:
        assert _history(connection, heads) == truth
    assert {finding.severity for finding in canvasback.check(lake.attach, level="rows").findings} <= {"info"}


def _history(connection: duckdb.DuckDBPyConnection, snapshots: list[int]) -> list[Contents]:
    query = "SELECT rowid, m.* FROM lake.m AT (VERSION => {}) ORDER BY ALL"
    return [connection.execute(query.format(at)).fetchall() for at in snapshots]  # type: ignore[misc]


def test_the_repository_of_another_lake_is_refused(lake: Lake, tmp_path: Path) -> None:
    other = Lake(tmp_path / "other")
    other.run("CREATE TABLE lake.t AS SELECT 1 AS i")
    other.backup()

    for verb in (canvasback.heal, canvasback.check):
        with pytest.raises(canvasback.RefusedError) as refused:
            verb(lake.attach, other.repository)
        assert refused.value.code == "other-lake"


def test_checksums_need_a_repository(lake: Lake) -> None:
    for verb in (canvasback.heal, canvasback.check):
        with pytest.raises(canvasback.UsageError) as refused:
            verb(lake.attach, level="checksum")
        assert refused.value.code == "no-repository"
