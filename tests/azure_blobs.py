"""Blobs as Azure keeps them: with versions, snapshots, and what was deleted a while ago."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field, replace

_ETAGS = itertools.count(0x8DC0000000000)
_MOMENTS = itertools.count(1)


@dataclass(frozen=True)
class Content:
    """What a blob is or was.

    Attributes:
        kind: ``base`` for what a reader gets, ``version`` for what was one, ``snapshot``.
        id: The version id, or the snapshot's; empty for what has none.
    """

    data: bytes
    md5: str
    etag: str
    modified: float
    kind: str = "base"
    id: str = ""
    deleted: bool = False
    copied: bool = False
    tier: str = "Hot"


@dataclass
class Container:
    """Blobs by their names, with all that is kept of each, the oldest first.

    Attributes:
        page: How many entries one answer lists.
    """

    versions: bool = False
    soft_delete: bool = False
    page: int = 5000
    blobs: dict[str, list[Content]] = field(default_factory=dict)
    blocks: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def find(self, name: str, version: str = "", snapshot: str = "") -> Content | None:
        """What is read: of what was deleted nothing."""
        for content in self.blobs.get(name, []):
            here = content.id == snapshot if snapshot else content.kind != "snapshot"
            wanted = content.id == version if version else snapshot or content.kind == "base"
            if here and wanted and not content.deleted:
                return content
        return None

    def put(self, name: str, data: bytes, md5: str, *, copied: bool = False) -> Content:
        """Make a blob of a content; what was there is kept, if at all, as the container keeps it."""
        kept = []
        for content in self.blobs.get(name, []):
            if content.kind != "base":
                kept.append(content)
            elif self.versions:
                kept.append(replace(content, kind="version"))
            elif self.soft_delete or content.deleted:
                kept.append(replace(content, kind="snapshot", id=moment(), deleted=True))
        made = Content(data, md5, f'"0x{next(_ETAGS):X}"', time.time(), copied=copied)
        made = replace(made, id=moment() if self.versions else "")
        self.blobs[name] = [*kept, made]
        return made

    def delete(self, name: str, version: str, snapshot: str, snapshots: str) -> tuple[int, str]:
        """Answer the status and the code of a deletion."""
        found = self.find(name, version, snapshot)
        if found is None:
            return 404, "BlobNotFound"
        if version and found.kind == "base":
            return 403, "OperationNotAllowedOnRootBlob"
        others = [content for content in self.blobs[name] if content.kind == "snapshot" and not content.deleted]
        if not version and not snapshot and others and not snapshots:
            return 409, "SnapshotsPresent"
        gone = [found] if snapshots != "only" else []
        gone += others if snapshots else []
        left: list[Content] = []
        for content in self.blobs[name]:
            if not any(content is some for some in gone):
                left.append(content)
            elif content.kind == "base" and self.versions:
                left.append(replace(content, kind="version"))
            elif self.soft_delete:
                left.append(replace(content, deleted=True))
        self.blobs[name] = left
        if not left:
            del self.blobs[name]
        return 202, ""

    def undelete(self, name: str) -> bool:
        """Bring back all that was deleted of a blob; whether there is any of it."""
        if name not in self.blobs:
            return False
        self.blobs[name] = [replace(content, deleted=False) for content in self.blobs[name]]
        return True


def moment() -> str:
    """A time as an id, later than all before."""
    at = time.gmtime(1_800_000_000 + (number := next(_MOMENTS)) // 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", at) + f".{number % 1000:07d}Z"
