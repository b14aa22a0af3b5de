"""A replica of the data path: is it one?"""

from __future__ import annotations

import os
from itertools import islice

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.errors import AccessDeniedError, RefusedError
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows, one_row
from canvasback.storage.locations import Stores, folder_url, is_remote
from canvasback.storage.store import Store

_BATCH = 4096
_NAMES = {"name": "VARCHAR"}


def find_replica(image: Image, stores: Stores, source: str, root: str) -> str:
    """A replica as a folder or URL that ends in a slash.

    A misspelled one has no copy of anything, which must not look as if all were lost.

    Args:
        image: The catalog.
        stores: Opens it.
        source: What the user says.
        root: The data path.

    Raises:
        RefusedError: It has no file of the lake, or is the data path itself (``no-replica``).
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
        there = _holds_files(image, root, stores.open(replica))
    except AccessDeniedError:
        there = True  # to read a file, and to list them, may be different rights
    if not there:
        raise RefusedError(
            "no-replica",
            f"there is no file of the lake at {replica}",
            hint=f"Name the folder or the prefix that has the same names below it as {root} should have, or one of "
            "versions, soft-deleted, replica and aws-backup.",
        )
    return replica


def _holds_files(image: Image, root: str, store: Store) -> bool:
    """Whether a store has a file of the lake. Where it has, that is seen soon."""
    paths = f"SELECT path FROM ({named_files(image, root)}) WHERE NOT elsewhere"
    names = ((stat.name,) for stat in store.list(""))
    while batch := list(islice(names, _BATCH)):
        replicated = OwnTable(image.connection, "replicated", _NAMES)
        insert_rows(image.connection, str(replicated), _NAMES, batch)
        [found] = one_row(
            image.connection, f"SELECT count(*) FROM {replicated} WHERE name IN (SELECT path FROM ({paths}))"
        )
        replicated.drop()
        if found:
            return True
    return False
