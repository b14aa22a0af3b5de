"""The oracle itself: real extensions read the fixtures, write to them, and notice a bad catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import duckdb
import pytest
from hypothesis import settings

from tests import oracle
from tests.oracle import FIXTURES, OTHER_ENGINES, OracleError, conflict, load_fixture, read_lake, write_lake

READABLE = [name for name, _ in FIXTURES]
EACH_VERSION = ["duckdb-0.1", "duckdb-0.2", "duckdb-0.3-maintained", "duckdb-1.0-maintained"]
"""A lake of each version, for what is asked of the extension; test_fixtures.py writes to every lake that came back."""
SAMPLES = 10_000 if settings.get_current_profile_name() == "soak" else 20
"""Of so many snapshots it is seen what the extension shows: archives and extensions are pinned, so none changes."""


def version_of(name: str) -> oracle.Version:
    return dict(FIXTURES)[name]


def test_every_archive_is_a_fixture() -> None:
    archives = Path(oracle.__file__).parents[1].glob("fixtures/*.tar.gz")
    known = sorted([*(name for name, _ in FIXTURES), *OTHER_ENGINES])
    assert sorted(path.name.removesuffix(".tar.gz") for path in archives) == known


@pytest.mark.parametrize("name", READABLE)
def test_reader_sees_what_the_writer_saw(name: str, tmp_path: Path) -> None:
    fixture = load_fixture(name, tmp_path)
    before = fixture.catalog.read_bytes()

    fixture.check(read_lake(fixture.attach, version_of(name), cwd=fixture.path, at=fixture.some(SAMPLES)))
    assert fixture.catalog.read_bytes() == before


@pytest.mark.parametrize("name", EACH_VERSION)
def test_writes_show_and_leave_history_alone(name: str, tmp_path: Path) -> None:
    fixture = load_fixture(name, tmp_path)
    version = version_of(name)

    result = write_lake(fixture.attach, version, cwd=fixture.path)
    assert result["ok"], result
    assert [step["step"] for step in result["steps"]] == ["create", "insert", "delete", "alter"]

    # What was judged after the last write is not asked again.
    after = read_lake(fixture.attach, version, cwd=fixture.path, at=fixture.some(5), judged=False)["snapshots"]
    assert {at: seen for at, seen in after.items() if int(at) <= fixture.head} == {
        str(at): fixture.shown[str(at)] for at in fixture.some(5)
    }
    assert after[str(result["steps"][-1]["snapshot"])] == result["steps"][-1]["head"]


@pytest.mark.parametrize("kind", ["delete", "alter"])
@pytest.mark.parametrize("name", EACH_VERSION)
def test_one_of_two_conflicting_commits_succeeds(name: str, kind: Literal["delete", "alter"], tmp_path: Path) -> None:
    fixture = load_fixture(name, tmp_path)

    result = conflict(fixture.attach, kind, version_of(name), cwd=fixture.path)

    assert result["ok"], result
    assert result["succeeded"] == 1
    assert "conflict" in result["lost"][0]


@pytest.mark.parametrize("kind", ["delete", "alter"])
def test_conflict_notices_a_catalog_without_primary_keys(kind: Literal["delete", "alter"], tmp_path: Path) -> None:
    fixture = load_fixture("duckdb-0.3", tmp_path)
    keyless = tmp_path / "keyless.ducklake"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{fixture.catalog}' AS old (READ_ONLY)")
        connection.execute(f"ATTACH '{keyless}' AS new")
        query = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'old'"
        for (table,) in connection.execute(query).fetchall():
            connection.execute(f"CREATE TABLE new.{table} AS FROM old.{table}")

    result = conflict(f"ducklake:{keyless}", kind, "1.4.4", cwd=fixture.path)

    assert result["succeeded"] == 2
    assert not result["ok"]


def test_write_notices_a_table_that_changed_by_itself(tmp_path: Path) -> None:
    fixture = load_fixture("duckdb-0.3", tmp_path)
    with duckdb.connect(fixture.catalog) as connection:
        # The bug of a careless rewind: an end that lies in the future hides rows as soon as ids reach it.
        connection.execute(
            "UPDATE ducklake_data_file SET end_snapshot = (SELECT max(snapshot_id) + 2"
            " FROM ducklake_snapshot) WHERE end_snapshot IS NULL"
        )

    result = write_lake(fixture.attach, "1.4.4", cwd=fixture.path)

    assert not result["ok"]


def test_a_new_lake_can_be_written_to_again_and_again(tmp_path: Path) -> None:
    attach = f"ducklake:{tmp_path / 'new.ducklake'}"
    data_path = f"{tmp_path / 'files'}/"

    for head in (4, 8):
        result = write_lake(attach, data_path=data_path)
        assert result["ok"], result
        assert result["steps"][-1]["snapshot"] == head

    assert conflict(attach, "delete", data_path=data_path)["ok"]
    snapshots = read_lake(attach)["snapshots"]
    assert snapshots["0"] == {}
    assert set(snapshots["9"]) == {"main.canvasback_0", "main.canvasback_4"}


def test_data_path_reads_files_elsewhere(tmp_path: Path) -> None:
    fixture = load_fixture("duckdb-0.3", tmp_path)
    elsewhere = fixture.data.rename(tmp_path / "elsewhere")

    with pytest.raises(OracleError, match=r"\.parquet"):
        read_lake(fixture.attach, "1.4.4", cwd=fixture.path)
    fixture.check(read_lake(fixture.attach, "1.4.4", data_path=f"{elsewhere}/", cwd=fixture.path))


def test_missing_environment_names_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(oracle.PYTHONS, "1.3.0", oracle.ROOT / ".oracles/absent/bin/python")
    with pytest.raises(OracleError, match="`make test` creates it"):
        read_lake("ducklake:absent.ducklake", "1.3.0")
