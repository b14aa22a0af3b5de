"""Files from outside of the data path, in a lake that was restored to another one: there they are below external/."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from tests.lake.builder import Lake, read
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.lake.values import tree_of
from tests.postgres import Server


@pytest.mark.parametrize("engine", ENGINES)
def test_they_are_healed_and_known(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """From the repository of the lake that they came from; check compares them with it."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        "CREATE TABLE lake.h (k INTEGER, v VARCHAR)",
        f"COPY (SELECT (range % 2)::INTEGER AS k, 'v' || range AS v FROM range(30)) TO '{tmp_path}/hive' "
        "(FORMAT parquet, PARTITION_BY (k))",
        f"CALL ducklake_add_data_files('lake', 'h', '{tmp_path}/hive/**/*.parquet', hive_partitioning => true)",
        "INSERT INTO lake.h VALUES (7, 'inside')",
    )
    lake.backup()
    truth, original = lake.read(), tree_of(tmp_path / "hive")
    to, new = attach_string(engine, tmp_path, postgres), tmp_path / "new"
    canvasback.restore(to, lake.repository, data_path=str(new))
    tree = tree_of(new)
    lost, torn = sorted(new.glob("external/*/k=*/*"))
    lost.unlink()
    content = torn.read_bytes()
    torn.write_bytes(content[:-20] + b"\0" * 12 + content[-8:])

    checked = canvasback.check(to, level="checksum", repository=lake.repository)
    assert {finding.where: finding.code for finding in checked.findings} == {
        str(lost): "file-missing",
        str(torn): "file-corrupt",
    }
    healed = canvasback.heal(to, lake.repository, level="checksum")

    assert len(healed.healed) == 2
    assert {name: content for name, content in tree_of(new).items() if ".damaged-" not in str(name)} == tree
    assert read(to) == truth
    left = canvasback.check(to, level="checksum", repository=lake.repository).finding_counts
    assert left == {"moved-aside": 1}
    assert tree_of(tmp_path / "hive") == original
    # A point of the new lake holds them as what they are now, and restores them.
    assert canvasback.backup(to, lake.repository).findings == ()
    third = f"ducklake:{tmp_path}/third.ducklake"
    canvasback.restore(third, lake.repository, data_path=str(tmp_path / "third"))
    assert read(third) == truth
    assert len(list((tmp_path / "third").rglob("*.parquet"))) == 3
