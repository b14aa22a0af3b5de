"""Bringing back whole folders at once: the service works through what was deleted from them, while we wait.

Google is told which objects to bring back by globs and by when they were deleted, not by their generations. So a folder
is asked for only if what was deleted from it in that time is just what is wanted, and nothing of it twice.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from canvasback.errors import StorageError
from canvasback.storage.bucket.gcs_errors import translate
from canvasback.storage.bucket.gcs_listing import listed, stat_of, version_of
from canvasback.storage.bucket.service import TransientError
from canvasback.storage.versions import Version, has_content

WORTH = 1000
"""A folder of fewer contents is brought back sooner one by one: an operation takes seconds to begin."""

_GLOBS = 100
"""So many folders are named by one request."""

_MARGIN = timedelta(seconds=1)
"""Google does not say whether its bounds of time are among what it takes."""

_FIRST_LOOK, _LATER_LOOKS = 1.0, 30.0
"""After how many seconds an operation is asked after, and how long it may become between two looks."""

_MEANS_MORE = re.compile(r"[*?\[\]{}\\]")
"""What means something else than itself in a glob."""


class Deleted(msgspec.Struct, frozen=True):
    """One content that was deleted.

    Attributes:
        name: The object's key.
        generation: Which content.
        at: When it was deleted.
    """

    name: str
    generation: str
    at: datetime


class Span(msgspec.Struct, frozen=True):
    """Whole folders, and the time in which what is wanted was deleted from them.

    Attributes:
        folders: They end in a slash, and none lies in another.
        first: When the first was deleted.
        last: When the last was.
    """

    folders: tuple[str, ...]
    first: datetime
    last: datetime


def whole_folders(deleted: Iterable[Deleted], wanted: dict[str, str], base: str) -> Span | None:
    """The largest folders out of which all that was deleted in the time of what is wanted is wanted, and once.

    Args:
        deleted: All that was deleted below a folder.
        wanted: What is wanted of it: the generation, by the name.
        base: That folder; it ends in a slash, or is empty for the bucket, which is never asked for as a whole.

    Returns:
        The folders that hold enough for an operation; None where there are none.
    """
    times: dict[str, datetime] = {}
    others: dict[str, tuple[datetime, datetime]] = {}
    for content in deleted:
        if wanted.get(content.name) == content.generation:
            times[content.name] = content.at
            continue
        for folder in _folders_of(content.name, base):
            first, last = others.get(folder, (content.at, content.at))
            others[folder] = min(first, content.at), max(last, content.at)
    if not times:
        return None
    first, last = min(times.values()) - _MARGIN, max(times.values()) + _MARGIN
    mixed = {folder for folder, (begin, end) in others.items() if begin <= last and end >= first}
    counts: Counter[str] = Counter()
    for name in times:
        if not _MEANS_MORE.search(name):
            counts[next((folder for folder in _folders_of(name, base) if folder not in mixed), "")] += 1
    folders = tuple(sorted(folder for folder, count in counts.items() if folder and count >= WORTH))
    return Span(folders, first, last) if folders else None


class GcsBulkRestore:
    """Google's own restore of many soft-deleted objects, of its JSON API.

    Args:
        bucket: The library's bucket.
        url: The same as a URL.
        limits: How long to wait for an answer, and how often to ask.
    """

    def __init__(self, bucket: Any, url: str, limits: dict[str, Any]) -> None:
        self._bucket = bucket
        self._url = url
        self._limits = limits

    def restore(self, versions: Sequence[Version]) -> set[tuple[str, str]]:
        """Bring back those of many contents that can be brought back so, and wait until they are.

        It takes the right to restore in a bucket (``storage.buckets.restore``) and to ask after operations; without,
        nothing comes back. What did not come for any other reason neither.

        Returns:
            The names and generations of what is there now, as its size and checksum prove.
        """
        names = Counter(version.name for version in versions)
        wanted = {version.name: version for version in versions if names[version.name] == 1}
        base = _folder_of_all(versions)
        try:
            span = whole_folders(self._deleted(base), {name: version.id for name, version in wanted.items()}, base)
            if span is None:
                return set()
            for start in range(0, len(span.folders), _GLOBS):
                self._wait(self._begin(span.folders[start : start + _GLOBS], span))
            return {found for folder in span.folders for found in self._there(folder, wanted)}
        except (StorageError, TransientError):
            return set()

    def _deleted(self, prefix: str) -> Iterator[Deleted]:
        for blob in listed(self._bucket, self._url, self._limits, prefix, soft_deleted="true"):
            at = datetime.fromisoformat(blob._properties["softDeleteTime"])  # noqa: SLF001 - older libraries hide it
            yield Deleted(str(blob.name), str(blob.generation), at)

    def _begin(self, folders: Sequence[str], span: Span) -> dict[str, Any]:
        wish = {
            "matchGlobs": [f"{folder}**" for folder in folders],
            "softDeletedAfterTime": _told(span.first),
            "softDeletedBeforeTime": _told(span.last),
            "allowOverwrite": False,
        }
        return self._call("_post_resource", f"{self._bucket.path}/o/bulkRestore", wish)

    def _wait(self, operation: dict[str, Any]) -> None:
        name = str(operation["name"]).rpartition("/")[2]
        pause = _FIRST_LOOK
        while not operation.get("done"):
            time.sleep(pause)
            pause = min(2 * pause, _LATER_LOOKS)
            operation = self._call("_get_resource", f"{self._bucket.path}/operations/{name}")

    def _there(self, folder: str, wanted: dict[str, Version]) -> Iterator[tuple[str, str]]:
        """What of a folder is there and as it is wanted."""
        try:
            for blob in self._bucket.client.list_blobs(self._bucket, prefix=folder, **self._limits):
                version = wanted.get(str(blob.name))
                if version is not None and has_content(version_of(stat_of(blob), current=True), version):
                    yield version.name, version.id
        except Exception as error:  # noqa: BLE001 - see `GcsBucket.head`
            translate(error, self._url, folder)

    def _call(self, verb: str, path: str, *data: Any) -> dict[str, Any]:
        """A request that the library has no method for."""
        try:
            answer: dict[str, Any] = getattr(self._bucket.client, verb)(path, *data, **self._limits)
        except Exception as error:  # noqa: BLE001 - see `GcsBucket.head`
            translate(error, self._url, "")
        return answer


def _folders_of(name: str, base: str) -> Iterator[str]:
    """The folders that hold a name and are a base or lie in it, the largest first."""
    end = name.find("/", max(0, len(base) - 1))
    while end != -1:
        yield name[: end + 1]
        end = name.find("/", end + 1)


def _folder_of_all(versions: Sequence[Version]) -> str:
    """The smallest folder that holds all of them."""
    first, last = min(version.name for version in versions), max(version.name for version in versions)
    alike = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[: first.rfind("/", 0, alike) + 1]


def _told(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
