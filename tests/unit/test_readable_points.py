"""Covers canvasback.repository.readable_points: damaged points are left out, and told of once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import msgspec
import pytest

from canvasback.errors import AccessDeniedError, CorruptError, RefusedError
from canvasback.model.manifest import Manifest
from canvasback.repository import layout
from canvasback.repository.points import publish_point
from canvasback.repository.readable_points import Damage, ReadablePoints, UnreadablePointError, unused_point
from canvasback.storage.local.store import LocalStore
from tests.unit.test_points import NOON, manifest


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def points_of(store: LocalStore, *timelines: int) -> list[str]:
    """Points on these timelines, oldest first."""
    ids: list[str] = []
    for snapshot, timeline in enumerate(timelines):
        made = msgspec.structs.replace(manifest(NOON + timedelta(seconds=snapshot), snapshot), timeline=timeline)
        ids.append(publish_point(store, made, ids[-1] if ids else None).id)
    return ids


def spoil(store: LocalStore, id_: str) -> None:
    Path(store.url + layout.point_name(id_)).write_bytes(b"{")


def test_a_walk_passes_over_what_is_damaged_and_tells_of_it_once(store: LocalStore) -> None:
    ids = points_of(store, 1, 1, 1)
    spoil(store, ids[1])
    told: list[tuple[str, str]] = []
    points = ReadablePoints(store, lambda id_, damage: told.append((id_, damage.code)))
    assert [found.id for found in points.manifests(reversed(points.ids))] == [ids[2], ids[0]]
    assert [found.id for found in points.manifests(ids)] == [ids[0], ids[2]]
    assert told == [(ids[1], "manifest-corrupt")]
    assert points.ids == [ids[0], ids[2]]


def test_no_point_is_read_before_its_turn(store: LocalStore) -> None:
    ids = points_of(store, 1, 1)
    spoil(store, ids[0])
    told: list[str] = []
    points = ReadablePoints(store, lambda id_, _: told.append(id_))
    assert next(points.manifests(reversed(ids))).id == ids[1]
    assert told == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CorruptError("chunk-missing", "a chunk is missing"), "chunk-missing"),
        (RefusedError("unsafe-name", "a name leads out"), "unsafe-name"),
        (duckdb.InvalidInputException("no Parquet\nat all"), "chunk-corrupt"),
    ],
)
def test_what_else_is_read_of_a_point_may_be_damaged_too(store: LocalStore, error: Exception, code: str) -> None:
    ids = points_of(store, 1, 1, 1)
    told: list[tuple[str, Damage]] = []
    points = ReadablePoints(store, lambda id_, damage: told.append((id_, damage)))

    def read(found: Manifest) -> str | None:
        if found.id == ids[0]:
            raise error
        return found.id if found.id == ids[2] else None

    assert list(points.each(points.ids, read)) == [ids[2]]
    [(id_, damage)] = told
    assert (id_, damage.code) == (ids[0], code)
    assert damage.hint or code != "chunk-corrupt"
    assert "\n" not in damage.message
    assert points.ids == ids[1:], "what a reader passes by is no damage"


def test_a_store_that_does_not_answer_is_no_damage_of_a_point(store: LocalStore) -> None:
    ids = points_of(store, 1)
    points = ReadablePoints(store)

    def read(_: Manifest) -> None:
        raise AccessDeniedError("points/")

    with pytest.raises(AccessDeniedError):
        list(points.each(ids, read))
    assert points.ids == ids


def test_an_error_of_who_walks_is_their_own(store: LocalStore) -> None:
    ids = points_of(store, 1, 1)
    points = ReadablePoints(store)

    def walk() -> None:
        for _ in points.manifests(ids):
            raise CorruptError("chunk-missing", "not of this point")

    with pytest.raises(CorruptError):
        walk()
    assert points.ids == ids


def test_a_manifest_that_is_asked_for_is_kept(store: LocalStore) -> None:
    [id_] = points_of(store, 1)
    points = ReadablePoints(store)
    kept = points.manifest(id_)
    spoil(store, id_)
    assert points.manifest(id_) is kept
    assert list(points.manifests([id_])) == [kept]


def test_a_damaged_manifest_that_is_asked_for(store: LocalStore) -> None:
    ids = points_of(store, 1, 1)
    spoil(store, ids[0])
    told: list[str] = []
    points = ReadablePoints(store, lambda id_, _: told.append(id_))
    for _ in range(2):
        with pytest.raises(UnreadablePointError):
            points.manifest(ids[0])
    assert told == [ids[0]]


@pytest.mark.parametrize("timelines", [(1,), (1, 1, 2), (1, 2, 2, 5), (3, 3, 3), (1, 2, 3, 4, 5)])
def test_points_by_timeline(store: LocalStore, timelines: tuple[int, ...]) -> None:
    ids = points_of(store, *timelines)
    expected = {number: [i for i, of in zip(ids, timelines, strict=True) if of == number] for number in timelines}
    assert ReadablePoints(store).by_timeline() == expected


def test_points_by_timeline_without_those_that_are_damaged(store: LocalStore) -> None:
    ids = points_of(store, 1, 1, 2)
    spoil(store, ids[0])
    spoil(store, ids[2])
    points = ReadablePoints(store)
    assert points.by_timeline() == {1: [ids[1]]}
    spoil(store, ids[1])
    assert ReadablePoints(store).by_timeline() == {}


def test_only_the_points_that_are_given(store: LocalStore) -> None:
    ids = points_of(store, 1, 1, 2)
    assert ReadablePoints(store).timelines_of(ids[:2]) == {1: ids[:2]}


def test_a_point_that_does_not_help() -> None:
    finding = unused_point("p", CorruptError("chunk-missing", "a chunk is missing", hint="Look."))
    assert (finding.code, finding.severity, finding.where, finding.cure) == ("chunk-missing", "error", "p", "Look.")
    assert "a chunk is missing" in finding.message
