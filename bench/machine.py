"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = (("rclone", "version"), ("restic", "version"), ("cp", "--version"), ("zstd", "--version"))


def description(scratch: Path) -> list[str]:
    """One line on the machine, one on the file system, one on the programs."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    file_system = _output("findmnt", "-no", "FSTYPE,SOURCE", "--target", str(scratch)) or "unknown"
    free = shutil.disk_usage(scratch).free / 2**30
    programs = ", ".join(_output(*program).partition("\n")[0] or f"{program[0]}: missing" for program in PROGRAMS)
    try:
        duckdb = version("duckdb")
    except PackageNotFoundError:
        duckdb = "missing"
    hardware = f"{os.cpu_count()} cores, {memory:.0f} GiB memory, load {os.getloadavg()[0]:.1f}"
    return [
        f"{hardware}, {platform.platform()}",
        f"scratch on {' '.join(file_system.split())}, {free:.0f} GiB free",
        f"Python {platform.python_version()}, duckdb {duckdb}, {programs}",
    ]


def _output(*arguments: str) -> str:
    try:
        return subprocess.run(arguments, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
