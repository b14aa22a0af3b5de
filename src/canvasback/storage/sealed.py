"""A store before another one, in which a sealed repository's documents, and copies of files if wished, are sealed.

All above it works with names and contents as in any repository. Chunks pass as they are: they are Parquet, which has
an encryption of its own, so that DuckDB reads them where they lie.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import threading
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Self

import msgspec

from canvasback.errors import NoSpaceError
from canvasback.storage import age
from canvasback.storage.checksums import PIECE, Checked, Hashed, new_hasher
from canvasback.storage.keyring import Keyring, note_keyring
from canvasback.storage.store import Copied, Locks, OpenObject, Source, Stat, Store
from canvasback.storage.temporary import make_folder
from canvasback.storage.versions import Versions

UNSEALED = b"unsealed"
"""What a document reads as that was not written with the keys, under its name."""

_COPY = re.compile(r".*\.([0-9]{1,19})\.age", re.DOTALL)


class SealedStore:
    """See the module.

    A document that was not written with the keys, under this name, reads as `UNSEALED`. A copy whose bytes were changed
    reads as far as it is right: who reads one compares it with a checksum anyway.

    Args:
        store: Where the sealed objects are.
        keyring: The keys.
        documents: How the names of documents begin.
    """

    def __init__(self, store: Store, keyring: Keyring, documents: tuple[str, ...]) -> None:
        self._store = store
        self._documents = documents
        self._keyring = keyring
        self.url = store.url
        self.jobs = store.jobs
        self.batch = store.batch
        self.arrival = store.arrival
        self._lock = threading.Lock()
        self._folder = ""
        self._opened: dict[str, str] = {}
        note_keyring(self, keyring)

    @property
    def locks(self) -> Locks | None:
        """See `Store.locks`."""
        return self._store.locks

    @property
    def versions(self) -> Versions | None:
        """See `Store.versions`. Those of sealed objects are sealed: nobody has a use for them."""
        return None

    @property
    def soft_deleted(self) -> Versions | None:
        """See `Store.soft_deleted`."""
        return None

    @property
    def folder(self) -> str | None:
        """See `Store.folder`."""
        return self._store.folder

    def holder(self, name: str) -> tuple[Store, str] | None:
        """See `Store.holder`."""
        return None if self._is_sealed(name) else self._store.holder(name)

    def be_private(self) -> None:
        """See `Store.be_private`."""
        self._store.be_private()

    def be_as_open_as(self, name: str) -> None:
        """See `Store.be_as_open_as`."""
        self._store.be_as_open_as(name)

    def delete_for_good(self) -> None:
        """See `Store.delete_for_good`."""
        self._store.delete_for_good()

    def stat(self, name: str) -> Stat | None:
        """See `Store.stat`."""
        found = self._store.stat(name)
        return None if found is None else _of_content(found)

    def get(self, name: str) -> bytes:
        """See `Store.get`."""
        if _size_of_copy(name) is not None:
            with self.open(name) as stream:
                return b"".join(iter(lambda: stream.read(PIECE), b""))
        content = self._store.get(name)
        if not name.startswith(self._documents):
            return content
        try:
            return self._keyring.unseal(name, content)
        except age.UndecipheredError:
            return UNSEALED

    def open(self, name: str, *, vouch: bool = True) -> OpenObject:
        """See `Store.open`."""
        if name.startswith(self._documents):
            return _Opened(_of_content(_stat(self._store, name)), io.BytesIO(self.get(name)))
        opened = self._store.open(name, vouch=vouch)
        if _size_of_copy(name) is None:
            return opened
        return _Opened(_of_content(opened.stat), age.unsealing(opened, self._keyring.identities), opened)

    def read(self, name: str, start: int, size: int) -> bytes:
        """See `Store.read`. A sealed copy is opened from its begin on."""
        if not self._is_sealed(name):
            return self._store.read(name, start, size)
        with self.open(name) as stream:
            while start > 0 and (passed := stream.read(min(start, PIECE))):
                start -= len(passed)
            return stream.read(size)

    def local_paths(self, names: Sequence[str]) -> list[str]:
        """See `Store.local_paths`. Contents of sealed copies are in a temporary folder as long as this lives."""
        sealed = [name for name in dict.fromkeys(names) if self._is_sealed(name)]
        if not sealed:
            return self._store.local_paths(names)
        with self._lock:
            if not self._folder:
                self._folder = make_folder()
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            wanted = [name for name in sealed if name not in self._opened]
        with ThreadPoolExecutor(self.jobs) as pool:
            self._opened.update(zip(wanted, pool.map(self._to_disk, wanted), strict=True))
        plain = [name for name in names if not self._is_sealed(name)]
        paths = self._opened | dict(zip(plain, self._store.local_paths(plain), strict=True))
        return [paths[name] for name in names]

    def put_new(self, name: str, content: bytes) -> None:
        """See `Store.put_new`."""
        self._store.put_new(name, self._keyring.seal(name, content) if name.startswith(self._documents) else content)

    def copy_new(self, name: str, source: Source, size: int, *, modified_ns: int = 0) -> Copied:
        """See `Store.copy_new`."""
        if _size_of_copy(name) is None:
            return self._store.copy_new(name, source, size, modified_ns=modified_ns)
        hasher = new_hasher("blake3", size)
        content = Hashed(source, hasher)
        with age.sealing(content, self._keyring.recipient) as sealed:
            copied = self._store.copy_new(name, sealed, age.sealed_size(size), modified_ns=modified_ns)
        return Copied(content.size, hasher.hexdigest(), copied.etag, modified_ns=copied.modified_ns)

    def copy_from(self, name: str, origin: Store, origin_name: str, size: int, *, etag: str = "") -> Copied | None:
        """See `Store.copy_from`."""
        if self._is_sealed(name):
            return None
        return self._store.copy_from(name, origin, origin_name, size, etag=etag)

    def place_new(
        self, name: str, source: Source, size: int, checksum: str, *, modified_ns: int = 0, aside: str = ""
    ) -> None:
        """See `Store.place_new`."""
        if _size_of_copy(name) is None:
            self._store.place_new(name, source, size, checksum, modified_ns=modified_ns, aside=aside)
            return
        # What is sealed has another checksum each time: it is known when all is sealed.
        folder = make_folder()
        try:
            path = os.path.join(folder, "sealed")
            hasher = new_hasher("blake3", size)
            with age.sealing(Checked(source, size, checksum), self._keyring.recipient) as sealed:
                stored = _write(path, Hashed(sealed, hasher))
            with open(path, "rb") as file:
                digest = f"blake3:{hasher.hexdigest()}"
                self._store.place_new(name, file, stored, digest, modified_ns=modified_ns, aside=aside)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def move_aside(self, name: str, suffix: str) -> None:
        """See `Store.move_aside`."""
        self._store.move_aside(name, suffix)

    def sync(self) -> None:
        """See `Store.sync`."""
        self._store.sync()

    def list(self, prefix: str) -> Iterator[Stat]:
        """See `Store.list`."""
        return map(_of_content, self._store.list(prefix))

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        self._store.delete(name)

    def _is_sealed(self, name: str) -> bool:
        return name.startswith(self._documents) or _size_of_copy(name) is not None

    def _to_disk(self, name: str) -> str:
        path = os.path.join(self._folder, name.replace("/", "-"))
        with self.open(name, vouch=False) as stream:
            _write(path, stream)
        return path


class _Opened:
    """An object's content while it is read; see `OpenObject`."""

    def __init__(self, stat: Stat, source: Source | AbstractContextManager[Source], *below: OpenObject) -> None:
        self.stat = stat
        self._stack = ExitStack()
        for one in below:
            self._stack.enter_context(one)
        self._source = self._stack.enter_context(source) if isinstance(source, AbstractContextManager) else source

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def read(self, size: int, /) -> bytes:
        """See `Source.read`."""
        return self._source.read(size)


def _size_of_copy(name: str) -> int | None:
    """The bytes of a sealed copy's content, which its name says; None where the name is of something else."""
    found = _COPY.fullmatch(name)
    return int(found[1]) if found else None


def _of_content(stat: Stat) -> Stat:
    """What a store knows of a sealed copy, as if it held the content. What it vouches for is not the content."""
    size = _size_of_copy(stat.name)
    if size is None:
        return stat
    whole = age.is_sealed_size(stat.size, size)
    return msgspec.structs.replace(stat, size=size if whole else stat.size, checksum="")


def _stat(store: Store, name: str) -> Stat:
    return store.stat(name) or Stat(name, 0)


def _write(path: str, source: Source) -> int:
    """Write a stream to a file of ours; its size."""
    size = 0
    with open(path, "wb") as file:
        while piece := source.read(PIECE):
            try:
                size += file.write(piece)
            except OSError as error:
                raise NoSpaceError(path) from error
    return size
