"""What the catalog alone says of tables and rows at each snapshot, against what the writers saw."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import open_engine
from canvasback.catalog.image import Image
from canvasback.catalog.reading.table_states import table_states
from canvasback.model.lake import parse_lake
from canvasback.model.table_state import TablePair, TableState, differing, pair_states
from tests.extension import DUCKLAKE
from tests.lake.builder import Lake, session
from tests.oracle import FIXTURES, Fixture, load_fixture

ALL = [name for name, _ in FIXTURES]
OLD = {"0.1", "0.2"}


def image_at(attach: str) -> Image:
    """A catalog as it is, in DuckDB's dialect; to close it is the caller's part."""
    return in_dialect(open_engine(parse_lake(attach)).read(), "duckdb")


def check(fixture: Fixture, attach: str) -> int:
    """Compare all snapshots of a fixture, and answer how many numbers the catalog could not tell."""
    untold = 0
    with closing(image_at(attach)) as image:
        for snapshot, tables in fixture.expected["snapshots"].items():
            states = {state.name: state for state in table_states(image, int(snapshot))}
            assert states.keys() == tables.keys()
            for name, state in states.items():
                assert not state.rows_exact or state.rows == tables[name]["rows"], (snapshot, state)
            untold += sum(not state.rows_exact for state in states.values())
        assert all(state.rows_exact for state in table_states(image, image.head()[0]))
    return untold


@pytest.mark.parametrize("name", ALL)
def test_rows_are_those_that_the_writer_saw(name: str, tmp_path: Path) -> None:
    """Only files of several snapshots, and of deletes of several, which 1.0 has, keep a number to themselves."""
    fixture = load_fixture(name, tmp_path)

    assert (check(fixture, fixture.attach) > 0) == fixture.ducklake_version.startswith("1.")


@pytest.mark.parametrize("name", ["sqlite-0.2", "sqlite-0.3"])
def test_rows_in_sqlite(name: str, tmp_path: Path) -> None:
    fixture = load_fixture(name, tmp_path)

    assert check(fixture, fixture.attach) == 0


@pytest.mark.versions
def test_a_flush_of_0_3_forgets_what_was_deleted_before_it(new_lake: Lake) -> None:
    """It writes the live rows only: what an older snapshot showed is told no more, and must not be made up.

    1.0 writes those too that went, and when they did.
    """
    new_lake.options = ("DATA_INLINING_ROW_LIMIT 5",)
    new_lake.run(
        "CREATE TABLE lake.t (i INTEGER)",
        "INSERT INTO lake.t VALUES (1), (2), (3)",
        "DELETE FROM lake.t WHERE i = 2",
        "CALL ducklake_flush_inlined_data('lake')",
        "INSERT INTO lake.t VALUES (4)",
    )
    with closing(image_at(new_lake.attach)) as image:
        told = [(state.rows, state.rows_exact) for n in range(1, 6) for state in table_states(image, n)]

    assert [rows for rows, _ in told[2:]] == [2, 2, 3]
    if DUCKLAKE == "0.3":
        assert [exact for _, exact in told] == [False, False, True, True, True]
    else:
        assert [rows for rows, _ in told[:2]] == [0, 3]
        assert all(exact for _, exact in told)


def test_pairs_are_by_identity(new_lake: Lake) -> None:
    new_lake.run(
        "CREATE TABLE lake.kept (i INTEGER)",
        "CREATE TABLE lake.named (i INTEGER)",
        "CREATE TABLE lake.gone (i INTEGER)",
        "INSERT INTO lake.gone SELECT * FROM range(7)",
    )
    with session(new_lake.attach) as connection:
        for statement in (
            "DROP TABLE lake.gone",
            "ALTER TABLE lake.named RENAME TO renamed",
            "CREATE TABLE lake.gone (i INTEGER)",
        ):
            connection.execute(statement)
    with closing(image_at(new_lake.attach)) as image:
        head = image.head()[0]
        before, after = table_states(image, head - 3), table_states(image, head)
    pairs = pair_states(before, after)

    assert [described(pair) for pair in differing(pairs)] == [
        ("main.gone", 7, None, None),
        (None, None, "main.gone", 0),
        ("main.named", 0, "main.renamed", 0),
    ]
    assert [described(pair) for pair in pairs if pair not in differing(pairs)] == [("main.kept", 0, "main.kept", 0)]


def described(pair: TablePair) -> tuple[str | None, int | None, str | None, int | None]:
    """Name and rows of both sides."""

    def of(state: TableState | None) -> tuple[str | None, int | None]:
        return (None, None) if state is None else (state.name, state.rows)

    return (*of(pair.before), *of(pair.after))
