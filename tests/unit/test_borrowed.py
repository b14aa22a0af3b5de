"""Covers canvasback.model.holding, canvasback.storage.borrowed, and the markers of repositories that hold no copies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from canvasback import RefusedError, Stores, UsageError
from canvasback.errors import CorruptError, ObjectMissingError
from canvasback.model.holding import PREFIXES, Holding, StorageKind, kind_of, place_of, storage_kind
from canvasback.repository import layout
from canvasback.repository.documents import format_of
from canvasback.repository.repository import Repository, create_repository, open_repository
from canvasback.storage.borrowed import BorrowingStore, borrowing_of, is_at_hand
from canvasback.storage.local.store import LocalStore
from canvasback.storage.reach import reach_of

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def replica(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "replica")
    store.put_new("main/t/a.parquet", b"content of a")
    store.put_new("main/t/b.parquet", b"")
    return store


@pytest.fixture
def repository(replica: LocalStore, tmp_path: Path) -> Repository:
    holding = Holding(StorageKind.REPLICA, replica.url)
    return create_repository(LocalStore(tmp_path / "repo"), "l", NOON, holding=holding)


def test_what_a_user_says() -> None:
    assert storage_kind("copy", None) is StorageKind.COPY
    assert storage_kind("versions", None) is StorageKind.VERSIONS
    assert storage_kind("replica", "s3://b/") is StorageKind.REPLICA
    for wrong in (("tape", None), ("replica", None), ("versions", "s3://b/"), ("copy", "s3://b/")):
        with pytest.raises(UsageError) as refused:
            storage_kind(*wrong)
        assert refused.value.code == "storage-not-understood"


def test_how_it_is_told() -> None:
    held = Holding(StorageKind.VERSIONS, "s3://lake/files/")
    assert (kind_of(held), place_of(held)) == ("versions", "s3://lake/files/")
    assert (kind_of(None), place_of(None)) == ("copy", None)
    assert str(held) == "the versions of s3://lake/files/"
    assert str(Holding(StorageKind.REPLICA, "/r/")) == "the replica /r/"
    assert "lifecycle" in held.stays


def test_the_marker_says_it_and_older_releases_refuse_it(repository: Repository) -> None:
    marker = json.loads((Path(repository.store.url) / layout.MARKER).read_bytes())
    assert marker["format"] == layout.BORROWING_FORMAT == 5 > layout.SEALED_FORMAT
    assert marker["holding"] == {"kind": "replica", "url": repository.marker.borrows.url}  # type: ignore[union-attr]
    opened = open_repository(Stores(), repository.store.url)
    assert opened.marker == repository.marker
    assert format_of(opened.store) == 5


def test_the_marker_of_one_with_copies_says_nothing_of_it(tmp_path: Path) -> None:
    made = create_repository(LocalStore(tmp_path / "repo"), "l", NOON)
    marker = json.loads((tmp_path / "repo" / layout.MARKER).read_bytes())
    assert [*marker] == [
        "format", "repository_id", "lake_id", "created", "hash", "chunk_rows", "chunk_rows_of", "lock", "seal",
    ]  # fmt: skip
    assert (marker["format"], made.marker.borrows, borrowing_of(made.store)) == (3, None, None)


@pytest.mark.parametrize(
    "holding", [{"kind": "copy", "url": "/x/"}, {"kind": "tape", "url": "/x/"}, {"kind": "versions"}]
)
def test_a_marker_that_makes_no_sense_is_damaged(holding: object, repository: Repository) -> None:
    path = Path(repository.store.url) / layout.MARKER
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"holding": holding}))
    with pytest.raises(CorruptError) as refused:
        open_repository(Stores(), repository.store.url)
    assert refused.value.code == "marker-corrupt"


def test_what_is_borrowed_is_read(repository: Repository, replica: LocalStore) -> None:
    store = repository.store
    name = "replica/main/t/a.parquet"
    found = store.stat(name)
    assert found is not None
    assert (found.name, found.size) == (name, 12)
    assert store.get(name) == b"content of a"
    assert store.read(name, 8, 2) == b"of"
    with store.open(name) as opened:
        assert opened.read(100) == b"content of a"
    assert store.holder(name) is not None
    held = store.holder(name)
    assert held is not None
    assert (held[0].url, held[1]) == (replica.url, "main/t/a.parquet")
    assert is_at_hand(store, name)
    assert store.stat("replica/main/t/c.parquet") is None
    with pytest.raises(ObjectMissingError):
        store.get("replica/main/t/c.parquet")
    with pytest.raises(RefusedError) as refused:
        store.get("replica/../secret")
    assert refused.value.code == "unsafe-name"


def test_files_of_both_places_are_at_hand(repository: Repository, replica: LocalStore) -> None:
    store = repository.store
    store.put_new("catalog/x", b"1")
    names = ["catalog/x", "replica/main/t/a.parquet", "canvasback.json"]
    assert store.local_paths(names) == [
        f"{store.url}catalog/x",
        f"{replica.url}main/t/a.parquet",
        f"{store.url}canvasback.json",
    ]
    assert {store.url.rstrip("/"), replica.url} <= set(reach_of(store))


def test_it_is_listed_by_its_prefix_only(repository: Repository) -> None:
    assert [stat.name for stat in repository.store.list("replica/")] == [
        "replica/main/t/a.parquet",
        "replica/main/t/b.parquet",
    ]
    assert [stat.name for stat in repository.store.list("replica/main/t/b")] == ["replica/main/t/b.parquet"]
    assert not [stat.name for stat in repository.store.list("") if stat.name.startswith("replica/")]


def test_nothing_is_ever_written_to_it(repository: Repository, replica: LocalStore) -> None:
    store, name = repository.store, "replica/main/t/a.parquet"
    content = replica.open("main/t/a.parquet")
    for work in (
        lambda: store.delete(name),
        lambda: store.put_new("replica/new", b""),
        lambda: store.copy_new("replica/new", content, 12),
        lambda: store.place_new("replica/new", content, 12, "md5:x"),
        lambda: store.copy_from("replica/new", replica, "main/t/a.parquet", 12),
        lambda: store.move_aside(name, ".damaged"),
    ):
        with pytest.raises(RefusedError) as refused:
            work()
        assert refused.value.code == "read-only"
    assert [stat.name for stat in replica.list("")] == ["main/t/a.parquet", "main/t/b.parquet"]


def test_the_lender_is_opened_when_it_is_needed(tmp_path: Path) -> None:
    """Who lists points needs neither its packages nor a right there."""
    holding = Holding(StorageKind.VERSIONS, "tape://lake/")
    store = create_repository(LocalStore(tmp_path / "repo"), "l", NOON, holding=holding).store
    assert isinstance(store, BorrowingStore)
    assert store.lent_folder is None
    assert [stat.name for stat in store.list("points/")] == []
    with pytest.raises(UsageError) as refused:
        store.stat("versions/1/x")
    assert refused.value.code == "location-not-supported"


def test_a_folder_keeps_no_versions(tmp_path: Path) -> None:
    holding = Holding(StorageKind.VERSIONS, f"{tmp_path}/data/")
    store = create_repository(LocalStore(tmp_path / "repo"), "l", NOON, holding=holding).store
    with pytest.raises(UsageError) as refused:
        [*store.list("versions/")]
    assert refused.value.code == "no-versions"


def test_what_is_not_ours_is_told_apart_in_sql() -> None:
    names = ["data/a", "external/1/b", "catalog/c", *(f"{prefix}x" for prefix in PREFIXES.values()), "versions"]
    with duckdb.connect() as connection:
        told = connection.execute(
            f"SELECT n FROM (SELECT unnest(?) AS n) WHERE {layout.is_own('n')}", [names]
        ).fetchall()
    assert [name for (name,) in told] == ["data/a", "external/1/b", "catalog/c", "versions"]
