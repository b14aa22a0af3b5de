"""What Google's library says of objects, and the listings of those that are no more."""

from __future__ import annotations

import base64
from collections.abc import Iterator
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


def listed(bucket: Any, url: str, limits: dict[str, Any], prefix: str, **which: str) -> Iterator[Any]:
    """All objects of a kind below a prefix: by rising name, of each the newest first.

    Args:
        bucket: The library's bucket.
        url: The same as a URL.
        limits: How long to wait, and how often to ask.
        prefix: What the names begin with.
        which: ``versions`` or ``soft_deleted``, as ``true`` in Google's own spelling, not in Python's, which not all
            that stands in for the service reads.
    """
    try:
        found = bucket.client.list_blobs(bucket, prefix=prefix, fields=_FIELDS, **which, **limits)
        # Google lists the generations of a name from the oldest on.
        for _, of_name in groupby(found, lambda blob: blob.name):
            yield from sorted(of_name, key=lambda blob: -int(blob.generation))
    except Exception as error:  # noqa: BLE001 - see `GcsBucket.head`
        translate(error, url, prefix)
