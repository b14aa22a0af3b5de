"""Lakes of DuckLake 1.0 in SQLite and PostgreSQL, written and read by `ducklake-sdk`, with the newest DuckDB."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest

import canvasback
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


@pytest.mark.parametrize("target", ENGINES)
@pytest.mark.parametrize("source", ENGINES)
def test_a_lake_goes_from_engine_to_engine(source: Engine, target: Engine, tmp_path: Path, postgres: Server) -> None:
    attach, url = place(source, tmp_path / "from", postgres)
    build(url, tmp_path / "data")
    truth = contents(url)
    assert max(len(rows) for rows in truth[max(truth)].values()) == 105
    repository = str(tmp_path / "repository")
    canvasback.init(repository, attach)
    assert canvasback.backup(attach, repository).findings == ()
    assert canvasback.verify(repository, level="rows").finding_counts == {}

    to, new_url = place(target, tmp_path / "to", postgres)
    result = canvasback.restore(repository, to, data_path=str(tmp_path / "files"))

    assert result.findings == ()
    assert contents(new_url) == truth
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
    canvasback.init(there, fixture.attach)
    canvasback.backup(fixture.attach, there, data_path=str(fixture.data))
    to, url = place(engine, tmp_path / "to", postgres)
    canvasback.restore(there, to)

    with ducklake.connect(url, readonly=True) as lake:
        assert {snapshot.id for snapshot in lake.list_snapshots()} == {int(n) for n in fixture.expected["snapshots"]}
    canvasback.init(back, to)
    assert canvasback.backup(to, back, data_path=str(fixture.data)).findings == ()
    canvasback.restore(back, f"ducklake:{tmp_path}/back.ducklake")
    assert catalog_of(tmp_path / "back.ducklake") == catalog_of(fixture.catalog)
