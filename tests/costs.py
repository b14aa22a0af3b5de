"""What the tests cost: `--cpu` prints at the end how many seconds of CPU those of each folder and file took.

The lines of the folders are those of the table in CONTRIBUTING.md.

Counted is what this process spent and what the processes did that it started, the ones that still run too; not a
PostgreSQL server, which is nobody's child. Unlike time, it is the same on a machine that does much else.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
DEAREST = 15
"""So many files are listed."""
BESIDES = "starting and collecting"

_TICKS = os.sysconf("SC_CLK_TCK")


class Costs:
    """Counts while tests run, in each worker of pytest-xdist, and prints the sums where it was asked for them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._spent: Counter[str] = Counter()
        self._of_workers: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        """Count what a test takes, with the fixtures that are made for it or end with it."""
        before = spent()
        result = yield
        self._spent[str(item.path.relative_to(TESTS))] += spent() - before
        return result

    def pytest_sessionfinish(self) -> None:
        """Let the process that prints know."""
        self._spent[BESIDES] = spent() - self._spent.total()
        if (output := getattr(self._config, "workeroutput", None)) is not None:
            output["cpu"] = dict(self._spent)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add what a worker has counted."""
        self._of_workers.update(getattr(node, "workeroutput", {}).get("cpu", {}))  # one that crashed has told nothing

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print it."""
        if self._of_workers:  # this process counted them as its children
            self._spent = self._of_workers
            self._spent[BESIDES] += time.process_time()
        folders: Counter[str] = Counter()
        for file, seconds in self._spent.items():
            folders[file.partition("/")[0]] += seconds
        dearest = Counter({file: seconds for file, seconds in self._spent.items() if file != BESIDES})
        terminalreporter.section("seconds of CPU")
        for name, seconds in [*folders.most_common(), ("all", folders.total())]:
            shown = f"`tests/{name}`" if (TESTS / name).exists() else name
            terminalreporter.line(f"| {shown} | {seconds:.0f} |")
        terminalreporter.line("the dearest files:")
        for name, seconds in dearest.most_common(DEAREST):
            terminalreporter.line(f"{seconds:8.1f}  {name}")


def spent() -> float:
    """Seconds of CPU that this process and its descendants have spent so far."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages) + sum(map(_of_living, _children(os.getpid())))


def _of_living(process: int) -> float:
    """What a process has spent, with its children, whether they live or not."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS + sum(map(_of_living, _children(process)))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has just ended


def _children(process: int) -> Iterator[int]:
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
            yield from map(int, listed.read_text().split())
