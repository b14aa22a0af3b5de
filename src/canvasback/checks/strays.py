"""What lies below a data path and is no file of the lake: how old it is, and how it may have come there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from canvasback.catalog.image import Image
from canvasback.checks.kinds import ASIDE, FOREIGN, ORPHAN, UNDER_WAY, UNKNOWN_COMMIT
from canvasback.datapath.damaged_file import is_aside
from canvasback.datapath.unknown_files import Listing, UnknownFile, unknown_files
from canvasback.model.finding import Finding
from canvasback.model.moment import spelled
from canvasback.storage.run import Run

_OURS = re.compile(
    r"ducklake-(?P<time>[0-9a-f]{8}-[0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}(-delete)?\.(parquet|puffin)"
)
_FRESH = timedelta(hours=1)
_DAY = 24


def stray_files(image: Image, root: str, run: Run, now: datetime) -> Iterator[Finding]:
    """Say of each file below the data path that no row of the catalog names, what it may be.

    Args:
        image: The catalog, with the types of one in DuckDB.
        root: The data path as an absolute folder or URL that ends in a slash.
        run: Reaches it, and is told how the listing goes on.
        now: The time by which files are so and so old.

    Raises:
        StorageError: The data path cannot be listed.
    """
    listing = Listing(image.connection, run.stores.open(root), run.progress)
    head = image.head()[1].astimezone(UTC)
    found = unknown_files(image, root, listing)
    listing.drop()
    for file in found:
        yield _about(file, root, head, now)


def written(file: UnknownFile) -> datetime | None:
    """When a file was made: by the time in its name if DuckLake named it, else by its store."""
    ours = _OURS.fullmatch(file.name.rpartition("/")[2])
    if ours is not None:
        return datetime.fromtimestamp(int(ours["time"].replace("-", ""), 16) / 1000, UTC)
    return datetime.fromtimestamp(file.modified_ns / 1e9, UTC) if file.modified_ns else None


def _about(file: UnknownFile, root: str, head: datetime, now: datetime) -> Finding:
    where = root + file.name
    made = written(file)
    age = "of unknown age" if made is None else f"{_span(now - made)} old"
    if is_aside(file.name):
        return ASIDE.at(where, f"was moved aside because it was damaged: {file.size} bytes, {age}")
    if _OURS.fullmatch(file.name.rpartition("/")[2]) is None or made is None:
        return FOREIGN.at(where, f"was not written by DuckLake: {file.size} bytes, {age}")
    if now - made < _FRESH:
        return UNDER_WAY.at(where, f"is {age} and not in the catalog: a commit may be under way")
    if made > head:
        newer = f"is newer than the catalog's newest commit of {spelled(head)}"
        return UNKNOWN_COMMIT.at(where, f"{newer}: of a commit that the catalog does not know; {age}")
    return ORPHAN.at(where, f"is {age} and in no snapshot: left by a killed writer, a failed commit, or its cleanup")


def _span(age: timedelta) -> str:
    hours = max(0, int(age.total_seconds())) // 3600
    if hours < 1:
        return "less than an hour"
    unit, number = ("hour", hours) if hours < _DAY else ("day", hours // _DAY)
    return f"{number} {unit}{'' if number == 1 else 's'}"
