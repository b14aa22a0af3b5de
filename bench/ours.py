"""Command lines of canvasback."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.measure import PROJECT, Command, ProcessFailedError, run_process

if TYPE_CHECKING:
    from pathlib import Path

    from bench.lakes import Lake


def canvasback(*arguments: str | Path) -> Command:
    """The CLI as a process of this Python."""
    return Command((sys.executable, "-m", "canvasback", *map(str, arguments)))


def warm_up() -> None:
    """Let Python compile the package before anything is timed."""
    with contextlib.suppress(ProcessFailedError):  # every measurement will say so
        run_process(canvasback("--help"))


def init(lake: Lake, repository: Path) -> None:
    """Make an empty repository (untimed)."""
    run_process(initialize(lake, repository))


def initialize(lake: Lake, repository: Path | str) -> Command:
    """Make an empty repository, in a folder or at a URL."""
    return canvasback("init", repository, "--lake", lake.attach_string)


def backup(lake: Lake, repository: Path | str) -> Command:
    """Make a recovery point."""
    return canvasback("backup", lake.attach_string, "-r", repository)


def first_backup(lake: Lake, repository: Path) -> Command:
    """Make a repository (untimed) and return the process that makes its first point."""
    init(lake, repository)
    return backup(lake, repository)


def mirror(repository: Path, to: Path) -> Command:
    """Let a second place hold all points."""
    return canvasback("mirror", repository, "--to", to)


def restore(repository: Path | str, folder: Path) -> Command:
    """Write the latest point to a new folder: its data files and a catalog beside them."""
    return canvasback("restore", "-r", repository, "--data-path", folder / "data", "--to", f"ducklake:{folder / 'new'}")


def repoint(lake: Lake, data_path: str) -> Command:
    """Let the catalog name another place, where its files are already."""
    return canvasback("repoint", lake.attach_string, "--data-path", data_path)


def rewind(lake: str, snapshot: int) -> Command:
    """Take a lake back, without a point of what is undone."""
    return canvasback("rewind", lake, "--to-snapshot", str(snapshot), "--no-safety-point")


def check(lake: str, level: str) -> Command:
    """Look for damage; fails where there is any."""
    return canvasback("check", lake, "--level", level)


def read_image(lake: str) -> Command:
    """Read every value of a catalog once, the way every command does; see `bench/children.py`."""
    return Command((sys.executable, "-m", "bench.children", "read-image", lake))


def attach(repository: Path, out: Path) -> Command:
    """Write the file of views that opens the latest point where it lies."""
    return canvasback("attach", "-r", repository, "--out", out)


def catalog_only(mode: str, lake: str, repository: Path, *out: str) -> Command:
    """The catalog part alone, without data files; see `bench/catalog_only.py`."""
    return Command((sys.executable, "-m", "bench.catalog_only", mode, lake, str(repository), *out))


def halve(repository: Path, keep: int) -> Command:
    """Forget all but the newest points and prune; see `bench/histories.py`."""
    return Command((sys.executable, "-m", "bench.histories", str(repository), str(keep)))


def pulse(lake: str, ticks: int) -> Command:
    """So many looks of a watch; see `bench/pulse.py`."""
    return Command((sys.executable, "-m", "bench.pulse", lake, str(ticks)))


def convert(source: str, target: str) -> Command:
    """The same catalog in another database; see `bench/convert.py`."""
    return Command((sys.executable, "-m", "bench.convert", source, target))


def revision() -> str:
    """The commit under test."""
    found = subprocess.run(
        ["git", "-C", PROJECT, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "not committed"
