"""What lies in a data path and is not named by the catalog: how old it is, and how it most likely came there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from canvasback.catalog.image import Image
from canvasback.model.finding import Finding
from canvasback.operations.file_checks.kinds import ASIDE, FOREIGN, ORPHAN, UNDER_WAY, UNKNOWN_COMMIT
from canvasback.operations.unknown_files import UnknownFile, unknown_files

_YOUNG = timedelta(hours=1)
_CLOCKS = timedelta(seconds=2)
"""How far the clocks of a writer and of the catalog's database may be apart."""

_ASIDE = re.compile(r"\.damaged-\d{8}T\d{12}Z$")
_DUCKLAKE = re.compile(r"\.(parquet|puffin)$")
_UUID7 = re.compile(r"ducklake-([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def stray_files(image: Image, root: str, moment: datetime) -> Iterator[Finding]:
    """The listed files that no row names.

    Args:
        image: The catalog, whose connection has ``memory.listed``.
        root: The data path.
        moment: Now.
    """
    committed = image.head()[1]
    for file in unknown_files(image, root):
        written = written_at(file)
        place = root + file.name
        if _ASIDE.search(file.name):
            yield ASIDE.at(place, f"{file.size} bytes, moved aside because they were damaged")
        elif not _DUCKLAKE.search(file.name):
            yield FOREIGN.at(place, f"{file.size} bytes that are no file of DuckLake's")
        elif written is None or written < committed - _CLOCKS:
            when = "of an unknown time" if written is None else f"written {_ago(moment - written)}"
            yield ORPHAN.at(place, f"{file.size} bytes, {when}: the leftovers of a writer or of a cleanup")
        elif moment - written < _YOUNG:
            yield UNDER_WAY.at(place, f"{file.size} bytes, written {_ago(moment - written)}: a commit may be under way")
        else:
            yield UNKNOWN_COMMIT.at(
                place,
                f"{file.size} bytes, written {_ago(moment - written)}, after the newest commit that the catalog knows",
            )


def written_at(file: UnknownFile) -> datetime | None:
    """When a file was written, by the time in DuckLake's name for it, else by its store; None where neither says."""
    named = _UUID7.search(file.name)
    if named:
        return datetime.fromtimestamp(int(named[1] + named[2], 16) / 1000, UTC)
    return datetime.fromtimestamp(file.modified_ns / 1e9, UTC) if file.modified_ns else None


def _ago(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    if hours < 1:
        return f"{max(0, int(hours * 60))} minutes ago"
    return f"{int(hours)} hours ago" if hours < 48 else f"{int(hours / 24)} days ago"
