"""Lakes of DuckLake 1.0 taken back into the middle of files: those that hold rows or deletes of several snapshots."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from hypothesis import settings

import canvasback
from canvasback import RefusedError
from tests.lake.bookkeeping import judged
from tests.lake.builder import Contents, Lake, contents, read, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.oracle import Fixture, load_fixture, read_lake
from tests.postgres import Server

SOAK = settings.get_current_profile_name() == "soak"
SAMPLES = 10_000 if SOAK else 2
LAKES = ["duckdb-1.0", "duckdb-1.0-maintained", "duckdb-1.0-encrypted"]


@pytest.fixture(params=LAKES)
def fixture(request: pytest.FixtureRequest, tmp_path: Path) -> Fixture:
    """One of the lakes."""
    return load_fixture(request.param, tmp_path)


def straddled(fixture: Fixture, *, encrypted: bool = False) -> list[int]:
    """The snapshots at which a file has rows of later ones too."""
    which = "AND encryption_key IS NOT NULL" if encrypted else ""
    with duckdb.connect(str(fixture.catalog), read_only=True) as catalog:
        rows = catalog.execute(
            "SELECT DISTINCT snapshot_id FROM ducklake_snapshot, (SELECT begin_snapshot, partial_max, encryption_key "
            "FROM ducklake_data_file UNION ALL SELECT begin_snapshot, partial_max, encryption_key "
            "FROM ducklake_delete_file) f WHERE snapshot_id >= begin_snapshot AND snapshot_id < partial_max "
            f"{which} ORDER BY 1"
        ).fetchall()
    return [int(snapshot) for (snapshot,) in rows]


def chosen(fixture: Fixture) -> list[int]:
    """The snapshots to go to: some in the middle of files, and some of which the extension forgot rows."""
    middle = straddled(fixture)
    return sorted({*middle[:: max(1, len(middle) // SAMPLES)], *list(map(int, fixture.expected["at"]))[:SAMPLES:2]})


def test_a_rewound_lake_shows_what_it_was(fixture: Fixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An encrypted file cannot be cut; of what the extension forgot it is said, and no more is promised."""
    uncuttable, to_cut = straddled(fixture, encrypted=True), straddled(fixture)
    forgotten = fixture.expected["at"]
    cut = 0
    for number, snapshot in enumerate(chosen(fixture)):
        folder = tmp_path / str(number)
        shutil.copytree(fixture.path, folder)
        monkeypatch.chdir(folder)  # a relative data path is relative to the process
        attach = f"ducklake:{folder}/main.ducklake"
        if snapshot in uncuttable:
            with pytest.raises(RefusedError) as caught:
                canvasback.rewind(attach, to_snapshot=snapshot, safety_point=False)
            assert caught.value.code == "cannot-cut"
            fixture.check(read_lake(attach, fixture.reader_version, cwd=folder, at=[], judged=False))
            continue

        result = canvasback.rewind(attach, to_snapshot=snapshot, safety_point=False)

        assert result.snapshot_id == snapshot
        assert bool(result.cut_files) == (snapshot in to_cut)
        cut += result.cut_files
        seen = read_lake(attach, fixture.reader_version, cwd=folder, at=[])["snapshots"]
        said = str(snapshot) in forgotten
        assert bool(result.findings) == said
        assert seen == {str(snapshot): (fixture.shown if said else fixture.truth)[str(snapshot)]}
    assert cut or "encrypted" in fixture.path.name


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rows", [8, 60], ids=["inlined deletes", "delete files"])
def test_deletes_of_a_flushed_file_keep_their_rows(engine: Engine, rows: int, tmp_path: Path, postgres: Server) -> None:
    """1.0 flushes all versions of a row side by side, and names those that went by their places in the file.

    A cut of the later versions moves the places of the others.
    """
    lake = Lake(tmp_path / "lake", elsewhere=attach_string(engine, tmp_path / "lake", postgres))
    truth: dict[int, Contents] = {}
    with lake.session() as connection:
        for statement in (
            "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
            "INSERT INTO lake.t SELECT i, 'row ' || i FROM range(9) r(i)",
            "UPDATE lake.t SET s = 'once' WHERE i % 3 = 1",
            "DELETE FROM lake.t WHERE i = 2",
            "UPDATE lake.t SET s = 'twice' WHERE i = 4",
            "INSERT INTO lake.t SELECT i, 'more ' || i FROM range(100, 105) r(i)",
            "CALL ducklake_flush_inlined_data('lake')",
            f"INSERT INTO lake.t SELECT i, 'many' FROM range(200, {200 + rows}) r(i)",
            "DELETE FROM lake.t WHERE i = 3 OR i = 103",
            "DELETE FROM lake.t WHERE i % 4 = 0",
            "UPDATE lake.t SET s = 'last' WHERE i % 5 = 2",
        ):
            connection.execute(statement)
            [(head,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
            truth[head] = contents(connection)
    lake.backup()

    for number, snapshot in enumerate((9, 7, 5, 4, 3)):
        there = attach_string(engine, tmp_path / f"{number}", postgres)
        canvasback.restore(there, lake.repository, at_snapshot=snapshot, data_path=str(tmp_path / f"{number}.files"))
        assert read(there) == truth[snapshot], snapshot
        canvasback.rewind(lake.attach, to_snapshot=snapshot, safety_point=False)
        for attach in (there, lake.attach):
            with session(attach, "READ_ONLY") as connection:
                assert judged(connection) == []
                assert contents(connection) == truth[snapshot], snapshot
