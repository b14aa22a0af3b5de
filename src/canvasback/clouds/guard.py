"""What looks at the protection of one bucket, and adds to it: one small class per cloud implements this."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from canvasback.clouds.opening import load_cloud
from canvasback.errors import CanvasbackError
from canvasback.model.protection.bucket import BucketProtection, Part, Unseen
from canvasback.storage.bucket.place import BucketPlace

CopyState = Literal["arrived", "pending", "failed", "never", "gone", "untold"]


class Copy(msgspec.Struct, frozen=True):
    """What a service says of the copy of one object.

    Attributes:
        key: The object.
        state: ``arrived``; ``pending``; ``failed``; ``never``, where no rule has been about it; ``gone``, where the
            object itself is not there; ``untold``, where the service does not say it of single objects.
        written: When the object was; None where it is gone.
    """

    key: str
    state: CopyState
    written: datetime | None = None


class Guard(Protocol):
    """The protection of one bucket.

    What may not be seen, or does not exist, is part of what `look` answers. Raised is only what makes it pointless to
    go on: there is no such bucket, nobody knows the credentials, or the service does not answer.

    Attributes:
        url: The bucket, which ends in a slash.
    """

    url: str

    def look(self) -> BucketProtection:
        """All that it has. Reads only."""

    def region(self) -> str:
        """Where it is; empty if unknown."""

    def first_keys(self, prefix: str, most: int) -> list[str]:
        """Some keys below a prefix, by one request.

        Raises:
            AccessDeniedError: They may not be listed.
        """

    def copies(self, keys: Iterable[str]) -> list[Copy]:
        """What the service says of the copies of objects.

        Raises:
            AccessDeniedError: They may not be looked at.
        """

    def has(self, keys: Iterable[str]) -> list[bool]:
        """Whether objects are there.

        Raises:
            AccessDeniedError: They may not be looked at, or what is missing cannot be told from what is forbidden.
        """


def open_guard(place: BucketPlace) -> Guard:
    """What looks at a bucket.

    Raises:
        RefusedError: Nothing looks at buckets of its cloud (``protection-unsupported``).
        UsageError: The extra for its cloud is not installed (``extra-missing``).
        StorageError: There are no credentials.
    """
    guard: Guard = load_cloud(place, "status").open_bucket(place)
    return guard


class Seen:
    """Collects what could not be seen, and what there is not, while a bucket is asked for one part after the other."""

    def __init__(self) -> None:
        self.unseen: list[Unseen] = []
        self.lacking: list[Part] = []

    def denied(self, part: Part, needs: str, reason: str) -> None:
        """A right is lacking."""
        self.unseen.append(Unseen(part=part, needs=needs, reason=reason))

    def lacks(self, part: Part) -> None:
        """The service has no such thing."""
        if part not in self.lacking:
            self.lacking.append(part)

    def failed(self, part: Part, error: CanvasbackError) -> None:
        """It could not be seen for another reason."""
        self.unseen.append(Unseen(part=part, needs="", reason=error.message))
