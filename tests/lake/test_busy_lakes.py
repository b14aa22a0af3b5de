"""Lakes that somebody else works on while they are backed up."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import settings

import canvasback
from tests.lake.builder import Lake, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Meanwhile:
    """A listener that does something else while a backup runs: at the `moment`-th call of one of its methods."""

    def __init__(self, method: str, moment: int, action: Callable[[], object]) -> None:
        self._wanted = (method, moment)
        self._action = action
        self._calls = {"begin": 0, "advance": 0}
        self.done = False

    def begin(self, task: str, *, files: int | None = None, bytes_: int | None = None) -> None:
        """See `canvasback.Progress`."""
        self._called("begin")

    def advance(self, *, files: int = 0, bytes_: int = 0) -> None:
        """See `canvasback.Progress`."""
        self._called("advance")

    def end(self) -> None:
        """See `canvasback.Progress`."""

    def _called(self, method: str) -> None:
        self._calls[method] += 1
        if (method, self._calls[method]) == self._wanted:
            self._action()
            self.done = True


@pytest.mark.parametrize("again", [False, True], ids=["first", "later"])
@pytest.mark.parametrize(("method", "moment"), [("begin", 1), ("begin", 2), ("advance", 1)])
def test_maintenance_while_the_backup_runs(method: str, moment: int, *, again: bool, lake: Lake) -> None:
    """The image is read before the first call, and the files are copied after the second."""
    if again:
        lake.backup()
        lake.run("INSERT INTO lake.t SELECT i, 'three ' || i FROM range(50, 70) r(i)")
    else:
        canvasback.init(lake.attach, lake.repository)
    truth, before = lake.read(), lake.files()

    def maintain() -> None:
        lake.run(
            "CALL ducklake_merge_adjacent_files('lake')",
            "CALL ducklake_expire_snapshots('lake', older_than => now())",
            "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
        )

    meanwhile = Meanwhile(method, moment, maintain)
    result = canvasback.backup(lake.attach, lake.repository, jobs=1, progress=meanwhile)

    assert meanwhile.done
    assert set(before) - set(lake.files())
    assert result.findings == ()
    assert canvasback.verify(lake.repository, all_points=True, level="rows").finding_counts == {}
    lake.delete()
    assert canvasback.restore(lake.attach, lake.repository).findings == ()
    assert lake.read() == truth


def test_a_file_that_is_lost_while_maintenance_runs_is_a_finding(lake: Lake) -> None:
    """Reading the catalog again must not hide a file that it still names."""
    lake.run("CREATE TABLE lake.w AS SELECT i FROM range(9) r(i)")
    (lost,) = (lake.data / "main/w").iterdir()
    canvasback.init(lake.attach, lake.repository)

    def maintain() -> None:
        lake.run(
            "CALL ducklake_merge_adjacent_files('lake')",
            "CALL ducklake_expire_snapshots('lake', older_than => now())",
            "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
        )
        lost.unlink()

    result = canvasback.backup(lake.attach, lake.repository, progress=Meanwhile("begin", 1, maintain))

    assert [(finding.code, finding.where) for finding in result.findings] == [("file-missing", str(lost))]


WRITER = Path(__file__).with_name("busy_writer.py")
BACKUPS = 200 if settings.get_current_profile_name() == "soak" else 10
"""So many while another process commits as fast as it can."""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Callable[..., tuple[Lake, subprocess.Popen[str]]]]:
    """Start a process that holds a lake open and has committed to it."""
    started: list[subprocess.Popen[str]] = []

    def start(mode: str) -> tuple[Lake, subprocess.Popen[str]]:
        lake = Lake(tmp_path / "lake")
        process = subprocess.Popen(
            [sys.executable, WRITER, str(lake.catalog), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return lake, process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> dict[int, Any]:
    """Let the writer end, and answer the rows after each snapshot."""
    answer, _ = process.communicate("stop\n")
    assert process.returncode == 0
    return {line["snapshot"]: line["rows"] for line in map(json.loads, answer.splitlines())}


def rows_of(attach: str) -> Any:
    """The rows of the writer's table."""
    with session(attach, "READ_ONLY") as connection:
        return [list(row) for row in connection.execute("SELECT i, n FROM lake.t ORDER BY i").fetchall()]


def test_a_catalog_that_another_process_holds_open(
    writer: Callable[[str], tuple[Lake, subprocess.Popen[str]]],
) -> None:
    lake, process = writer("idle")
    assert Path(f"{lake.catalog}.wal").stat().st_size > 0
    with pytest.raises(duckdb.IOException, match="lock"):
        duckdb.connect(lake.catalog, read_only=True)

    result = lake.backup()

    truth = finish(process)
    assert result.snapshot_id == max(truth)
    lake.delete()
    canvasback.restore(lake.attach, lake.repository)
    assert rows_of(lake.attach) == truth[result.snapshot_id]


def test_a_hot_copy_that_is_torn_is_taken_again(
    writer: Callable[[str], tuple[Lake, subprocess.Popen[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB writes a block of metadata in place now and then: its checksum tells, and the next copy is whole."""
    lake, process = writer("idle")
    copy = shutil.copyfile
    torn: list[str] = []

    def tear(source: str, target: str) -> str:
        copied = copy(source, target)
        if source == str(lake.catalog) and not torn:
            torn.append(target)
            with Path(target).open("r+b") as file:
                file.truncate(3 * 4096)  # the headers stay, and the blocks are zeros
                file.truncate(lake.catalog.stat().st_size)
        return copied

    monkeypatch.setattr(shutil, "copyfile", tear)
    result = lake.backup()

    assert torn
    assert result.snapshot_id == max(finish(process))


@pytest.mark.parametrize("mode", ["commits", "commits and maintenance"])
def test_a_catalog_to_which_another_process_commits(
    mode: str, writer: Callable[[str], tuple[Lake, subprocess.Popen[str]]], tmp_path: Path
) -> None:
    lake, process = writer(mode)

    results = [lake.backup() for _ in range(BACKUPS)]

    truth = finish(process)
    assert len({result.snapshot_id for result in results}) > BACKUPS // 4
    assert canvasback.verify(lake.repository, all_points=True, level="rows").finding_counts == {}
    lake.delete()
    for number, result in enumerate(results):
        if number % 2:
            back = canvasback.attach(lake.repository, result.point, out=str(tmp_path / f"{number}.ducklake")).file
        else:
            back = str(tmp_path / f"{number}/main.ducklake")
            canvasback.restore(
                f"ducklake:{back}", lake.repository, result.point, data_path=str(tmp_path / f"{number}/files")
            )
        assert rows_of(f"ducklake:{back}") == truth[result.snapshot_id]
