"""Pointing a live catalog at another place, with absolute paths at every level, in all engines."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import canvasback
from canvasback import LockedError, RefusedError
from canvasback.catalog.engines import open_engine
from canvasback.model.lake import parse_lake
from tests.lake.builder import contents, read, session
from tests.lake.values import literal

PATH_TABLES = (
    "ducklake_schema",
    "ducklake_table",
    "ducklake_data_file",
    "ducklake_delete_file",
    "ducklake_files_scheduled_for_deletion",
)

STATEMENTS = (
    "CREATE TABLE lake.main.t (id INTEGER, name VARCHAR)",
    "INSERT INTO lake.main.t SELECT range, 'name ' || range FROM range(100)",
    "DELETE FROM lake.main.t WHERE id % 3 = 0",
    "INSERT INTO lake.main.t SELECT range, 'more' FROM range(100, 200)",
    "CREATE SCHEMA lake.s",
    "CREATE TABLE lake.s.t2 AS SELECT range AS a FROM range(30)",
    "CREATE TABLE lake.s.t3 AS SELECT range AS a FROM range(40)",
    "INSERT INTO lake.s.t3 SELECT range AS a FROM range(40)",
    "CALL ducklake_merge_adjacent_files('lake')",  # schedules files
)


class Lake:
    """A lake in one engine, all of whose paths are absolute or below absolute ones."""

    def __init__(self, engine: str, folder: Path, request: pytest.FixtureRequest) -> None:
        self.old, self.new = f"{folder}/old place's/", f"{folder}/new place's/"
        target = request.getfixturevalue("postgres").create() if engine == "postgres" else f"{folder}/main.{engine}"
        self.attach = f"ducklake:{target}" if engine == "duckdb" else f"ducklake:{engine}:{target}"
        with session(self.attach, f"DATA_PATH {literal(self.old)}", "DATA_INLINING_ROW_LIMIT 0") as connection:
            for statement in STATEMENTS:
                connection.execute(statement)
        self._make_absolute()
        self.before = read(self.attach)

    def change(self, *statements: str) -> None:
        """Change the catalog by hand."""
        open_engine(parse_lake(self.attach)).change(statements)

    def _make_absolute(self) -> None:
        root = literal(self.old)
        self.change(
            f"UPDATE ducklake_schema SET path = {root} || path, path_is_relative = (1 = 0) WHERE schema_name = 's'",
            f"UPDATE ducklake_table SET path = {root} || 's/' || path, path_is_relative = (1 = 0) "
            "WHERE table_name = 't3'",
            f"UPDATE ducklake_data_file SET path = {root} || 'main/t/' || path, path_is_relative = (1 = 0) "
            "WHERE table_id = 1 AND data_file_id = (SELECT min(data_file_id) FROM ducklake_data_file)",
            f"UPDATE ducklake_delete_file SET path = 'file://' || {root} || 'main/t/' || path, "
            "path_is_relative = (1 = 0)",
            "UPDATE ducklake_files_scheduled_for_deletion SET "
            f"path = {root} || path, path_is_relative = (1 = 0) WHERE data_file_id % 2 = 0",
            "INSERT INTO ducklake_files_scheduled_for_deletion "
            "SELECT 4711, '/somebody/elses.parquet', (1 = 0), min(schedule_start) "
            "FROM ducklake_files_scheduled_for_deletion",
        )

    def absolute(self) -> list[str]:
        """All absolute paths of the catalog."""
        with open_engine(parse_lake(self.attach)).read() as image:
            return [
                path
                for table in PATH_TABLES
                for (path,) in image.rows(f"SELECT path FROM {{{table}}} x WHERE NOT CAST(path_is_relative AS BOOLEAN)")
            ] + [image.data_path]


@pytest.fixture(params=["duckdb", "sqlite", "postgres"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return Lake(request.param, tmp_path, request)


def test_every_level_is_pointed_at_the_new_place(lake: Lake) -> None:
    assert len([path for path in lake.absolute() if lake.old in path]) >= 6
    shutil.move(lake.old, lake.new)
    result = canvasback.repoint(lake.attach, lake.new, verify=True)
    assert (result.old_data_path, result.data_path, result.findings) == (lake.old, lake.new, ())
    assert any("each was found" in step for step in result.steps)
    found = lake.absolute()
    assert {path.startswith(lake.new) for path in found} == {True}
    assert len(found) >= 6
    assert read(lake.attach) == lake.before  # a plain ATTACH, without OVERRIDE_DATA_PATH
    with session(lake.attach) as connection:
        connection.execute("INSERT INTO lake.s.t3 VALUES (77)")
        connection.execute("DELETE FROM lake.main.t WHERE id = 1")
        connection.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
        changed = contents(connection)
    assert len(changed["main.t"]) == len(lake.before["main.t"]) - 1
    assert not Path(lake.old).exists()
    assert read(lake.attach) == changed


def test_a_dry_run_changes_nothing(lake: Lake) -> None:
    shutil.copytree(lake.old, lake.new)
    before = lake.absolute()
    assert canvasback.repoint(lake.attach, lake.new, verify=True, dry_run=True).dry_run
    assert lake.absolute() == before
    assert read(lake.attach) == lake.before


def test_files_that_are_not_there_or_not_the_same(lake: Lake) -> None:
    shutil.copytree(lake.old, lake.new)
    [first, second, *_] = sorted(Path(lake.new).rglob("ducklake-*-delete.parquet")) + sorted(
        Path(lake.new, "s").rglob("*.parquet")
    )
    first.unlink()
    second.write_bytes(b"short")
    before = lake.absolute()
    looked = canvasback.repoint(lake.attach, lake.new, verify=True, dry_run=True)
    assert looked.finding_counts.get("file-missing", 0) >= 1
    assert not any("each was found" in step for step in looked.steps)
    with pytest.raises(RefusedError) as refused:
        canvasback.repoint(lake.attach, lake.new, verify=True)
    assert refused.value.code == "files-not-there"
    assert lake.absolute() == before


def test_a_place_with_nothing_of_the_lake_is_refused(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RefusedError) as refused:
        canvasback.repoint(lake.attach, str(tmp_path / "empty"))
    assert refused.value.code == "files-not-there"


def test_files_outside_of_the_data_path(lake: Lake, tmp_path: Path) -> None:
    lake.change(
        f"UPDATE ducklake_table SET path = {literal(f'{tmp_path}/elsewhere/')}, path_is_relative = (1 = 0) "
        "WHERE table_name = 't2'"
    )
    [folder] = [path for path in Path(lake.old, "s").iterdir() if path.name == "t2"]
    folder.rename(tmp_path / "elsewhere")
    assert read(lake.attach) == lake.before
    shutil.move(lake.old, lake.new)
    with pytest.raises(RefusedError) as refused:
        canvasback.repoint(lake.attach, lake.new)
    assert refused.value.code == "files-elsewhere"
    assert "elsewhere/" in refused.value.message
    canvasback.repoint(lake.attach, lake.new, verify=True, keep_elsewhere=True)
    assert read(lake.attach) == lake.before


def test_a_catalog_that_is_open(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    lake = Lake("duckdb", tmp_path, request)
    shutil.copytree(lake.old, lake.new)
    with session(lake.attach), pytest.raises(LockedError) as locked:
        canvasback.repoint(lake.attach, lake.new)
    assert locked.value.code == "catalog-in-use"
    assert read(lake.attach) == lake.before
