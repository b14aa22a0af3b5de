"""Command lines of the programs canvasback is compared with."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.measure import Command, run_process

if TYPE_CHECKING:
    from pathlib import Path


_VACUUM_INTO = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('VACUUM INTO ?', sys.argv[2:])"


def python() -> Command:
    """Python, which does nothing."""
    return Command((sys.executable, "-c", "pass"))


REMOTE = "bench"
"""What rclone calls the object store; its configuration comes from the environment, see `bench/objects.py`."""


def rclone(*arguments: str | Path) -> Command:
    """Any of its commands, without anybody's configuration."""
    return Command(("rclone", *map(str, arguments)), {"RCLONE_CONFIG": "/dev/null"})


def remote(path: str) -> str:
    """A bucket or a prefix as rclone spells it."""
    return f"{REMOTE}:{path}"


def rclone_copy(source: Path, target: Path) -> Command:
    """Copy what the target lacks, found by listing both sides."""
    return rclone("copy", source, target)


def rclone_transfer(source: Path | str, target: Path | str) -> Command:
    """The same with an object store, with as many transfers at a time as ours has."""
    return rclone("copy", "--transfers", "16", source, target)


def rclone_durable(source: str, target: Path) -> Command:
    """The same from an object store, ending when the data is on the disk, as a restore does."""
    script = 'rclone copy --transfers 16 "$1" "$2" && sync -f "$2"'
    return Command(("sh", "-c", script, "sh", source, str(target)), {"RCLONE_CONFIG": "/dev/null"})


def restic_init(repository: Path) -> None:
    """Make an empty restic repository (untimed)."""
    run_process(_restic(repository, "init"))


def restic_backup(source: Path, repository: Path) -> Command:
    """A restic snapshot of a folder."""
    return _restic(repository, "backup", str(source))


def first_restic_backup(source: Path, repository: Path) -> Command:
    """Make a restic repository (untimed) and return the process that makes its first snapshot."""
    restic_init(repository)
    return restic_backup(source, repository)


def restic_forget(repository: Path, keep: int) -> Command:
    """All but the newest snapshots go, and what only they need."""
    return _restic(repository, "forget", "--keep-last", str(keep), "--prune")


def restic_cache(repository: Path) -> Path:
    """Where restic keeps copies of what it needs often."""
    return repository.with_name(repository.name + "-cache")


def _restic(repository: Path, *arguments: str) -> Command:
    return Command(
        ("restic", "--repo", str(repository), "--cache-dir", str(restic_cache(repository)), *arguments),
        {"RESTIC_PASSWORD": "bench"},
    )


def cp(source: Path, target: Path) -> Command:
    """A plain recursive copy, which leaves the data in the page cache."""
    return Command(("cp", "-r", str(source), str(target)))


def cp_durable(source: Path, target: Path) -> Command:
    """A recursive copy that ends when the data is on the disk, as a backup's does."""
    return Command(("sh", "-c", 'cp -r "$1" "$2" && sync -f "$2"', "sh", str(source), str(target)))


def copy_database(catalog: Path, target: Path) -> Command:
    """DuckDB's own copy of a catalog."""
    return _child("copy-database", catalog, target)


def vacuum_and_compress(catalog: Path, target: Path) -> Command:
    """SQLite's own copy of a catalog that may be in use, then compressed; neither waits for the disk."""
    script = '"$0" -c "$1" "$2" "$3" && zstd -q -1 "$3"'
    return Command(("sh", "-c", script, sys.executable, _VACUUM_INTO, str(catalog), str(target)))


def read_catalog(catalog: Path) -> Command:
    """Read every value of a catalog once."""
    return _child("read-catalog", catalog)


def read_footers(folder: Path) -> Command:
    """Read the footers of all Parquet files below a folder."""
    return _child("read-footers", folder)


def plan_query(attached: Path) -> Command:
    """Open an attached point with the real extension and plan one filtered query."""
    return _child("plan", attached)


def start_plain() -> Command:
    """Start Python and import duckdb."""
    return _child("start-plain")


def start_extension() -> Command:
    """Start Python, import duckdb and load the ducklake extension."""
    return _child("start-extension")


def _child(*arguments: str | Path) -> Command:
    return Command((sys.executable, "-m", "bench.children", *map(str, arguments)))
