"""What every store promises; see `canvasback.storage.store.Store`. A new store is one more factory here."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest
from blake3 import blake3

from canvasback.errors import (
    AccessDeniedError,
    CorruptError,
    ObjectExistsError,
    ObjectMissingError,
    RefusedError,
    StorageError,
)
from canvasback.storage.bucket import s3
from canvasback.storage.bucket.store import ObjectStore
from canvasback.storage.checksums import hash_stream
from canvasback.storage.local.store import LocalStore
from canvasback.storage.locations import Stores
from canvasback.storage.store import Stat, Store
from tests.clouds import cloud
from tests.contract.privileges import bound_by_permissions
from tests.memory import MemoryBucket

MIB = 1024 * 1024

STORES = ("local", "local-by-url", "memory", "s3", "gcs", "azure")

NAMES = [
    "plain",
    "with space/and more",
    "umlaut ä/日本語/emoji 🦆.parquet",
    'quote\'s "double"/back`tick',
    "day=2026-01-01/kind=a%2Fb/file.parquet",
    "percent%20%/hash#question?.json",
    "-dash/..dots../...",
    "trailing space /tab\there",
    "new\nline",
    "x" * 200 + "/" + "y" * 200,
]

UNSAFE = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../up",
    "a/../b",
    "a/..",
    "a//b",
    "a/",
    "./a",
    "a/./b",
    "nul\0byte",
    "a/b/../../..",
]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    kind: str = request.param
    if kind == "local":
        return LocalStore(tmp_path / "store")
    if kind == "local-by-url":
        return Stores().open(f"file://{tmp_path}/deep/er/store")
    if kind == "memory":
        return ObjectStore(MemoryBucket(), "some/where/")
    where = cloud(kind, request, monkeypatch)
    return where.stores().open(f"{where.bucket()}deep/er store")


def takes(store: Store, name: str) -> bool:
    """Whether the store takes such a name at all: object stores take no control characters."""
    return isinstance(store, LocalStore) or name.isprintable()


def names(store: Store, prefix: str = "") -> list[str]:
    return [stat.name for stat in store.list(prefix)]


def content_of(size: int) -> bytes:
    return bytes(range(251)) * (size // 251) + bytes(size % 251)


class Breaking(io.RawIOBase):
    """A source that yields some bytes and then fails as a disk does."""

    def __init__(self, before: bytes, error: OSError) -> None:
        self._pieces = [before] if before else []
        self._error = error

    def read(self, size: int = -1) -> bytes:
        if self._pieces:
            return self._pieces.pop()
        raise self._error


# Names


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_name(store: Store, name: str) -> None:
    if not takes(store, name):
        with pytest.raises(RefusedError) as refused:
            store.put_new(name, b"small")
        assert refused.value.code == "unsafe-name"
        assert "control characters" in refused.value.message
        return
    store.put_new(name, b"small")
    assert store.get(name) == b"small"
    assert names(store) == [name]
    found = store.stat(name)
    assert found is not None
    assert (found.name, found.size) == (name, 5)
    with pytest.raises(ObjectExistsError):
        store.copy_new(name, io.BytesIO(b"other"), 5)
    store.delete(name)
    store.copy_new(name, io.BytesIO(b"copied"), 6)
    store.sync()
    assert store.get(name) == b"copied"


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_names_are_refused_before_anything_is_touched(store: Store, name: str, tmp_path: Path) -> None:
    source = io.BytesIO(b"content")
    before = sorted(tmp_path.rglob("*"))
    attempts: list[Callable[[], object]] = [
        lambda: store.stat(name),
        lambda: store.get(name),
        lambda: store.open(name),
        lambda: store.put_new(name, b"content"),
        lambda: store.copy_new(name, source, 7),
        lambda: store.delete(name),
    ]
    for attempt in attempts:
        with pytest.raises(RefusedError) as refused:
            attempt()
        assert refused.value.code == "unsafe-name"
        assert refused.value.exit_code == 4
    assert source.tell() == 0
    assert sorted(tmp_path.rglob("*")) == before


# put_new


def test_put_new_is_create_only(store: Store) -> None:
    store.put_new("a/object", b"first")
    with pytest.raises(ObjectExistsError) as met:
        store.put_new("a/object", b"second")
    assert "a/object" in met.value.message
    assert store.get("a/object") == b"first"
    assert names(store) == ["a/object"]


def test_of_many_that_put_one_wins(store: Store) -> None:
    barrier = threading.Barrier(16)

    def put(number: int) -> int | None:
        barrier.wait()
        try:
            store.put_new("leases/1.json", f"runner {number:02d}".encode() * 1000)
        except ObjectExistsError:
            return None
        return number

    for _ in range(10):
        with ThreadPoolExecutor(16) as pool:
            winners = [number for number in pool.map(put, range(16)) if number is not None]
        assert len(winners) == 1
        assert store.get("leases/1.json") == f"runner {winners[0]:02d}".encode() * 1000
        assert names(store) == ["leases/1.json"]
        store.delete("leases/1.json")


def test_of_many_that_copy_one_wins(store: Store) -> None:
    barrier = threading.Barrier(8)

    def copy(number: int) -> int | None:
        content = bytes([number]) * MIB
        barrier.wait()
        try:
            store.copy_new("data/file", io.BytesIO(content), MIB)
        except ObjectExistsError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(copy, range(8)) if number is not None]
    assert len(winners) == 1
    assert store.get("data/file") == bytes([winners[0]]) * MIB


def test_put_new_is_never_half_visible(store: Store) -> None:
    content = content_of(MIB)
    done = threading.Event()
    seen: list[object] = []

    def look() -> None:
        while not done.is_set():
            seen.extend(stat.size for stat in store.list(""))
            for number in range(20):
                with contextlib.suppress(ObjectMissingError):
                    if (held := store.get(f"points/{number}")) != content:
                        seen.append(len(held))

    with ThreadPoolExecutor(2) as pool:
        lookers = [pool.submit(look) for _ in range(2)]
        try:
            for number in range(20):
                store.put_new(f"points/{number}", content)
        finally:
            done.set()
        for looker in lookers:
            looker.result()
    assert set(seen) <= {MIB}
    assert len(names(store)) == 20


# copy_new


@pytest.mark.parametrize("size", [0, 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB])
@pytest.mark.parametrize("told", ["right", "too little", "too much"])
def test_copy_new_hashes_what_it_writes(store: Store, size: int, told: str) -> None:
    content = content_of(size)
    hint = {"right": size, "too little": size // 2, "too much": size * 2 + 1}[told]
    copied = store.copy_new("data/file", io.BytesIO(content), hint)
    assert (copied.size, copied.blake3) == (size, blake3(content).hexdigest())
    store.sync()
    assert store.get("data/file") == content
    assert [stat.size for stat in store.list("data/")] == [size]


def test_copy_new_reads_a_source_that_yields_little_at_a_time(store: Store) -> None:
    class Dripping(io.RawIOBase):
        left = 1000

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"xyz" if self.left >= 0 else b""

    copied = store.copy_new("file", Dripping(), 3000)  # type: ignore[arg-type]
    assert (copied.size, copied.blake3) == (3000, blake3(b"xyz" * 1000).hexdigest())
    assert store.get("file") == b"xyz" * 1000


def test_copy_new_keeps_the_time_it_is_given(store: Store) -> None:
    moment = 1_700_000_000_123_456_789
    store.copy_new("file", io.BytesIO(b"old"), 3, modified_ns=moment)
    found = store.stat("file")
    assert found is not None
    assert found.modified_ns == moment or not isinstance(store, LocalStore)  # object stores keep their own


def test_copy_new_never_overwrites(store: Store) -> None:
    store.copy_new("data/file", io.BytesIO(b"first"), 5)
    source = io.BytesIO(b"second")
    with pytest.raises(ObjectExistsError):
        store.copy_new("data/file", source, 6)
    assert store.get("data/file") == b"first"


@pytest.mark.parametrize("before", [b"", b"half of it", content_of(5 * MIB)])
def test_a_source_that_fails_leaves_no_object(store: Store, before: bytes) -> None:
    error = OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output error") as raised:
        store.copy_new("data/file", Breaking(before, error), 6 * MIB)  # type: ignore[arg-type]
    assert raised.value is error
    assert not isinstance(raised.value, StorageError)
    assert store.stat("data/file") is None
    assert names(store) == []
    store.copy_new("data/file", io.BytesIO(b"now it works"), 12)
    assert store.get("data/file") == b"now it works"


# Reading


def test_what_is_missing(store: Store) -> None:
    for name in ("nothing", "no folder/nothing"):
        assert store.stat(name) is None
        for read in (store.get, store.open):
            with pytest.raises(ObjectMissingError) as missing:
                read(name)
            assert name in missing.value.message
            assert missing.value.code == "object-missing"
        store.delete(name)
    assert names(store) == []
    store.sync()


def test_open_streams(store: Store) -> None:
    content = content_of(9 * MIB)
    store.copy_new("large", io.BytesIO(content), len(content))
    pieces = []
    with store.open("large") as stream:
        while piece := stream.read(MIB):
            pieces.append(piece)
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= MIB


def test_list_sorts_and_matches_prefixes(store: Store) -> None:
    for name in ("b/2", "b/10", "b/1/deep/er", "ba", "a", "b.json", "c/x"):
        store.put_new(name, name.encode())
    assert names(store) == ["a", "b.json", "b/1/deep/er", "b/10", "b/2", "ba", "c/x"]
    assert names(store, "b/") == ["b/1/deep/er", "b/10", "b/2"]
    assert names(store, "b") == ["b.json", "b/1/deep/er", "b/10", "b/2", "ba"]
    assert names(store, "b/1") == ["b/1/deep/er", "b/10"]
    assert names(store, "nothing/") == []
    assert names(store, "c/x") == ["c/x"]
    assert [stat.size for stat in store.list("b/1")] == [11, 4]


def test_list_of_a_store_that_is_not_there(store: Store) -> None:
    assert names(store) == []
    assert names(store, "points/") == []


def test_list_tells_as_much_as_stat(store: Store) -> None:
    store.put_new("points/1", b"content")
    assert list(store.list("")) == [store.stat("points/1")]
    assert isinstance(store.stat("points/1"), Stat)


def test_delete_is_idempotent(store: Store) -> None:
    store.put_new("a/b", b"x")
    store.put_new("a/c", b"y")
    store.delete("a/b")
    store.delete("a/b")
    assert names(store) == ["a/c"]


# place_new


def place(store: Store, content: bytes, expected: bytes, *, aside: str = "") -> None:
    source: BinaryIO = io.BytesIO(content)
    store.place_new("d/file", source, len(expected), f"blake3:{blake3(expected).hexdigest()}", aside=aside)


def test_place_new_places(store: Store) -> None:
    store.place_new(
        "d/file", io.BytesIO(b"good"), 4, f"blake3:{blake3(b'good').hexdigest()}", modified_ns=1_600_000_000_000_000_007
    )
    assert store.get("d/file") == b"good"
    found = store.stat("d/file")
    assert found is not None
    assert found.modified_ns == 1_600_000_000_000_000_007 or not isinstance(store, LocalStore)
    assert names(store) == ["d/file"]


@pytest.mark.parametrize("aside", ["", ".damaged-1"])
@pytest.mark.parametrize("content", [b"", b"bad!", b"goo", b"good and more"])
def test_place_new_of_corrupt_content_changes_nothing(store: Store, content: bytes, aside: str) -> None:
    store.put_new("d/file", b"what was there")
    with pytest.raises(CorruptError) as corrupt:
        place(store, content, b"good", aside=aside)
    assert corrupt.value.code == "object-corrupt"
    assert names(store) == ["d/file"]
    assert store.get("d/file") == b"what was there"


def test_place_new_of_a_source_that_fails_changes_nothing(store: Store) -> None:
    store.put_new("d/file", b"what was there")
    with pytest.raises((OSError, StorageError), match="Input/output error"):
        store.place_new(
            "d/file",
            Breaking(b"go", OSError(5, "Input/output error")),  # type: ignore[arg-type]
            4,
            "blake3:" + "0" * 64,
            aside=".damaged",
        )
    assert names(store) == ["d/file"]
    assert store.get("d/file") == b"what was there"


def test_place_new_never_overwrites(store: Store) -> None:
    store.put_new("d/file", b"what was there")
    with pytest.raises(ObjectExistsError):
        place(store, b"good", b"good")
    assert names(store) == ["d/file"]
    assert store.get("d/file") == b"what was there"


def test_place_new_keeps_what_it_puts_aside(store: Store) -> None:
    store.put_new("d/file", b"what was there")
    place(store, b"good", b"good", aside=".damaged-1")
    assert store.get("d/file") == b"good"
    assert store.get("d/file.damaged-1") == b"what was there"
    assert names(store) == ["d/file", "d/file.damaged-1"]


def test_place_new_does_not_overwrite_what_was_put_aside_before(store: Store) -> None:
    store.put_new("d/file", b"damaged again")
    store.put_new("d/file.damaged-1", b"damaged first")
    with pytest.raises(ObjectExistsError):
        place(store, b"good", b"good", aside=".damaged-1")
    assert store.get("d/file") == b"damaged again"
    assert store.get("d/file.damaged-1") == b"damaged first"


def test_move_aside(store: Store) -> None:
    store.put_new("d/file", b"content")
    store.move_aside("d/file", ".old")
    assert names(store) == ["d/file.old"]
    assert store.get("d/file.old") == b"content"
    with pytest.raises(ObjectMissingError):
        store.move_aside("d/file", ".older")
    store.put_new("d/file", b"newer")
    with pytest.raises(ObjectExistsError):
        store.move_aside("d/file", ".old")
    assert store.get("d/file") == b"newer"


def test_read_and_local_paths(store: Store) -> None:
    content = content_of(100_000)
    store.put_new("catalog/a chunk", content)
    assert store.read("catalog/a chunk", 5, 20) == content[5:25]
    assert store.read("catalog/a chunk", 99_990, 1000) == content[-10:]
    with pytest.raises(ObjectMissingError):
        store.read("catalog/none", 0, 10)
    (path,) = store.local_paths(["catalog/a chunk"])
    assert Path(path).read_bytes() == content
    assert store.local_paths(["catalog/a chunk"]) == [path]


def test_an_empty_object(store: Store) -> None:
    store.put_new("empty", b"")
    store.copy_new("also", io.BytesIO(b""), 0)
    for name in ("empty", "also"):
        assert store.get(name) == b""
        with store.open(name) as stream:
            assert (stream.stat.size, stream.read(10)) == (0, b"")


def test_what_a_store_vouches_for(store: Store) -> None:
    """The checksum of a stat is of the content, and the etag changes with it."""
    store.copy_new("d/file", io.BytesIO(content_of(MIB)), MIB)
    found = store.stat("d/file")
    assert found is not None
    if found.checksum:
        algorithm, _, digest = found.checksum.partition(":")
        assert hash_stream(io.BytesIO(content_of(MIB)), algorithm) == (MIB, digest)
    store.delete("d/file")
    store.copy_new("d/file", io.BytesIO(bytes(MIB)), MIB)
    again = store.stat("d/file")
    assert again is not None
    assert again.etag != found.etag or isinstance(store, LocalStore)


# Large objects


@pytest.fixture(params=["s3", "gcs", "azure"])
def in_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A store that uploads in parts what is larger than a little."""
    where = cloud(request.param, request, monkeypatch)
    store = where.stores().open(where.bucket())
    assert isinstance(store, ObjectStore)
    store.bucket.single = MIB
    return store


@pytest.mark.parametrize("size", [MIB + 1, 16 * MIB, 16 * MIB + 1, 40 * MIB])
def test_a_large_object_is_uploaded_in_parts(in_parts: ObjectStore, size: int) -> None:
    content = content_of(size)
    copied = in_parts.copy_new("data/large", io.BytesIO(content), size)
    assert (copied.size, copied.blake3) == (size, blake3(content).hexdigest())
    found = in_parts.stat("data/large")
    assert found is not None
    assert (found.size, found.etag) == (size, copied.etag)
    assert in_parts.get("data/large") == content
    if in_parts.url.startswith("gs:"):
        return  # the server heeds no condition on an upload in parts, unlike the service that it stands for
    with pytest.raises(ObjectExistsError):
        in_parts.copy_new("data/large", io.BytesIO(bytes(size)), size)
    assert in_parts.get("data/large") == content


def test_an_upload_whose_source_fails_leaves_nothing(in_parts: ObjectStore) -> None:
    error = OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output error") as raised:
        in_parts.copy_new("data/large", Breaking(content_of(20 * MIB), error), 40 * MIB)  # type: ignore[arg-type]
    assert raised.value is error
    assert names(in_parts) == []


@pytest.mark.parametrize("aside", ["", ".damaged"])
def test_a_large_object_is_placed_whole_or_not_at_all(in_parts: ObjectStore, aside: str) -> None:
    good = content_of(20 * MIB)
    if aside:
        in_parts.put_new("d/file", b"what was there")
    for bad in (good[:-1], good[:-1] + b"x", good + b"x"):
        with pytest.raises(CorruptError):
            place(in_parts, bad, good, aside=aside)
    assert names(in_parts) == (["d/file"] if aside else [])
    place(in_parts, good, good, aside=aside)
    assert in_parts.get("d/file") == good
    assert names(in_parts) == (["d/file", "d/file.damaged"] if aside else ["d/file"])


def test_s3_copies_what_is_too_large_for_one_request_in_parts(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "COPY_SINGLE", 8 * MIB)
    monkeypatch.setattr(s3, "COPY_PART", 6 * MIB)
    where = cloud("s3", request, monkeypatch)
    stores = where.stores()
    origin, target = stores.open(where.bucket()), stores.open(where.bucket())
    content = content_of(20 * MIB)
    origin.copy_new("file", io.BytesIO(content), len(content))
    copied = target.copy_from("copy", origin, "file", len(content))
    assert copied is not None
    algorithm, _, digest = copied.checksum.partition(":")
    assert algorithm in {f"md5-parts-{6 * MIB}", f"sha256-parts-{6 * MIB}"}
    assert hash_stream(io.BytesIO(content), algorithm) == (len(content), digest)
    assert target.get("copy") == content


# Copying within a service


@pytest.fixture(params=["memory", "s3", "gcs", "azure"])
def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, Store]:
    """Two stores in two buckets of one service."""
    if request.param == "memory":
        return ObjectStore(MemoryBucket("one"), "a/"), ObjectStore(MemoryBucket("two"), "b/")
    where = cloud(request.param, request, monkeypatch)
    stores = where.stores()
    return stores.open(where.bucket() + "a"), stores.open(where.bucket() + "b c")


@pytest.mark.parametrize("size", [0, 1000, 9 * MIB])
def test_copy_from_copies_and_vouches(pair: tuple[Store, Store], size: int) -> None:
    origin, target = pair
    content = content_of(size)
    written = origin.copy_new("data/ä file", io.BytesIO(content), size)
    assert written.etag
    copied = target.copy_from("data/copy of ä", origin, "data/ä file", size, etag=written.etag)
    assert copied is not None
    assert copied.size == size
    assert target.get("data/copy of ä") == content
    found = target.stat("data/copy of ä")
    assert found is not None
    assert found.etag == copied.etag
    if copied.checksum:
        algorithm, _, digest = copied.checksum.partition(":")
        assert hash_stream(io.BytesIO(content), algorithm) == (size, digest)
    with pytest.raises(ObjectExistsError):
        target.copy_from("data/copy of ä", origin, "data/ä file", size)


def test_copy_from_is_of_what_was_meant(pair: tuple[Store, Store]) -> None:
    origin, target = pair
    origin.put_new("file", b"content")
    assert target.copy_from("copy", origin, "file", 7, etag="another") is None
    assert target.copy_from("copy", origin, "file", 8) is None
    with pytest.raises(ObjectMissingError):
        target.copy_from("copy", origin, "nothing", 7)
    assert names(target) == []


def test_copy_from_another_service_is_not_possible(pair: tuple[Store, Store], tmp_path: Path) -> None:
    local = LocalStore(tmp_path)
    local.put_new("file", b"content")
    pair[0].put_new("file", b"content")
    assert pair[1].copy_from("copy", local, "file", 7) is None
    assert local.copy_from("copy", pair[0], "file", 7) is None
    another = MemoryBucket("other")
    another.service = "another"
    assert pair[1].copy_from("copy", ObjectStore(another, ""), "file", 7) is None


# What only local stores promise


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_an_object_is_no_folder(local: LocalStore) -> None:
    local.put_new("a", b"object")
    assert local.stat("a/b") is None
    with pytest.raises(ObjectMissingError):
        local.get("a/b")
    with pytest.raises(StorageError):
        local.put_new("a/b", b"below an object")
    assert names(local) == ["a"]


def test_a_folder_is_no_object(local: LocalStore) -> None:
    local.put_new("a/b", b"object")
    assert local.stat("a") is None
    with pytest.raises(StorageError):
        local.get("a")
    with pytest.raises(StorageError):
        local.put_new("a", b"in a folder's place")
    assert local.get("a/b") == b"object"


def test_url_leads_to_objects(local: LocalStore) -> None:
    local.put_new("a/b c", b"x")
    assert local.url.endswith("/")
    assert Path(local.url + "a/b c").read_bytes() == b"x"  # local stores only: others answer a URL


def test_staged_leftovers_are_hidden(local: LocalStore) -> None:
    local.put_new("points/1.json", b"whole")
    for leftover in ("points/2.json.1f2e3d4c.canvasback-staged", "data/f.parquet.canvasback-staged"):
        path = Path(local.url + leftover)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"ha")
    assert names(local) == ["points/1.json"]
    assert names(local, "points/") == ["points/1.json"]
    assert names(local, "data/") == []
    local.put_new("points/2.json", b"another")
    assert names(local, "points/2") == ["points/2.json"]


def test_put_new_leaves_nothing_beside_it(local: LocalStore) -> None:
    local.put_new("points/1", b"x")
    with pytest.raises(ObjectExistsError):
        local.put_new("points/1", b"y")
    assert sorted(p.name for p in Path(local.url).rglob("*")) == ["1", "points"]


def test_unreadable_folder(local: LocalStore, tmp_path: Path) -> None:
    local.put_new("points/1", b"x")
    with unreadable(tmp_path / "store" / "points"):
        for look in (lambda: names(local), lambda: local.get("points/1"), lambda: local.stat("points/1")):
            with pytest.raises(AccessDeniedError) as denied:
                look()
            assert denied.value.hint
    assert names(local) == ["points/1"]


@contextlib.contextmanager
def unreadable(folder: Path) -> Iterator[None]:
    folder.chmod(0)
    try:
        with bound_by_permissions():
            yield
    finally:
        folder.chmod(0o755)
