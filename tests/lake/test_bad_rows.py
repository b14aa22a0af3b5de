"""One row of a catalog whose path leads nowhere is a finding: all else is saved and comes back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import pytest

import canvasback
from tests.lake.builder import Lake, session

ROWS = {
    "null": "NULL, true",
    "empty": "'', true",
    "empty-absolute": "'', false",
    "long": "repeat('x', 300) || '.parquet', true",
    "deep": "repeat('y/', 3000) || 'z.parquet', true",
    "a-folder": "'sub/', true",
    "the-root": "'/', false",
    "upwards": "'../../a.parquet', true",
    "no-network": "'http://127.0.0.1:9/a.parquet', false",
    "no-credentials": "'s3://nobody/a.parquet', false",
    "no-bucket": "'s3://', false",
    "no-such-kind": "'ftp://host/a.parquet', false",
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a lake, of whose data path the catalog says that it is relative."""
    folder = tmp_path_factory.mktemp("sound") / "lake"
    lake = Lake(folder, options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        "CREATE TABLE lake.t AS SELECT i FROM range(100) r(i)",
        "CREATE TABLE lake.u AS SELECT i FROM range(10) r(i)",
        "DELETE FROM lake.t WHERE i = 50",
    )
    with duckdb.connect(str(lake.catalog)) as connection:
        connection.execute("UPDATE ducklake_metadata SET value = 'data/' WHERE key = 'data_path'")
    return folder


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


@pytest.mark.usefixtures("no_credentials")
@pytest.mark.parametrize("kind", ROWS)
def test_a_path_that_leads_nowhere(kind: str, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(sound, tmp_path / "lake")
    monkeypatch.chdir(folder)
    path, relative = ROWS[kind].rsplit(", ", 1)
    with duckdb.connect("main.ducklake") as connection:
        connection.execute(
            f"UPDATE ducklake_data_file SET path = {path}, path_is_relative = {relative} "
            "WHERE data_file_id = (SELECT max(data_file_id) FROM ducklake_data_file)"
        )
    repository = str(tmp_path / "repository")
    canvasback.init("main.ducklake", repository)
    for _ in range(2):
        made = canvasback.backup("main.ducklake", repository)
        assert (made.files, made.absent, sum(made.finding_counts.values())) == (3, 1, 1)
        assert set(made.finding_counts) <= {"file-missing", "file-unreadable"}

    in_place = canvasback.restore("again.ducklake", repository, shares_files=True)
    moved = canvasback.restore(str(tmp_path / "moved.ducklake"), repository, data_path=str(tmp_path / "files"))
    assert in_place.finding_counts == moved.finding_counts == {"file-absent": 1}
    for lake in ("again.ducklake", f"{tmp_path}/moved.ducklake"):
        with session(f"ducklake:{lake}") as connection:
            assert connection.execute("SELECT count(*) FROM lake.t").fetchall() == [(99,)]
    assert canvasback.attach(repository, out=str(tmp_path / "look.ducklake")).finding_counts == {"files-absent": 1}


@pytest.mark.usefixtures("no_credentials")
def test_a_file_that_was_saved_and_whose_place_nobody_reaches_now(tmp_path: Path) -> None:
    """A point whose file lay outside of the data path comes back where that place is out of reach."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(100) r(i)", "INSERT INTO lake.t VALUES (1)")
    outside = tmp_path / "outside" / "folder" / "own.parquet"
    outside.parent.mkdir(parents=True)
    lake.files()[-1].rename(outside)
    with duckdb.connect(str(lake.catalog)) as connection:
        connection.execute(
            f"UPDATE ducklake_data_file SET path = '{outside}', path_is_relative = false WHERE data_file_id = "
            "(SELECT max(data_file_id) FROM ducklake_data_file)"
        )
    lake.backup()
    shutil.rmtree(tmp_path / "outside")
    (tmp_path / "outside").symlink_to(tmp_path / "outside")  # a circle
    result = canvasback.restore(lake.attach, lake.repository, replace=True)
    assert result.finding_counts == {"elsewhere-unreachable": 1}
    assert "external/" in result.findings[0].cure
