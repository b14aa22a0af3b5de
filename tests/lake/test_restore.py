"""What a restore changes, and all that it must leave alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

import canvasback
from tests.extension import DUCKLAKE
from tests.lake.builder import Lake, read
from tests.lake.values import SCHEDULED, catalog_of, literal, tree_of
from tests.oracle import load_fixture, read_lake, write_lake

if TYPE_CHECKING:
    from collections.abc import Callable


def identities(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of modification of every file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def everything(folder: Path) -> dict[str, object]:
    """Every file and folder: content, mode, inode and times."""
    found: dict[str, object] = dict(tree_of(folder))
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[f"{path} "] = (status.st_mode, status.st_ino, status.st_mtime_ns)
    return found


def flip(path: Path) -> bytes:
    """Change one byte in the middle, and answer the damaged content."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    return bytes(content)


def aside(folder: Path) -> dict[str, bytes]:
    """What was moved aside in the data path: by the name it had."""
    return {
        str(path.relative_to(folder)).partition(".damaged-")[0]: path.read_bytes()
        for path in folder.rglob("*.damaged-*")
    }


def test_only_missing_and_damaged_files_are_put_back(lake: Lake) -> None:
    truth, tree = lake.read(), tree_of(lake.data)
    lake.backup()
    missing, short, *healthy = sorted(tree)
    before = identities(lake.data)
    (lake.data / missing).unlink()
    (lake.data / short).write_bytes(b"PAR1")

    result = canvasback.restore(lake.attach, lake.repository, replace=True)

    assert (result.restored_files, result.kept_files) == (2, len(healthy))
    after = identities(lake.data)
    assert {path: after[path] for path in healthy} == {path: before[path] for path in healthy}
    assert after[missing][1] == before[missing][1]  # also restored files have their old time
    assert aside(lake.data) == {short: b"PAR1"}
    assert tree_of(lake.data).items() >= tree.items()
    assert lake.read() == truth


def test_healthy_files_of_a_healthy_lake_stay(lake: Lake) -> None:
    lake.backup()
    before = everything(lake.data)

    for level in ("exists", "checksum"):
        result = canvasback.restore(lake.attach, lake.repository, replace=True, level=level)
        assert result.restored_files == 0

    assert everything(lake.data) == before


def test_damage_of_the_same_size_is_found_by_checksum(lake: Lake) -> None:
    truth, tree = lake.read(), tree_of(lake.data)
    lake.backup()
    victim = sorted(tree)[1]
    damaged = flip(lake.data / victim)

    result = canvasback.restore(lake.attach, lake.repository, replace=True)
    assert (result.restored_files, aside(lake.data)) == (0, {})

    result = canvasback.restore(lake.attach, lake.repository, replace=True, level="checksum")
    assert (result.restored_files, result.kept_files) == (1, len(tree) - 1)
    assert aside(lake.data) == {victim: damaged}
    assert tree_of(lake.data).items() >= tree.items()
    assert lake.read() == truth


@pytest.mark.parametrize("moved", [False, True], ids=["in place", "moved"])
@pytest.mark.parametrize("replace", [False, True], ids=["to nothing", "replacing"])
def test_a_dry_run_changes_nothing(
    lake: Lake, tmp_path: Path, *, replace: bool, moved: bool, cli: Callable[..., int]
) -> None:
    lake.backup()
    lake.run("INSERT INTO lake.t SELECT i, 'newer' FROM range(20) r(i)")
    missing, short = lake.files()[:2]
    missing.unlink()
    short.write_bytes(b"PAR1")
    if not replace:
        lake.catalog.unlink()
    before = everything(tmp_path)

    elsewhere = str(tmp_path / "elsewhere/files") if moved else None
    planned = canvasback.restore(
        lake.attach, lake.repository, data_path=elsewhere, replace=replace, level="checksum", dry_run=True
    )
    arguments = ["--replace"] * replace + ["--data-path", str(elsewhere)] * moved
    assert cli("restore", "-r", lake.repository, "--to", lake.attach, "--dry-run", *arguments) == (0 if moved else 3)
    assert planned.finding_counts == ({} if moved else {"newer-files": 1})

    assert everything(tmp_path) == before
    assert planned.dry_run
    done = canvasback.restore(lake.attach, lake.repository, data_path=elsewhere, replace=replace, level="checksum")
    assert (done.restored_files, done.restored_bytes) == (planned.restored_files, planned.restored_bytes)
    assert done.steps == planned.steps


def test_a_catalog_that_is_there_is_not_replaced_unasked(lake: Lake, tmp_path: Path, cli: Callable[..., int]) -> None:
    lake.backup()
    (lake.files()[0]).unlink()
    before = everything(tmp_path)

    with pytest.raises(canvasback.RefusedError) as refused:
        canvasback.restore(lake.attach, lake.repository)
    assert refused.value.code == "target-not-empty"
    assert cli("restore", "-r", lake.repository, "--to", lake.attach) == 4

    assert everything(tmp_path) == before


def test_replace_moves_the_old_catalog_aside(lake: Lake) -> None:
    saved = catalog_of(lake.catalog)
    lake.backup()
    lake.run("INSERT INTO lake.t SELECT i, 'newer' FROM range(20) r(i)")
    newer = lake.catalog.read_bytes()

    result = canvasback.restore(lake.attach, lake.repository, replace=True)

    (old,) = lake.folder.glob("main.ducklake.replaced-*")
    assert old.read_bytes() == newer
    assert str(old) in result.remarks[-1]
    assert catalog_of(lake.catalog) == saved


@pytest.mark.parametrize("catalog_is_there", [True, False])
def test_a_log_that_a_lost_catalog_left_behind_is_not_replayed(lake: Lake, *, catalog_is_there: bool) -> None:
    """A `.wal` belongs to the database that wrote it, and DuckDB would take it for the restored one's."""
    truth, saved = lake.read(), catalog_of(lake.catalog)
    lake.backup()
    with lake.session() as connection:
        connection.execute("INSERT INTO lake.t SELECT i, 'newer' FROM range(20) r(i)")
        log = Path(f"{lake.catalog}.wal")
        content = log.read_bytes()
        assert content
        left = shutil.copyfile(lake.catalog, lake.folder / "copy")
    shutil.move(left, lake.catalog)
    log.write_bytes(content)
    if not catalog_is_there:
        lake.catalog.unlink()

    canvasback.restore(lake.attach, lake.repository, replace=True)

    assert not log.exists()
    assert catalog_of(lake.catalog) == saved
    assert lake.read() == truth
    assert content in [path.read_bytes() for path in lake.folder.glob("main.ducklake*wal*")]


@pytest.mark.parametrize("content", [None, b"", "empty database"])
def test_an_empty_catalog_is_free(content: bytes | str | None, lake: Lake) -> None:
    truth = lake.read()
    lake.backup()
    lake.catalog.unlink()
    if isinstance(content, bytes):
        lake.catalog.write_bytes(content)
    elif content:
        duckdb.connect(lake.catalog).close()

    canvasback.restore(lake.attach, lake.repository)

    assert lake.read() == truth


def test_old_points_restore_after_newer_backups(lake: Lake, tmp_path: Path) -> None:
    truths, trees = [], []
    for statement in (
        "SELECT 1",
        "DELETE FROM lake.t WHERE i = 30",
        "CALL ducklake_merge_adjacent_files('lake')",
        "DROP TABLE lake.u",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    ):
        lake.run(statement)
        lake.backup()
        truths.append(lake.read())
        trees.append(tree_of(lake.data))
    assert trees[0].keys() - trees[-1].keys()

    for number, (point, truth) in enumerate(zip(lake.points, truths, strict=True)):
        folder = tmp_path / str(number)
        canvasback.restore(f"ducklake:{folder}/main.ducklake", lake.repository, point, data_path=f"{folder}/files")
        assert read(f"ducklake:{folder}/main.ducklake") == truth
        attached = canvasback.attach(lake.repository, point, out=str(folder / "attached.ducklake"))
        assert read(f"ducklake:{attached.file}") == truth
    for point, truth in zip(lake.points, truths, strict=True):
        canvasback.restore(lake.attach, lake.repository, point, replace=True)
        assert lake.read() == truth


@pytest.fixture
def with_outside(lake: Lake) -> tuple[Lake, Path]:
    """A lake with a file outside of its data path, from which rows were deleted."""
    outside = lake.folder / "outside" / "a.parquet"
    outside.parent.mkdir()
    lake.run(
        f"COPY (SELECT i::INTEGER AS i, 'outside' AS s FROM range(2000, 2030) r(i)) TO {literal(str(outside))}",
        f"CALL ducklake_add_data_files('lake', 't', {literal(str(outside))})",
        "DELETE FROM lake.t WHERE i = 2007",
    )
    return lake, outside


def test_a_file_outside_comes_back_in_all_ways(with_outside: tuple[Lake, Path], tmp_path: Path) -> None:
    lake, outside = with_outside
    truth, content = lake.read(), outside.read_bytes()
    lake.backup()
    lake.delete()

    moved = canvasback.restore(
        f"ducklake:{tmp_path}/moved/main.ducklake", lake.repository, data_path=f"{tmp_path}/moved/files"
    )
    attached = canvasback.attach(lake.repository, out=str(tmp_path / "attached.ducklake"))
    assert not lake.folder.exists()
    assert moved.findings == ()
    assert read(f"ducklake:{tmp_path}/moved/main.ducklake") == truth
    assert read(f"ducklake:{attached.file}") == truth

    canvasback.restore(lake.attach, lake.repository)
    assert outside.read_bytes() == content
    assert lake.read() == truth


def test_a_damaged_file_outside_is_left_alone(with_outside: tuple[Lake, Path], cli: Callable[..., int]) -> None:
    lake, outside = with_outside
    lake.backup()
    outside.write_bytes(b"somebody else's now")

    result = canvasback.restore(lake.attach, lake.repository, replace=True)
    assert cli("restore", "-r", lake.repository, "--to", lake.attach, "--replace") == 3

    assert [(finding.code, finding.where) for finding in result.findings] == [("elsewhere-damaged", str(outside))]
    assert outside.read_bytes() == b"somebody else's now"
    assert list(outside.parent.iterdir()) == [outside]


def test_cleanup_in_a_moved_lake_spares_the_original(with_outside: tuple[Lake, Path], tmp_path: Path) -> None:
    """Everything that can delete is asked to delete all it can; the catalog's paths must not lead back."""
    lake, _ = with_outside
    lake.run(
        "CALL ducklake_merge_adjacent_files('lake')",
        "CREATE TABLE lake.gone AS SELECT i FROM range(30) r(i)",
        "DROP TABLE lake.gone",
        # Files that the original may still delete, and the clone must not.
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
    )
    assert catalog_of(lake.catalog)[SCHEDULED][2]
    truth = lake.read()
    lake.backup()
    original, repository = everything(lake.folder), tree_of(Path(lake.repository))
    clone = Lake(tmp_path / "clone")

    canvasback.restore(clone.attach, lake.repository, data_path=clone.data_path)
    assert clone.read() == truth
    deleted = []
    with clone.session() as connection:
        for statement in (
            "DELETE FROM lake.t WHERE i % 2 = 0 OR i > 2000",
            "DELETE FROM lake.u",
            "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)",
            "CALL ducklake_merge_adjacent_files('lake')",
            "CALL ducklake_expire_snapshots('lake', older_than => now())",
            "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
            "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)",
            "DROP TABLE lake.t",
            "CALL ducklake_expire_snapshots('lake', older_than => now())",
            "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
        ):
            found = connection.execute(statement).fetchall()
            if "cleanup_all" in statement:
                deleted += [path for (path, *_) in found]

    assert len(deleted) > 3
    assert all(path.startswith(clone.data_path) for path in deleted)
    assert everything(lake.folder) == original
    assert tree_of(Path(lake.repository)) == repository
    assert lake.read() == truth


def test_orphan_removal_in_a_moved_lake_finds_none(with_outside: tuple[Lake, Path], tmp_path: Path) -> None:
    """Files from outside lie in the clone's data path now, and belong to it."""
    lake, _ = with_outside
    truth = lake.read()
    lake.backup()
    clone = Lake(tmp_path / "clone")
    canvasback.restore(clone.attach, lake.repository, data_path=clone.data_path)

    with clone.session() as connection:
        found = connection.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)").fetchall()

    assert found == []
    assert clone.read() == truth


def test_a_moved_lake_of_which_a_file_is_absent_does_not_lead_to_the_original(
    with_outside: tuple[Lake, Path], tmp_path: Path
) -> None:
    lake, outside = with_outside
    content = outside.read_bytes()
    outside.unlink()
    lake.backup(findings=("file-missing",))
    outside.write_bytes(content)
    clone = Lake(tmp_path / "clone")

    result = canvasback.restore(clone.attach, lake.repository, data_path=clone.data_path)

    assert set(result.finding_counts) == {"file-absent"}
    clone.run(
        "DROP TABLE lake.t",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    )
    assert outside.read_bytes() == content


def test_files_that_a_moved_lake_finds_are_kept(lake: Lake, tmp_path: Path) -> None:
    """The cloud replicates the data path: what is there with the right size is not copied again."""
    truth = lake.read()
    lake.backup()
    replica = tmp_path / "replica"
    shutil.copytree(lake.data, replica)
    before = identities(replica)
    lost = min(before)
    (replica / lost).unlink()

    result = canvasback.restore(f"ducklake:{tmp_path}/moved.ducklake", lake.repository, data_path=str(replica))

    assert (result.restored_files, result.kept_files) == (1, len(before) - 1)
    after = identities(replica)
    assert {path: now for path, now in after.items() if path != lost} == {
        path: then for path, then in before.items() if path != lost
    }
    assert read(f"ducklake:{tmp_path}/moved.ducklake") == truth


@pytest.mark.parametrize("place", ["data", "data/main/deep", "."])
def test_a_lake_is_not_restored_into_its_repository(place: str, lake: Lake, tmp_path: Path) -> None:
    lake.backup()
    before = everything(tmp_path)

    with pytest.raises(canvasback.RefusedError) as refused:
        canvasback.restore(
            f"ducklake:{tmp_path}/clone.ducklake",
            lake.repository,
            data_path=os.path.normpath(f"{lake.repository}/{place}"),
        )

    assert refused.value.code == "repository-in-data-path"
    assert everything(tmp_path) == before


def test_an_attached_point_cannot_be_written_to(tmp_path: Path) -> None:
    """Not even by somebody who forgets READ_ONLY; and it goes on to read like the lake."""
    fixture = load_fixture(f"duckdb-{DUCKLAKE}-encrypted", tmp_path)
    repository = tmp_path / "repository"
    canvasback.init(fixture.attach, str(repository))
    canvasback.backup(fixture.attach, str(repository))
    shutil.rmtree(fixture.path)
    attached = canvasback.attach(str(repository), out=str(tmp_path / "attached.ducklake"))
    before = tree_of(repository)

    written = write_lake(f"ducklake:{attached.file}", cwd=tmp_path)

    assert [step["ok"] for step in written["steps"]] == [False]
    assert tree_of(repository) == before
    fixture.check(read_lake(f"ducklake:{attached.file}", cwd=tmp_path, at=fixture.some(5)))


def test_a_damaged_copy_is_not_restored(lake: Lake, cli: Callable[..., int]) -> None:
    tree = tree_of(lake.data)
    lake.backup()
    victim = min(tree)
    flip(Path(lake.repository) / "data" / victim)
    lake.delete()

    result = canvasback.restore(lake.attach, lake.repository)

    assert [(finding.code, finding.where) for finding in result.findings] == [
        ("object-corrupt", str(lake.data / victim))
    ]
    assert tree_of(lake.data) == {path: content for path, content in tree.items() if path != victim}
    assert cli("verify", "-r", lake.repository, "--level", "checksum") == 3


def test_a_damaged_catalog_chunk_stops_a_restore(lake: Lake, tmp_path: Path) -> None:
    lake.backup()
    for chunk in (Path(lake.repository) / "catalog").rglob("*.parquet"):
        flip(chunk)
        break
    shutil.rmtree(lake.data)
    before = everything(tmp_path)

    with pytest.raises(canvasback.CorruptError):
        canvasback.restore(lake.attach, lake.repository, replace=True)

    assert everything(tmp_path) == before
