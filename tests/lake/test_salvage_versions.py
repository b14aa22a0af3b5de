"""Salvage on lakes that older DuckLakes wrote: the catalog falls back, and what files tell is as its writer saw it."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from tests.lake.test_salvage_newest import backed_up, ids, named, stale, untold
from tests.oracle import read_lake


@pytest.mark.parametrize("name", ["duckdb-0.1", "duckdb-0.2"])
def test_an_older_catalog_gets_what_files_tell(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture = backed_up(name, tmp_path, monkeypatch)
    assert fixture.reader_version is not None
    snapshots = sorted(map(int, fixture.expected["snapshots"]))
    truth = fixture.expected["snapshots"][str(snapshots[-1])]
    seen = 0
    for at in (snapshots[len(snapshots) // 3], snapshots[-4]):
        path = stale(fixture, at)
        result = canvasback.salvage(f"ducklake:{path}")
        read = read_lake(f"ducklake:{path}", version=fixture.reader_version, cwd=fixture.path)
        shown = read["snapshots"][str(result.snapshot_id)]
        sure = {table for table, id_ in ids(fixture).items() if id_ not in untold(fixture, at)} - named(result)
        assert {table: shown.get(table) for table in sure} == {table: truth[table] for table in sure}, at
        assert canvasback.salvage(f"ducklake:{path}", dry_run=True).commits == ()
        seen += len(sure)
    assert seen, name
