"""What Google's library says of objects, and the listings of those that are no more."""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from canvasback.storage.bucket.gcs_errors import translate
from canvasback.storage.store import Stat
from canvasback.storage.versions import Version

_FIELDS = "items(name,generation,size,updated,crc32c,timeDeleted,softDeleteTime),nextPageToken"


def stat_of(blob: Any) -> Stat:
    """What is known of an object; its generation is its etag."""
    modified = int(blob.updated.timestamp() * 1_000_000) * 1_000 if blob.updated else 0
    checksum = f"crc32c:{base64.b64decode(blob.crc32c).hex()}" if blob.crc32c else ""
    return Stat(str(blob.name), int(blob.size or 0), modified, str(blob.generation), checksum)


def version_of(stat: Stat, *, current: bool) -> Version:
    """An object as one of the contents under its name."""
    return Version(stat.name, stat.etag, stat.size, stat.modified_ns, stat.etag, stat.checksum, current)


def listed(
    bucket: Any, url: str, limits: dict[str, Any], prefix: str, wanted: Sequence[str] | None = None, **which: str
) -> Iterator[Any]:
    """All objects of a kind below a prefix: by rising name, of each the newest first.

    Args:
        bucket: The library's bucket.
        url: The same as a URL.
        limits: How long to wait, and how often to ask.
        prefix: What the names begin with.
        wanted: Only these names, by rising order of their bytes: pages without any of them are passed over.
        which: ``versions`` or ``soft_deleted``, as ``true`` in Google's own spelling, not in Python's, which not all
            that stands in for the service reads.
    """

    def pages(start: str) -> Iterator[Any]:
        offset = {"start_offset": start} if start else {}
        found = bucket.client.list_blobs(bucket, prefix=prefix, fields=_FIELDS, **offset, **which, **limits)
        pages_: Iterator[Any] = found.pages
        return pages_

    try:
        every = _wanted(pages, wanted) if wanted is not None else (blob for page in pages("") for blob in page)
        # Google lists the generations of a name from the oldest on.
        for _, of_name in groupby(every, lambda blob: blob.name):
            yield from sorted(of_name, key=lambda blob: -int(blob.generation))
    except Exception as error:  # noqa: BLE001 - see `GcsBucket.head`
        translate(error, url, prefix)


def _wanted(pages: Callable[[str], Iterator[Any]], names: Sequence[str]) -> Iterator[Any]:
    """The objects of some names, by pages that begin at a name that is wanted."""
    known, at = set(names), 0
    while at < len(names):
        for page in pages(names[at]):
            last = ""
            for blob in page:
                last = str(blob.name)
                if last in known:
                    yield blob
            # Of the last name there may be more to come.
            after = bisect_right(names, last.encode(), key=str.encode)
            if last not in known and after > at:
                at = after
                break
        else:
            return
