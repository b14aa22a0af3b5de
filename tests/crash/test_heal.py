"""heal, killed by SIGKILL at the steps by which it changes the lake: see `test_killed.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.heals import MERGED_AGAIN
from tests.crash.lakes import Stages
from tests.crash.test_killed import positions, run
from tests.postgres import Server


@pytest.mark.versions
def test_heal(tmp_path: Path, every: int) -> None:
    (tmp_path / "truth.json").write_text("{}")
    nothing = Stages({}, {}, tmp_path)
    answer = run("heal", nothing, tmp_path / "truth.json", tmp_path / "scratch", Server(tmp_path), every)
    assert answer["problems"] == []
    assert answer["litter"] == []
    steps, log = answer["steps"], answer["log"]
    # The kills came at every step that this test is about: in each file, and when the damaged one is out of the way.
    new = 3 if MERGED_AGAIN else 2
    assert len(positions(steps, "half of write lake/data/")) == new
    assert len(positions(steps, "after unlink lake/data/")) == new + 1
    # The catalog is not changed before there is a safety point, nor before the file that it will name is durable.
    placed = positions(log, "after store.place_new lake/data/")
    synced = positions(log, "after store.sync None")
    changed = positions(log, "after change")
    [saved] = positions(log, "after back_up")
    assert [n < synced[1] for n in placed] == [True, True, False][:new]
    if MERGED_AGAIN:
        assert changed.pop(0) < saved < placed[2]  # it only looks whether the catalog can be changed
    assert placed[-1] < synced[-1] < changed[0]
    assert saved < changed[0]
    assert len(changed) == new + 1  # a merged file's size, two faults of the catalog, and a commit without what is lost
