"""Places of one repository: it and its mirrors have one id, one marker, and the same points byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from canvasback.errors import RefusedError, RepositoryError
from canvasback.model.lock import Lock
from canvasback.repository.leases import HeldLease
from canvasback.repository.points import copy_point
from canvasback.repository.recipients import Recipients, change_recipients
from canvasback.repository.repository import Repository, make_repository, open_repository, with_recipients
from canvasback.storage.locations import Stores, within
from canvasback.storage.run import Run
from canvasback.storage.store import Store


def refuse_one_place(one: Store, other: Store) -> None:
    """See that two stores are apart.

    Raises:
        RefusedError: One is the other, or lies in it (``one-place``).
    """
    if within(one.url, other.url) or within(other.url, one.url):
        raise RefusedError(
            "one-place",
            f"{one.url} and {other.url} are one place, or one lies in the other",
            hint="A second copy helps where the first one is lost: name another disk, or another bucket.",
        )


def open_place(stores: Stores, spelled: str, of: Repository) -> Repository:
    """Open another place of a repository.

    Args:
        stores: Opens the place.
        spelled: Where it is.
        of: The repository.

    Raises:
        RepositoryError: There is no repository (``not-a-repository``).
        RefusedError: There is another one (``other-lake``, ``other-repository``), or its keys are others
            (``other-keys``).
    """
    found = open_repository(stores, spelled)
    store = found.store
    if found.marker.lake_id != of.marker.lake_id:
        raise RefusedError(
            "other-lake",
            f"{of.store.url} is for the lake {of.marker.lake_id}, and {store.url} for the lake {found.marker.lake_id}",
            hint="Name the mirror of this repository.",
        )
    if found.marker.repository_id != of.marker.repository_id:
        raise RefusedError(
            "other-repository",
            f"{store.url} is a repository of its own of this lake, not another place of {of.store.url}",
            hint="A mirror is made by mirror itself: name a place where nothing is yet.",
        )
    ours, theirs = (() if one.recipients is None else one.recipients.keyring.epochs for one in (of, found))
    if ours[: len(theirs)] != theirs[: len(ours)]:
        raise RefusedError(
            "other-keys",
            f"the keys of {store.url} and of {of.store.url} were rotated each by themselves",
            hint="Make a new mirror, and rotate keys at the repository itself only.",
        )
    return found


def make_place(stores: Stores, spelled: str, of: Repository, now: datetime, lock: Lock | None = None) -> Repository:
    """Make another place of a repository, for the same recipients if it is sealed; see `make_repository`.

    Args:
        stores: Opens the place.
        spelled: Where it is.
        of: The repository.
        now: The time.
        lock: How its objects are to be locked.
    """
    store = stores.open(spelled)

    def make_keys() -> Recipients | None:
        if of.recipients is None:
            return None
        first = msgspec.structs.replace(of.recipients, store=store, number=0)
        return first.replace(now, of.recipients.all)

    return make_repository(store, msgspec.structs.replace(of.marker, lock=lock), now, make_keys, stores=stores)


def take_keys(place: Repository, of: Repository, run: Run) -> Repository:
    """Let a mirror have the keys that the repository has got since: those who can open it stay the same.

    Raises:
        LockedError: Others change them all the time (``keys-busy``).
    """
    if place.recipients is None or of.recipients is None:
        return place
    newer = of.recipients.keyring
    if len(newer.epochs) <= len(place.recipients.keyring.epochs):
        return place
    secrets = run.stores.secrets
    changed = change_recipients(place.recipients, lambda found: found.replace(run.now(), found.all, newer), secrets)
    return with_recipients(place, changed, run.stores)


def look_for_place(stores: Stores, spelled: str, of: Repository) -> Repository | None:
    """The same as `open_place`; None where there is no repository yet."""
    try:
        return open_place(stores, spelled, of)
    except RepositoryError as error:
        if error.code != "not-a-repository":
            raise
        return None


def copy_points(
    origin: Store,
    target: Store,
    points: Sequence[str],
    lease: HeldLease,
    held: Sequence[str],
    publish: Callable[[Store, Store, str], None] = copy_point,
) -> None:
    """Publish points at another place of their repository, oldest first. All that they name must be durable there.

    Args:
        origin: Where they are.
        target: Where they are published.
        points: Their ids, oldest first.
        lease: The lease of the other place.
        held: The ids of the points that are there already.
        publish: Publishes one; see `copy_point`.
    """
    if not points:
        return
    lease.check()
    lease.latest = None  # which one is the newest is not known until all of them are there
    lease.renew()
    for id_ in points:
        lease.check()
        publish(target, origin, id_)
    lease.latest = max([*held, *points])
