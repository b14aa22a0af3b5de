"""What has to be protected: a lake's files, and how long it may take until somebody misses one."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.protection.bucket import BucketProtection, Part

_DAY = 86400.0


class RepositoryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The lake's repository, which is a protection too.

    Attributes:
        url: Where it is.
        points: Its recovery points that are not forgotten.
        oldest: When the oldest of them was made; null where there is none.
        newest: When the newest was.
        region: Where it is; empty if unknown, or on a disk.
        in_bucket: Whether it is in the same bucket as the lake's files.
        locked: Whether its objects are locked against deletion.
    """

    url: str
    points: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    region: str = ""
    in_bucket: bool = False
    locked: bool = False


class LakeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be protected.

    Attributes:
        lake: The catalog; empty where a place is looked at that is no lake's.
        data_path: Where the files are: a folder, or a prefix of a bucket.
        prefix: What their keys begin with.
        files: How many there are; null where nobody knows.
        elsewhere: How many lie outside of the data path, and are not looked at.
        expire_days: After how many days DuckLake forgets a snapshot, by its option ``expire_older_than``; null where it
            is not set.
        cleanup_days: How long DuckLake waits until it deletes what nobody needs any more, by ``delete_older_than``.
        catalog_in_bucket: Whether the catalog is a file in the same bucket.
        oldest_file: When the oldest file was written that was looked at; null where none was.
        repository: The lake's repository; null where none was named.
    """

    lake: str
    data_path: str
    prefix: str = ""
    files: int | None = None
    elsewhere: int = 0
    expire_days: float | None = None
    cleanup_days: float | None = None
    catalog_in_bucket: bool = False
    oldest_file: datetime | None = None
    repository: RepositoryFacts | None = None

    def needed_days(self, now: datetime) -> tuple[float, str]:
        """How many days deleted files have to stay at least, and why, in words; 0 where nothing is known."""
        found = [(0.0, "")]
        if self.repository is not None and self.repository.oldest is not None:
            age = (now - self.repository.oldest).total_seconds() / _DAY
            found.append((age, f"the oldest point kept is {shown_days(age)} old"))
        if self.cleanup_days is not None:
            found.append((self.cleanup_days, f"DuckLake's delete_older_than is {shown_days(self.cleanup_days)}"))
        if self.expire_days is not None:
            found.append((self.expire_days, f"DuckLake's expire_older_than is {shown_days(self.expire_days)}"))
        return max(found, key=lambda one: one[0])


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """How the copies of some of the lake's files fare: the newest of them, and the oldest.

    Attributes:
        files: How many were looked at.
        arrived: Those that the cloud says are copied, and that are there as far as one may look.
        pending: Those that are on their way.
        failed: Those that the cloud gave up.
        never: Those that no rule ever copied: they are older than the rule, or it is not about them.
        absent: Those that it says are copied, and are not there.
        gone: Those that the lake's bucket itself does not have.
        oldest_pending: When the oldest of those on their way was written.
        checked: Whether the other bucket was looked into.
        example: One that is not there.
    """

    files: int = 0
    arrived: int = 0
    pending: int = 0
    failed: int = 0
    never: int = 0
    absent: int = 0
    gone: int = 0
    oldest_pending: datetime | None = None
    checked: bool = False
    example: str = ""


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket to which the lake's files are copied.

    Attributes:
        url: The bucket.
        rule: The rule that does it.
        protection: What that bucket has itself; null where it could not be looked at at all.
        problem: Why it could not be.
        sample: How the copies fare; null where no file was looked at.
    """

    url: str
    rule: str
    protection: BucketProtection | None = None
    problem: str = ""
    sample: Sample | None = None

    @property
    def seen(self) -> bool:
        """Whether it is known how long the other bucket keeps versions."""
        return (
            self.protection is not None and self.protection.saw(Part.VERSIONING) and self.protection.saw(Part.LIFECYCLE)
        )


def shown_days(days: float) -> str:
    """A number of days, as messages say it."""
    whole = round(days)
    if abs(days - whole) < 0.05 or days >= 10:  # noqa: PLR2004 - a tenth of a day says something of few days only
        return f"{whole:,} day" + ("" if whole == 1 else "s")
    return f"{days:.1f} days"
