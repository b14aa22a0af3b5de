"""Salvage on lakes of DuckLake 1.0, which inlines by default: what only files tell is exact, and all else is named."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback import SalvageResult
from tests.oracle import Fixture, Json, load_fixture, read_lake

TOLD = {"inserted_into_table", "deleted_from_table", "compacted_table"}
"""Changes that leave files, as the catalog calls them."""


def backed_up(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Fixture:
    """One of the lakes, with a repository beside it."""
    made = load_fixture(name, folder)
    monkeypatch.chdir(made.path)  # its data path is relative
    canvasback.init(made.attach, str(folder / "repository"))
    canvasback.backup(made.attach, str(folder / "repository"))
    return made


def stale(fixture: Fixture, at: int) -> Path:
    """The catalog as it was at a snapshot, beside the files of later ones."""
    path = fixture.path / f"stale-{at}.ducklake"
    repository = str(fixture.path.parent / "repository")
    canvasback.restore(f"ducklake:{path}", repository, data_path=str(fixture.data), at_snapshot=at, shares_files=True)
    return path


def untold(fixture: Fixture, at: int) -> set[int]:
    """The tables of which something happened after a snapshot that leaves no file."""
    with duckdb.connect(str(fixture.catalog), read_only=True) as catalog:
        rows = catalog.execute(
            "SELECT changes_made FROM ducklake_snapshot_changes WHERE snapshot_id > ? AND changes_made IS NOT NULL",
            [at],
        ).fetchall()
        ended = catalog.execute("SELECT table_id FROM ducklake_data_file WHERE end_snapshot > ?", [at]).fetchall()
        dropped = catalog.execute(
            "SELECT table_id FROM ducklake_table WHERE end_snapshot > ? OR begin_snapshot > ?", [at, at]
        ).fetchall()
    changes = [change for (made,) in rows for change in re.findall(r"(\w+):(\d+)", made)]
    return {int(id_) for kind, id_ in changes if kind not in TOLD} | {id_ for (id_,) in [*ended, *dropped]}


def ids(fixture: Fixture) -> dict[str, int]:
    """The ids of the tables of the head."""
    with duckdb.connect(str(fixture.catalog), read_only=True) as catalog:
        rows = catalog.execute(
            "SELECT s.schema_name || '.' || t.table_name, t.table_id FROM ducklake_table t "
            "JOIN ducklake_schema s USING (schema_id) WHERE t.end_snapshot IS NULL AND s.end_snapshot IS NULL"
        ).fetchall()
    return dict(rows)


def named(result: SalvageResult) -> set[str]:
    """The tables of which a loss is named."""
    return {loss.table for loss in result.losses if loss.table}


def test_an_older_catalog_of_1_0_gets_what_files_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture = backed_up("duckdb-1.0", tmp_path, monkeypatch)
    snapshots = sorted(map(int, fixture.expected["snapshots"]))
    truth: Json = fixture.expected["snapshots"][str(snapshots[-1])]
    seen = 0
    for at in snapshots[5::36]:
        path = stale(fixture, at)
        result = canvasback.salvage(f"ducklake:{path}")
        shown = read_lake(f"ducklake:{path}", "1.5.5", cwd=fixture.path, at=[])["snapshots"][str(result.snapshot_id)]
        sure = {table for table, id_ in ids(fixture).items() if id_ not in untold(fixture, at)} - named(result)
        assert {table: shown.get(table) for table in sure} == {table: truth[table] for table in sure}, at
        assert {loss.kind for loss in result.losses} >= {"inlined-rows", "whole-file-deletes", "definitions"}
        assert canvasback.salvage(f"ducklake:{path}", dry_run=True).commits == ()
        seen += len(sure)
    assert seen


@pytest.mark.parametrize("name", ["duckdb-1.0", "duckdb-1.0-maintained"])
def test_a_lost_catalog_of_1_0_is_one_of_1_0_again(name: str, tmp_path: Path) -> None:
    fixture = load_fixture(name, tmp_path)
    new = fixture.path / "new.ducklake"

    result = canvasback.salvage(f"ducklake:{new}", new_catalog=True, data_path=str(fixture.data))

    with duckdb.connect(str(new), read_only=True) as catalog:
        assert catalog.execute("SELECT value FROM ducklake_metadata WHERE key = 'version'").fetchall() == [("1.0",)]
    shown = read_lake(f"ducklake:{new}", "1.5.5", cwd=fixture.path, at=[])["snapshots"][str(result.snapshot_id)]
    assert {table.table for table in result.tables} == shown.keys()
    assert canvasback.check(f"ducklake:{new}", level="catalog").findings == ()
    assert canvasback.salvage(f"ducklake:{new}", dry_run=True).commits == ()


def test_an_encrypted_lake_of_1_0_names_each_file(tmp_path: Path) -> None:
    fixture = load_fixture("duckdb-1.0-encrypted", tmp_path)

    result = canvasback.salvage(
        f"ducklake:{tmp_path}/new.ducklake", new_catalog=True, data_path=str(fixture.data), dry_run=True
    )

    lost = {loss.message.split()[0] for loss in result.losses if loss.kind == "encrypted-file"}
    assert lost == {str(path.relative_to(fixture.data)) for path in fixture.data.rglob("*.parquet")}
