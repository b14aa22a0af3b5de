"""What a bucket has of its cloud's own protection, as the cloud tells it, in words that hold for all clouds."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Literal

import msgspec

Versioning = Literal["on", "suspended", "off"]
Spread = Literal["zone", "region", "regions", ""]


class Part(enum.StrEnum):
    """A part of what protects a bucket. Each is asked for by itself, and may be unseen or not exist."""

    VERSIONING = "versioning"
    LIFECYCLE = "lifecycle"
    TIERING = "tiering"
    REPLICATION = "replication"
    LOCK = "lock"
    SOFT_DELETE = "soft-delete"
    BACKUP = "backup"
    PUBLIC_ACCESS = "public-access"
    ENCRYPTION = "encryption"
    REGION = "region"
    REPLICA = "replica"


class Unseen(msgspec.Struct, frozen=True, kw_only=True):
    """A part that could not be seen.

    Attributes:
        part: Which one.
        needs: The right that was lacking, as the cloud names it, or the package; empty where it is neither.
        reason: What the cloud said.
    """

    part: Part
    needs: str
    reason: str


class LifecycleRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule by which the cloud deletes or moves objects by itself. Days count from when an object was written.

    Attributes:
        id: Its name; its place in the list where it has none.
        enabled: Whether it is followed.
        prefixes: What keys it is about begin with one of; empty for all.
        limited_to: What else an object has to be like, in words; empty where nothing else is asked.
        expires_after: After how many days it deletes objects that are there; null if never.
        expires_on: The day on which it does; null if on none.
        freezes_after: After how many days it moves them to where they cannot be read at once; null if never.
        freezes_to: That storage class.
        noncurrent_after: How many days after a version was deleted or replaced it is gone for good; 0 where that counts
            from when it was written, so that it may be at once. Null if never.
        noncurrent_keeps: How many newer versions there have to be before that.
        noncurrent_freezes_after: After how many days such a version is moved to where it cannot be read at once.
        aborts_uploads_after: After how many days parts of uploads that died are removed.
    """

    id: str
    enabled: bool = True
    prefixes: tuple[str, ...] = ()
    limited_to: str = ""
    expires_after: int | None = None
    expires_on: date | None = None
    freezes_after: int | None = None
    freezes_to: str = ""
    noncurrent_after: int | None = None
    noncurrent_keeps: int = 0
    noncurrent_freezes_after: int | None = None
    aborts_uploads_after: int | None = None

    def touches(self, prefix: str) -> bool:
        """Whether it is followed, and is about any object below a prefix."""
        return self.enabled and overlaps(self.prefixes, prefix)


class ReplicationRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule by which the cloud copies new objects to another bucket.

    Attributes:
        id: Its name.
        enabled: Whether it is followed.
        prefixes: What keys it is about begin with one of; empty for all.
        limited_to: What else an object has to be like, in words; empty where nothing else is asked.
        destination: The other bucket, a URL that ends in a slash.
        account: The account that owns it, where the rule says so.
        deletes: Whether what is deleted here is deleted there too.
        existing: Whether what was there before the rule is copied.
        storage_class: How copies are stored; empty for as the original.
    """

    id: str
    enabled: bool = True
    prefixes: tuple[str, ...] = ()
    limited_to: str = ""
    destination: str = ""
    account: str = ""
    deletes: bool = False
    existing: bool = False
    storage_class: str = ""

    def covers(self, prefix: str) -> bool:
        """Whether it is followed, and is about all objects below a prefix."""
        return self.enabled and not self.limited_to and covers(self.prefixes, prefix)


class ObjectLock(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps objects from being deleted, whoever asks.

    Attributes:
        mode: ``governance`` or ``compliance`` (S3), ``locked`` or ``unlocked`` (the others: whether the lock itself can
            be taken away); empty where objects can be locked, and new ones are not by themselves.
        days: How long new objects are, from when they were written; null where they are not.
        blocks_cleanup: Whether deleting an object fails while it is locked. In S3 it does not: the object is hidden,
            and its version stays.
    """

    mode: str = ""
    days: int | None = None
    blocks_cleanup: bool = False

    @property
    def firm(self) -> bool:
        """Whether nobody at all can lift it."""
        return self.mode in {"compliance", "locked"}


class BackupPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan of the cloud's backup service that takes in the bucket.

    Attributes:
        name: Its name.
        vault: Where its backups go.
        schedule: When it makes them, as the service writes it.
        days: How long they are kept; null for ever.
        continuous: Whether every moment of the last days can be restored.
        copies_to: Where they are copied to besides: vaults.
        copy_regions: The regions of those.
    """

    name: str
    vault: str = ""
    schedule: str = ""
    days: int | None = None
    continuous: bool = False
    copies_to: tuple[str, ...] = ()
    copy_regions: tuple[str, ...] = ()


class Backups(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud's backup service has of the bucket.

    Attributes:
        plans: The plans that take it in.
        newest: When the newest backup that can be restored was made; null where there is none.
        count: How many there are.
        continuous: Whether one of them holds every moment until now.
        locked_from: From when on nobody at all can delete those of a vault before their time; null where somebody can.
    """

    plans: tuple[BackupPlan, ...] = ()
    newest: datetime | None = None
    count: int = 0
    continuous: bool = False
    locked_from: datetime | None = None


class BucketProtection(msgspec.Struct, frozen=True, kw_only=True):
    """What a bucket has. What is in `unseen` or in `lacking` has the value that it has where there is none.

    Attributes:
        url: The bucket, which ends in a slash.
        cloud: The kind of its service: ``s3``, ``gcs`` or ``azure``.
        service: Whose it is: ``AWS``, or the host that speaks as AWS does.
        region: Where it is; empty if unknown.
        spread: Over what its objects are spread: one ``zone``, one ``region``, or several ``regions``.
        encryption: How they are encrypted, as the service names it.
        versioning: Whether what is deleted or replaced stays as a version.
        guarded_versions: Whether deleting a version takes more than a right: MFA delete.
        lifecycle: What is deleted or moved by itself.
        replication: What is copied to other buckets by itself.
        lock: What keeps objects from being deleted; null where nothing can be locked.
        soft_delete_days: For how many days what was deleted or replaced can be brought back; 0 for none.
        bucket_soft_delete_days: For how many days the bucket itself can be.
        backups: What the cloud's backup service has of it.
        public: What lets everybody in.
        unseen: What could not be seen.
        lacking: What the service does not have.
    """

    url: str
    cloud: Literal["s3", "gcs", "azure"]
    service: str
    region: str = ""
    spread: Spread = ""
    encryption: str = ""
    versioning: Versioning = "off"
    guarded_versions: bool = False
    lifecycle: tuple[LifecycleRule, ...] = ()
    replication: tuple[ReplicationRule, ...] = ()
    lock: ObjectLock | None = None
    soft_delete_days: float = 0
    bucket_soft_delete_days: float = 0
    backups: Backups = Backups()
    public: tuple[str, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    lacking: tuple[Part, ...] = ()

    def saw(self, part: Part) -> bool:
        """Whether a part was seen, or is known not to exist."""
        return all(one.part != part for one in self.unseen)

    def version_days(self, prefix: str, *, overwritten: bool = False) -> float | None:
        """How many days a version stays after it was deleted, or replaced; None for ever.

        Args:
            prefix: Of objects below it.
            overwritten: Whether other versions may have come after it. What is deleted has none.
        """
        return min(
            (
                rule.noncurrent_after
                for rule in self.lifecycle
                if rule.noncurrent_after is not None
                and rule.touches(prefix)
                and (overwritten or not rule.noncurrent_keeps)
            ),
            default=None,
        )


def covers(prefixes: tuple[str, ...], prefix: str) -> bool:
    """Whether what keys begin with takes in all that is below a prefix; none at all takes in everything."""
    return not prefixes or any(prefix.startswith(one) for one in prefixes)


def overlaps(prefixes: tuple[str, ...], prefix: str) -> bool:
    """Whether it takes in anything that is below a prefix."""
    return covers(prefixes, prefix) or any(one.startswith(prefix) for one in prefixes)
