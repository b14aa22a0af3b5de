"""Lakes of DuckLake 1.0 in SQLite and PostgreSQL, written and read by `ducklake-sdk`, with the newest DuckDB."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest

import canvasback
from tests.lake.saved import IN_DUCKDB_ONLY
from tests.lake.values import catalog_of
from tests.oracle import load_fixture
from tests.postgres import Server

pytestmark = pytest.mark.newest

Engine = Literal["sqlite", "postgres"]
ENGINES: list[Engine] = ["sqlite", "postgres"]
Contents = dict[int, dict[str, list[str]]]


def place(engine: Engine, folder: Path, postgres: Server) -> tuple[str, str]:
    """A place for a catalog: its attach string, and the SDK's URL for it."""
    folder.mkdir(exist_ok=True)
    if engine == "sqlite":
        return f"ducklake:sqlite:{folder}/main.db", f"sqlite:///{folder}/main.db"
    string = postgres.create()
    parts = dict(part.split("=", 1) for part in string.split())
    host = quote(parts["host"], safe="")
    return f"ducklake:postgres:{string}", f"postgresql://{parts['user']}@{host}:5432/{parts['dbname']}"


def contents(url: str) -> Contents:
    """Every table at every snapshot."""
    import ducklake  # noqa: PLC0415 - only the environment of the newest duckdb has it

    found: Contents = {}
    with ducklake.connect(url) as lake:
        snapshots = [snapshot.id for snapshot in lake.list_snapshots()]
    for snapshot in snapshots:
        with ducklake.connect(url, at=snapshot) as lake:
            found[snapshot] = {
                str(table.name): sorted(map(str, table.read_polars().rows())) for table in lake.list_tables()
            }
    return found


def build(url: str, data: Path) -> None:
    """Rows in files and inlined, of many types; deleted rows; an added column; a second table."""
    import ducklake  # noqa: PLC0415 - only the environment of the newest duckdb has it
    import polars as pl  # noqa: PLC0415

    def rows(start: int, count: int) -> Any:
        numbers = range(start, start + count)
        moment = dt.datetime(2026, 11, 22, 13, tzinfo=dt.UTC)
        return pl.DataFrame(
            {
                "i": list(numbers),
                "s": [None if n % 7 == 0 else f"Wert {n} ☂" for n in numbers],
                "f": [float("nan") if n % 5 == 0 else n / 3 for n in numbers],
                "d": [dt.date(2026, 1, 1) + dt.timedelta(days=n) for n in numbers],
                "t": [moment + dt.timedelta(microseconds=n) for n in numbers],
                "b": [bytes([n % 256, 0, 255]) for n in numbers],
                "n": [decimal.Decimal(n).scaleb(-2) for n in numbers],
                "l": [[f"a{n}", "b, c", None] for n in numbers],
                "ok": [n % 2 == 0 for n in numbers],
            },
            schema_overrides={"n": pl.Decimal(12, 2)},
        )

    columns = {
        "i": ducklake.Int64(), "s": ducklake.Varchar(), "f": ducklake.Float64(), "d": ducklake.Date(),
        "t": ducklake.TimestampTz(), "b": ducklake.Blob(), "n": ducklake.Decimal(12, 2),
        "l": ducklake.List(ducklake.Varchar()), "ok": ducklake.Boolean(),
    }  # fmt: skip
    with ducklake.create(url, data_path=f"{data}/") as lake:
        table = lake.create_table("t", columns)
        for start, count in ((0, 100), (100, 3), (103, 2)):
            table.write_polars(rows(start, count))
        lake.create_table("other", {"x": ducklake.Int64()}).write_polars(pl.DataFrame({"x": [1, 2, 3]}))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_rewound_lake_shows_what_it_was_and_goes_on(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """Back to each snapshot that the SDK wrote, from the one after it; and on from some, with new commits."""
    attach, url = place(engine, tmp_path / "lake", postgres)
    truth = live(url, tmp_path / "data")
    assert len(truth) > 12
    assert canvasback.check(attach, level="rows").findings == ()
    repository = str(tmp_path / "repository")
    canvasback.init(attach, repository)
    canvasback.backup(attach, repository)
    for snapshot in sorted(truth)[::5]:
        to, restored = place(engine, tmp_path / f"at-{snapshot}", postgres)
        canvasback.restore(to, repository, at_snapshot=snapshot, data_path=str(tmp_path / f"files-{snapshot}"))
        assert contents(restored) == {at: seen for at, seen in truth.items() if at <= snapshot}

    for snapshot in sorted(truth, reverse=True)[1:]:
        result = canvasback.rewind(attach, to_snapshot=snapshot, safety_point=False)
        assert (result.snapshot_id, result.findings) == (snapshot, ())
        then = {at: seen for at, seen in truth.items() if at <= snapshot}
        assert contents(url) == then
        if snapshot % 4:
            continue
        again = go_on(url, snapshot)
        assert contents(url) == then | again
        canvasback.rewind(attach, to_snapshot=snapshot, safety_point=False)
        assert contents(url) == then


def live(url: str, data: Path) -> Contents:
    """A lake that grows and changes; what the SDK showed after each commit."""
    import ducklake  # noqa: PLC0415 - only the environment of the newest duckdb has it
    import polars as pl  # noqa: PLC0415

    seen: Contents = {}
    with ducklake.create(url, data_path=f"{data}/") as lake:
        seen |= head(url)
        table = lake.create_table("t", {"i": ducklake.Int64(), "s": ducklake.Varchar()})
        seen |= head(url)
        for start, count in ((0, 200), (200, 3), (203, 2)):  # in a file, and inlined
            table.write_polars(pl.DataFrame({"i": range(start, start + count), "s": ["v"] * count}))
            seen |= head(url)
        other = lake.create_table("gone", {"x": ducklake.Int64()})
        seen |= head(url)
        other.write_polars(pl.DataFrame({"x": [1, 2, 3]}))
        seen |= head(url)
        table.add_column(ducklake.Column("more", ducklake.Int32()))
        seen |= head(url)
        for start, count in ((300, 100), (400, 2)):
            sevens = pl.Series([7] * count, dtype=pl.Int32)
            table.write_polars(pl.DataFrame({"i": range(start, start + count), "s": ["w"] * count, "more": sevens}))
            seen |= head(url)
        table.rename_column("s", "text")
        seen |= head(url)
        lake.delete_table("gone")
        seen |= head(url)
        other = lake.create_table("gone", {"y": ducklake.Varchar()})
        seen |= head(url)
        other.write_polars(pl.DataFrame({"y": ["another"]}))
        seen |= head(url)
        table.remove_column("more")
        seen |= head(url)
        table.rename("u")
        seen |= head(url)
    return seen


def go_on(url: str, snapshot: int) -> Contents:
    """Write many rows and few to a new table; what the SDK showed after each commit."""
    import ducklake  # noqa: PLC0415 - only the environment of the newest duckdb has it
    import polars as pl  # noqa: PLC0415

    seen: Contents = {}
    with ducklake.connect(url) as lake:
        table = lake.create_table("fresh", {"d": ducklake.Date(), "n": ducklake.Int64()})
        seen |= head(url)
        for count in (200, 2):
            day = dt.date(2026, 1, 1)
            table.write_polars(pl.DataFrame({"d": [day] * count, "n": range(snapshot, snapshot + count)}))
            seen |= head(url)
    return seen


def head(url: str) -> Contents:
    """Every table at the newest snapshot."""
    import ducklake  # noqa: PLC0415 - only the environment of the newest duckdb has it

    with ducklake.connect(url) as lake:
        newest = max(snapshot.id for snapshot in lake.list_snapshots())
        tables = {str(table.name): sorted(map(str, table.read_polars().rows())) for table in lake.list_tables()}
    return {newest: tables}


@pytest.mark.parametrize("target", ENGINES)
@pytest.mark.parametrize("source", ENGINES)
def test_a_lake_goes_from_engine_to_engine(source: Engine, target: Engine, tmp_path: Path, postgres: Server) -> None:
    attach, url = place(source, tmp_path / "from", postgres)
    build(url, tmp_path / "data")
    truth = contents(url)
    assert max(len(rows) for rows in truth[max(truth)].values()) == 105
    repository = str(tmp_path / "repository")
    canvasback.init(attach, repository)
    assert canvasback.backup(attach, repository).findings == ()
    assert canvasback.verify(repository, level="rows").finding_counts == {}

    to, new_url = place(target, tmp_path / "to", postgres)
    result = canvasback.restore(to, repository, data_path=str(tmp_path / "files"))

    assert result.findings == ()
    assert contents(new_url) == truth
    assert canvasback.check(to, level="rows").findings == ()
    # It goes on, and its next point is of the same lake.
    import ducklake  # noqa: PLC0415 - only the environment of the newest duckdb has it
    import polars as pl  # noqa: PLC0415

    with ducklake.connect(new_url) as lake:
        lake.table("other").write_polars(pl.DataFrame({"x": [4]}))
    newer = contents(new_url)
    assert len(newer[max(newer)]['"main"."other"']) == 4
    assert canvasback.backup(to, repository).findings == ()
    assert {point.timeline for point in canvasback.list_points(repository).points} == {1}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["duckdb-1.0", "duckdb-1.0-maintained", "duckdb-1.0-encrypted"])
def test_a_catalog_of_duckdb_goes_to_another_engine_and_back(
    name: str, engine: Engine, tmp_path: Path, postgres: Server
) -> None:
    """No value of it changes on the way, inlined rows of all types included; the SDK sees all snapshots."""
    import ducklake  # noqa: PLC0415 - only the environment of the newest duckdb has it

    fixture = load_fixture(name, tmp_path)
    there, back = str(tmp_path / "there"), str(tmp_path / "back")
    canvasback.init(fixture.attach, there)
    canvasback.backup(fixture.attach, there, data_path=str(fixture.data))
    to, url = place(engine, tmp_path / "to", postgres)
    if name in IN_DUCKDB_ONLY:
        with pytest.raises(canvasback.RefusedError) as caught:
            canvasback.restore(to, there, shares_files=True)
        assert caught.value.code == "not-inlinable"
        return
    canvasback.restore(to, there, shares_files=True)

    with ducklake.connect(url, readonly=True) as lake:
        assert {snapshot.id for snapshot in lake.list_snapshots()} == {int(n) for n in fixture.expected["snapshots"]}
    canvasback.init(to, back)
    assert canvasback.backup(to, back, data_path=str(fixture.data)).findings == ()
    canvasback.restore(f"ducklake:{tmp_path}/back.ducklake", back, shares_files=True)
    before, after = catalog_of(fixture.catalog), catalog_of(tmp_path / "back.ducklake")
    # Of inlined tables, those that are empty and have types that the engine has not stay behind; a flush leaves such.
    behind = before.keys() - after.keys()
    assert all(table.startswith("ducklake_inlined_data_") and not before[table][2] for table in behind)
    listed = "ducklake_inlined_data_tables"
    assert before[listed][2].total() - after[listed][2].total() == len(behind)
    assert not after[listed][2] - before[listed][2]
    kept = before.keys() - behind - {listed}
    assert {table: after[table] for table in kept} == {table: before[table] for table in kept}
    assert after.keys() == kept | {listed}
