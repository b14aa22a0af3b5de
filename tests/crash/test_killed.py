"""Backup, restore, rewind, mirror and repair, killed by SIGKILL at the steps by which they change what is on disk.

`make test` kills before and after whatever makes something durable or visible (leases, files in their places, the
flush, the manifest, the catalog, each transaction's end), at the first write in each folder that is torn, and
at every eighth of the other steps, which are the same steps again for other chunks, files and tables. `make soak` kills
at every step, and between any two statements of a transaction.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from tests.crash.lakes import Stages
from tests.postgres import Server

pytestmark = pytest.mark.timeout(900)  # hundreds of kills, each of which is looked at

Run = Callable[[str], dict[str, Any]]

DRIVER = Path(__file__).parent / "driver.py"


def together(*scenarios: str) -> list[ParameterSet]:
    """Parameters whose tests look at one run of a scenario."""
    return [pytest.param(scenario, marks=pytest.mark.xdist_group(scenario)) for scenario in scenarios]


RESTORES = together("restore", "restore-replacing", "restore-elsewhere")
REWINDS = together("rewind", "rewind-sqlite", "rewind-postgres")


@pytest.fixture(scope="module")
def truth(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("truth") / "truth.json"
    path.write_text(json.dumps(stages.truth))
    return path


@pytest.fixture(scope="module")
def kill_everywhere(
    stages: Stages,
    truth: Path,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Server,
    every: int,
) -> Callable[[str], dict[str, Any]]:
    """Run a scenario, the first time that a test asks for it."""

    @cache
    def once(scenario: str) -> dict[str, Any]:
        return run(scenario, stages, truth, tmp_path_factory.mktemp(scenario), postgres, every)

    return once


def run(scenario: str, stages: Stages, truth: Path, scratch: Path, postgres: Server, every: int) -> dict[str, Any]:
    request = {
        "scenario": scenario,
        "stages": {name: str(path) for name, path in stages.folders.items()},
        "truth": str(truth),
        "scratch": str(scratch),
        "postgres": str(postgres.folder),
        "every": every,
    }
    process = subprocess.run([sys.executable, DRIVER, json.dumps(request)], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    answer: dict[str, Any] = json.loads(process.stdout)
    assert answer["killed"] >= len(answer["chosen"])
    return answer


def positions(log: list[str], start: str) -> list[int]:
    return [n for n, label in enumerate(log) if label.startswith(start)]


@pytest.mark.xdist_group("backup")
def test_backup(kill_everywhere: Run, every: int) -> None:
    answer = kill_everywhere("backup")
    assert answer["problems"] == []
    steps, log = answer["steps"], answer["log"]
    # The kills came at every step that this test is about, and left many states.
    assert len(positions(steps, "half of write repo/data/")) == 4
    assert len(positions(steps, "half of write repo/external/")) == 1
    assert len(positions(steps, "half of write repo/catalog/")) >= 10
    assert len(positions(steps, "half of create repo/points/")) == 1
    assert answer["states"] > (3 * 15 if every == 1 else 15)
    # A manifest is published after all that it names is durable, flushed before it has its name, and last.
    [synced] = positions(log, "after syncfs repo/")
    [published] = positions(log, "after link repo/points/")
    flushed = positions(log, "after fsync repo/points/")
    assert max(positions(log, "after store.copy_new")) < synced < flushed[0] < published < flushed[-1]
    assert max(positions(log, "after write")) < synced


@pytest.mark.xdist_group("resumed-backup")
def test_backup_after_one_that_died(kill_everywhere: Run) -> None:
    answer = kill_everywhere("resumed-backup")
    assert answer["problems"] == []
    deleted = [label for label in answer["log"] if label.startswith("after store.delete")]
    assert {label.split("/")[1] for label in deleted} == {"catalog", "data", "external"}


@pytest.mark.xdist_group("forget")
def test_forget(kill_everywhere: Run) -> None:
    answer = kill_everywhere("forget")
    assert answer["problems"] == []
    # One object, which is flushed before it has its name, is all that a forget writes.
    [published] = positions(answer["log"], "after link repo/")
    assert answer["log"][published].startswith("after link repo/register/")
    assert min(positions(answer["log"], "after fsync repo/register/")) < published
    assert positions(answer["steps"], "half of create repo/register/")
    assert positions(answer["log"], "after unlink repo/register/")  # old ones that nobody needs go before


@pytest.mark.parametrize("scenario", RESTORES)
def test_restore(scenario: str, kill_everywhere: Run) -> None:
    answer = kill_everywhere(scenario)
    assert answer["problems"] == []
    steps, log = answer["steps"], answer["log"]
    assert positions(steps, "half of write lake/")
    assert positions(steps, "after write_table ")
    # Files first, and durable, then the catalog under its name.
    [synced] = positions(log, "after syncfs lake/")
    named = positions(log, "after link lake/main.ducklake.")[-1]
    assert max(positions(log, "after store.place_new")) < synced < named
    assert [n for n in positions(log, "after fsync lake/main.ducklake.") if n < named]
    assert [n for n in positions(log, "after fsync lake/") if n > named]


@pytest.mark.parametrize("scenario", RESTORES)
def test_killed_restore_litters_only_until_the_next(scenario: str, kill_everywhere: Run) -> None:
    # A lake is its owner's place: what a run that died left half-done there goes when the next is done.
    assert kill_everywhere(scenario)["litter"] == []


@pytest.mark.parametrize("scenario", REWINDS)
def test_rewind(scenario: str, kill_everywhere: Run) -> None:
    answer = kill_everywhere(scenario)
    assert answer["problems"] == []
    assert answer["litter"] == []
    steps, log = answer["steps"], answer["log"]
    # The kills came at every step that this test is about: in the new file, and between all statements.
    assert positions(steps, "half of write lake/data/")
    assert len(positions(steps, "after statement ")) >= 6
    # Nothing is changed before there is a safety point, and the catalog names the new file once it is durable.
    [saved] = positions(log, "after back_up")
    [placed] = positions(log, "after store.copy_new lake/data/")
    synced = positions(log, "after syncfs lake/")[-1]
    changed = min(
        n for verb in ("DELETE", "UPDATE", "INSERT", "DROP") for n in positions(log, f"after statement {verb}")
    )
    assert saved < placed < synced < changed


@pytest.mark.xdist_group("mirror")
def test_mirror(kill_everywhere: Run) -> None:
    answer = kill_everywhere("mirror")
    assert answer["problems"] == []
    log = answer["log"]
    # Points are published after all that they name is durable, oldest first, and nothing is written after that.
    [synced] = positions(log, "after syncfs mirror/")
    published = positions(log, "after link mirror/points/")
    assert len(published) == 2
    assert max(*positions(log, "after write mirror/"), *positions(log, "after store.copy_new")) < synced < published[0]
    assert positions(answer["steps"], "half of write mirror/data/")


@pytest.mark.xdist_group("repair")
def test_repair(kill_everywhere: Run) -> None:
    answer = kill_everywhere("repair")
    assert answer["problems"] == []
    log = answer["log"]
    [synced] = positions(log, "after syncfs repo/")
    assert max(positions(log, "after store.place_new")) < synced < min(positions(log, "after link repo/points/"))
