"""Files at a data path that a lake which comes back there will not know, and which are newer than it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb

from canvasback.catalog.image import Image
from canvasback.datapath.unknown_files import Listing, UnknownFile, unknown_files
from canvasback.errors import AccessDeniedError, StorageError
from canvasback.model.commit import Commit
from canvasback.model.finding import Finding, FindingKind
from canvasback.model.moment import spelled
from canvasback.model.plurals import many
from canvasback.model.progress import Progress
from canvasback.storage.locations import is_remote
from canvasback.storage.store import Store

NEWER_FILES = FindingKind(
    "newer-files",
    "warning",
    "The data path holds Parquet files that are newer than the restored snapshot, and that the restored catalog does "
    "not name. DuckLake takes such files for orphans: its cleanup would delete them, and with them what later commits "
    "had written.",
    "A point of yesterday is restored, and what was committed since yesterday still lies at the data path.",
    "Run salvage before anything cleans the data path up: DuckLake's ducklake_delete_orphaned_files and CHECKPOINT "
    "would delete them.",
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_UUID = re.compile(r"ducklake-([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}[^/]*$")


def list_if_allowed(connection: duckdb.DuckDBPyConnection, store: Store, progress: Progress) -> Listing | None:
    """What is at a data path; see `Listing`.

    Returns:
        None where it may not be listed. A folder that cannot be is no reason to give up: each file tells of itself.

    Raises:
        StorageError: A bucket does not answer.
    """
    try:
        return Listing(connection, store, progress)
    except StorageError as error:
        if is_remote(store.url) and not isinstance(error, AccessDeniedError):
            raise
        return None


def newer_files(image: Image, root: str, listing: Listing, commit: Commit) -> Iterator[Finding]:
    """Say how many files are newer than a snapshot and not named by the catalog that has it as its newest one.

    Files that no commit ever named, of a writer that was killed, look like those of later commits, but older ones are
    nothing to speak of.

    Args:
        image: The catalog as it comes back, with the types of DuckDB, over the connection of the listing. It does not
            name the files that are to be cut: they hold rows of later commits, and new ones stand for them.
        root: The data path, ending in a slash.
        listing: What is there.
        commit: The newest snapshot that comes back.
    """
    parquet = [file for file in unknown_files(image, root, listing) if file.name.endswith(".parquet")]
    times = {file.name: written_at(file) for file in parquet}
    newer = [file for file in parquet if times[file.name] > commit.time]
    if not newer:
        return
    older = len(parquet) - len(newer)
    message = (
        f"{many(len(newer), 'Parquet file')} ({sum(file.size for file in newer):,} bytes) here, of which the restored "
        f"catalog knows nothing, {'is' if len(newer) == 1 else 'are'} newer than its {commit}; the newest is of "
        f"{spelled(max(times.values()))}"
    )
    message += f"; besides, there {'is' if older == 1 else 'are'} {many(older, 'older one')}" if older else ""
    yield NEWER_FILES.at(root, message)


def written_at(file: UnknownFile) -> datetime:
    """When the file came to be: as its name tells, or when it was written here, whichever is later."""
    milliseconds = file.modified_ns // 1_000_000
    found = _OF_UUID.search(file.name)
    if found:
        milliseconds = max(milliseconds, int(found[1] + found[2], 16))
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
