"""What DuckLake itself leaves wrong is found and named; docs/ducklake-own-faults.md explains it."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from tests.lake.builder import Lake
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_of_two_tables_is_found_before_cleanup_deletes_it(
    engine: Engine, tmp_path: Path, postgres: Server
) -> None:
    lake = Lake(tmp_path / "lake", elsewhere=attach_string(engine, tmp_path, postgres))
    file = tmp_path / "added.parquet"
    lake.run(
        f"COPY (SELECT i FROM range(9) r(i)) TO '{file}'",
        *(
            statement
            for table in ("one", "two")
            for statement in (
                f"CREATE TABLE lake.{table} (i BIGINT)",
                f"CALL ducklake_add_data_files('lake', '{table}', '{file}')",
            )
        ),
    )

    [found] = canvasback.check(lake.attach, level="rows").findings

    assert (found.code, found.severity) == ("path-in-two-rows", "error")
    assert found.message == f"2 rows of main.one, main.two name {file}"
    # What the extension does, which is why it is an error.
    lake.run(
        "DROP TABLE lake.one",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    )
    assert not file.exists()
    assert {f.code for f in canvasback.check(lake.attach).findings} == {"file-missing"}
