"""The contract of contents that objects had, and that a service keeps: versions, or what was deleted a while ago."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os.path import commonprefix
from typing import Protocol

import msgspec

from canvasback.errors import CanvasbackError

UNNAMED = "null"
"""The id of a content that has none of its own: it was written where no versions are kept, or before they were."""


class Version(msgspec.Struct, frozen=True):
    """One content that an object has or had. A content never changes; the service names it.

    Attributes:
        name: The object's name.
        id: What the service calls this content: a version id of S3 or Azure, a generation of GCS.
        size: Its bytes.
        modified_ns: When it was written, nanoseconds since 1970.
        etag: See `Stat`.
        checksum: See `Stat`.
        current: Whether it is what a reader gets now.
        hidden_by: The ids of the delete markers which hide it, if it is the newest content and nothing else does.
    """

    name: str
    id: str
    size: int
    modified_ns: int = 0
    etag: str = ""
    checksum: str = ""
    current: bool = False
    hidden_by: tuple[str, ...] = ()


class BroughtBack(msgspec.Struct, frozen=True):
    """What became of a content that was to come back.

    Attributes:
        version: Which one.
        error: Why it did not; None where it did.
    """

    version: Version
    error: CanvasbackError | None = None


def has_content(found: Version | None, version: Version) -> bool:
    """Whether what is found under a name is a content by its size and checksum; not all contents have a checksum."""
    if found is None or not found.checksum:
        return False
    return (found.size, found.checksum) == (version.size, version.checksum)


def common_prefix(names: Sequence[str]) -> str:
    """What all of some names begin with; they are in rising order."""
    return commonprefix([*names[:1], *names[-1:]])  # noqa: RUF071 - of texts, not of paths


class Versions(Protocol):
    """The contents that objects had, as a service keeps them whatever becomes of us.

    Errors are those of a `Store`.

    Attributes:
        batch: How many contents are best brought back by one call.
    """

    batch: int

    def kept(self) -> bool | None:
        """Whether what is deleted or overwritten from now on is kept; None where we may not know.

        What was kept before may be there even if not.
        """

    def list(self, prefix: str) -> Iterator[Version]:
        """All contents of the objects whose names begin with the prefix: by rising name, the newest of each first."""

    def find(self, names: Sequence[str]) -> Iterator[Version]:
        """All contents of some objects, as `list` tells them, by as few requests as do."""

    def head(self, name: str) -> Version | None:
        """The content that a reader gets now; None where there is none."""

    def bring_back(self, versions: Sequence[Version]) -> Iterator[BroughtBack]:
        """Let readers get these contents again, in any order. No byte passes through us, and no content is lost.

        What only delete markers hide is shown by deleting these, and where that may not be done it is answered with
        `AccessDeniedError`; of others, and of one that is given without ``hidden_by``, a copy is made under its name.
        What has something else under its name by now is answered with `ObjectExistsError`.
        """
