"""A file that somebody asks for: can it be written where it is to be?"""

from __future__ import annotations

import os

from canvasback.errors import AccessDeniedError, RefusedError, StorageError
from canvasback.storage.locations import refuse_url


def refuse_unwritable(path: str, what: str) -> None:
    """See that a new file can be written, before anything is looked at: that may take an hour.

    Args:
        path: The file.
        what: What it is, in a word.

    Raises:
        RefusedError: It is a URL (``url-not-writable``), or there is something already (``target-not-empty``).
        UsageError: It is not named at all (``empty-argument``).
        StorageError: There is no such folder, or nobody may write there.
    """
    refuse_url(path)
    if os.path.lexists(path):
        raise RefusedError(
            "target-not-empty",
            f"there is something at {path} already",
            hint=f"Name another file for the {what}: nothing is overwritten.",
        )
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise StorageError(f"there is no folder {folder} to write {path} to", hint="Make the folder, or name another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise AccessDeniedError(path)
