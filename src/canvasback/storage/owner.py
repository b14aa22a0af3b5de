"""Whose points a store holds: what the marker of an opened repository says, for every manifest to be compared with."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import msgspec

from canvasback.model.holding import Holding
from canvasback.model.lock import Lock
from canvasback.storage.store import Store


class Owner(msgspec.Struct, frozen=True):
    """A repository and its lake.

    Attributes:
        repository_id: The repository's random id.
        lake_id: ``schema_uuid`` of the lake's schema 0.
        lock: How the repository's objects are locked; None where they are not.
        holding: Who holds the lake's files; None where the repository has copies.
    """

    repository_id: str
    lake_id: str
    lock: Lock | None = None
    holding: Holding | None = None


_OWNERS: WeakKeyDictionary[Store, Owner] = WeakKeyDictionary()


def note_owner(store: Store, owner: Owner) -> None:
    """Remember what the marker of a store says, for as long as the store is open."""
    _OWNERS[store] = owner


def owner_of(store: Store) -> Owner | None:
    """What the store's marker says; None where nobody has opened a repository there."""
    return _OWNERS.get(store)
