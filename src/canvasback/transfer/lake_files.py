"""Where the files of a lake are that is backed up, and whether one is as it was. Reads only."""

from __future__ import annotations

import msgspec

from canvasback.datapath.external_files import Elsewhere
from canvasback.errors import CanvasbackError
from canvasback.repository import layout
from canvasback.storage.locations import Stores, is_remote
from canvasback.storage.store import Store

_OF_ONE_FILE = frozenset({"access-denied", "name-too-long", "object-missing", "storage-failed", "unsafe-name"})


class Task(msgspec.Struct, frozen=True):
    """A file to copy.

    Attributes:
        path: Its path as the file list has it.
        elsewhere: Whether the path is absolute, outside of the data path.
        expected: Its size in the catalog.
    """

    path: str
    elsewhere: bool
    expected: int


class LakeFiles:
    """The files of one lake.

    Args:
        stores: Opens the places.
        root: The lake's data path, absolute, ending in a slash.
        base: What a relative path of a file elsewhere is relative to.

    Attributes:
        root: As above.
        base: As above.
        inside: The data path.
    """

    def __init__(self, stores: Stores, root: str, base: str) -> None:
        self.root = root
        self.base = base
        self.inside = stores.open(root)
        self._elsewhere = Elsewhere(stores)

    def locate(self, task: Task) -> tuple[Store, str]:
        """The store that has a file, and the file's name there.

        Raises:
            CanvasbackError: There is no reaching it, for whatever reason.
        """
        if not task.elsewhere:
            return self.inside, self.name_inside(task)
        absolute = task.path.startswith("/") or is_remote(task.path)
        return self._elsewhere.locate(task.path if absolute else self.base + task.path)

    @staticmethod
    def name_inside(task: Task) -> str:
        """The name that a file has in the data path's store, if it is not elsewhere."""
        return layout.copy_name(task.path, elsewhere=False).removeprefix(layout.DATA)

    def look(self, task: Task) -> tuple[int, int] | None:
        """Size and time of modification of a file now; None where it is not there."""
        try:
            source, name = self.locate(task)
            stat = source.stat(name)
        except CanvasbackError as error:
            pass_on_of_all(error, elsewhere=task.elsewhere)
            return None
        return None if stat is None else (stat.size, stat.modified_ns)

    def place(self, task: Task) -> str:
        """Where a file is, for people."""
        return task.path if task.elsewhere else self.root + task.path


def pass_on_of_all(error: CanvasbackError, *, elsewhere: bool) -> None:
    """Pass on what is no matter of one file: the service of the data path is down, or knows us no longer."""
    if not elsewhere and error.code not in _OF_ONE_FILE:
        raise error
