"""A file of a lake that is not what the catalog says: what a check of storage yields, and what heal works on."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

import msgspec

from canvasback.model.finding import FindingKind

_ASIDE = re.compile(r"\.damaged-\d{8}T\d{12}Z$")


class DamagedFile(msgspec.Struct, frozen=True):
    """A file that a catalog names, and what is wrong with it.

    Attributes:
        kind: What is wrong.
        file_kind: ``data`` or ``delete``.
        file_id: Its ``data_file_id`` or ``delete_file_id``.
        table_id: Its table.
        place: Its absolute path or URL.
        message: What was found; lower case, no full stop.
        lost: Whether its content is gone, or partly: then only another copy helps. False where the file is whole
            and something else is wrong, such as the catalog's row of it.
    """

    kind: FindingKind
    file_kind: Literal["data", "delete"]
    file_id: int
    table_id: int
    place: str
    message: str
    lost: bool = True


def aside_suffix(moment: datetime) -> str:
    """What is added to the name of a damaged file that is moved aside."""
    return f".damaged-{moment:%Y%m%dT%H%M%S%fZ}"


def is_aside(name: str) -> bool:
    """Whether a file was moved aside because it was damaged, see `aside_suffix`."""
    return _ASIDE.search(name) is not None
