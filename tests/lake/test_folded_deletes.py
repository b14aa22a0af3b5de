"""Delete files that hold deletes of several commits: what is said of their snapshots, and what they name."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

import canvasback
from tests import extension
from tests.lake.builder import Lake, session
from tests.lake.folded import two_files

ROWS = 20_000


def count(attach: str, table: str = "t", at: int | None = None) -> int:
    """Count the rows by reading them, and not by what the catalog says."""
    moment = "" if at is None else f" AT (VERSION => {at})"
    with session(attach, "READ_ONLY") as connection:
        return len(connection.execute(f"SELECT i FROM lake.{table}{moment}").fetchall())


@pytest.fixture
def folded(tmp_path: Path) -> tuple[Lake, dict[int, int]]:
    """A lake whose table lost rows by eight commits, and how many it had after each."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    truth = {}
    with lake.session() as connection:
        connection.execute(f"CREATE TABLE lake.t AS SELECT range::INTEGER AS i FROM range({ROWS})")
        for at in range(2, 10):
            connection.execute(f"DELETE FROM lake.t WHERE i >= {at * 1000} AND i < {at * 1000 + at * 20}")
            truth[at] = len(connection.execute("SELECT i FROM lake.t").fetchall())
    return lake, truth


@pytest.mark.versions
def test_rows_of_an_earlier_snapshot_are_counted(folded: tuple[Lake, dict[int, int]]) -> None:
    """By all that tell of them, from a lake and from a point."""
    lake, truth = folded
    lake.backup()
    for at in (2, 3, 8):
        rewound = canvasback.rewind(lake.attach, to_snapshot=at, dry_run=True)
        assert [(t.rows_then, t.then_fewest, t.then_most, t.exact) for t in rewound.tables] == [
            (truth[at], truth[at], truth[at], True)
        ]
        back = canvasback.restore_tables(lake.attach, lake.repository, "t", as_name="c", at_snapshot=at, dry_run=True)
        assert [(t.rows, t.exact) for t in back.tables] == [(truth[at], True)]
        for tables in (
            canvasback.tables(lake=lake.attach, at_snapshot=at),
            canvasback.tables(repository=lake.repository, at_snapshot=at),
        ):
            assert [(t.rows, t.exact) for t in tables.tables] == [(truth[at], True)]
        for said in (
            canvasback.diff(str(at), "now", lake=lake.attach),
            canvasback.diff(str(at), "latest", repository=lake.repository),
        ):
            [table] = said.tables
            assert (table.rows_before, table.rows_after, table.rows_removed) == (
                truth[at],
                truth[9],
                truth[at] - truth[9],
            )
            assert table.exact


@pytest.mark.versions
def test_what_cannot_be_read_is_a_range(folded: tuple[Lake, dict[int, int]]) -> None:
    """The delete files are gone: the catalog alone knows no more than the fewest and the most."""
    lake, truth = folded
    for path in lake.data.rglob("*-delete.parquet"):
        path.unlink()
    [table] = canvasback.tables(lake=lake.attach, at_snapshot=4).tables
    if extension.DUCKLAKE == "1.0":
        assert (table.fewest, table.most, table.exact) == (truth[9], ROWS, False)
    else:  # each delete has a file of its own
        assert (table.fewest, table.most, table.exact) == (truth[4], truth[4], True)


@pytest.mark.versions
def test_ducklake_does_not_read_which_file_a_delete_file_names(folded: tuple[Lake, dict[int, int]]) -> None:
    lake, truth = folded
    with lake.session() as connection:
        [(name,)] = connection.execute(
            "SELECT path FROM __ducklake_metadata_lake.ducklake_delete_file WHERE end_snapshot IS NULL"
        ).fetchall()
    [path] = lake.data.rglob(name)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS FROM '{path}'")
        connection.execute("UPDATE t SET file_path = '/nowhere.parquet'")
        connection.execute(f"COPY (FROM t ORDER BY pos) TO '{path}' (FORMAT parquet)")
        [(footer,)] = connection.execute(f"SELECT footer_size FROM parquet_file_metadata('{path}')").fetchall()
    with lake.session() as connection:
        connection.execute(
            "UPDATE __ducklake_metadata_lake.ducklake_delete_file SET "
            f"file_size_bytes = {path.stat().st_size}, footer_size = {footer} WHERE path = '{name}'"
        )
    assert count(lake.attach) == truth[9]
    assert "delete-positions" not in canvasback.check(lake.attach, level="rows").finding_counts


@pytest.mark.versions
def test_a_table_that_came_back_is_sound_and_stays_as_it_is(folded: tuple[Lake, dict[int, int]]) -> None:
    """Its delete files name files that are there no more, or are another table's."""
    lake, truth = folded
    lake.backup()
    canvasback.restore_tables(lake.attach, lake.repository, "t", as_name="other")
    canvasback.restore_tables(lake.attach, lake.repository, "t", as_name="older", at_snapshot=5)
    lake.run("DROP TABLE lake.t")
    for level in ("footers", "rows"):
        assert canvasback.check(lake.attach, level=level).findings == ()
    assert canvasback.heal(lake.attach, lake.repository, level="rows", accept_loss=True).losses == ()
    assert (count(lake.attach, "other"), count(lake.attach, "older")) == (truth[9], truth[5])


def test_a_delete_file_of_another_file_of_the_table_is_found(folded: tuple[Lake, dict[int, int]]) -> None:
    lake, _ = folded
    lake.run(
        "INSERT INTO lake.t SELECT range + 100000 FROM range(100)",
        "DELETE FROM lake.t WHERE i >= 100000 AND i < 100010",
        "INSERT INTO lake.t SELECT range + 200000 FROM range(100)",
        "DELETE FROM lake.t WHERE i >= 200000 AND i < 200010",
    )
    with lake.session() as connection:
        *_, one, other = connection.execute(
            "SELECT path, file_size_bytes, footer_size FROM __ducklake_metadata_lake.ducklake_delete_file ORDER BY ALL"
        ).fetchall()
    [there], [from_] = lake.data.rglob(other[0]), lake.data.rglob(one[0])
    there.write_bytes(from_.read_bytes())
    assert "delete-positions" in canvasback.check(lake.attach, level="rows").finding_counts


@pytest.mark.versions
def test_a_table_comes_back_into_a_lake_that_was_taken_back(folded: tuple[Lake, dict[int, int]]) -> None:
    """The numbers in its files are of snapshots that are yet to come there."""
    lake, truth = folded
    lake.run(
        "INSERT INTO lake.t SELECT range + 30000 FROM range(500)",
        "INSERT INTO lake.t SELECT range + 40000 FROM range(500)",
        "CALL ducklake_merge_adjacent_files('lake')",
    )
    lake.backup()
    canvasback.rewind(lake.attach, to_snapshot=1, safety_point=False)
    canvasback.restore_tables(lake.attach, lake.repository, "t", as_name="back")  # 2
    assert count(lake.attach, "back") == truth[9] + 1000
    lake.run(
        "DELETE FROM lake.back WHERE i < 100",  # 3
        "INSERT INTO lake.back SELECT range + 50000 FROM range(500)",  # 4
        "CALL ducklake_merge_adjacent_files('lake')",
    )
    shown = [count(lake.attach, "back", at) for at in (2, 3, 4)]
    assert shown == [truth[9] + 1000, truth[9] + 900, truth[9] + 1400]


def test_flushed_deletes_without_a_newest_number_are_cut(tmp_path: Path) -> None:
    """A flush does not say which number of the delete file of its own file is the newest."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 10",))
    lake.run(
        "CREATE TABLE lake.t (i INTEGER)",
        "INSERT INTO lake.t VALUES (1), (2), (3), (4)",
        "DELETE FROM lake.t WHERE i = 1",  # 3
        "DELETE FROM lake.t WHERE i = 2",  # 4
        "CALL ducklake_flush_inlined_data('lake')",
    )
    canvasback.rewind(lake.attach, to_snapshot=3, safety_point=False)
    lake.run("CREATE TABLE lake.u (i INTEGER)", "INSERT INTO lake.u VALUES (1)")
    assert [count(lake.attach, at=at) for at in (2, 3, 4, 5)] == [4, 3, 3, 3]


def test_one_writer_s_deletes_of_several_files_are_not_doubted(tmp_path: Path) -> None:
    """Each commit's lost delete file is explained by the file that it was folded into."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    truth = two_files(lake, interleaved=False)
    lake.backup()
    for at in sorted(truth)[:-1]:
        out = tmp_path / f"{at}.ducklake"
        assert canvasback.attach(lake.repository, at_snapshot=at, out=str(out)).findings == ()
        assert count(f"ducklake:{out}") == truth[at]
        assert canvasback.rewind(lake.attach, to_snapshot=at, dry_run=True).findings == ()


def test_what_cannot_be_proved_is_said(tmp_path: Path) -> None:
    """Two writers deleted from two files at once, and both files were deleted from again."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    truth = two_files(lake, interleaved=True)
    lake.backup()
    restored = canvasback.restore(
        f"ducklake:{tmp_path}/m.ducklake", lake.repository, at_snapshot=5, data_path=str(tmp_path / "f"), dry_run=True
    )
    assert restored.finding_counts == {"deletes-uncertain": 1}
    rewound = canvasback.rewind(lake.attach, to_snapshot=5, dry_run=True)
    assert rewound.finding_counts == {"deletes-uncertain": 1}
    [table] = [table for table in rewound.tables if table.table == "t"]
    assert table.then_fewest < truth[5] <= (table.then_most or 0)
    assert not table.exact
