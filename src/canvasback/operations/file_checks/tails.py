"""Parquet footers at hand: local files that end as the objects do, and what is wrong with those that do not."""

from __future__ import annotations

import os

import msgspec

from canvasback.errors import CanvasbackError, ObjectMissingError
from canvasback.storage.locations import Stores, is_remote

_TAIL = 64 * 1024
"""What is read of a remote file first; few footers are longer."""

_END = 8
"""A footer's length in four bytes, and four letters."""

PLAIN, ENCRYPTED = b"PAR1", b"PARE"


class Tail(msgspec.Struct, frozen=True):
    """How a file ends.

    Attributes:
        path: A local file that ends so: the file itself, or one of the same length with nothing else in it.
        letters: Its last four bytes.
        footer: The length of its footer, as it says itself.
    """

    path: str
    letters: bytes
    footer: int


def read_tail(stores: Stores, place: str, size: int, folder: str) -> Tail | str | None:
    """The end of a file; in words what hinders; None where there is no such file.

    Args:
        stores: Reaches it.
        place: Its absolute path or URL.
        size: Its bytes.
        folder: Where a local file may be made for a remote one.
    """
    if size < _END + len(PLAIN):
        return f"has {size} bytes, too few for Parquet"
    try:
        if not is_remote(place):
            with open(place, "rb") as file:
                file.seek(size - _END)
                end = file.read(_END)
            return _checked(place, end, size)
        store, name = stores.locate(place)
        tail = store.read(name, max(0, size - _TAIL), _TAIL)
        found = _checked(os.path.join(folder, name.replace("/", "-")[-200:]), tail[-_END:], size)
        if isinstance(found, str):
            return found
        if len(tail) < found.footer + _END:
            tail = store.read(name, size - found.footer - _END, found.footer + _END)
        with open(found.path, "wb") as file:
            file.write(tail[-len(PLAIN) :])
            file.truncate(size)
            file.seek(size - len(tail))
            file.write(tail)
    except (FileNotFoundError, ObjectMissingError):
        return None
    except CanvasbackError as error:
        return f"cannot be read: {error.message}"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return found


def _checked(path: str, end: bytes, size: int) -> Tail | str:
    letters, footer = end[-len(PLAIN) :], int.from_bytes(end[:4], "little")
    if letters not in {PLAIN, ENCRYPTED}:
        return "does not end as Parquet does"
    if footer + _END + len(PLAIN) > size:
        return f"says that its footer has {footer} bytes, more than the file"
    return Tail(path, letters, footer)
