"""Folders that are made once in a process, and are for each test as they were when they were made."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Made = TypeVar("Made")


class Kept:
    """Makes what many tests begin with, and copies it back, at the same place, for each of them.

    The place stays the same as catalogs and points name paths. A copy takes some milliseconds; to write a lake commit
    by commit and to save it, most of a second.

    Args:
        factory: Makes the folders.
    """

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._made: dict[object, tuple[Path, object]] = {}

    def again(self, make: Callable[[Path], Made]) -> Made:
        """What a function has made in a new folder, as it was then.

        Args:
            make: Makes something in the folder that it is given, and answers what tests need to know of it. It has to
                be one function, not one made anew for each test.
        """
        folder = self._folder(make)
        shutil.rmtree(folder / "place")
        shutil.copytree(folder / "as made", folder / "place", symlinks=True)
        made: Made = copy.deepcopy(self._made[make][1])  # type: ignore[assignment]
        return made

    def copy(self, make: Callable[[Path], object], to: Path) -> None:
        """Copy what a function has made to another folder: for what does not say where it is, or can be told.

        Args:
            make: See `again`.
            to: The folder, which exists.
        """
        shutil.copytree(self._folder(make) / "as made", to, symlinks=True, dirs_exist_ok=True)

    def _folder(self, make: Callable[[Path], object]) -> Path:
        if make not in self._made:
            folder = self._factory.mktemp("kept")
            (folder / "place").mkdir()
            self._made[make] = folder, make(folder / "place")
            shutil.copytree(folder / "place", folder / "as made", symlinks=True)
        return self._made[make][0]
