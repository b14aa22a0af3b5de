"""The end of a Parquet file: where its footer is, without reading anything else."""

from __future__ import annotations

import os

import msgspec

from canvasback.errors import CanvasbackError, ObjectMissingError
from canvasback.storage.locations import Stores, is_remote

_TAIL = 64 * 1024
"""What is read of a remote file first; few footers are longer."""

_LAST = 8
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
        want = min(size, _TAIL if remote else _LAST)
        tail = store.read(object_, size - want, want)
        end = _judge(tail, size, "" if remote else place)
        if not remote or end.fault:
            return end
        if len(tail) < end.footer_size + _LAST:
            tail = store.read(object_, size - end.footer_size - _LAST, end.footer_size + _LAST)
        path = os.path.join(folder, name + ".parquet")
        with open(path, "wb") as file:
            file.write(tail[-4:])
            file.truncate(size)
            file.seek(size - len(tail))
            file.write(tail)
        return End(path, end.footer_size, end.encrypted)
    except ObjectMissingError:
        return End(fault="is gone since it was looked for", gone=True)
    except (CanvasbackError, OSError) as error:
        return End(fault=f"cannot be read: {error}", gone=True)


def _judge(tail: bytes, size: int, path: str) -> End:
    if not size:
        return End(fault="is empty: 0 bytes")
    magic = tail[-4:]
    if magic not in {PLAIN, ENCRYPTED}:
        return End(fault="does not end as a Parquet file does")
    footer = int.from_bytes(tail[-_LAST:-4], "little")
    if not 0 < footer <= size - _LAST - 4:
        return End(fault=f"says that its footer has {footer} bytes, of {size} in the whole file")
    return End(path, footer, magic == ENCRYPTED)
