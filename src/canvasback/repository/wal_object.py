"""An object of the repository that is a file of PostgreSQL's log: compressed, and with what proves its bytes.

It is two frames of zstd: a skippable one that says whose file it is and what its BLAKE3 is, and one with the content.
So ``zstd -d`` reads it without us. docs/format.md, "pitr".

The programs that PostgreSQL starts for every segment import this, and as few modules as can be: nothing heavy may be
imported here, and the names of these objects are here too.
"""

from __future__ import annotations

import io

import zstandard
from blake3 import blake3

LEVEL = 1
"""Of zstd: a segment is pushed while PostgreSQL waits to use the next one."""

_SKIPPABLE = (0x184D2A5C).to_bytes(4, "little")
"""The magic number of one of the frames that readers skip. Source: RFC 8878, section 3.1.2."""

_WORDS = ("canvasback-wal", "1")
_LONGEST_HEAD = 200
_LONG_HEADER = 0x0002
"""Bit of a page's header that says that it has the longer one: XLP_LONG_HEADER of xlog_internal.h."""

_PIECE = 256 << 10
"""Written at a time. Linux gives larger writes larger pages, which it takes from memory that was not in use before: in
a virtual machine that costs several times as much as the copy."""

PITR = "pitr/"
"""Below it is all that belongs to the log of a PostgreSQL catalog's server."""

_END = ".zst"


def wal_folder(system: int) -> str:
    """Where all of a system's log is, ending in a slash."""
    return f"{PITR}{system}/wal/"


def wal_name(system: int, file: str) -> str:
    """The object of a file of the log.

    Args:
        system: The system identifier of the server's cluster.
        file: The file's name as PostgreSQL archives it, which begins with its timeline; or that of a part, see
            `part_file`.
    """
    return f"{wal_folder(system)}{file[:8]}/{file}{_END}"


def part_file(segment: str, offset: int) -> str:
    """What a segment is called of which only the first bytes were there: the more bytes, the later its name."""
    return f"{segment}.{offset:08X}.partial"


def wal_file(name: str) -> str:
    """The file of the log that an object is, by its name."""
    return name.rpartition("/")[2].removesuffix(_END)


class Head:
    """What an object says of its content.

    Attributes:
        system: The system identifier of the cluster whose file it is.
        file: The file's name.
        size: Its bytes.
        blake3: Their BLAKE3, 64 hex digits.
        length: How many bytes of the object this takes itself.
    """

    __slots__ = ("blake3", "file", "length", "size", "system")

    def __init__(self, system: int, file: str, size: int, hash_: str, length: int = 0) -> None:
        self.system = system
        self.file = file
        self.size = size
        self.blake3 = hash_
        self.length = length

    def says_the_same(self, other: Head) -> bool:
        """Whether another one is of the same content under the same name."""
        mine = (self.system, self.file, self.size, self.blake3)
        return mine == (other.system, other.file, other.size, other.blake3)


def head_of(system: int, file: str, content: bytes) -> Head:
    """What is to be said of a file."""
    return Head(system, file, len(content), blake3(content).hexdigest())


def encode(head: Head, content: bytes) -> bytes:
    """The object of a file."""
    said = " ".join([*_WORDS, str(head.system), head.file, str(head.size), head.blake3]).encode() + b"\n"
    # As a stream: at once it takes memory for the worst case and gives it back, a quarter of the time for a segment.
    packing = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj(size=len(content))
    return b"".join((_SKIPPABLE, len(said).to_bytes(4, "little"), said, packing.compress(content), packing.flush()))


def read_head(begin: bytes) -> Head:
    """What an object says of its content, from its first bytes; `HEAD_BYTES` are enough.

    Raises:
        ValueError: It is no such object.
    """
    length = int.from_bytes(begin[4:8], "little")
    words = begin[8 : 8 + length].decode("ascii", "replace").split() if length <= _LONGEST_HEAD else []
    if begin[:4] != _SKIPPABLE or len(words) != len(_WORDS) + 4 or tuple(words[: len(_WORDS)]) != _WORDS:
        raise ValueError("it is no file of a log that Canvasback wrote")
    system, file, size, hash_ = words[len(_WORDS) :]
    return Head(int(system), file, int(size), hash_, 8 + length)


HEAD_BYTES = 8 + _LONGEST_HEAD


def decode(held: bytes, system: int, file: str) -> bytes:
    """The content of an object, which is what was archived under that name for that system.

    Raises:
        ValueError: It is not.
    """
    head = read_head(held)
    if (head.system, head.file) != (system, file):
        raise ValueError(f"it holds {head.file} of the system {head.system}")
    try:
        content = zstandard.ZstdDecompressor().decompress(memoryview(held)[head.length :], max_output_size=head.size)
    except zstandard.ZstdError as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error
    if len(content) != head.size or blake3(content).hexdigest() != head.blake3:
        raise ValueError("its content is not what was written")
    return content


def write_content(file: io.BufferedWriter, content: bytes) -> None:
    """Write the content of an object to a file that PostgreSQL is to read."""
    file.writelines(memoryview(content)[start : start + _PIECE] for start in range(0, len(content), _PIECE))


def wrong_segment(content: bytes, file: str, system: int) -> str:
    """Why the bytes are not a segment of that name and system; empty where they are.

    A segment's first page says where in the log it is, and of which system. Source: XLogLongPageHeaderData of
    src/include/access/xlog_internal.h; all systems that we know of are little-endian.
    """
    if len(content) < 40 or not int.from_bytes(content[2:4], "little") & _LONG_HEADER:  # noqa: PLR2004 - the header's bytes
        return "it does not begin as a segment does"
    address, found, size = (int.from_bytes(content[at : at + n], "little") for at, n in ((8, 8), (24, 8), (32, 4)))
    if found != system:
        return f"it is of the system {found}, not of {system}"
    if size != len(content):
        return f"it has {len(content)} bytes, and a segment has {size}"
    begins = int(file[8:16], 16) * (1 << 32) + int(file[16:24], 16) * size
    if address != begins:
        return f"it is of another place of the log: {address >> 32:X}/{address & 0xFFFFFFFF:X}"
    return ""
