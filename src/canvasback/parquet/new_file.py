"""Putting a Parquet file of our own into a lake, under a name of DuckLake's kind."""

from __future__ import annotations

import os

import msgspec

from canvasback.catalog.connections import connect
from canvasback.parquet.file_end import footer_bytes
from canvasback.storage.locations import Stores


class NewParquet(msgspec.Struct, frozen=True):
    """A file that was put into a lake.

    Attributes:
        name: Its name in its folder.
        bytes: Its size.
        footer_bytes: The length of its footer, which DuckLake notes to read it at once.
    """

    name: str
    bytes: int
    footer_bytes: int


def put_parquet(stores: Stores, path: str, folder: str, suffix: str = ".parquet") -> NewParquet:
    """Copy a local Parquet file to a folder of a lake. It is durable after the stores' next `sync`.

    Args:
        stores: Opens the folder.
        path: The local file.
        folder: An absolute path or URL that ends in a slash.
        suffix: How the name ends.

    Raises:
        StorageError: It cannot be written.
    """
    with connect(None, threads=1, reach=()) as connection:
        [(unique,)] = connection.execute("SELECT uuidv7()::VARCHAR").fetchall()
    name = f"ducklake-{unique}{suffix}"
    store, object_ = stores.locate(folder + name)
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        store.copy_new(object_, file, size)
    return NewParquet(name, size, footer_bytes(path))
