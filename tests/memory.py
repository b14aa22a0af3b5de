"""A bucket in memory: what the others are compared with."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Iterator

from canvasback.errors import ObjectExistsError, ObjectMissingError
from canvasback.storage.bucket.service import Bucket, by_pieces
from canvasback.storage.store import Copied, Source, Stat


class MemoryBucket:
    """See `canvasback.storage.bucket.service.Bucket`."""

    arrival = "memory"
    single = 4 * 1024 * 1024
    locks = None
    versions = None
    soft_deleted = None
    service = "memory"

    def __init__(self, name: str = "bucket") -> None:
        self.url = f"memory://{name}/"
        self.objects: dict[str, tuple[bytes, Stat]] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def head(self, key: str) -> Stat | None:
        found = self.objects.get(key)
        return found[1] if found else None

    def read(self, key: str, start: int, size: int, etag: str = "") -> tuple[bytes, Stat]:
        if key not in self.objects or (etag and self.objects[key][1].etag != etag):
            raise ObjectMissingError(self.url + key)
        content, stat = self.objects[key]
        return content[start : start + size], stat

    def stream(self, key: str, start: int, etag: str = "") -> tuple[Iterator[bytes], Stat]:
        return by_pieces(self, key, start, etag)

    def put(self, key: str, content: bytes | bytearray) -> str:
        with self._lock:
            if key in self.objects:
                raise ObjectExistsError(self.url + key)
            etag = f"{next(self._numbers)}"
            checksum = f"md5:{hashlib.md5(content).hexdigest()}"
            self.objects[key] = bytes(content), Stat(key, len(content), 1_000_000_000, etag, checksum)
            return etag

    def upload(self, key: str, source: Source, size: int) -> str:
        return self.put(key, b"".join(iter(lambda: source.read(size or 1), b"")))

    def copy(self, key: str, origin: Bucket, origin_key: str, stat: Stat) -> Copied | None:
        assert isinstance(origin, MemoryBucket)
        content, found = origin.objects[origin_key]
        if found.etag != stat.etag:
            return None
        return Copied(found.size, "", self.put(key, content), found.checksum)

    def list(self, prefix: str) -> Iterator[Stat]:
        yield from sorted(
            (stat for key, (_, stat) in dict(self.objects).items() if key.startswith(prefix)), key=lambda s: s.name
        )

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)
