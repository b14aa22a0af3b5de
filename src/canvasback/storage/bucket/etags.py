"""What S3's etags and checksums say of an object's content."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from canvasback.storage.checksums import of_parts

_MD5 = re.compile(r'"?([0-9a-f]{32})(-\d+)?"?')


def checksum_of_etag(etag: str, size: int) -> str:
    """What an etag says of the content: MD5, or MD5 of the one part's MD5; of more parts the sizes are unknown."""
    found = _MD5.fullmatch(etag)
    if found is None or found[2] not in {None, "-1"}:
        return ""
    return f"md5:{found[1]}" if found[2] is None else of_parts("md5", max(size, 1), found[1])


def part_count(etag: str) -> int:
    """In how many parts an object came, as its etag says; 0 where it says nothing of the content."""
    found = _MD5.fullmatch(etag)
    if found is None:
        return 0
    return 1 if found[2] is None else int(found[2][1:])


def checksum_of_parts(parts: list[dict[str, Any]], size: int) -> str:
    """The checksum of an object from those of its parts; empty where the service gave none of use."""
    if all("ChecksumSHA256" in part for part in parts):
        whole = hashlib.sha256(b"".join(base64.b64decode(part["ChecksumSHA256"]) for part in parts))
        return of_parts("sha256", size, whole.hexdigest())
    found = [_MD5.fullmatch(part["ETag"]) for part in parts]
    whole = hashlib.md5(b"".join(bytes.fromhex(md5[1]) for md5 in found if md5), usedforsecurity=False)
    return of_parts("md5", size, whole.hexdigest()) if all(found) else ""


def hex_digest(digest: str) -> str:
    """A digest in hex, which S3 gives in base 64."""
    return base64.b64decode(digest).hex()
