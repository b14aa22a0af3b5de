"""JSON objects that say which format they are of, and carry a checksum of their own bytes. docs/format.md, "self"."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from blake3 import blake3

from canvasback.errors import CorruptError
from canvasback.repository import layout
from canvasback.storage.keyring import keyring_of
from canvasback.storage.owner import owner_of
from canvasback.storage.sealed import UNSEALED
from canvasback.storage.store import Store

Document = TypeVar("Document", bound=msgspec.Struct)
_BLANK = "0" * 64


def stamped(document: Document) -> Document:
    """The same document with its checksum in ``self``: encode it as it is, and write that."""
    blank = msgspec.structs.replace(document, self=_BLANK)
    return msgspec.structs.replace(blank, self=blake3(msgspec.json.encode(blank)).hexdigest())


def is_as_stamped(content: bytes, recorded: str) -> bool:
    """Whether the bytes of a document are those that were written; ``recorded`` is its ``self``."""
    return blake3(content.replace(recorded.encode(), _BLANK.encode(), 1)).hexdigest() == recorded


def format_of(store: Store) -> int:
    """The version of the repository format in which an opened repository is written."""
    owner = owner_of(store)
    borrows = owner is not None and owner.holding is not None
    return layout.format_of(sealed=keyring_of(store) is not None, borrows=borrows)


def check_format(content: bytes, where: str) -> None:
    """See that a JSON object is of a format that this release reads.

    Raises:
        CorruptError: It is newer (``format-too-new``).
        msgspec.DecodeError: It is no JSON object with a format.
    """
    if content == UNSEALED:
        raise msgspec.DecodeError("it was not written with the keys of this repository, or not under this name")
    found = msgspec.json.decode(content, type=_Versioned).format
    if found > layout.NEWEST:
        raise CorruptError(
            "format-too-new",
            f"{where} has repository format {found}, and this release reads up to {layout.NEWEST}",
            hint="Install a newer release of Canvasback.",
        )


class _Versioned(msgspec.Struct):
    format: int
