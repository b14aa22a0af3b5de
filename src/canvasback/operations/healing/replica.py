"""A replica of the data path: is it one?"""

from __future__ import annotations

import os

from canvasback.errors import AccessDeniedError, RefusedError
from canvasback.storage.locations import Stores, folder_url, is_remote


def find_replica(stores: Stores, source: str, root: str) -> str:
    """A replica as a folder or URL that ends in a slash.

    A misspelled one has no copy of anything, which must not look as if all were lost.

    Args:
        stores: Opens it.
        source: What the user says.
        root: The data path.

    Raises:
        RefusedError: There is nothing, or it is the data path itself (``no-replica``).
        UsageError: It is a URL of a kind that is not supported.
        StorageError: It cannot be listed.
    """
    replica = folder_url(source)
    if replica == root or (not is_remote(replica) and os.path.realpath(replica) == os.path.realpath(root)):
        raise RefusedError(
            "no-replica",
            f"{source} is the lake's own data path",
            hint="Name a copy of it: what a bucket was replicated to, or an old disk.",
        )
    try:
        there = next(stores.open(replica).list(""), None) is not None
    except AccessDeniedError:
        there = True  # to read a file, and to list them, may be different rights
    if not there:
        raise RefusedError(
            "no-replica",
            f"there is nothing at {replica}",
            hint=f"Name the folder or the prefix that has the same files below it as {root} should have.",
        )
    return replica
