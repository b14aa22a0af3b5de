"""Covers canvasback.repository.points: manifests, their checksums, and how they are found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canvasback.errors import AccessDeniedError, CorruptError, UsageError
from canvasback.model.finding import Finding
from canvasback.model.manifest import CatalogRecord, Chunk, FileTotals, Index, Manifest, StoredTable
from canvasback.model.relation import Column
from canvasback.repository import layout
from canvasback.repository.leases import begin_leases, hold_lease
from canvasback.repository.points import find_point, known_points, list_points, publish_point, read_point
from canvasback.storage.local.store import LocalStore

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def manifest(created: datetime = NOON, snapshot: int = 7) -> Manifest:
    columns = (Column("file_id", "BIGINT", nullable=False), Column("ödd \"name'", "VARCHAR"))
    chunk = Chunk("ab" * 32, 3, 400, 0, 1024, "1f:2e")
    return Manifest(
        self="",
        format=1,
        id="",
        repository_id="r",
        lake_id="l",
        timeline=2,
        created=created,
        snapshot_id=snapshot,
        snapshot_time=NOON - timedelta(seconds=1, microseconds=3),
        snapshots=8,
        catalog=CatalogRecord("duckdb", "main", "0.3", 64, "v1.4.4"),
        data_path="data/",
        data_root="/lake/data/",
        relative_to="/",
        encrypted=False,
        tables=(
            StoredTable("ducklake_metadata", columns, 3, ("file_id",), "1.4.4", (chunk,)),
            StoredTable("ducklake_snapshot", columns, 3, index=Index("cd" * 32, 500, 40)),
        ),
        files=(StoredTable("data", columns, 3, chunks=(chunk,)),),
        totals=FileTotals(3, 300, 1, 0),
        findings=(Finding("file-missing", "error", "/lake/data/日本", "not there", "Put it back."),),
        finding_counts={"file-missing": 1},
    )


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def stored(store: LocalStore, id_: str) -> Path:
    return Path(store.url + layout.point_name(id_))


def test_what_was_published_is_read(store: LocalStore) -> None:
    published = publish_point(store, manifest(), None)
    assert published.id == "20261122T120000000Z-s7"
    assert read_point(store, published.id) == published
    given_ = msgspec.structs.replace(manifest(), self=published.self, id=published.id)
    assert published == given_


def test_checksum_is_of_the_bytes_with_blanks(store: LocalStore) -> None:
    published = publish_point(store, manifest(), None)
    content = stored(store, published.id).read_bytes()
    assert content.startswith(b'{"self":"' + published.self.encode() + b'"')
    assert blake3(content.replace(published.self.encode(), b"0" * 64)).hexdigest() == published.self


def refuses(store: LocalStore, id_: str, code: str = "manifest-corrupt") -> CorruptError:
    with pytest.raises(CorruptError) as refused:
        read_point(store, id_)
    assert refused.value.code == code
    assert refused.value.hint
    return refused.value


def test_a_flipped_bit_anywhere_is_refused(store: LocalStore) -> None:
    id_ = publish_point(store, manifest(), None).id
    path = stored(store, id_)
    content = path.read_bytes()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        with pytest.raises(CorruptError) as refused:
            read_point(store, id_)
        assert refused.value.code in {"manifest-corrupt", "format-too-new"}, position
    path.write_bytes(content)
    assert read_point(store, id_).id == id_


@pytest.fixture
def published(store: LocalStore) -> tuple[LocalStore, str, bytes]:
    """A store with one point, its id, and the bytes of its manifest."""
    id_ = publish_point(store, manifest(), None).id
    return store, id_, stored(store, id_).read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(0), bit=st.integers(0, 7))
def test_any_flipped_bit_is_refused(published: tuple[LocalStore, str, bytes], position: int, bit: int) -> None:
    store, id_, content = published
    flipped = bytearray(content)
    flipped[position % len(flipped)] ^= 1 << bit
    stored(store, id_).write_bytes(flipped)
    with pytest.raises(CorruptError):
        read_point(store, id_)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_other_damage_is_refused(published: tuple[LocalStore, str, bytes], data: st.DataObject) -> None:
    store, id_, content = published
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    damaged = content[:start] + data.draw(st.binary(max_size=20)) + content[end:]
    if damaged == content:
        return
    stored(store, id_).write_bytes(damaged)
    with pytest.raises(CorruptError):
        read_point(store, id_)


def test_every_truncation_is_refused(store: LocalStore) -> None:
    id_ = publish_point(store, manifest(), None).id
    content = stored(store, id_).read_bytes()
    for length in range(len(content)):
        stored(store, id_).write_bytes(content[:length])
        refuses(store, id_)
    stored(store, id_).write_bytes(content + b" ")
    refuses(store, id_)


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{}", b'{"format": "1"}', b'{"format": 1}', b"\xff\xfe", b"\0" * 99]
)
def test_what_is_no_manifest(store: LocalStore, content: bytes) -> None:
    id_ = publish_point(store, manifest(), None).id
    stored(store, id_).write_bytes(content)
    refuses(store, id_)


def test_a_manifest_under_another_name_is_refused(store: LocalStore) -> None:
    first = publish_point(store, manifest(), None).id
    second = publish_point(store, manifest(snapshot=8), first).id
    stored(store, second).write_bytes(stored(store, first).read_bytes())
    refuses(store, second)


def test_a_missing_manifest(store: LocalStore) -> None:
    assert "missing" in refuses(store, "20261122T120000000Z-s7").message


def test_a_newer_format(store: LocalStore) -> None:
    id_ = publish_point(store, manifest(), None).id
    stored(store, id_).write_bytes(b'{"format": 99, "everything": "else", "is": ["different"]}')
    error = refuses(store, id_, "format-too-new")
    assert "newer release" in error.hint


# Ids


def test_ids_rise_even_if_the_clock_goes_back(store: LocalStore) -> None:
    latest = None
    ids: list[str] = []
    for seconds in (10, 5, 5, -3600, 11, 11):
        latest = publish_point(store, manifest(NOON + timedelta(seconds=seconds), snapshot=100 - len(ids)), latest).id
        ids.append(latest)
    assert ids == sorted(ids)
    assert list_points(store) == ids
    assert ids[1] == "20261122T120010001Z-s99"
    assert ids[4] == "20261122T120011000Z-s96"


def test_two_at_once_get_two_ids(store: LocalStore) -> None:
    one = publish_point(store, manifest(), None)
    other = publish_point(store, manifest(), None)
    assert one.id < other.id
    assert read_point(store, one.id) == one
    assert read_point(store, other.id) == other


def test_the_first_id_has_the_time_of_its_creation_in_utc(store: LocalStore) -> None:
    created = NOON.astimezone(timezone(timedelta(hours=-8)))
    first = publish_point(store, manifest(created), None)
    assert first.id == "20261122T120000000Z-s7"
    assert publish_point(store, manifest(created, 8), first.id).id == "20261122T120000001Z-s8"


def test_finding_points(store: LocalStore) -> None:
    with pytest.raises(UsageError) as none:
        find_point(store, "latest")
    assert none.value.code == "no-points"
    ids: list[str] = []
    for seconds, snapshot in ((0, 1), (0, 10), (60, 2)):
        created = NOON + timedelta(seconds=seconds)
        ids.append(publish_point(store, manifest(created, snapshot), ids[-1] if ids else None).id)
    assert find_point(store, "latest") == ids[2]
    assert find_point(store, ids[0]) == ids[0]
    assert find_point(store, "20261122T1201") == ids[2]
    for wanted, code in (
        ("20261122", "ambiguous-point"),
        ("2027", "unknown-point"),
        ("", "unknown-point"),
        ("LATEST", "unknown-point"),
        (ids[0] + "0", "unknown-point"),
        ("../points/" + ids[0], "unknown-point"),
    ):
        with pytest.raises(UsageError) as refused:
            find_point(store, wanted)
        assert refused.value.code == code, wanted


def test_a_whole_id_is_never_ambiguous(store: LocalStore) -> None:
    for snapshot in (1, 10):
        stored_id = layout.point_id(NOON, snapshot)
        store.put_new(layout.point_name(stored_id), b"{}")
    assert find_point(store, layout.point_id(NOON, 1)) == layout.point_id(NOON, 1)


def test_who_may_not_list_points_knows_the_newest(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: LocalStore, prefix: str) -> None:
        raise AccessDeniedError(prefix)

    begin_leases(store, NOON)
    ids = [publish_point(store, manifest(), None).id]
    assert known_points(store) == ids
    with hold_lease(store, "backup", lambda: NOON) as lease:
        ids.append(publish_point(store, manifest(NOON, 8), ids[0], lease.announce).id)
        lease.published()
    assert known_points(store) == ids

    monkeypatch.setattr(LocalStore, "list", denied)
    assert known_points(store) == ids[1:]
    for name in Path(store.url, layout.LEASES).iterdir():
        name.unlink()
    with pytest.raises(AccessDeniedError):
        known_points(store)
