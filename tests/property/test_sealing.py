"""What is sealed opens with its key, under its name, and as it was; nothing else does."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from canvasback.storage import age
from canvasback.storage.bucket.store import ObjectStore
from canvasback.storage.keyring import Epoch, Keyring
from canvasback.storage.sealed import UNSEALED, SealedStore
from canvasback.storage.store import Source
from tests.memory import MemoryBucket

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
OLD = Epoch.begin(1, NOON)
RING = Keyring("8c6f9d5e-0000", [OLD, Epoch.begin(2, NOON)], data=True)
STRANGER = Keyring("8c6f9d5e-0000", [Epoch.begin(1, NOON)], data=True)
NAMES = st.sampled_from(["points/a.json", "points/b.json", "leases/0000000001.json"])


def read(source: Source, piece: int) -> bytes:
    return b"".join(iter(lambda: source.read(piece), b""))


@given(st.binary(max_size=300), NAMES, NAMES, st.integers(0), st.integers(1, 255))
def test_documents(content: bytes, name: str, other: str, at: int, change: int) -> None:
    sealed = Keyring("8c6f9d5e-0000", [OLD], data=True).seal(name, content)
    assert RING.unseal(name, sealed) == content  # of an older epoch
    changed = bytearray(sealed)
    changed[at % len(changed)] ^= change
    for keys, under, what in ((RING, other, sealed), (RING, name, bytes(changed)), (STRANGER, name, sealed)):
        if keys is RING and under == name and what == sealed:
            continue
        # The header of an age file has lines that say nothing, and its first letters may be changed unseen.
        try:
            assert (keys.unseal(under, what), under) == (content, name)
        except age.UndecipheredError:
            continue
        assert what != sealed


@given(st.binary(max_size=400_000), st.integers(1, 100_000), st.integers(0))
def test_streams(content: bytes, piece: int, cut: int) -> None:
    with age.sealing(io.BytesIO(content), RING.recipient) as stream:
        sealed = read(stream, piece)
    assert age.is_sealed_size(len(sealed), len(content))
    with age.unsealing(io.BytesIO(sealed), RING.identities) as stream:
        assert read(stream, piece) == content
    with age.unsealing(io.BytesIO(sealed[: cut % len(sealed)]), RING.identities) as stream:
        got = read(stream, piece)
    assert content.startswith(got)
    assert not content or got != content


@given(st.binary(max_size=200_000))
def test_a_copy_reads_as_its_content(content: bytes) -> None:
    below = ObjectStore(MemoryBucket(), "some/where/")
    store = SealedStore(below, RING, ("points/",))
    name = f"data/ab/{'c' * 62}.{len(content)}.age"
    copied = store.copy_new(name, io.BytesIO(content), len(content))
    assert (copied.size, copied.blake3) == (len(content), _blake3(content))
    stat = store.stat(name)
    assert stat is not None
    assert (stat.size, stat.checksum) == (len(content), "")
    assert [found.size for found in store.list("data/")] == [len(content)]
    assert store.get(name) == content
    assert store.read(name, 3, 5) == content[3:8]
    assert below.get(name).startswith(b"age-encryption.org/v1\n")
    store.delete(name)
    store.place_new(name, io.BytesIO(content), len(content), f"blake3:{_blake3(content)}")
    [path] = store.local_paths([name])
    with open(path, "rb") as file:
        assert file.read() == content


def _blake3(content: bytes) -> str:
    return blake3(content).hexdigest()


def test_a_source_that_fails_is_not_hidden() -> None:
    class Broken:
        def read(self, size: int, /) -> bytes:
            raise OSError("the disk is gone")

    for stream in (age.sealing(Broken(), RING.recipient), age.unsealing(Broken(), RING.identities)):
        with pytest.raises(OSError, match="the disk is gone"), stream as source:
            read(source, 1000)


def test_who_stops_reading_stops_the_work() -> None:
    with age.sealing(io.BytesIO(bytes(8 << 20)), RING.recipient) as source:
        assert len(source.read(1000)) == 1000


def test_what_was_put_there_by_others_is_no_document() -> None:
    below = ObjectStore(MemoryBucket(), "some/where/")
    store = SealedStore(below, RING, ("points/",))
    store.put_new("points/a.json", b"{}")
    assert store.get("points/a.json") == b"{}"
    below.put_new("points/b.json", below.get("points/a.json"))
    below.put_new("points/c.json", b"{}")
    assert [store.get(f"points/{letter}.json") for letter in "bc"] == [UNSEALED, UNSEALED]
    with store.open("points/a.json") as opened:
        assert opened.read(100) == b"{}"
