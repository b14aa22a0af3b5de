"""A store in a bucket of an object store."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from canvasback.errors import AccessDeniedError, ObjectExistsError, ObjectMissingError, RefusedError
from canvasback.storage.bucket.prefixed_locks import PrefixedLocks
from canvasback.storage.bucket.prefixed_versions import PrefixedVersions
from canvasback.storage.bucket.service import Bucket, TransientError, WrongBytesError, unreachable
from canvasback.storage.checksums import Checked, Hashed, Hasher, hash_stream, new_hasher
from canvasback.storage.names import refuse_unsafe_name
from canvasback.storage.store import Copied, Source, Stat, Store
from canvasback.storage.temporary import make_folder
from canvasback.storage.versions import Versions

T = TypeVar("T")

_PIECE = 4 * 1024 * 1024

_LARGE = 4 * 1024 * 1024
_LARGE_AT_ONCE = 3
"""So many objects of more than `_LARGE` bytes are held in memory at a time."""

_ATTEMPTS = 4


class OpenRemote:
    """An object that is being read; see `canvasback.storage.store.OpenObject`.

    Where the stream breaks off it goes on from there. At its end it compares what arrived with what the store
    vouches for.
    """

    def __init__(self, store: ObjectStore, name: str, *, vouch: bool) -> None:
        self._store = store
        self._name = name
        self._pieces, self.stat = store.stream(name, 0)
        self._buffer = b""
        self._place = 0
        self._hasher = _hasher_for(self.stat) if vouch and store.vouched else None

    def __enter__(self) -> Self:
        """Give the object itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the connection."""
        self._pieces = iter(())

    def read(self, size: int, /) -> bytes:
        """See `Source.read`.

        Raises:
            WrongBytesError: Other bytes arrived than the store vouches for.
        """
        if not self._buffer and self._place < self.stat.size:
            self._buffer = self._next()
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        self._place += len(piece)
        if self._hasher is not None:
            self._hasher.update(piece)
            if self._place >= self.stat.size:
                self._compare(self._hasher)
        return piece

    def _next(self) -> bytes:
        """The next piece; of a stream that breaks off again and again at the same place, an error."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                piece = next(self._pieces, b"")
            except TransientError as error:
                if attempt == _ATTEMPTS:
                    raise unreachable(self._store.url + self._name, error) from error
                piece = b""
            if piece:
                return piece
            self._pieces, _ = self._store.stream(self._name, self._place, self.stat.etag)
        raise unreachable(self._store.url + self._name, f"it ends after {self._place} of {self.stat.size} bytes")

    def _compare(self, hasher: Hasher) -> None:
        self._hasher = None
        algorithm, _, digest = self.stat.checksum.partition(":")
        if hasher.hexdigest() == digest:
            return
        # The etag of an object that the service encrypts with a key of its own is no checksum. Then a
        # second reading yields the same.
        with self._store.open(self._name, vouch=False) as again:
            if hash_stream(again, algorithm)[1] != hasher.hexdigest():
                raise WrongBytesError(f"what arrived is not what {self._store.url}{self._name} holds")
        self._store.vouched = False


class ObjectStore:
    """Objects below a prefix of a bucket.

    Attributes:
        bucket: The bucket.
        vouched: Whether the service's checksums are checksums of the content, as far as is known.
    """

    folder = None
    jobs = 16
    batch = 2

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self.bucket = bucket
        self.url = bucket.url + prefix
        self.arrival = bucket.arrival
        self.vouched = True
        self.locks = None if bucket.locks is None else PrefixedLocks(bucket.locks, self.key)
        self.versions = self._prefixed(bucket.versions, prefix)
        self.soft_deleted = self._prefixed(bucket.soft_deleted, prefix)
        self._for_good = False
        self._prefix = prefix
        self._large = threading.BoundedSemaphore(_LARGE_AT_ONCE)
        self._lock = threading.Lock()
        self._fetched: dict[str, str] = {}
        self._folder = ""

    def key(self, name: str) -> str:
        """The object's key in the bucket.

        Raises:
            RefusedError: The name could lead out of the store, or has characters that object stores do not take
                (``unsafe-name``).
        """
        refuse_unsafe_name(name, self.url)
        if not name.isprintable() and any(ord(character) < 32 or ord(character) == 127 for character in name):  # noqa: PLR2004
            raise RefusedError(
                "unsafe-name",
                f"the name {name!r} has control characters, which object stores do not take",
                hint="Give the file another name, or keep the lake on a local disk.",
            )
        return self._prefix + name

    def be_private(self) -> None:
        """See `canvasback.storage.store.Store.be_private`."""

    def be_as_open_as(self, name: str) -> None:
        """See `canvasback.storage.store.Store.be_as_open_as`."""

    def delete_for_good(self) -> None:
        """See `canvasback.storage.store.Store.delete_for_good`."""
        self._for_good = True

    def stat(self, name: str) -> Stat | None:
        """See `Store.stat`. S3 says of what is not there that it may not be read, to those who may not list."""
        key = self.key(name)
        try:
            found = self.bucket.head(key)
        except AccessDeniedError:
            return None
        return None if found is None else self._named(found)

    def get(self, name: str) -> bytes:
        """See `Store.get`."""
        fetched = self._fetched.get(name)
        if fetched is not None:
            with open(fetched, "rb") as file:
                return file.read()
        return self._again(lambda: self._read_all(name), name)

    def open(self, name: str, *, vouch: bool = True) -> OpenRemote:
        """See `Store.open`."""
        return OpenRemote(self, name, vouch=vouch)

    def read(self, name: str, start: int, size: int) -> bytes:
        """See `Store.read`."""
        key = self.key(name)
        return self._again(lambda: self.bucket.read(key, start, size), name)[0]

    def stream(self, name: str, start: int, etag: str = "") -> tuple[Iterator[bytes], Stat]:
        """The bytes from a place on, and what is known of the object; see `Bucket.stream`."""
        key = self.key(name)
        pieces, stat = self._again(lambda: self.bucket.stream(key, start, etag), name)
        return pieces, self._named(stat)

    def holder(self, name: str) -> tuple[Store, str]:
        """See `Store.holder`."""
        return self, name

    def local_paths(self, names: Sequence[str]) -> list[str]:
        """See `Store.local_paths`."""
        with self._lock:
            if not self._folder:
                self._folder = make_folder()
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            wanted = [name for name in dict.fromkeys(names) if name not in self._fetched]
        if wanted:
            with ThreadPoolExecutor(self.jobs) as pool:
                for name, path in zip(wanted, pool.map(self._fetch, wanted), strict=True):
                    self._fetched[name] = path
        return [self._fetched[name] for name in names]

    def put_new(self, name: str, content: bytes) -> None:
        """See `Store.put_new`."""
        try:
            self._again(lambda: self.bucket.put(self.key(name), content), name)
        except ObjectExistsError:
            # An answer that got lost was asked for again: then it is ours that is there.
            same = False
            with contextlib.suppress(ObjectMissingError):  # somebody deleted it just now: it was not ours
                same = bool(content) and self.get(name) == content
            if not same:
                raise

    def copy_new(self, name: str, source: Source, size: int, *, modified_ns: int = 0) -> Copied:  # noqa: ARG002
        """See `Store.copy_new`. Nothing is there before all is."""
        hasher = new_hasher("blake3", size)
        hashed = Hashed(source, hasher)
        etag = self._send(name, hashed, size)
        return Copied(hashed.size, hasher.hexdigest(), etag)

    def copy_from(self, name: str, origin: Store, origin_name: str, size: int, *, etag: str = "") -> Copied | None:
        """See `Store.copy_from`."""
        held = origin.holder(origin_name)
        if held is None:
            return None
        holder, held_name = held
        if not isinstance(holder, ObjectStore) or holder.bucket.service != self.bucket.service:
            return None
        key, origin_key = self.key(name), holder.key(held_name)
        stat = holder.bucket.head(origin_key)
        if stat is None:
            raise ObjectMissingError(origin.url + origin_name)
        if stat.size != size or (etag and stat.etag != etag):
            return None
        # Most services overwrite when they copy, whatever is asked.
        if self.stat(name) is not None:
            raise ObjectExistsError(self.url + name)
        copied = self.bucket.copy(key, holder.bucket, origin_key, stat)
        return None if copied is None else msgspec.structs.replace(copied, modified_ns=stat.modified_ns)

    def place_new(
        self,
        name: str,
        source: Source,
        size: int,
        checksum: str,
        *,
        modified_ns: int = 0,  # noqa: ARG002
        aside: str = "",
    ) -> None:
        """See `Store.place_new`."""

        def proved() -> None:
            if aside:
                self.move_aside(name, aside)

        try:
            self._send(name, Checked(source, size, checksum, proved), size)
        except ObjectExistsError:
            # An answer that got lost was asked for again: then it is ours that is there.
            algorithm, _, digest = checksum.partition(":")
            with self.open(name) as held:
                if held.stat.size != size or hash_stream(held, algorithm) != (size, digest):
                    raise

    def move_aside(self, name: str, suffix: str) -> None:
        """See `Store.move_aside`."""
        found = self.stat(name)
        if found is None:
            raise ObjectMissingError(self.url + name)
        if self.copy_from(name + suffix, self, name, found.size) is None:
            with self.open(name) as content:
                self.copy_new(name + suffix, content, content.stat.size)
        self.delete(name)

    def sync(self) -> None:
        """See `Store.sync`: an object store answers when it is done."""

    def list(self, prefix: str) -> Iterator[Stat]:
        """See `Store.list`."""
        for stat in self.bucket.list(self._prefix + prefix):
            yield self._named(stat)

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        if self.locks is not None and self._for_good:
            self.locks.delete(name)
        else:
            self.bucket.delete(self.key(name))

    def _prefixed(self, versions: Versions | None, prefix: str) -> Versions | None:
        return None if versions is None else PrefixedVersions(versions, prefix, self.key)

    def _named(self, stat: Stat) -> Stat:
        return Stat(stat.name.removeprefix(self._prefix), stat.size, stat.modified_ns, stat.etag, stat.checksum)

    def _read_all(self, name: str) -> bytes:
        with self.open(name) as stream:
            pieces = []
            while piece := stream.read(_PIECE):
                pieces.append(piece)
        return b"".join(pieces)

    def _fetch(self, name: str) -> str:
        content = self.get(name)
        path = os.path.join(self._folder, name.replace("/", "-"))
        with open(path, "wb") as file:
            file.write(content)
        return path

    def _send(self, name: str, source: Source, size: int) -> str:
        """Create an object, and answer its etag."""
        key = self.key(name)
        if size > self.bucket.single:
            try:
                return self.bucket.upload(key, source, size)
            except TransientError as error:
                raise unreachable(self.url + name, error) from error
        with self._large if size > _LARGE else contextlib.nullcontext():
            content = bytearray()
            while piece := source.read(_PIECE):
                content += piece
            return self._again(lambda: self.bucket.put(key, content), name)

    def _again(self, work: Callable[[], T], name: str) -> T:
        """Do it again a few times while bodies are torn or wrong."""
        with contextlib.suppress(TransientError, WrongBytesError):
            return work()  # as a rule, and without what it costs to watch it
        retrying = Retrying(
            retry=retry_if_exception_type((TransientError, WrongBytesError)),
            stop=stop_after_attempt(_ATTEMPTS - 1),
            wait=wait_random_exponential(0.1, max=5),
            reraise=True,
        )
        try:
            return retrying(work)
        except (TransientError, WrongBytesError) as error:
            raise unreachable(self.url + name, error) from error


def _hasher_for(stat: Stat) -> Hasher | None:
    return new_hasher(stat.checksum.partition(":")[0], stat.size) if stat.checksum else None
