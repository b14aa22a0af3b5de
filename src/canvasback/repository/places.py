"""Places of one repository: it and its mirrors have one id, one marker, and the same points byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from canvasback.errors import RefusedError, RepositoryError
from canvasback.repository.leases import HeldLease
from canvasback.repository.points import copy_point
from canvasback.repository.repository import Repository, open_repository
from canvasback.storage.locations import within
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


def open_place(store: Store, of: Repository) -> Repository:
    """Open another place of a repository.

    Raises:
        RepositoryError: There is no repository (``not-a-repository``).
        RefusedError: There is another one (``other-lake``, ``other-repository``).
    """
    found = open_repository(store)
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
    return found


def look_for_place(store: Store, of: Repository) -> Repository | None:
    """The same; None where there is no repository yet."""
    try:
        return open_place(store, of)
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
