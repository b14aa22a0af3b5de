"""Files of deletes name snapshots: a catalog that salvage makes of fewer commits must get as far as they say."""

from __future__ import annotations

from pathlib import Path

import canvasback
from tests.lake.builder import Lake, read


def test_no_deleted_row_is_shown_again_where_commits_before_left_no_file(tmp_path: Path) -> None:
    """1.0 folds deletes of several snapshots into one file, and overlooks those past the snapshot that is read."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        "CREATE TABLE lake.t (i INTEGER, n INTEGER)",
        "INSERT INTO lake.t SELECT i, i FROM range(5) r(i)",
        "INSERT INTO lake.t SELECT i, i FROM range(5, 35) r(i)",
        "CALL ducklake_merge_adjacent_files('lake')",
        "DELETE FROM lake.t WHERE i % 5 = 1",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
        "UPDATE lake.t SET n = n + 7 WHERE i % 2 = 0",
    )
    truth = lake.read()
    lake.catalog.unlink()

    canvasback.salvage(lake.attach, new_catalog=True, data_path=str(lake.data))

    assert read(lake.attach) == truth
    assert canvasback.check(lake.attach, level="rows").findings == ()
    assert canvasback.salvage(lake.attach, dry_run=True).commits == ()
