"""The file of a report that is a web page."""

from __future__ import annotations

import os

from canvasback.errors import AccessDeniedError, RefusedError, StorageError
from canvasback.storage.locations import refuse_url


def refuse_page(path: str) -> None:
    """See that the page can be written, before anything is looked at: that may take an hour.

    Raises:
        RefusedError: It is a URL (``url-not-writable``), or there is something already (``target-not-empty``).
        StorageError: There is no such folder, or nobody may write there.
    """
    refuse_url(path)
    if os.path.lexists(path):
        raise RefusedError(
            "target-not-empty",
            f"there is something at {path} already",
            hint="Name another file for the page: nothing is overwritten.",
        )
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise StorageError(f"there is no folder {folder} to write {path} to", hint="Make the folder, or name another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise AccessDeniedError(path)


def write_page(path: str, page: str) -> None:
    """Write it to a file that is not there yet.

    Raises:
        OSError: It cannot be written.
    """
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        error.filename = path  # a full disk says so in our words, but not where
        raise
