"""Many small files at once: each copied as `copy_new` does, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from blake3 import blake3

from canvasback.errors import RefusedError
from canvasback.storage.local.batch import SmallCopy, SmallFile, copy_small
from canvasback.storage.local.store import LocalStore
from tests.contract.test_store import unreadable


@pytest.fixture
def source(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "source")
    for number in range(3):
        store.put_new(f"a/{number}", b"content " * number)
        os.utime(store.url + f"a/{number}", ns=(1_600_000_000_000_000_000 + number,) * 2)
    return store


@pytest.fixture
def target(tmp_path: Path) -> LocalStore:
    (tmp_path / "target" / "a").mkdir(parents=True)
    return LocalStore(tmp_path / "target")


def files(*sizes: int) -> list[SmallFile]:
    return [SmallFile(f"a/{number}", f"a/{number}", size) for number, size in enumerate(sizes)]


def names(store: LocalStore) -> list[str]:
    return [stat.name for stat in store.list("")]


def test_it_copies(source: LocalStore, target: LocalStore) -> None:
    copies = copy_small(source, target, files(0, 8, 16))
    for number, copy in enumerate(copies):
        content = b"content " * number
        assert copy == SmallCopy(blake3(content).hexdigest(), 1_600_000_000_000_000_000 + number)
        assert target.get(f"a/{number}") == content


def test_a_name_that_is_taken_stays_as_it_is(source: LocalStore, target: LocalStore) -> None:
    target.put_new("a/1", b"before")
    first, second, third = copy_small(source, target, files(0, 8, 16))
    assert (first is not None, second, third is not None) == (True, None, True)
    assert target.get("a/1") == b"before"


@pytest.mark.parametrize("size", [7, 9])
def test_another_size_than_expected_is_not_copied(source: LocalStore, target: LocalStore, size: int) -> None:
    assert copy_small(source, target, [SmallFile("a/1", "a/1", size)]) == [None]
    assert names(target) == []


def test_what_cannot_be_read_is_not_copied(source: LocalStore, target: LocalStore) -> None:
    os.mkfifo(source.url + "pipe")  # and nobody waits for its writer
    (Path(source.url) / "loop").symlink_to("loop")
    wanted = [SmallFile(name, f"a/{name}", 0) for name in ("missing", "a", "pipe", "loop")]
    assert copy_small(source, target, wanted) == [None] * 4
    assert names(target) == []


def test_what_cannot_be_written_is_not_copied(source: LocalStore, target: LocalStore) -> None:
    assert copy_small(source, target, [SmallFile("a/1", "no folder/1", 8)]) == [None]
    with unreadable(Path(target.url) / "a"):
        assert copy_small(source, target, files(0, 8)) == [None, None]
    assert names(target) == []


def test_no_file_is_left_half_written(source: LocalStore, target: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: real(handle, content[:3]))
    assert copy_small(source, target, files(0, 8)) == [SmallCopy(blake3().hexdigest(), 1_600_000_000_000_000_000), None]
    assert names(target) == ["a/0"]


def test_a_name_that_leads_out_is_refused(source: LocalStore, target: LocalStore) -> None:
    for file in (SmallFile("../a", "a/1", 8), SmallFile("a/1", "../1", 8)):
        with pytest.raises(RefusedError):
            copy_small(source, target, [file])


def test_the_next_sync_flushes_it(source: LocalStore, target: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        "canvasback.storage.local.store.flush_file_system",
        lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")),
    )
    copy_small(source, target, files(0))
    target.sync()
    assert synced == [target.url + "a"]
