"""What a cloud's client library has to offer for a store: one small class per cloud implements this."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from canvasback.errors import RefusedError, StorageError
from canvasback.storage.store import Copied, Locks, Source, Stat
from canvasback.storage.versions import Versions


class StoreOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to reach a bucket, where the cloud's own conventions do not say it. Nothing here is secret.

    Attributes:
        profile: A profile of AWS's configuration files.
        region: The bucket's region.
        endpoint: The URL of the service; ``http://`` only where it is spelled so.
        path_style: Whether the bucket's name stands in the path rather than in the host's name; None for what is
            usual: in the host's name at AWS, in the path elsewhere.
        account: The account of Azure storage.
        timeout: After how many seconds a request counts as lost.
        retries: How often a request is tried again.
    """

    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    path_style: bool | None = None
    account: str | None = None
    timeout: float = 120
    retries: int = 8


class TransientError(Exception):
    """A body that broke off, or an answer that never came: it may work the next time."""


class WrongBytesError(OSError):
    """What arrived is not what the store vouches for."""


class Bucket(Protocol):
    """The objects of one bucket by their full keys.

    Implementations retry what can be retried, and raise `StorageError` and its subclasses for all failures but
    `TransientError`. Every method may be called from several threads.

    Attributes:
        url: ``scheme://bucket/``.
        service: Buckets of equal service can copy from each other.
        arrival: See `Store`.
        single: Objects of at most so many bytes are best sent as one piece.
    """

    url: str
    service: str
    arrival: str
    single: int

    @property
    def locks(self) -> Locks | None:
        """Locks against deletion, of keys; None where there are none, or none that we know how to use."""

    @property
    def versions(self) -> Versions | None:
        """Older contents, by keys; None where there are none, or none that we know how to use."""

    @property
    def soft_deleted(self) -> Versions | None:
        """Contents that were deleted a short while ago, by keys; None where there are no such."""

    def head(self, key: str) -> Stat | None:
        """What is known of an object; None where there is none."""

    def read(self, key: str, start: int, size: int, etag: str = "") -> tuple[bytes, Stat]:
        """At most so many bytes from a place on, and what is known of the whole object.

        Args:
            key: The object.
            start: Where to begin; not beyond the end, but for 0.
            size: How many.
            etag: Fail unless the object has it; empty for any.
        """

    def stream(self, key: str, start: int, etag: str = "") -> tuple[Iterator[bytes], Stat]:
        """The bytes from a place on as they come, and what is known of the whole object.

        The iterator raises `TransientError` where the bytes break off, and may end too early.

        Args:
            key: The object.
            start: Where to begin; before the end, but for 0.
            etag: Fail unless the object has it; empty for any.
        """

    def put(self, key: str, content: bytes | bytearray) -> str:
        """Create an object of one piece, and answer its etag.

        Raises:
            ObjectExistsError: The key is taken.
        """

    def upload(self, key: str, source: Source, size: int) -> str:
        """Create an object from a stream of any length with bounded memory, and answer its etag.

        Nothing is created where the stream fails.

        Raises:
            ObjectExistsError: The key is taken.
        """

    def copy(self, key: str, origin: Bucket, origin_key: str, stat: Stat) -> Copied | None:
        """Create an object from one of a bucket of the same service; the service may ignore whether the key is taken.

        Args:
            key: The new object.
            origin: The other bucket.
            origin_key: The original.
            stat: What the original has to be.

        Returns:
            The copy, with the checksum by which the service vouches for it; None where the original changed.
        """

    def list(self, prefix: str) -> Iterator[Stat]:
        """All objects whose keys begin with the prefix, by rising key."""

    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""


PIECE = 8 * 1024 * 1024
"""What one request reads where a library gives no stream."""


def by_pieces(bucket: Bucket, key: str, start: int, etag: str) -> tuple[Iterator[bytes], Stat]:
    """What `Bucket.stream` promises, by one request for each piece."""
    first, stat = bucket.read(key, start, PIECE, etag)

    def pieces() -> Iterator[bytes]:
        yield first
        place = start + len(first)
        while place < stat.size:
            piece, _ = bucket.read(key, place, PIECE, stat.etag)
            place += len(piece)
            yield piece

    return pieces(), stat


def parts_of(source: Source, size: int) -> Iterator[bytearray]:
    """A stream in parts of equal size, the last one smaller; one empty part of an empty stream."""
    part = bytearray()
    first = True
    while piece := source.read(size - len(part)):
        part += piece
        if len(part) == size:
            yield part
            part = bytearray()
            first = False
    if part or first:
        yield part


def unreachable(where: str, error: Exception | str) -> StorageError:
    """The service did not answer, or not sensibly, in spite of all retries."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return StorageError(
        f"cannot reach {where}: {reason[:300]}",
        code="storage-unreachable",
        hint="See whether the service and the network are up, and run it again: what has been copied is kept.",
    )


def bucket_missing(where: str) -> StorageError:
    """There is no such bucket."""
    return StorageError(
        f"there is no bucket {where}",
        code="bucket-missing",
        hint="Check its name, the account and the endpoint; Canvasback creates no buckets.",
    )


def credentials_refused(where: str, reason: str) -> StorageError:
    """The service does not know us, or no longer."""
    return StorageError(
        f"the credentials for {where} are refused: {reason}",
        code="credentials-refused",
        hint="Renew or correct them where the cloud's own tools look for them, and run it again; "
        "docs/object-stores.md says where that is.",
    )


def credentials_missing(where: str, reason: str) -> StorageError:
    """There are no credentials at all."""
    return StorageError(
        f"there are no credentials for {where}: {reason}",
        code="credentials-missing",
        hint="Put them where the cloud's own tools look for them; docs/object-stores.md says where that is.",
    )


def wrong_region(where: str, reason: str) -> StorageError:
    """The bucket is in another region than we asked."""
    return StorageError(
        f"{where} is in another region than was asked: {reason}",
        code="wrong-region",
        hint="Set its region in the cloud's own configuration, or under [storage] in canvasback.toml.",
    )


def archived(where: str) -> StorageError:
    """An object is in a storage class out of which nothing can be read at once."""
    return StorageError(
        f"{where} is archived: its storage class does not let it be read or copied",
        code="object-archived",
        hint="Have the service restore it from its storage class first, which takes hours, and run this again.",
    )


def read_only(where: str) -> RefusedError:
    """Something is to be written where only contents of the past are read."""
    return RefusedError(
        "read-only",
        f"{where} is what an object was, and is only read",
        hint="Write to the bucket itself.",
    )


def no_conditional_writes(where: str) -> StorageError:
    """The service cannot create an object only where there is none."""
    return StorageError(
        f"{where} does not support conditional writes: it would overwrite objects without saying so",
        code="no-conditional-writes",
        hint="Two backups at once could destroy each other there. Use a service that supports If-None-Match.",
    )


def lock_not_enabled(where: str) -> RefusedError:
    """Nothing can be locked in the bucket."""
    return RefusedError(
        "lock-not-enabled",
        f"{where} has no object lock",
        hint="Make a bucket that has it: aws s3api create-bucket --object-lock-enabled-for-bucket. For one that is "
        "there switch on versioning, then: aws s3api put-object-lock-configuration --object-lock-configuration "
        "ObjectLockEnabled=Enabled.",
    )
