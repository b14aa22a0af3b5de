"""Where a store or a data path is, as a user spells it."""

from __future__ import annotations

import os

from canvasback.errors import UsageError
from canvasback.storage.local import LocalStore
from canvasback.storage.store import Store


def local_folder(spelled: str, base: str = "") -> str:
    """The absolute folder that a path or a ``file://`` URL names, ending in a slash. Symlinks stay.

    Args:
        spelled: What the user or the catalog says.
        base: What a relative path is relative to; the working folder if empty.

    Raises:
        UsageError: It is a URL of a kind that is not supported (``location-not-supported``).
    """
    path = spelled.removeprefix("file://")
    if "://" in path:
        raise UsageError(
            "location-not-supported",
            f"locations of the kind {path.partition('://')[0]}:// are not supported yet: {spelled}",
            hint="This release works with local folders.",
        )
    return os.path.abspath(os.path.join(base, path)).rstrip("/") + "/"


def open_store(spelled: str) -> Store:
    """The store at a location.

    Raises:
        UsageError: See `local_folder`.
    """
    return LocalStore(local_folder(spelled))
