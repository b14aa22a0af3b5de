"""Lakes at an earlier moment answer as they did then: counts, min, max and filters, which the catalog decides.

The real extension wrote the lakes and is asked; a copy of each table tells what is right, see `tests.lake.answers`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from tests import extension
from tests.lake.answers import wrong_answers
from tests.lake.builder import Lake, read, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server

pytestmark = pytest.mark.versions

NEW = extension.DUCKLAKE == "1.0"

SCALARS = (
    "d DATE, t TIME, ts TIMESTAMP, tn TIMESTAMP_NS, tz TIMESTAMPTZ, n DECIMAL(9, 2), u UUID, b BOOLEAN, h HUGEINT, "
    "x BLOB, j JSON, iv INTERVAL"
)
NESTED = "s STRUCT(a INTEGER, b STRUCT(c VARCHAR)), l INTEGER[], m MAP(VARCHAR, BIGINT), ls STRUCT(z INTEGER)[]"


def scalars(number: int) -> str:
    """Values of all of these types, the greater the number is."""
    return (
        f"DATE '2020-01-01' + {number}, TIME '01:00:00' + INTERVAL {number} MINUTE, "
        f"TIMESTAMP '2020-01-01 00:00:00.5' + INTERVAL {number} DAY, "
        f"CAST(TIMESTAMP '2020-01-01' + INTERVAL {number} DAY AS TIMESTAMP_NS), "
        f"TIMESTAMPTZ '2020-01-01 00:00:00+00' + INTERVAL {number} DAY, {number} / 4, "
        f"CAST('{number:08d}-0000-0000-0000-000000000000' AS UUID), {number} > 4, {number} * 10::HUGEINT ** 20, "
        f"encode('b{number}'), CAST('[{number}]' AS JSON), INTERVAL {number} DAY"
    )


def nested(number: int) -> str:
    """The same of nested types."""
    return (
        f"{{'a': {number}, 'b': {{'c': 'v{number}'}}}}, [{number}, {number + 1}], MAP {{'k{number}': {number}}}, "
        f"[{{'z': {number}}}]"
    )


def inlined(table: str) -> str:
    """Let the rows of a table be inlined."""
    return f"CALL lake.set_option('data_inlining_row_limit', 20, schema => 'main', table_name => '{table}')"


THEN = [
    "CREATE TABLE lake.undone (i BIGINT, s VARCHAR)",
    "INSERT INTO lake.undone SELECT i, 'a long text ' || chr(97 + i::INT) FROM range(10) r(i)",
    "CREATE TABLE lake.narrowed (i BIGINT)",
    "INSERT INTO lake.narrowed FROM range(100)",
    "CREATE TABLE lake.emptied AS SELECT i::INTEGER AS i FROM range(10) r(i)",
    "CREATE TABLE lake.promoted (i INTEGER, f FLOAT)",
    "INSERT INTO lake.promoted VALUES (1, 1.1), (2, 2.1)",
    "CREATE TABLE lake.grown (i INTEGER)",
    "INSERT INTO lake.grown VALUES (1), (2)",
    "CREATE TABLE lake.merged (i INTEGER)",
    "INSERT INTO lake.merged FROM range(10)",
    "INSERT INTO lake.merged FROM range(10, 20)",
    "CREATE TABLE lake.was_nan (f DOUBLE)",
    "INSERT INTO lake.was_nan VALUES (1.5), ('NaN')",
    "CREATE TABLE lake.will_be_nan (f DOUBLE)",
    "INSERT INTO lake.will_be_nan VALUES (1.5), (2.5)",
    f"CREATE TABLE lake.scalars ({SCALARS})",
    *(f"INSERT INTO lake.scalars SELECT {scalars(number)}" for number in (3, 5)),
    f"CREATE TABLE lake.nested ({NESTED})",
    *(f"INSERT INTO lake.nested SELECT {nested(number)}" for number in (3, 5)),
    "CREATE TABLE lake.nothing_yet (i INTEGER)",
    "CREATE TABLE lake.no_values (i INTEGER, s VARCHAR)",
    "INSERT INTO lake.no_values VALUES (NULL, NULL), (NULL, NULL)",
    "CREATE TABLE lake.deleted AS SELECT i::INTEGER AS i FROM range(20) r(i)",
    "DELETE FROM lake.deleted WHERE i >= 15",
    "CREATE TABLE lake.as_it_was AS SELECT i::INTEGER AS i FROM range(20) r(i)",
    "CREATE TABLE lake.inlined (i INTEGER, s VARCHAR, f DOUBLE)",
    inlined("inlined"),
    "INSERT INTO lake.inlined VALUES (5, 'm', 1.5), (7, NULL, 2.5)",
    "CREATE TABLE lake.flushed (i INTEGER)",
    inlined("flushed"),
    "INSERT INTO lake.flushed VALUES (5), (7)",
    "CREATE TABLE lake.mixed (i INTEGER)",
    "INSERT INTO lake.mixed FROM range(10)",
    inlined("mixed"),
    "INSERT INTO lake.mixed VALUES (20), (30)",
]  # fmt: skip
"""What makes the moment: most tables have one fault each that statistics of another moment would show in."""

SINCE = [
    "INSERT INTO lake.undone SELECT i, 'a text ' || chr(97 + i::INT) FROM range(10, 20) r(i)",
    "DELETE FROM lake.narrowed WHERE i < 50 OR i > 80",
    "CALL ducklake_rewrite_data_files('lake', 'narrowed', delete_threshold => 0)",
    "DELETE FROM lake.emptied",
    "INSERT INTO lake.emptied VALUES (77), (88)",
    "ALTER TABLE lake.promoted ALTER i SET DATA TYPE BIGINT",
    "ALTER TABLE lake.promoted ALTER f SET DATA TYPE DOUBLE",
    "INSERT INTO lake.promoted VALUES (3000000000, 1e300)",
    "ALTER TABLE lake.grown ADD COLUMN j INTEGER",
    "INSERT INTO lake.grown VALUES (3, 33)",
    "INSERT INTO lake.merged FROM range(100, 110)",
    "CALL ducklake_merge_adjacent_files('lake', 'merged')",
    "INSERT INTO lake.was_nan VALUES (7.5)",
    "INSERT INTO lake.will_be_nan VALUES ('NaN'), (9.5)",
    *(f"INSERT INTO lake.scalars SELECT {scalars(number)}" for number in (1, 9)),
    *(f"INSERT INTO lake.nested SELECT {nested(number)}" for number in (1, 9)),
    "INSERT INTO lake.nothing_yet VALUES (4), (5)",
    "INSERT INTO lake.no_values VALUES (4, 'four'), (5, 'five')",
    "INSERT INTO lake.deleted VALUES (99)",
    "INSERT INTO lake.inlined VALUES (1, 'a', 0.5), (9, 'z', 9.5)",
    "INSERT INTO lake.flushed VALUES (1), (9)",
    "CALL ducklake_flush_inlined_data('lake', table_name => 'flushed')",
    "INSERT INTO lake.mixed VALUES (-1), (40)",
]  # fmt: skip
"""What goes on, and is undone."""

LATER = [
    "INSERT INTO lake.undone VALUES (5, 'b')",
    "INSERT INTO lake.narrowed VALUES (55)",
    "INSERT INTO lake.emptied VALUES (5)",
    "INSERT INTO lake.promoted VALUES (1, 1.5)",
    "INSERT INTO lake.grown VALUES (1)",
    "INSERT INTO lake.merged VALUES (15)",
    "INSERT INTO lake.was_nan VALUES (1.25)",
    "INSERT INTO lake.will_be_nan VALUES (2.25)",
    f"INSERT INTO lake.scalars SELECT {scalars(4)}",
    f"INSERT INTO lake.nested SELECT {nested(4)}",
    "INSERT INTO lake.nothing_yet VALUES (3)",
    "INSERT INTO lake.no_values VALUES (6, 'six')",
    "INSERT INTO lake.deleted VALUES (7)",
    "INSERT INTO lake.as_it_was VALUES (7)",
    "INSERT INTO lake.inlined VALUES (6, 'n', 2)",
    "INSERT INTO lake.flushed VALUES (6)",
    "INSERT INTO lake.mixed VALUES (21)",
]
"""What comes after going back: an insert between the bounds, which must not become them."""

if NEW:
    THEN += [
        "CREATE TABLE lake.shapes (g GEOMETRY, v VARIANT)",
        "INSERT INTO lake.shapes VALUES ('POINT(1 2)', {'a': 1}::VARIANT), ('POINT(3 4)', {'a': 5}::VARIANT)",
    ]
    SINCE.append("INSERT INTO lake.shapes VALUES ('POINT(-5 -6)', {'a': -7}::VARIANT), (NULL, {'a': 9}::VARIANT)")
    LATER.append("INSERT INTO lake.shapes VALUES ('POINT(2 3)', {'a': 3}::VARIANT)")


def wrong(attach: str, *options: str, after: tuple[str, ...] = ()) -> list[str]:
    """Do something to a lake, and judge it then."""
    with session(attach, *options) as connection:
        for statement in after:
            connection.execute(statement)
    with session(attach, *options) as connection:
        return wrong_answers(connection, thorough=False)


def head(lake: Lake) -> int:
    """The newest snapshot."""
    with lake.session() as connection:
        [(found,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
    return int(found)


def rows(attach: str, *options: str) -> list[str]:
    """All rows of all tables, without their ids."""
    return sorted(
        f"{table}: {row.partition(': ')[2]}" for table, of in read(attach, *options).items() for row in of[1:]
    )


def with_moment(engine: Engine, folder: Path, postgres: Server) -> tuple[Lake, int, list[str]]:
    """A lake in an engine, a snapshot of its past, and what it had then."""
    lake = Lake(folder / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.elsewhere = attach_string(engine, lake.folder, postgres)
    lake.run(*THEN)
    moment, then = head(lake), rows(lake.attach)
    lake.run(*SINCE)
    lake.backup()
    return lake, moment, then


@pytest.mark.parametrize("engine", ENGINES)
def test_a_lake_that_went_back_answers_as_it_did(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """And goes on so: bounds that are wrong stay wrong after an insert, and absent ones must not become its own."""
    lake, moment, then = with_moment(engine, tmp_path, postgres)

    canvasback.rewind(lake.attach, to_snapshot=moment, safety_point=False)

    assert rows(lake.attach) == then
    assert wrong(lake.attach, after=tuple(LATER)) == []


def test_attached_and_restored_lakes_answer_as_they_did(tmp_path: Path, postgres: Server) -> None:
    """And the tables that come back into the lake of today; also after maintenance, which goes by bounds of files."""
    lake, moment, then = with_moment("duckdb", tmp_path, postgres)
    shown = f"ducklake:{tmp_path}/shown.ducklake"
    canvasback.attach(lake.repository, at_snapshot=moment, out=shown.partition(":")[2])
    assert rows(shown, "READ_ONLY") == then
    assert wrong(shown, "READ_ONLY") == []

    restored = f"ducklake:{tmp_path}/restored.ducklake"
    canvasback.restore(restored, lake.repository, at_snapshot=moment, data_path=str(tmp_path / "files"))
    assert rows(restored) == then
    assert wrong(restored, after=("CHECKPOINT lake",)) == []

    lake.run(*(f"DROP TABLE lake.{table.removeprefix('main.')}" for table in lake.read()))
    canvasback.restore_tables(lake.attach, lake.repository, "main", at_snapshot=moment)
    assert rows(lake.attach) == then
    assert wrong(lake.attach, after=(*LATER, "CHECKPOINT lake")) == []


def test_what_a_checkpoint_narrowed(new_lake: Lake) -> None:
    """The typical night: a delete by mistake, and maintenance before anybody saw it."""
    new_lake.run("CREATE TABLE lake.orders AS SELECT range AS id, range % 7 AS v FROM range(1000)")
    new_lake.run("DELETE FROM lake.orders WHERE id < 970", "CHECKPOINT lake")

    canvasback.rewind(new_lake.attach, to_snapshot=1, safety_point=False)

    with new_lake.session() as connection:
        assert connection.execute("SELECT count(*), min(id) FROM lake.orders WHERE id < 900").fetchall() == [(900, 0)]
    assert wrong(new_lake.attach) == []


def test_floats_that_became_doubles(new_lake: Lake) -> None:
    """The text of a float is not quite its value as a double; with files' bounds DuckLake itself goes wrong there."""
    new_lake.run("CREATE TABLE lake.t (f FLOAT)", "INSERT INTO lake.t VALUES (1.1), (2.2)")
    new_lake.run("ALTER TABLE lake.t ALTER f SET DATA TYPE DOUBLE")
    moment = head(new_lake)
    new_lake.run("INSERT INTO lake.t VALUES (0.5)")

    canvasback.rewind(new_lake.attach, to_snapshot=moment, safety_point=False)

    with new_lake.session() as connection:
        [found] = connection.execute("SELECT min(f), max(f) FROM lake.t").fetchall()
        assert found == connection.execute("SELECT 1.1::FLOAT::DOUBLE, 2.2::FLOAT::DOUBLE").fetchall()[0]


def test_a_maximum_that_was_undone(new_lake: Lake) -> None:
    new_lake.run("CREATE TABLE lake.t AS SELECT range AS i FROM range(10)", "INSERT INTO lake.t FROM range(10, 20)")

    canvasback.rewind(new_lake.attach, to_snapshot=1, safety_point=False)

    with new_lake.session() as connection:
        assert connection.execute("SELECT max(i) FROM lake.t").fetchall() == [(9,)]
