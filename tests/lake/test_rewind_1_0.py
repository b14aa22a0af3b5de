"""Lakes of DuckLake 1.0 taken back to their snapshots: inlined deletes, deletes of several snapshots in one file.

No extension for them is on pip, so a reader of our own looks at them, which is proved on the lakes as they were.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from hypothesis import settings

import canvasback
from canvasback import RefusedError
from tests.oracle import Fixture, load_fixture
from tests.oracle.reference import Json, read_snapshots

pytestmark = pytest.mark.newest

SOAK = settings.get_current_profile_name() == "soak"
SAMPLES = 4
LAKES = ["duckdb-1.0", "duckdb-1.0-maintained", "duckdb-1.0-encrypted"]


@pytest.fixture(params=LAKES)
def fixture(request: pytest.FixtureRequest, tmp_path: Path) -> Fixture:
    """One of the lakes."""
    return load_fixture(request.param, tmp_path)


def truth(fixture: Fixture, snapshot: int) -> Json:
    """What the writer saw at a snapshot and at all earlier ones."""
    return {at: seen for at, seen in fixture.expected["snapshots"].items() if int(at) <= snapshot}


def chosen(fixture: Fixture) -> list[int]:
    """The snapshots to go to: all in `make soak`, else some, with those in the middle of a file's snapshots."""
    every = sorted(map(int, fixture.expected["snapshots"]))
    step = max(1, len(every) // SAMPLES)
    return every if SOAK else sorted({*every[LAKES.index(fixture.path.name) :: step], *straddled(fixture)[::6]})


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


def test_the_reference_sees_what_the_writer_saw(fixture: Fixture) -> None:
    assert read_snapshots(fixture.catalog, fixture.data) == fixture.expected["snapshots"]


def test_a_rewound_lake_shows_what_it_was(fixture: Fixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the snapshot, and at all earlier ones; an encrypted file cannot be cut."""
    refused, cut = 0, 0
    uncuttable, to_cut = straddled(fixture, encrypted=True), straddled(fixture)
    for number, snapshot in enumerate(chosen(fixture)):
        folder = tmp_path / str(number)
        shutil.copytree(fixture.path, folder)
        monkeypatch.chdir(folder)  # a relative data path is relative to the process
        attach = f"ducklake:{folder}/main.ducklake"
        if snapshot in uncuttable:
            with pytest.raises(RefusedError) as caught:
                canvasback.rewind(attach, to_snapshot=snapshot, safety_point=False)
            assert caught.value.code == "cannot-cut"
            assert read_snapshots(folder / "main.ducklake", folder / "data") == fixture.expected["snapshots"]
            refused += 1
            continue

        result = canvasback.rewind(attach, to_snapshot=snapshot, safety_point=False)

        assert (result.findings, result.snapshot_id) == ((), snapshot)
        assert bool(result.cut_files) == (snapshot in to_cut)
        cut += result.cut_files
        assert read_snapshots(folder / "main.ducklake", folder / "data") == truth(fixture, snapshot)
    assert (bool(refused), bool(cut)) == ((True, False) if "encrypted" in fixture.path.name else (False, True))


def test_a_moment_of_a_point_restores_and_can_be_looked_at(fixture: Fixture, tmp_path: Path) -> None:
    """To look at one needs no cut, so that encrypted files are no hindrance."""
    repository = str(tmp_path / "repository")
    canvasback.init(repository, fixture.attach)
    canvasback.backup(fixture.attach, repository, data_path=str(fixture.data))
    uncuttable = straddled(fixture, encrypted=True)
    for snapshot in chosen(fixture)[1::2]:
        out = tmp_path / f"look-{snapshot}.ducklake"
        canvasback.attach(repository, at_snapshot=snapshot, out=str(out))
        assert read_snapshots(out, tmp_path / "repository" / "data") == truth(fixture, snapshot)
        folder = tmp_path / str(snapshot)
        to = f"ducklake:{folder}/main.ducklake"
        if snapshot in uncuttable:
            with pytest.raises(RefusedError) as caught:
                canvasback.restore(repository, to, at_snapshot=snapshot, data_path=f"{folder}/files")
            assert caught.value.code == "cannot-cut"
            continue
        result = canvasback.restore(repository, to, at_snapshot=snapshot, data_path=f"{folder}/files")
        assert (result.findings, result.snapshot_id) == ((), snapshot)
        assert read_snapshots(folder / "main.ducklake", folder / "files") == truth(fixture, snapshot)


@pytest.mark.parametrize("splitting", [False, True])
def test_deletes_of_a_flushed_file_keep_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, splitting: bool
) -> None:
    """1.0 flushes all versions of a row side by side, and names those that went by their places in the file.

    A cut of the later versions moves the places of the others. The second delete may be in another file.
    """
    fixture = load_fixture("duckdb-1.0", tmp_path)
    flush(fixture, splitting=splitting)
    monkeypatch.chdir(fixture.path)
    before = read_snapshots(fixture.catalog, fixture.data)
    assert [before[str(at)]['etl.odd "name']["rows"] for at in (11, 12, 14, 20)] == [20, 24, 23, 23]
    repository = str(tmp_path / "repository")
    canvasback.init(repository, fixture.attach)
    canvasback.backup(fixture.attach, repository)

    for snapshot in (19, 14, 13, 12):
        to = tmp_path / str(snapshot) / "main.ducklake"
        canvasback.restore(repository, f"ducklake:{to}", at_snapshot=snapshot, data_path=str(to.with_name("files")))
        assert read_snapshots(to, to.with_name("files")) == {at: s for at, s in before.items() if int(at) <= snapshot}
        canvasback.rewind(fixture.attach, to_snapshot=snapshot, safety_point=False)
        assert read_snapshots(fixture.catalog, fixture.data) == read_snapshots(to, to.with_name("files"))


def flush(fixture: Fixture, *, splitting: bool) -> None:
    """Put a file into the lake as 1.0's flush writes it; see its `DuckLakeFlushData::Finalize`."""
    with duckdb.connect(str(fixture.catalog)) as catalog:
        [(path,)] = catalog.execute(
            "SELECT s.path || t.path FROM ducklake_table t JOIN ducklake_schema s USING (schema_id) WHERE table_id = 6"
        ).fetchall()
        folder = fixture.data / path
        snapshot_id = "_ducklake_internal_snapshot_id"
        catalog.execute(
            f"COPY (SELECT * FROM (VALUES (1000, 100, 12), (2000, 100, 20), (1001, 101, 12), (1002, 102, 12), "
            f"(1003, 103, 12)) v(a, _ducklake_internal_row_id, {snapshot_id})) TO '{folder}/flushed.parquet' "
            f"(FORMAT parquet, FIELD_IDS {{a: 1, _ducklake_internal_row_id: 2147483540, {snapshot_id}: 2147483539}})"
        )
        catalog.execute(
            f"COPY (SELECT '{folder}/flushed.parquet' AS file_path, pos, {snapshot_id} "
            f"FROM (VALUES (0::BIGINT, 20::BIGINT), (2, 14)) v(pos, {snapshot_id}) "
            f"{'WHERE pos = 2' if splitting else ''} ORDER BY pos) TO '{folder}/flushed-delete.parquet' "
            f"(FORMAT parquet, FIELD_IDS {{file_path: 2147483646, pos: 2147483645, {snapshot_id}: 2147483539}})"
        )
        catalog.execute(
            "INSERT INTO ducklake_data_file (data_file_id, table_id, begin_snapshot, path, path_is_relative, "
            "file_format, record_count, file_size_bytes, footer_size, row_id_start, partial_max) "
            "VALUES (900, 6, 12, 'flushed.parquet', true, 'parquet', 5, 1, 1, 100, 20)"
        )
        catalog.execute(
            "INSERT INTO ducklake_delete_file VALUES (901, 6, 14, NULL, 900, 'flushed-delete.parquet', true, "
            f"'parquet', 2, 1, 1, NULL, {'NULL' if splitting else '20'})"
        )
        if splitting:
            catalog.execute(
                "CREATE TABLE ducklake_inlined_delete_6(file_id BIGINT, row_id BIGINT, begin_snapshot BIGINT)"
            )
            catalog.execute("INSERT INTO ducklake_inlined_delete_6 VALUES (900, 0, 20)")
        for table, name in (("data", "flushed"), ("delete", "flushed-delete")):
            size = (folder / f"{name}.parquet").stat().st_size
            catalog.execute(f"UPDATE ducklake_{table}_file SET file_size_bytes = {size} WHERE path = '{name}.parquet'")
