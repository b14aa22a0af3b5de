"""What --accept-loss leaves out, and what it does not: a file of which every row can be read is no loss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

import canvasback
from tests.lake.builder import Lake
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server


def anew(file: Path, select: str, options: str) -> None:
    """Write a file anew from its own rows, or some of them."""
    copy = file.rename(file.with_name("copy"))
    duckdb.execute(f"COPY ({select.format(f'read_parquet({str(copy)!r})')}) TO '{file}' ({options})")
    copy.unlink()


def other_bytes(file: Path) -> None:
    anew(file, "FROM {}", "FIELD_IDS {i: 1, s: 2}, COMPRESSION zstd")


def fewer_rows(file: Path) -> None:
    anew(file, "FROM {} LIMIT 90", "FIELD_IDS {i: 1, s: 2}")


def another_file(file: Path) -> None:
    duckdb.execute(f"COPY (SELECT i AS x FROM range(100) r(i)) TO '{file}' (FIELD_IDS {{x: 99}})")


def other_deletes(file: Path) -> None:
    [deletes] = file.parent.glob("*-delete.parquet")
    anew(deletes, "SELECT file_path, pos + 1000 AS pos FROM {}", "FIELD_IDS {file_path: 2147483646, pos: 2147483645}")


@pytest.mark.parametrize(
    ("damage", "level", "code", "kind"),
    [
        (other_bytes, "checksum", "file-corrupt", "data"),
        (another_file, "footers", "file-fields", "data"),
        (fewer_rows, "footers", "row-count", "data"),
        (other_deletes, "footers", "file-size", "delete"),
    ],
)
def test_what_can_be_read_whole_is_not_dropped(
    damage: Callable[[Path], None], level: str, code: str, kind: str, tmp_path: Path
) -> None:
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        "CREATE TABLE lake.t AS SELECT i, 'row ' || i AS s FROM range(100) r(i)", "DELETE FROM lake.t WHERE i % 9 = 4"
    )
    lake.backup()
    [file] = (file for file in lake.files() if not file.stem.endswith("-delete"))
    damage(file)
    known = f"file_size_bytes = {file.stat().st_size}, footer_size = NULL"
    with duckdb.connect(str(lake.catalog)) as catalog:
        catalog.execute(f"UPDATE ducklake_data_file SET {known}")
    (Path(lake.repository) / "data").rename(tmp_path / "gone")  # so that nothing can be put back

    result = canvasback.heal(lake.attach, lake.repository, level=level, accept_loss=True)

    assert [loss.kind for loss in result.losses] == [kind]
    assert result.accepted_snapshot is None
    assert any(step.startswith("1 file not left out, whatever is wrong") for step in result.steps)
    assert code in result.finding_counts


def test_what_cannot_be_read_whole_is_left_out(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        "CREATE TABLE lake.t AS SELECT i, 'row ' || i AS s FROM range(1000) r(i)",
        "INSERT INTO lake.t SELECT i, 'row ' || i FROM range(1000, 1010) r(i)",
    )
    file = lake.files()[0]
    content = bytearray(file.read_bytes())
    content[100:200] = bytes(100)
    file.write_bytes(bytes(content))
    result = canvasback.heal(lake.attach, level="rows", accept_loss=True)
    assert [loss.rows for loss in result.losses] == [1000]
    assert result.accepted_snapshot is not None
    assert len(lake.read()["main.t"]) == 1 + 10


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_lost_are_those_that_a_reader_misses(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """Deletes of a file's rows may lie in the catalog."""
    lake = Lake(tmp_path / "lake", elsewhere=attach_string(engine, tmp_path, postgres))
    lake.run(
        "CREATE TABLE lake.t AS SELECT i FROM range(100) r(i)",
        "DELETE FROM lake.t WHERE i < 4",
        "CALL ducklake_flush_inlined_data('lake')",
        "DELETE FROM lake.t WHERE i BETWEEN 50 AND 52",
    )
    [file] = (file for file in lake.files() if not file.stem.endswith("-delete"))
    file.unlink()
    [table] = canvasback.check(lake.attach).tables
    assert table.rows_lost == 93
    steps = canvasback.heal(lake.attach, accept_loss=True, dry_run=True).steps
    assert [step for step in steps if "93 rows are lost" in step]
