"""A blank catalog is what the real extension makes, and the real extension goes on from it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from canvasback.catalog.blank import Version, blank_catalog
from canvasback.catalog.connections import connect
from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import open_engine
from canvasback.catalog.image import Image
from canvasback.model.lake import parse_lake
from tests import extension
from tests.lake.builder import session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.lake.values import literal
from tests.oracle import load_fixture
from tests.postgres import Server

VERSION: Version = "1.0" if extension.DUCKLAKE == "1.0" else "0.3"
NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
ITS_OWN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*\+00|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Times and UUIDs, of which each lake has its own."""


def tables(image: Image) -> dict[str, object]:
    """Columns with their types, and keys."""
    return {name: (relation.columns, relation.primary_key) for name, relation in image.tables.items()}


def rows(image: Image) -> dict[str, list[str]]:
    """All that does not differ from lake to lake."""
    found = {}
    for name, relation in image.tables.items():
        shown = [
            str(row)
            for row in image.connection.execute(f"SELECT t::VARCHAR FROM ({relation.select}) t ORDER BY 1").fetchall()
        ]
        found[name] = [ITS_OWN.sub("its own", row) for row in shown if "created_by" not in row]
    return found


@pytest.mark.versions
@pytest.mark.parametrize("encrypted", [False, True])
def test_it_is_what_the_extension_makes(tmp_path: Path, *, encrypted: bool) -> None:
    attach = f"ducklake:{tmp_path}/main.ducklake"
    options = ["ENCRYPTED"] if encrypted else []
    with session(attach, f"DATA_PATH {literal(f'{tmp_path}/files/')}", *options):
        pass
    made = blank_catalog(connect(str(tmp_path)), f"{tmp_path}/files/", NOW, encrypted=encrypted, version=VERSION)
    with open_engine(parse_lake(attach)).read() as theirs, made as ours:
        assert tables(ours) == tables(theirs)
        assert rows(ours) == rows(theirs)
        assert ours.record.version == theirs.record.version
        assert ours.head()[:2] == (0, NOW)


def test_each_has_an_id_of_its_own(tmp_path: Path) -> None:
    connection = connect(str(tmp_path))
    with blank_catalog(connection, "files/", NOW) as one:
        other = blank_catalog(connection, "files/", NOW)
        assert one.schema_uuids() != other.schema_uuids()
        assert one.schema_uuids() == one.schema_uuids()


@pytest.mark.versions
@pytest.mark.parametrize("engine", ENGINES)
def test_the_extension_goes_on_from_it(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    attach = attach_string(engine, tmp_path, postgres)
    with blank_catalog(connect(str(tmp_path)), f"{tmp_path}/files/", NOW, version=VERSION) as image:
        remarks = open_engine(parse_lake(attach)).write(in_dialect(image, engine), NOW, replace=False)
    assert remarks == ()
    with session(attach) as connection:
        connection.execute("CREATE TABLE lake.numbers (n INTEGER, t VARCHAR)")
        connection.execute("INSERT INTO lake.numbers SELECT i, 'number ' || i FROM range(100) r(i)")
        connection.execute("DELETE FROM lake.numbers WHERE n >= 10")
        connection.execute("CREATE SCHEMA lake.other")
    with session(attach, "READ_ONLY") as connection:
        found = connection.execute("SELECT count(*), max(n), max(rowid) FROM lake.numbers").fetchall()
        snapshots = connection.execute("SELECT snapshot_id, snapshot_time FROM lake.snapshots()").fetchall()
    assert found == [(10, 9, 9)]
    assert [number for number, _ in snapshots] == [0, 1, 2, 3, 4]
    assert snapshots[0][1] == NOW
    assert list((tmp_path / "files" / "main" / "numbers").glob("*.parquet"))


@pytest.mark.newest
@pytest.mark.parametrize(("name", "version"), [("duckdb-0.3", "0.3"), ("duckdb-1.0", "1.0")])
def test_a_lake_of_that_version_has_these_tables(name: str, version: Version, tmp_path: Path) -> None:
    made = blank_catalog(connect(str(tmp_path)), "data/", NOW, version=version)
    with open_engine(parse_lake(load_fixture(name, tmp_path).attach)).read() as theirs, made as ours:
        assert theirs.record.version == ours.record.version
        found = tables(theirs)
        assert tables(ours) == {table: found.get(table) for table in tables(ours)}
        assert all(re.match(r"ducklake_inlined_(data|delete)_\d", table) for table in found.keys() - tables(ours))
