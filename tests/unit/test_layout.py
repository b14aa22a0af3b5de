"""Covers canvasback.repository.layout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvasback.repository import layout

MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9998, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
SNAPSHOTS = st.integers(0, 2**63 - 1)


@given(MOMENTS, MOMENTS, SNAPSHOTS, SNAPSHOTS)
def test_ids_sort_by_time(one: datetime, other: datetime, snapshot: int, another: int) -> None:
    assert layout.point_id(one, snapshot).endswith(f"Z-s{snapshot}")
    if other - one >= timedelta(milliseconds=1):
        assert layout.point_id(one, snapshot) < layout.point_id(other, another)


@given(MOMENTS, SNAPSHOTS)
def test_ids_are_found_in_names(moment: datetime, snapshot: int) -> None:
    id_ = layout.point_id(moment, snapshot)
    assert layout.parse_point_name(layout.point_name(id_)) == id_


def test_id() -> None:
    moment = datetime(2026, 11, 22, 13, 14, 15, 678_999, tzinfo=UTC)
    assert layout.point_id(moment, 42) == "20261122T131415678Z-s42"
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert layout.point_id(elsewhere, 42) == "20261122T131415678Z-s42"


@pytest.mark.parametrize(
    "name",
    [
        "points/20261122T131415678Z-s42.json.1f2e3d4c.canvasback-staged",
        "points/20261122T131415678Z-s42",
        "points/20261122T131415678Z.json",
        "points/latest.json",
        "points/deep/20261122T131415678Z-s42.json",
        "20261122T131415678Z-s42.json",
        "points/20261122T131415678Z-s42.json\n",
        "points/20261122T131415Z-s42.json",
        "points/.DS_Store",
    ],
)
def test_other_objects_are_no_points(name: str) -> None:
    assert layout.parse_point_name(name) is None


def test_names() -> None:
    hash_ = "ab" * 32
    assert layout.chunk_name(hash_) == f"catalog/ab/{hash_}.parquet"
    assert layout.lease_name(7) == "leases/0000000007.json"
    assert layout.lease_name(9) < layout.lease_name(10) < layout.lease_name(1_000_000)


def test_copies_keep_their_paths() -> None:
    assert layout.copy_name("s/t/day=1/f 1.parquet", elsewhere=False) == "data/s/t/day=1/f 1.parquet"
    assert layout.copy_name("/s//t/./f", elsewhere=False) == "data/s/t/f"
    assert layout.recorded_object("s/t/f", "data/s/t/f", elsewhere=False) is None
    assert layout.recorded_object("s//t/f", "data/s/t/f", elsewhere=False) == "data/s/t/f"


def test_copies_of_files_elsewhere_are_told_apart() -> None:
    names = {
        layout.copy_name("/a/f.parquet", elsewhere=True),
        layout.copy_name("/b/f.parquet", elsewhere=True),
        layout.version_name("/a/f.parquet", "00" * 32),
        layout.version_name("/a/f.parquet", "11" * 32),
        layout.version_name("a/f.parquet", "00" * 32),
    }
    assert len(names) == 5
    for name in names:
        assert layout.recorded_object("/a/f.parquet", name, elsewhere=True) == name
        folder, hash_, last = name.split("/")
        assert (folder, last) == ("external", "f.parquet")
        assert len(hash_) == 32
        assert int(hash_, 16) >= 0


@given(st.text(min_size=1).filter(lambda path: "\0" not in path and path.strip("/.")))
def test_every_copy_has_a_safe_name(path: str) -> None:
    below = layout.copy_name(path, elsewhere=False).split("/")
    assert below[0] == "data"
    assert not {"", "."} & set(below)
    assert (".." in below) == (".." in path.split("/"))  # the store refuses these; the name shall not hide it
    elsewhere = layout.copy_name("/x/" + path, elsewhere=True).split("/")
    assert len(elsewhere) == 3
    assert "" not in elsewhere
