"""A lease as it is stored."""

from __future__ import annotations

import msgspec

from canvasback.model.manifest import Time
from canvasback.storage.local.process import Process


class Lease(msgspec.Struct, frozen=True):
    """The content of a lease object.

    Attributes:
        token: Random; whose lease it is.
        operation: What the holder does.
        process: Who the holder is.
        expires: When it ends unless it is renewed, UTC.
        held: False where it gives the repository up.
        latest: The newest point's id; empty where there is none, None where it is not known.
        publishing: The id of a point that is about to be published, or empty.
        kept_from: The lowest number that has not been looked at for removal yet.
        kept: Lower ones that were needed when they were looked at.
        unpublished: Points that were announced, and not there when their run was believed dead: they may still come.
        overtaken: When the last run ended that was believed dead, and may still publish points that it announced to
            nobody; None where there is none.
    """

    token: str
    operation: str
    process: Process
    expires: Time
    held: bool = True
    latest: str | None = None
    publishing: str = ""
    kept_from: int = 1
    kept: tuple[int, ...] = ()
    unpublished: tuple[str, ...] = ()
    overtaken: Time | None = None


def decode_lease(content: bytes) -> Lease | None:
    """Read the content of a lease object; None where it cannot be read."""
    try:
        return msgspec.json.decode(content, type=Lease)
    except msgspec.DecodeError:
        return None
