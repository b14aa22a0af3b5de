"""What the first page of a segment says: whose log it is of, and of which version.

Source: PostgreSQL's src/include/access/xlog_internal.h, ``XLogLongPageHeaderData``; the magic numbers are
``XLOG_PAGE_MAGIC`` of each release.
"""

from __future__ import annotations

import struct
import sys
from typing import Self

import msgspec

from canvasback.errors import CorruptError
from canvasback.model.wal import Lsn

_FAMILY, _LONG = 0xD1, 0x0002
_PAGE = "HHIQI4xQII"
"""Magic, flags, timeline, position, what is left of a record, system identifier, segment's and page's size."""

_MAJORS = {0xD101: 12, 0xD106: 13, 0xD10D: 14, 0xD110: 15, 0xD113: 16, 0xD116: 17, 0xD118: 18}

HEADER_BYTES = struct.calcsize(f"={_PAGE}")


class SegmentHeader(msgspec.Struct, frozen=True):
    """The header of a segment's first page.

    Attributes:
        major: PostgreSQL's major version; 0 for one that this release does not know.
        timeline: The timeline that wrote it.
        start: Its first position.
        system: The cluster's system identifier.
        size: The segment's bytes.
    """

    major: int
    timeline: int
    start: Lsn
    system: str
    size: int

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """Read it.

        Args:
            content: The segment's first `HEADER_BYTES`, or more.
            name: What to call the segment.

        Raises:
            CorruptError: It is no segment of a server of this kind of machine (``segment-corrupt``).
        """
        order = "<" if sys.byteorder == "little" else ">"
        if len(content) >= HEADER_BYTES:
            magic, flags, timeline, start, _, system, size, _ = struct.unpack_from(order + _PAGE, content)
            if magic >> 8 == _FAMILY and flags & _LONG:
                return cls(_MAJORS.get(magic, 0), timeline, Lsn(start), str(system), size)
        raise CorruptError(
            "segment-corrupt",
            f"{name} does not begin as a segment of PostgreSQL's log does",
            hint="See whether it is whole, and not compressed or encrypted in a way that is not known here.",
        )
