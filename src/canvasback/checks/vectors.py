"""Deletion vectors: deletes as a Puffin blob, which DuckLake 1.0 writes where it is told to."""

from __future__ import annotations

import zlib

from canvasback.checks.kinds import UNREADABLE, VECTOR
from canvasback.checks.wanted import WantedFile
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.errors import CanvasbackError
from canvasback.storage.locations import Stores
from canvasback.storage.parallel import Stop

_MARK = b"\xd1\xd3\x39\x64"
_PIECE = 1024 * 1024
_WORD = 4
_LEAST = 5 * _WORD
"""The length, the mark, the number of bitmaps in two words, and the checksum."""


def check_vector(file: WantedFile, stores: Stores, stop: Stop) -> DamagedFile | None:
    """Read a deletion vector of the right size.

    It is its length without this and the checksum, a mark, bitmaps, and the CRC-32 of mark and bitmaps, numbers in
    big-endian order. Source: the Puffin specification's ``deletion-vector-v1``, and the extension's `FromBlob`.

    Args:
        file: The file.
        stores: How to reach it.
        stop: Tells that nobody waits any more.
    """
    content = b""
    try:
        store, name = stores.locate(file.place)
        with store.open(name) as source:
            guarded = stop.guard(source)
            while piece := guarded.read(_PIECE):
                content += piece
    except (CanvasbackError, OSError) as error:
        return file.damaged(UNREADABLE, f"cannot be read: {error}")
    body = content[_WORD:-_WORD]
    if len(content) < _LEAST or not body.startswith(_MARK):
        return file.damaged(VECTOR, "is no deletion vector")
    if int.from_bytes(content[:_WORD]) != len(body):
        return file.damaged(VECTOR, f"says that it has {int.from_bytes(content[:_WORD])} bytes, and has {len(body)}")
    fits = zlib.crc32(body) == int.from_bytes(content[-_WORD:])
    return None if fits else file.damaged(VECTOR, "has another checksum than it says")
