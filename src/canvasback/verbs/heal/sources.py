"""Where a heal looks for copies: what it is told, in the order in which it is trusted."""

from __future__ import annotations

from typing import cast, get_args

from canvasback.catalog.image import Image
from canvasback.checks.copies_in_points import CopiesInPoints
from canvasback.checks.copies_in_replica import CopiesInReplica
from canvasback.checks.copies_in_versions import CopiesInVersions, Kept
from canvasback.checks.copy_search import CopySource
from canvasback.model.level import CheckLevel
from canvasback.repository.repository import Repository
from canvasback.storage.locations import Stores
from canvasback.verbs.heal.replica import find_replica


def find_sources(
    image: Image, stores: Stores, repository: Repository | None, source: str | None, root: str, level: CheckLevel
) -> list[CopySource]:
    """The places of copies, those first whose bytes can be proved.

    Args:
        image: The lake's catalog.
        stores: Opens the places.
        repository: The lake's repository, if there is one.
        source: What else the user names: ``versions``, ``soft-deleted``, or the place of a replica.
        root: The data path.
        level: How deeply the lake is looked at.

    Raises:
        RefusedError: There is no replica (``no-replica``).
        UsageError: It is a URL of a kind that is not supported, or nothing keeps versions (``no-versions``).
        StorageError: It cannot be listed.
    """
    found: list[CopySource] = [] if repository is None else [CopiesInPoints(repository)]
    if source in get_args(Kept):
        found.append(CopiesInVersions(stores, root, cast("Kept", source)))
    elif source is not None:
        found.append(CopiesInReplica(find_replica(image, stores, source, root), level))
    return found
