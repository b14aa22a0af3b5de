"""Checksums as text, ``algorithm:digest``: ours, and those by which the clouds vouch for their objects."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from typing import Any, Protocol

from blake3 import blake3

from canvasback.errors import CorruptError
from canvasback.storage.store import Source

PIECE = 4 * 1024 * 1024
_PARTS = "-parts-"


class Hasher(Protocol):
    """What hashlib's objects have in common with all others."""

    def update(self, piece: bytes | bytearray, /) -> Any:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """The digest of all so far, in hex."""


def new_hasher(algorithm: str, size: int = PIECE) -> Hasher:
    """A hasher.

    Args:
        algorithm: ``blake3``, ``sha256``, ``md5``, ``crc32c``, or ``md5-parts-<bytes>`` and ``sha256-parts-<bytes>``:
            the digest of the digests of parts of that size, which is what S3 gives for an object that came in parts.
        size: About how many bytes will come.
    """
    if algorithm == "blake3":
        # More threads only pay for large files; small ones are copied side by side anyway.
        return blake3(max_threads=blake3.AUTO if size >= PIECE else 1)
    if _PARTS in algorithm:
        of, _, part = algorithm.partition(_PARTS)
        return _Parts(of, int(part))
    if algorithm == "crc32c":
        return _Crc32c()
    return hashlib.new(algorithm, usedforsecurity=False)


def of_parts(algorithm: str, part: int, digest: str) -> str:
    """The checksum text of a digest of the digests of parts of that many bytes."""
    return f"{algorithm}{_PARTS}{part}:{digest}"


def hash_stream(stream: Source, algorithm: str = "blake3") -> tuple[int, str]:
    """The size and the digest of all that a stream yields."""
    hasher = new_hasher(algorithm)
    size = 0
    while piece := stream.read(PIECE):
        hasher.update(piece)
        size += len(piece)
    return size, hasher.hexdigest()


class Hashed:
    """A stream that shows a hasher what passes.

    Attributes:
        size: The bytes that passed.
    """

    def __init__(self, source: Source, hasher: Hasher) -> None:
        self._source = source
        self._hasher = hasher
        self.size = 0

    def read(self, size: int, /) -> bytes:
        """See `Source.read`."""
        piece = self._source.read(size)
        self._hasher.update(piece)
        self.size += len(piece)
        return piece


class Checked:
    """A stream that yields its last bytes only if all are the expected ones; so nothing wrong is ever finished.

    Args:
        source: The stream.
        size: How many bytes are expected.
        checksum: Their checksum.
        proved: Called once they are known to be the expected ones, before the last are yielded.
    """

    def __init__(self, source: Source, size: int, checksum: str, proved: Callable[[], None] = lambda: None) -> None:
        self._source = source
        self._proved = proved
        self._ended = False
        self._size = size
        self._algorithm, _, self._digest = checksum.partition(":")
        self._hasher = new_hasher(self._algorithm, size)
        self._seen = 0
        self._ahead: bytes | None = None

    def read(self, size: int, /) -> bytes:
        """See `Source.read`.

        Raises:
            CorruptError: The stream yielded other bytes than expected (``object-corrupt``).
        """
        if self._ahead is None:
            self._ahead = self._take(size)
        piece, self._ahead = self._ahead, self._take(size)
        if not self._ahead and not self._ended:
            self._ended = True
            self._prove()
        return piece

    def _prove(self) -> None:
        if self._seen != self._size or self._hasher.hexdigest() != self._digest:
            what = (
                f"it has {self._seen} bytes, and {self._size} were saved"
                if self._seen != self._size
                else "its bytes have another checksum"
            )
            raise CorruptError(
                "object-corrupt",
                f"the repository's copy is not what was saved: {what}",
                hint="Run verify --all --level checksum to see which points are whole.",
            )
        self._proved()

    def _take(self, size: int) -> bytes:
        piece = self._source.read(size)
        self._hasher.update(piece)
        self._seen += len(piece)
        return piece


class _Parts:
    def __init__(self, algorithm: str, part: int) -> None:
        self._algorithm = algorithm
        self._part = part
        self._room = part
        self._current = hashlib.new(algorithm, usedforsecurity=False)
        self._whole = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, piece: bytes | bytearray, /) -> None:
        view = memoryview(piece)
        while len(view) > self._room:
            self._current.update(view[: self._room])
            view = view[self._room :]
            self._whole.update(self._current.digest())
            self._current = hashlib.new(self._algorithm, usedforsecurity=False)
            self._room = self._part
        self._current.update(view)
        self._room -= len(view)

    def hexdigest(self) -> str:
        whole = self._whole.copy()
        whole.update(self._current.digest())
        return whole.hexdigest()


class _Crc32c:
    def __init__(self) -> None:
        self._crc = importlib.import_module("google_crc32c").Checksum()  # comes with the extra for GCS

    def update(self, piece: bytes | bytearray, /) -> None:
        self._crc.update(bytes(piece))

    def hexdigest(self) -> str:
        return str(self._crc.hexdigest().decode())
