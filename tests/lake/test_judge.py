"""The judge itself: of whatever is changed in a catalog by hand, it says that something is wrong.

It knows the lake as it was, and asks no table again whose state is one that it knows: none of these may be.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.extension import DUCKLAKE
from tests.lake import judged_before
from tests.lake.answers import wrong_answers
from tests.lake.builder import Contents, Lake, attach_as_lake, connect, contents, detach

pytestmark = pytest.mark.versions

HISTORY = (
    "CREATE TABLE lake.t (i INTEGER, s VARCHAR, d DATE, n DECIMAL(9, 2), f DOUBLE)",
    *(
        f"INSERT INTO lake.t SELECT i, 's' || i, DATE '2020-01-01' + i::INTEGER, i / 4, i "
        f"FROM range({low}, {low + 10}) r(i)"
        for low in (10, 20, 30)
    ),
    "CREATE TABLE lake.few (k INTEGER)",
    "CALL lake.set_option('data_inlining_row_limit', 5, schema => 'main', table_name => 'few')",
    "INSERT INTO lake.few VALUES (1), (2), (3)",
    "CREATE TABLE lake.less AS SELECT i::INTEGER AS i FROM range(20) r(i)",
    "DELETE FROM lake.less WHERE i % 5 = 1",
)


OF_I = "WHERE table_id = 1 AND column_id = 1"


def bounds(which: str, values: str) -> str:
    """Let the second file's least or greatest values be these, of the columns in their order."""
    return "; ".join(
        f"UPDATE ducklake_file_column_stats SET {which}_value = '{value}' "
        f"WHERE data_file_id = 1 AND column_id = {column}"
        for column, value in enumerate(values.split(), 1)
    )


CHANGES = {
    "the least values": bounds("min", "29 s29 2020-01-30 7.25 29"),
    "the greatest values": bounds("max", "20 s20 2020-01-21 5.00 20"),
    "the table's least": f"UPDATE ducklake_table_column_stats SET min_value = '11' {OF_I}",
    "the table's greatest": f"UPDATE ducklake_table_column_stats SET max_value = '38' {OF_I}",
    "how many values": f"UPDATE ducklake_file_column_stats SET value_count = 0 {OF_I}",
    "how many rows": "UPDATE ducklake_data_file SET record_count = 9 WHERE data_file_id = 1",
    "a file": "UPDATE ducklake_data_file SET end_snapshot = 3 WHERE data_file_id = 1",
    "a row that is inlined": "DELETE FROM {inlined} WHERE k = 2",
    "the value of one": "UPDATE {inlined} SET k = 4 WHERE k = 2",
    "its row id": "UPDATE {inlined} SET row_id = 7 WHERE k = 2",
    "the row ids of a file": "UPDATE ducklake_data_file SET row_id_start = 100 WHERE data_file_id = 1",
    "deletes": "UPDATE ducklake_delete_file SET end_snapshot = begin_snapshot",
    "the name of a column": "UPDATE ducklake_column SET column_name = 'other' WHERE column_name = 's'",
    "the order of columns": "UPDATE ducklake_column SET column_order = 90 WHERE column_name = 's'",
}  # fmt: skip
"""By what it is that each changes."""
UNASKED = [] if DUCKLAKE == "1.0" else ["how many values", "how many rows"]
"""What DuckLake 0.3 tells nothing from."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with files, inlined rows and deletes."""
    lake = Lake(tmp_path_factory.mktemp("judged") / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(*HISTORY)
    return lake


def judge(catalog: Path, passed: set[str]) -> tuple[Contents | str, list[str]]:
    """What a lake has, or why nobody can say, and what it answers wrongly."""
    connection = connect()
    try:
        attach_as_lake(connection, f"ducklake:{catalog}", "READ_ONLY")
        wrong = wrong_answers(connection, thorough=False, passed=passed)
        return contents(connection), wrong
    except duckdb.Error as error:
        return str(error), []
    finally:
        detach(connection)
        connection.close()


def test_whatever_is_changed_is_seen(sound: Lake, tmp_path: Path) -> None:
    passed: set[str] = set()
    truth, wrong = judge(sound.catalog, passed)
    assert (wrong, len(passed)) == ([], 3)
    unseen = []
    for change, sql in CHANGES.items():
        catalog = tmp_path / "changed.ducklake"
        shutil.copyfile(sound.catalog, catalog)
        with duckdb.connect(str(catalog)) as database:
            [(inlined,)] = database.execute("SELECT max(table_name) FROM ducklake_inlined_data_tables").fetchall()
            for statement in sql.split("; "):
                [(rows,)] = database.execute(statement.replace("{inlined}", inlined)).fetchall()
                assert rows > 0, change
        seen, wrong = judge(catalog, {*passed})
        if (seen, wrong) == (truth, []):
            unseen.append(change)
        if change.endswith(" values") and sql.count(";"):
            for column in "isdnf":
                assert [line for line in wrong if f'"{column}"' in line], (change, column)
    assert unseen == UNASKED


def test_what_was_asked_before_is_not_asked_again(sound: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the lake is, and which of its snapshots is the newest, is no part of a table's state: what it sees is."""
    passed: set[str] = set()
    judge(sound.catalog, passed)
    catalog = tmp_path / "copy.ducklake"
    shutil.copyfile(sound.catalog, catalog)
    copy = Lake(tmp_path, elsewhere=f"ducklake:{catalog}", data_path=sound.data_path, options=sound.options)
    copy.run("INSERT INTO lake.less VALUES (77)")
    known = {*passed}

    assert judge(catalog, passed)[1] == []

    assert len(passed - known) == 1


def test_all_tables_of_a_catalog_are_known(sound: Lake) -> None:
    """Of each it is said whether answers rest on it: of a new version's tables it has to be."""
    known = {*judged_before.OF_TABLES, *judged_before.OF_ALL, *judged_before.BESIDES}
    with duckdb.connect(str(sound.catalog), read_only=True) as database:
        tables = {name for (name,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        of_tables = {
            name
            for (name,) in database.execute(
                "SELECT table_name FROM duckdb_columns() WHERE column_name = 'table_id'"
            ).fetchall()
        }
    assert {name for name in tables if not re.search(r"_\d+$", name)} <= known  # inlined rows have some of their own
    assert of_tables <= {*judged_before.OF_TABLES}
    assert DUCKLAKE
