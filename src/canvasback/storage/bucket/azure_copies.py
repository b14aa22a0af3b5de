"""Copies that Azure makes by itself."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from azure.storage.blob import BlobClient

from canvasback.storage.bucket.service import unreachable


def copy_blob(blob: BlobClient, source: str, where: str, seconds: int, **conditions: Any) -> Any:
    """Let the service make a blob of what is at a URL, wait for it, and answer what the library says of the blob.

    Args:
        blob: The blob.
        source: The URL; see `source_of`.
        where: The blob's own, for who reads of it.
        seconds: How long to wait for an answer.
        conditions: What has to hold, in the library's words.
    """
    blob.start_copy_from_url(source, timeout=seconds, **conditions)
    found = blob.get_blob_properties(timeout=seconds)
    while found.copy.status == "pending":
        time.sleep(0.5)
        found = blob.get_blob_properties(timeout=seconds)
    if found.copy.status != "success":
        raise unreachable(where, f"the copy ended as {found.copy.status}")
    return found


def source_of(blob: BlobClient, **which: str) -> str:
    """The URL of one content of a blob: that of a ``versionid`` or a ``snapshot``, or of what is there."""
    wanted = urlencode(which)
    return f"{blob.url}{'&' if '?' in blob.url else '?'}{wanted}" if wanted else blob.url
