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
