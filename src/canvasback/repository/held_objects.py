"""The objects that a repository holds: which are there, and whether one has the bytes that points say."""

from __future__ import annotations

import duckdb

from canvasback.model.progress import Progress
from canvasback.repository import layout
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import Appending
from canvasback.storage.borrowed import borrowing_of, is_at_hand
from canvasback.storage.checksums import hash_stream
from canvasback.storage.parallel import Stop
from canvasback.storage.store import Store

_ATTEMPTS = 2
"""How often a remote object is read before it counts as damaged: bytes can go wrong on the way."""

_HELD = {"name": "VARCHAR", "held": "BIGINT", "vouched": "VARCHAR"}


def list_held(connection: duckdb.DuckDBPyConnection, store: Store, progress: Progress) -> OwnTable:
    """All chunks, index objects and copies that one listing of a repository shows, and what others hold for it.

    Args:
        connection: Holds the table.
        store: The repository.
        progress: Told of each object.

    Returns:
        A table of ``name``, ``held``, the size, and ``vouched``: the checksum by which the store vouches, or empty.
    """
    borrowing = borrowing_of(store)
    lent = () if borrowing is None else (borrowing.prefix,)
    table = OwnTable(connection, "held", _HELD)
    with Appending(connection, table, _HELD) as rows:
        for prefix in (layout.CATALOG, layout.DATA, layout.EXTERNAL, *lent):
            for stat in store.list(prefix):
                rows.add((stat.name, stat.size, stat.checksum))
                progress.advance(files=1)
    return table


def has_content(store: Store, name: str, checksum: str, stop: Stop) -> bool:
    """Read an object, and compare it with a checksum.

    Raises:
        StorageError: It cannot be read.
        OSError: Neither can it.
    """
    algorithm, _, digest = checksum.partition(":")
    for _ in range(1 if is_at_hand(store, name) else _ATTEMPTS):
        with store.open(name, vouch=False) as stream:
            if hash_stream(stop.guard(stream), algorithm)[1] == digest:
                return True
    return False
