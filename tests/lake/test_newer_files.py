"""A lake that comes back beside files that are newer than it is told apart from one that does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import canvasback
from tests.clouds import Cloud, cloud
from tests.kept import Kept
from tests.lake.builder import Lake
from tests.lake.cloud_lakes import head, session, write


@pytest.fixture
def plain(kept: Kept) -> Lake:
    """A lake with two points, of snapshots 2 and 4; the later commits wrote two files."""
    return kept.again(make)


def make(folder: Path) -> Lake:
    lake = Lake(folder / "plain")
    lake.run("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t SELECT * FROM range(20)")
    lake.backup()
    lake.run(*("INSERT INTO lake.t SELECT * FROM range(30)",) * 2)
    lake.backup()
    return lake


def orphans(lake: Lake) -> list[str]:
    """What DuckLake's cleanup would delete."""
    call = "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true, dry_run => true)"
    with lake.session() as connection:
        return [path for (path,) in connection.execute(call).fetchall()]


@pytest.mark.parametrize("dry_run", [True, False])
def test_files_of_later_commits_are_counted(plain: Lake, *, dry_run: bool) -> None:
    newer = sorted(plain.files())[-2:]

    result = canvasback.restore(plain.attach, plain.repository, plain.points[0], replace=True, dry_run=dry_run)

    assert result.finding_counts == {"newer-files": 1}
    [finding] = result.findings
    assert (finding.severity, finding.where) == ("warning", f"{plain.data}/")
    assert finding.message.startswith(f"2 Parquet files ({sum(path.stat().st_size for path in newer):,} bytes)")
    assert "salvage" in finding.cure


def test_what_is_said_is_what_the_cleanup_would_delete(plain: Lake) -> None:
    result = canvasback.restore(plain.attach, plain.repository, at_snapshot=3, replace=True)
    assert result.finding_counts == {"newer-files": 1}
    assert result.findings[0].message.startswith("1 Parquet file (")
    assert len(orphans(plain)) == 1


def test_the_newest_point_and_a_new_place_have_none(plain: Lake, tmp_path: Path) -> None:
    assert canvasback.restore(plain.attach, plain.repository, replace=True).findings == ()
    to = f"ducklake:{tmp_path}/new.ducklake"
    moved = canvasback.restore(to, plain.repository, plain.points[0], data_path=f"{tmp_path}/new files")
    assert moved.findings == ()


def test_a_new_place_that_holds_newer_ones_is_told_of(plain: Lake, tmp_path: Path) -> None:
    place = f"{tmp_path}/copy"
    canvasback.restore(f"ducklake:{tmp_path}/one.ducklake", plain.repository, data_path=place)
    result = canvasback.restore(f"ducklake:{tmp_path}/two.ducklake", plain.repository, plain.points[0], data_path=place)
    assert result.finding_counts == {"newer-files": 1}
    assert result.findings[0].message.startswith("2 Parquet files (")


def test_older_leftovers_alone_are_nothing_to_speak_of(plain: Lake) -> None:
    old = plain.data / "main/t/ducklake-01900000-0000-7000-8000-000000000000.parquet"
    old.write_bytes(b"of a writer that was killed")
    os.utime(old, (1_700_000_000, 1_700_000_000))
    assert canvasback.restore(plain.attach, plain.repository, replace=True).findings == ()
    [finding] = canvasback.restore(plain.attach, plain.repository, plain.points[0], replace=True).findings
    assert finding.message.endswith("; besides, there is 1 older one")


def test_a_merged_file_that_is_cut_counts(plain: Lake) -> None:
    """The catalog gets a new one without the later rows, and the old one still has them."""
    plain.run(
        "CALL ducklake_merge_adjacent_files('lake')", "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)"
    )
    plain.backup()
    merged = {path.name for path in plain.files()}
    result = canvasback.restore(plain.attach, plain.repository, plain.points[-1], at_snapshot=3, replace=True)
    assert result.finding_counts == {"newer-files": 1}
    assert result.findings[0].message.startswith(f"{len(merged)} Parquet file")
    gone = orphans(plain)
    assert {name.rpartition("/")[2] for name in gone} == merged


def test_the_exit_code_tells(plain: Lake, cli: Callable[..., int]) -> None:
    arguments = ("restore", plain.points[0], "-r", plain.repository, "--to", plain.attach, "--replace")
    assert cli(*arguments, "--dry-run") == 3
    assert cli(*arguments) == 3


def test_a_bucket_is_listed_too(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    where: Cloud = cloud("s3", request, monkeypatch)
    stores = where.stores()
    data_path, repository = f"{where.bucket()}lake/", f"{where.bucket()}backups"
    attach = f"ducklake:{tmp_path}/main.ducklake"
    write(where, tmp_path / "main.ducklake", data_path, ("CREATE TABLE lake.t AS SELECT * FROM range(20) r(i)",))
    canvasback.init(attach, repository, stores=stores)
    first = canvasback.backup(attach, repository, stores=stores)
    with session(where, attach) as connection:
        connection.execute("INSERT INTO lake.t SELECT * FROM range(30)")
        assert head(connection) == 2
    canvasback.backup(attach, repository, stores=stores)

    for dry_run in (True, False):
        result = canvasback.restore(attach, repository, first.point, replace=True, dry_run=dry_run, stores=stores)
        assert result.finding_counts == {"newer-files": 1}
        assert (result.findings[0].where, result.kept_files) == (data_path, 1)
        assert result.findings[0].message.startswith("1 Parquet file (")
    assert canvasback.restore(attach, repository, replace=True, stores=stores).findings == ()
