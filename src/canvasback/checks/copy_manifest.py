"""The list of what is to be brought back, as a service takes it that moves a million objects by itself.

S3 Batch Operations wants bucket, key and version id, the key encoded as in a URL; Storage Transfer of Google the object
and its generation. Source: "Specifying a manifest" of the S3 User Guide; "Transfer specific files or objects using a
manifest" of Storage Transfer's.
"""

from __future__ import annotations

import csv
from urllib.parse import quote

from canvasback.checks.copy_search import CopySearch

_BATCH = 4096


def write_manifest(search: CopySearch, path: str) -> int:
    """Write the copies that were found in buckets to a file that is not there yet.

    Args:
        search: Knows them.
        path: The file.

    Returns:
        How many there are.

    Raises:
        OSError: It cannot be written, or has appeared meanwhile.
    """
    cursor = search.connection.cursor()
    cursor.execute(
        "SELECT DISTINCT CASE WHEN origin = 'replica' THEN source ELSE place END AS url, "
        f"CASE WHEN origin = 'replica' THEN '' ELSE source END FROM {search.known.found} "
        "WHERE origin IN ('versions', 'replica') AND regexp_matches(place, '^[a-z0-9]+://') ORDER BY url"
    )
    written = 0
    with open(path, "x", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        while rows := cursor.fetchmany(_BATCH):
            lines.writerows(_row(search, url, id_) for url, id_ in rows)
            written += len(rows)
    return written


def _row(search: CopySearch, url: str, id_: str) -> list[str]:
    place = search.run.stores.place(url)
    _, key = search.run.stores.locate(url)
    version = [id_] if id_ else []
    if place is not None and place.kind == "s3":
        return [place.name, quote(key), *version]
    return [key, *version]
