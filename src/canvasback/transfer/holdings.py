"""Who holds a lake's files for a repository that has no copies: decided when it is made, and seen by each backup."""

from __future__ import annotations

import contextlib

from canvasback.datapath.data_root import refuse_nesting
from canvasback.errors import AccessDeniedError, ObjectMissingError, RefusedError
from canvasback.model.finding import Finding
from canvasback.model.holding import Holding, StorageKind
from canvasback.repository.repository import Repository
from canvasback.storage.locations import Stores, folder_url, within

_UNSEEN = "See with the cloud's own tools that it keeps versions, and for how long: without them nothing is protected."


def choose_holding(
    kind: StorageKind, root: str, replica_url: str | None, repository: str, stores: Stores
) -> tuple[Holding | None, tuple[Finding, ...]]:
    """Who is to hold the files of a lake for a new repository.

    Args:
        kind: How it is to have them.
        root: The lake's data path, absolute, ending in a slash.
        replica_url: Where the replica is, if there is to be one.
        repository: Where the repository is to be, as a URL or a folder.
        stores: Opens the data path.

    Returns:
        Who holds them, None for the repository itself; and what could not be seen.

    Raises:
        UsageError: The data path is at a place that keeps no versions, or whose versions cannot be named
            (``no-versions``).
        RefusedError: Its bucket keeps none (``versions-off``); or the replica is the data path, or lies in it or around
            it (``no-replica``), or in the repository or around it (``repository-in-data-path``).
        StorageError: The replica's bucket is not there, or does not answer.
    """
    if kind is StorageKind.VERSIONS:
        return Holding(kind, root), _versions_of(root, stores)
    if replica_url is None:
        return None, ()
    replica = folder_url(replica_url)
    refuse_nesting(repository, replica)
    if _overlap(replica, root):
        raise RefusedError(
            "no-replica",
            f"{replica} and the lake's own data path {root} are one place, or one lies in the other",
            hint="Name the bucket, or the folder, to which the data path is copied.",
        )
    with contextlib.suppress(AccessDeniedError, ObjectMissingError):  # to list is no right that a backup needs
        next(stores.open(replica).list(""), None)  # a misspelled bucket is better noticed now than by a backup
    return Holding(kind, replica), ()


def refuse_other_root(repository: Repository, root: str) -> None:
    """See that the files of a lake are where the repository relies on their being kept, or being copied from.

    Args:
        repository: The repository.
        root: The lake's data path, absolute, ending in a slash.

    Raises:
        RefusedError: Its files are pinned by their versions, and the lake has others now (``other-data-path``); or they
            are the replica itself (``on-its-replica``).
    """
    holding = repository.marker.borrows
    if holding is None:
        return
    same = within(root, holding.url) and within(holding.url, root)
    if holding.kind is StorageKind.VERSIONS and not same:
        raise RefusedError(
            "other-data-path",
            f"{repository.store.url} names versions of {holding.url}, and the lake's files are at {root}",
            hint="Init a new repository for the data path that the lake has now. Points of this one stay, and can be "
            "restored as long as the versions are there.",
        )
    if holding.kind is StorageKind.REPLICA and _overlap(root, holding.url):
        raise RefusedError(
            "on-its-replica",
            f"the lake's files are at {root}, which is the replica that {repository.store.url} relies on: nobody "
            "copies them from there",
            hint="Fail back: copy what is new to the old data path, and repoint the lake there. Or init a new "
            "repository, whose replica is another place.",
        )


def _versions_of(root: str, stores: Stores) -> tuple[Finding, ...]:
    stores.open_contents(root)
    versions = stores.open(root).versions
    kept = versions.kept() if versions is not None else False
    if kept is None:
        message = (
            "whether its bucket keeps versions cannot be seen: the service does not tell, or not with these rights"
        )
        return (Finding("versions-unseen", "warning", root, message, _UNSEEN),)
    if not kept:
        raise RefusedError(
            "versions-off",
            f"the bucket of {root} keeps no versions: what is deleted or overwritten there is lost",
            hint="Switch versioning on first: canvasback protect enable versioning. Or let the repository have copies: "
            "leave out --storage.",
        )
    return ()


def _overlap(one: str, other: str) -> bool:
    return within(one, other) or within(other, one)
