"""A writer in a process of its own that knows what it committed, and points that have to hold it; no tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import canvasback
from canvasback.model.results.watch import PointMade
from tests.lake.builder import session
from tests.lake.steady_writer import digest
from tests.watching import PATIENCE, Watch

WRITER = Path(__file__).with_name("steady_writer.py")


class Writer:
    """A process that has a lake open and commits when it is told.

    Attributes:
        truth: When it has ended, what the lake was after each commit, by its snapshot.
        times: When it has ended, when it had committed each.
        told: When it has ended, all that it said.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.truth: dict[int, str] = {}
        self.times: dict[int, float] = {}
        self.told: dict[str, Any] = {}
        assert self._say() == "ready"

    def _say(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def commit(self) -> int:
        """Let it commit once, and answer the snapshot."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._say())

    def end(self) -> None:
        """Let it detach the lake, and hear what it knows."""
        answer, _ = self._process.communicate("", timeout=PATIENCE)
        assert self._process.returncode == 0
        self.told = json.loads(answer)
        self.times = {int(snapshot): moment for snapshot, moment in self.told["times"].items()}
        self.truth = {int(snapshot): rows for snapshot, rows in self.told["truth"].items()}


@contextmanager
def writing(attach: str, data: Path, *, rate: float = 0, maintains: bool = False) -> Iterator[Writer]:
    """Write to a lake for as long as a `with` block lasts."""
    command = [sys.executable, str(WRITER), attach, f"{data}/", str(rate), "yes" if maintains else "no"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Writer(process)
        finally:
            process.kill()


def rows_of(attach: str, at: str = "") -> str:
    with session(attach, "READ_ONLY") as connection:
        return digest([i for (i,) in connection.execute(f"SELECT i FROM lake.t {at}").fetchall()])


def points_of(repository: Path) -> list[canvasback.PointSummary]:
    return list(canvasback.list_points(str(repository)).points)


def hold_the_truth(watch: Watch, repository: Path, writer: Writer, folder: Path) -> None:
    """See that each point that was told restores to what its head was when it was committed."""
    told = [event.point for event in watch.of_kind(PointMade)]
    points = {point.point: point for point in points_of(repository)}
    assert [point for point in points if point in told] == told
    assert canvasback.verify(str(repository), all_points=True, level="rows").finding_counts == {}
    for number, id_ in enumerate(told):
        to = folder / f"back {number}"
        canvasback.restore(f"ducklake:{to}/main.ducklake", str(repository), id_, data_path=str(to / "files"))
        assert rows_of(f"ducklake:{to}/main.ducklake") == writer.truth[points[id_].snapshot_id]
        shutil.rmtree(to)
