"""Which files a connection needs that reads a point."""

from __future__ import annotations

import tempfile

from canvasback.storage.borrowed import borrowing_of
from canvasback.storage.store import Store


def reach_of(store: Store, *more: str) -> list[str]:
    """The folders below which a point's chunks, and copies of its files, are read.

    Args:
        store: The repository; one that is no folder is read through copies in a temporary folder.
        more: Other folders that the step writes to.
    """
    borrowing = borrowing_of(store)
    folders = (store.folder, None if borrowing is None else borrowing.lent_folder)
    return [tempfile.gettempdir(), *filter(None, folders), *more]
