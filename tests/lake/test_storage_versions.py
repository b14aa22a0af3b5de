"""The storage version of a catalog's DuckDB file, which DuckLake 1.0 raises when it migrates an older one."""

from __future__ import annotations

from pathlib import Path

import duckdb
import msgspec
import pytest

from canvasback.catalog.engines import open_engine
from canvasback.catalog.engines.duckdb.file import STORAGE_VERSIONS, read_header
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from tests.lake.builder import Lake, read
from tests.oracle import load_fixture


@pytest.mark.parametrize("name", ["duckdb-0.1", "duckdb-0.3", "duckdb-1.0", "duckdb-1.0-migrated"])
def test_it_is_what_duckdb_says(name: str, tmp_path: Path) -> None:
    """The number on the first page of a migrated file is not that of its newest header."""
    path = str(load_fixture(name, tmp_path).catalog)
    with duckdb.connect(path, read_only=True) as connection:
        [(told,)] = connection.execute(
            "SELECT tags['storage_version'] FROM duckdb_databases() WHERE path IS NOT NULL"
        ).fetchall()
    assert f"{STORAGE_VERSIONS[read_header(path).storage_version]}+" == told


@pytest.mark.parametrize("known", [None, 64, 65])
def test_inlined_variants_are_written_though_it_is_not_known(known: int | None, tmp_path: Path) -> None:
    """Points that were made of migrated catalogs have the old number, those of catalogs in memory have none."""
    lake = Lake(tmp_path / "lake")
    lake.run("CREATE TABLE lake.t (v VARIANT)", "INSERT INTO lake.t VALUES (1::VARIANT), ('1'::VARIANT)")
    to = f"ducklake:{tmp_path}/again.ducklake"
    with open_engine(parse_lake(lake.attach)).read() as image:
        old = image.transformed({}, msgspec.structs.replace(image.record, storage_version=known))
        open_engine(parse_lake(to)).write(old, now(), replace=False)
    assert read(to) == lake.read()
