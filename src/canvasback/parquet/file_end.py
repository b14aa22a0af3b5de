"""The end of a Parquet file: where its footer is, without reading anything else."""

from __future__ import annotations

import os

import msgspec

from canvasback.errors import CanvasbackError, ObjectMissingError
from canvasback.storage.locations import Stores, is_remote
from canvasback.storage.store import Store

_TAIL = 64 * 1024
"""What is read of a remote file first; few footers are longer."""

LAST = 8
"""Four bytes of the footer's length, and four of magic."""

PLAIN = b"PAR1"
ENCRYPTED = b"PARE"


class End(msgspec.Struct, frozen=True):
    """What the last bytes of a file say.

    Attributes:
        path: A local file whose end is the file's: itself, or one of the same length with the footer only.
        footer_size: The footer's bytes, as its length says.
        encrypted: Whether the footer is encrypted.
        fault: Why there is no footer to read; empty where there is one.
        gone: Whether it could not be read at all.
    """

    path: str = ""
    footer_size: int = 0
    encrypted: bool = False
    fault: str = ""
    gone: bool = False


def read_end(stores: Stores, place: str, size: int, folder: str, name: str) -> End:
    """Read the end of a file.

    Args:
        stores: How to reach it.
        place: Its absolute path or URL.
        size: Its bytes.
        folder: Where the end of a remote file is put.
        name: A name that nothing else has there.
    """
    remote = is_remote(place)
    try:
        store, object_ = stores.locate(place)
        if not remote:
            want = min(size, LAST)
            return _judge(store.read(object_, size - want, want), size, place)
        path = os.path.join(folder, name + ".parquet")
        return _judge(copy_end(store, object_, size, path), size, path)
    except ObjectMissingError:
        return End(fault="is gone since it was looked for", gone=True)
    except (CanvasbackError, OSError) as error:
        return End(fault=f"cannot be read: {error}", gone=True)


def copy_end(store: Store, name: str, size: int, path: str) -> bytes:
    """Make a local file that has an object's end in its place, with the whole footer, and holes before it.

    Args:
        store: Holds the object.
        name: Its name.
        size: Its bytes.
        path: The local file.

    Returns:
        The end.

    Raises:
        StorageError: It cannot be read.
    """
    want = min(size, _TAIL)
    tail = store.read(name, size - want, want)
    whole = footer_size(tail) + LAST
    if tail[-4:] in {PLAIN, ENCRYPTED} and want < whole <= size:
        tail = store.read(name, size - whole, whole)
    with open(path, "wb") as file:
        file.write(tail[-4:])
        file.truncate(size)
        file.seek(size - len(tail))
        file.write(tail)
    return tail


def footer_size(tail: bytes) -> int:
    """The length of a footer, as the last bytes of its file say."""
    return int.from_bytes(tail[-LAST:-4], "little")


def footer_bytes(path: str) -> int:
    """The length of a local file's footer."""
    with open(path, "rb") as file:
        file.seek(-LAST, os.SEEK_END)
        return footer_size(file.read(LAST))


def _judge(tail: bytes, size: int, path: str) -> End:
    if not size:
        return End(fault="is empty: 0 bytes")
    magic = tail[-4:]
    if magic not in {PLAIN, ENCRYPTED}:
        return End(fault="does not end as a Parquet file does")
    footer = footer_size(tail)
    if not 0 < footer <= size - LAST - 4:
        return End(fault=f"says that its footer has {footer} bytes, of {size} in the whole file")
    return End(path, footer, magic == ENCRYPTED)
