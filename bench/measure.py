"""Timing of whole processes: wall time, peak memory, and runs interleaved A B A B."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.session import Session

PROJECT = Path(__file__).resolve().parent.parent


class ProcessFailedError(Exception):
    """A measured process, or one that prepares it, ended with another status than 0."""


@dataclass(frozen=True)
class Command:
    """One process to run: its arguments and what it needs in its environment besides ours."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Timing:
    """What one process took; bytes read are what it asked the system for, its children's not among them."""

    seconds: float
    peak_bytes: int
    cpu_seconds: float
    read_bytes: int


@dataclass
class Samples:
    """What all runs of one contender took, or why it could not be measured."""

    name: str
    timings: list[Timing] = field(default_factory=list)
    failure: str | None = None

    @property
    def usable(self) -> bool:
        """Whether every run so far succeeded, and there was one."""
        return self.failure is None and bool(self.timings)

    @property
    def seconds(self) -> float:
        """Median wall time."""
        return median(timing.seconds for timing in self.timings)

    @property
    def cpu_seconds(self) -> float:
        """Median processor time."""
        return median(timing.cpu_seconds for timing in self.timings)

    @property
    def spread(self) -> tuple[float, float]:
        """Shortest and longest wall time."""
        every = [timing.seconds for timing in self.timings]
        return min(every), max(every)

    @property
    def peak_bytes(self) -> int:
        """Largest resident memory of any run."""
        return max(timing.peak_bytes for timing in self.timings)

    @property
    def read_bytes(self) -> int:
        """The most bytes that any run read."""
        return max(timing.read_bytes for timing in self.timings)


Contender = Callable[[int], Command]
"""Prepares run number i (untimed, may take its time) and returns the process to time."""


def run_process(command: Command) -> Timing:
    """Run one process to its end and return wall time and peak memory; raise ProcessFailedError on failure.

    Linux counts the memory of the process that forked (this one) into the child's peak until the child
    executes its program, so this process must stay small: it never imports duckdb.
    """
    inherited = os.environ.get("PYTHONPATH")
    python_path = [str(PROJECT / "src"), str(PROJECT), *([inherited] if inherited else [])]
    environment = {**clean_environment(), "PYTHONPATH": os.pathsep.join(python_path), **command.environment}
    with tempfile.TemporaryFile() as messages:
        start = time.perf_counter()
        process = subprocess.Popen(
            command.arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=messages,
        )
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        seconds = time.perf_counter() - start
        read_bytes = _read_bytes(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            messages.seek(0)
            lines = messages.read().decode(errors="replace").strip().splitlines()
            reason = lines[-1] if lines else "no message"
            raise ProcessFailedError(f"`{' '.join(command.arguments[1:4])} …` exited {process.returncode}: {reason}")
    return Timing(seconds, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime, read_bytes)


def _read_bytes(process: int) -> int:
    """What a process that has ended, and that nobody waited for yet, has read of files, cached or not."""
    counts = Path(f"/proc/{process}/io").read_text(encoding="ascii").split()
    return int(counts[counts.index("rchar:") + 1])


def clean_environment() -> dict[str, str]:
    """Our environment without anybody's configuration of AWS; rclone fails where it finds AWS_CA_BUNDLE."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def interleave(
    session: Session,
    contenders: Mapping[str, Contender],
    *,
    runs: int | None = None,
    before: Callable[[int], None] | None = None,
) -> dict[str, Samples]:
    """Time every contender once per round, round after round; `before` prepares a round, untimed.

    A contender that fails keeps its message and is not run again; the others go on.
    """
    results = {name: Samples(name) for name in contenders}
    for number in range(session.runs if runs is None else runs):
        if before is not None:
            before(number)
        for name, prepare in contenders.items():
            samples = results[name]
            if samples.failure is not None:
                continue
            try:
                command = prepare(number)
                settle(session)
                samples.timings.append(run_process(command))
            except ProcessFailedError as problem:
                samples.failure = str(problem)
                note(f"  {name}: {problem}")
            else:
                timing = samples.timings[-1]
                note(f"  {name} #{number + 1}: {timing.seconds:.3f} s, {timing.peak_bytes / 2**20:.0f} MiB")
    return results


def settle(session: Session) -> None:
    """Let earlier writes reach the disk, so that the next process does not pay for them."""
    os.sync()
    time.sleep(session.pause)


def note(message: str) -> None:
    """Say on stderr what is going on."""
    print(message, file=sys.stderr, flush=True)
