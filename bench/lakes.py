"""Lakes on disk: a catalog and the data files it names, made once and used again."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from bench import catalogs
from bench.measure import note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.session import Session

FILES_PER_SNAPSHOT = 100
SEEDS = 400
"""Inodes that the files of a hard-linked lake share; ext4 allows 65,000 links to each."""
BLOCK = 4 * 2**20

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Lake:
    """One generated lake."""

    folder: Path
    file_bytes: int
    linked: bool

    @property
    def catalog(self) -> Path:
        """The DuckDB database."""
        return self.folder / "lake.ducklake"

    @property
    def data(self) -> Path:
        """The data path, without the slash at its end."""
        return self.folder / "data"

    @property
    def attach_string(self) -> str:
        """The name a user would put in ATTACH."""
        return f"ducklake:{self.catalog}"

    def commit(self, count: int) -> None:
        """One more snapshot with `count` new data files."""
        in_child(extend, self, count, max(count, 1))


def lake(session: Session, files: int, file_bytes: int, *, linked: bool = False) -> Lake:
    """The lake of this shape, generated unless it is there already.

    It has one file more than asked for: the one that the real extension wrote.
    """
    kind = "linked" if linked else "random"

    def make(folder: Path) -> None:
        note(f"making a lake of {files:,} files of {file_bytes:,} bytes ({kind})")
        made = Lake(folder, file_bytes, linked)
        made.data.mkdir()
        in_child(catalogs.make_catalog, made.catalog, made.data)
        in_child(extend, made, files, FILES_PER_SNAPSHOT)

    return Lake(made_once(session, f"{files}x{file_bytes}-{kind}", make), file_bytes, linked)


def made_once(session: Session, name: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name among the lakes, filled by `make` unless an earlier call or run has done it."""
    folder = session.lakes_folder / name
    finished = folder / "finished"
    if finished.exists():
        return folder
    if folder.exists():  # of an interrupted run
        folder.rename(session.fresh("leftover"))
    folder.mkdir(parents=True)
    make(folder)
    finished.touch()
    return folder


def in_child(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a process of its own, so that this one stays small (see `measure.run_process`)."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()


def extend(target: Lake, count: int, files_per_snapshot: int) -> None:
    """Add data files, in this process."""
    paths = catalogs.append(target.catalog, count, files_per_snapshot, target.file_bytes)
    table_folder = target.data / catalogs.FOLDER
    for folder in {path.partition("/")[0] for path in paths}:
        (table_folder / folder).mkdir(parents=True, exist_ok=True)
    write = _link_files if target.linked else _write_files
    write(target, (f"{table_folder}/{path}" for path in paths))


def _write_files(target: Lake, paths: Iterable[str]) -> None:
    """Random bytes: nothing to compress, nothing to find twice."""
    for path in paths:
        with Path(path).open("xb") as file:
            file.writelines(
                os.urandom(min(BLOCK, target.file_bytes - start)) for start in range(0, target.file_bytes, BLOCK)
            )


def _link_files(target: Lake, paths: Iterable[str]) -> None:
    """Hard links to a few hundred files: a million names cost no million blocks."""
    folder = target.folder / "seeds"
    if not folder.exists():
        folder.mkdir()
        _write_files(target, (f"{folder}/{number}" for number in range(SEEDS)))
    for number, path in enumerate(paths):
        os.link(f"{folder}/{number % SEEDS}", path)
