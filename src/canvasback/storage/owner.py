"""Whose points a store holds: what the marker of an opened repository says, for every manifest to be compared with."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import msgspec

from canvasback.storage.store import Store


class Owner(msgspec.Struct, frozen=True):
    """A repository and its lake.

    Attributes:
        repository_id: The repository's random id.
        lake_id: ``schema_uuid`` of the lake's schema 0.
    """

    repository_id: str
    lake_id: str


_OWNERS: WeakKeyDictionary[Store, Owner] = WeakKeyDictionary()


def note_owner(store: Store, repository_id: str, lake_id: str) -> None:
    """Remember what the marker of a store says, for as long as the store is open."""
    _OWNERS[store] = Owner(repository_id, lake_id)


def owner_of(store: Store) -> Owner | None:
    """What the store's marker says; None where nobody has opened a repository there."""
    return _OWNERS.get(store)
