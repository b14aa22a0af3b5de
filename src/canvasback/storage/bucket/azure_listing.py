"""What Microsoft's library says of blobs, and the listings of those that are no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from azure.core import exceptions
from azure.storage.blob import ContainerClient

from canvasback.storage.bucket.azure_errors import translate
from canvasback.storage.store import Stat
from canvasback.storage.versions import Version, common_prefix

_FEW = 16
"""So many names are asked for one by one."""


def stat_of(found: Any, size: int | None = None) -> Stat:
    """What is known of a blob; its size where the library knows that of a range only."""
    modified = int(found.last_modified.timestamp()) * 1_000_000_000
    md5 = found.content_settings.content_md5
    return Stat(
        str(found.name),
        int(found.size) if size is None else size,
        modified,
        quoted(found.etag),
        f"md5:{bytes(md5).hex()}" if md5 else "",
    )


def version_of(found: Any, id_: str, *, current: bool) -> Version:
    """A blob, a version or a snapshot as one of the contents under its name."""
    stat = stat_of(found)
    return Version(stat.name, id_, stat.size, stat.modified_ns, stat.etag, stat.checksum, current)


def quoted(etag: Any) -> str:
    """The etag as HTTP has it: listings leave the quotes out."""
    return f'"{str(etag).strip(chr(34))}"'


def listed(container: ContainerClient, url: str, seconds: int, prefix: str, *which: str) -> Iterator[Any]:
    """All blobs of some kinds below a prefix: by rising name, of each the newest first.

    Args:
        container: The library's container.
        url: The same as a URL.
        seconds: How long to wait for an answer.
        prefix: What the names begin with.
        which: The kinds beside those that are there, in Azure's words.
    """
    try:
        found = container.list_blobs(name_starts_with=prefix, include=list(which), timeout=seconds)
        for _, of_name in groupby(found, lambda blob: blob.name):
            # Of a blob that was deleted whole there is neither, and it is newer than its snapshots. Both are times.
            yield from sorted(of_name, key=lambda blob: blob.version_id or blob.snapshot or "z", reverse=True)
    except exceptions.AzureError as error:
        translate(error, url, prefix)


def found_in(listing: Callable[[str], Iterator[Version]], names: Sequence[str]) -> Iterator[Version]:
    """The contents of some names, by one listing of each, or of all: Azure begins a listing at no name.

    Args:
        listing: Lists what is below a prefix.
        names: The names.
    """
    wanted = sorted(set(names), key=str.encode)
    if len(wanted) <= _FEW:
        return (version for name in wanted for version in listing(name) if version.name == name)
    known = set(wanted)
    return (version for version in listing(common_prefix(wanted)) if version.name in known)
