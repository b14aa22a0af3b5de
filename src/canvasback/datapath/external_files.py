"""Files outside of a lake's data path: each may be anywhere, and what is wrong with its place is its own problem."""

from __future__ import annotations

import threading

from canvasback.errors import CanvasbackError
from canvasback.storage.locations import Stores, is_remote
from canvasback.storage.store import Store


class Elsewhere:
    """Finds the stores of such files. A place that cannot be reached is tried once, not for each of its files.

    Args:
        stores: Opens the stores.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._lock = threading.Lock()
        self._failed: dict[str, CanvasbackError] = {}

    def locate(self, path: str) -> tuple[Store, str]:
        """See `Stores.locate`.

        Raises:
            CanvasbackError: There is no reaching it, for whatever reason.
        """
        place = "/".join(path.split("/")[:3]) if is_remote(path) else "/"
        with self._lock:
            if place in self._failed:
                raise self._failed[place]
        try:
            return self._stores.locate(path)
        except CanvasbackError as error:
            with self._lock:
                self._failed[place] = error
            raise
