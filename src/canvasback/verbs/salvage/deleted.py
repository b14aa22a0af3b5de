"""Deleted objects that a bucket still keeps, among what salvage looks at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from canvasback.datapath.newer_files import written_at
from canvasback.datapath.unknown_files import UnknownFile
from canvasback.errors import AccessDeniedError
from canvasback.storage.locations import Stores
from canvasback.storage.versions import Version

if TYPE_CHECKING:
    from canvasback.storage.bucket.deleted_shown import DeletedShown


def with_deleted(stores: Stores, root: str, since: datetime | None) -> DeletedShown:
    """The data path, in which Parquet files are seen that were deleted, and that the bucket still keeps.

    Args:
        stores: Opens it.
        root: The data path.
        since: Only files that were written after this time are of commits that the catalog may not know: older ones
            were expired, or merged, by whoever knew what they were. None for all.

    Raises:
        UsageError: It is in no bucket that keeps versions (``no-versions``).
        StorageError: These cannot be listed.
    """

    def wanted(version: Version) -> bool:
        file = UnknownFile(version.name, version.size, version.modified_ns)
        return version.name.endswith(".parquet") and (since is None or written_at(file) > since)

    return stores.open_with_deleted(root, wanted)


def bring_back(store: DeletedShown, names: Sequence[str]) -> None:
    """Let readers get deleted objects again.

    Raises:
        StorageError: One cannot be brought back.
    """
    deleted = store.deleted(names)
    versions = store.versions
    assert versions is not None  # it could not have been listed
    for start in range(0, len(deleted), versions.batch):
        for done in versions.bring_back(deleted[start : start + versions.batch]):
            if isinstance(done.error, AccessDeniedError):  # to the markers: a copy does as well
                copied = msgspec.structs.replace(done.version, hidden_by=())
                [done] = versions.bring_back([copied])  # noqa: PLW2901
            if done.error is not None:
                raise done.error
