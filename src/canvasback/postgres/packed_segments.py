"""Files of PostgreSQL's log as archives keep them: as they are, or compressed as their names say."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable

import zstandard

from canvasback.errors import CorruptError, UsageError


def _unzstd(content: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(content) as reader:
        return reader.readall()


_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": _unzstd,
}
PACKED = tuple(_UNPACK)
"""What may be behind the name of a file of the log."""

_ERRORS = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


def unpacked(content: bytes, name: str, ending: str) -> bytes:
    """The content of a file of the log.

    Args:
        content: It, as it is kept.
        name: What to call it.
        ending: What is behind its name.

    Raises:
        UsageError: It is compressed in a way that is not known here (``compression-not-supported``).
        CorruptError: It is damaged (``segment-corrupt``).
    """
    unpack = _UNPACK.get(ending)
    if unpack is None:
        raise UsageError(
            "compression-not-supported",
            f"{name} is compressed in a way that is not known here: {ending}",
            hint=f"Unpack it into a folder, and name that with --from-wal. Known are {', '.join(PACKED[1:])}.",
        )
    try:
        return unpack(content)
    except _ERRORS as error:
        raise CorruptError(
            "segment-corrupt",
            f"{name} cannot be unpacked: {error}",
            hint="Fetch it again from where the archive is kept.",
        ) from error
