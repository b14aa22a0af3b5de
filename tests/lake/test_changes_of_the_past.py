"""Whatever comes back tells of its changes, snapshot by snapshot, what the lake told that was saved."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from tests.lake.builder import session
from tests.lake.changes import Changes, changes, unlike
from tests.lake.saved import Saved, attach_string, read_here, save
from tests.lake.values import literal
from tests.postgres import Server

SINGLE = 2
"""Of so many snapshots the changes are asked one by one; of all before, together."""


def told(saved: Saved, attach: str, until: int, data_path: str = "") -> Changes:
    """What the extension tells of the changes up to a snapshot."""
    kept = [snapshot for snapshot in saved.snapshots if snapshot <= until]
    spans = [(kept[0], until), *((snapshot, snapshot) for snapshot in kept[-SINGLE:])]
    options = (f"DATA_PATH {literal(data_path)}", "OVERRIDE_DATA_PATH true") if data_path else ()
    with session(attach, "READ_ONLY", *options) as connection:
        return changes(connection, spans)


@pytest.mark.parametrize("name", read_here("duckdb-0.3-maintained", "duckdb-1.0-maintained"))
def test_changes_come_back(name: str, tmp_path: Path, postgres: Server) -> None:
    """Restored, attached, and rewound where it is: of the tables that the head has then.

    In the other engines the random lives of `tests/property` ask for changes.
    """
    saved = save(name, tmp_path, postgres)
    data_path = f"{saved.fixture.data}/"
    head = saved.snapshots[-1]
    for number, until in enumerate((saved.snapshots[-len(saved.snapshots) // 3], head)):
        folder = tmp_path / str(number)
        folder.mkdir()
        before = told(saved, saved.attach, until, data_path)
        assert any(rows and not rows[0].startswith(("Binder", "Catalog", "Invalid")) for rows in before.values())
        at = None if until == head else until

        restored = attach_string(saved.engine, folder, postgres)  # type: ignore[arg-type]
        canvasback.restore(restored, saved.repository, at_snapshot=at, data_path=f"{folder}/files")
        looked = canvasback.attach(saved.repository, at_snapshot=at, out=f"{folder}/look.ducklake")

        for attach in (restored, f"ducklake:{looked.file}"):
            after = told(saved, attach, until)
            assert before.keys() & after.keys()
            assert unlike(after, before) == {}
        if at is None:
            earlier = saved.snapshots[-2]
            before = told(saved, restored, earlier)
            canvasback.rewind(restored, to_snapshot=earlier, safety_point=False)
            after = told(saved, restored, earlier)
            assert before.keys() & after.keys()
            assert unlike(after, before) == {}
