"""Where else a file of a point can be had, if it is not what the point says; only of what somebody else holds."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from canvasback.errors import CanvasbackError, CorruptError, ObjectMissingError
from canvasback.storage.borrowed import borrowing_of
from canvasback.storage.checksums import hash_stream
from canvasback.storage.parallel import Stop
from canvasback.storage.source import open_source
from canvasback.storage.store import Store
from canvasback.transfer.placement import Placement


def otherwise(store: Store, place: Placement, error: CanvasbackError | OSError, stop: Stop) -> Placement | None:
    """Another way to put a file in place.

    Args:
        store: The repository.
        place: The file, which could not be put there.
        error: Why.
        stop: Asked whether to go on.

    Returns:
        The version that has the same content now, where the one that the point names is gone; the checksum that its
        bytes have, where the service vouches for them and the noted one proves nothing; else None.
    """
    borrowing = borrowing_of(store)
    if borrowing is None:
        return None
    if isinstance(error, ObjectMissingError):
        name = None
        with suppress(CanvasbackError):  # that it is not there is what there is to say
            name = borrowing.again(place.name, place.size, place.checksum)
        return None if name in {None, place.name} else msgspec.structs.replace(place, name=name, etag="")
    if isinstance(error, CorruptError) and borrowing.vouches(place.name, place.size, place.checksum, place.etag):
        with open_source(store, place.name) as (_, stream):
            return msgspec.structs.replace(place, checksum=f"blake3:{hash_stream(stop.guard(stream))[1]}")
    return None
