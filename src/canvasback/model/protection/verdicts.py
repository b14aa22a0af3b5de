"""A verdict for each disaster: can the lake's files be had back, by what, and until when. Values in, values out.

What a mechanism is worth in a disaster is said once, in `_COVERS`: by which functions, in the order in which somebody
would use them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Literal

import msgspec

from canvasback.model.moment import spelled
from canvasback.model.protection.bucket import Backups, BucketProtection, Part, ReplicationRule
from canvasback.model.protection.lake import LakeFacts, Replica

State = Literal["covered", "partly", "uncovered", "unknown"]
_DAY = 86400.0


class Disaster(enum.StrEnum):
    """What may happen to a lake's files."""

    OBJECT_DELETED = "object-deleted"
    OBJECT_OVERWRITTEN = "object-overwritten"
    BUCKET_EMPTIED = "bucket-emptied"
    BUCKET_GONE = "bucket-gone"
    REGION_GONE = "region-gone"
    CREDENTIAL_STOLEN = "credential-stolen"


class Cover(msgspec.Struct, frozen=True, kw_only=True):
    """What a mechanism is worth in a disaster.

    Attributes:
        by: The mechanism.
        days: For how many days after the disaster it helps; null where no end is known.
        limits: What it does not bring back, or on what it depends; full sentences. Without any it brings back all.
        how: What it does, in a few words.
    """

    by: str
    how: str
    days: float | None = None
    limits: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a lake's files survive a disaster.

    Attributes:
        disaster: The disaster.
        state: ``covered``; ``partly``, where each mechanism has limits; ``uncovered``; ``unknown``, where nothing that
            was seen covers it and something was not seen that might.
        days: For how many days after it all can be had back; null where no end is known, or where it cannot.
        covers: The mechanisms that help, the best first.
        cure: What would cover it; a full sentence, empty where it is covered.
    """

    disaster: Disaster
    state: State
    days: float | None
    covers: tuple[Cover, ...]
    cure: str = ""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known.

    Attributes:
        bucket: What the lake's bucket has; None where the files are in none.
        replicas: The buckets to which it is copied.
        facts: What is to be protected.
        now: The time.
    """

    bucket: BucketProtection | None
    replicas: tuple[Replica, ...]
    facts: LakeFacts
    now: datetime


def verdicts(situation: Situation) -> tuple[Verdict, ...]:
    """What becomes of the lake in each disaster."""
    return tuple(_verdict(disaster, situation) for disaster in Disaster)


def _verdict(disaster: Disaster, situation: Situation) -> Verdict:
    covers = sorted(
        (cover for judge in _COVERS for cover in judge(disaster, situation)),
        key=lambda cover: (len(cover.limits) > 0, cover.days is not None, -(cover.days or 0)),
    )
    whole = [cover for cover in covers if not cover.limits]
    state: State = "uncovered"
    if whole:
        state = "covered"
    elif covers:
        state = "partly"
    elif situation.bucket is not None and not all(map(situation.bucket.saw, _HELPS[disaster])):
        state = "unknown"
    return Verdict(
        disaster=disaster,
        state=state,
        days=whole[0].days if whole else None,
        covers=tuple(covers),
        cure="" if whole else _cure(disaster, situation.bucket),
    )


_HELPS = {
    Disaster.OBJECT_DELETED: (Part.VERSIONING, Part.REPLICATION, Part.SOFT_DELETE, Part.BACKUP),
    Disaster.OBJECT_OVERWRITTEN: (Part.VERSIONING, Part.REPLICATION, Part.SOFT_DELETE, Part.BACKUP),
    Disaster.BUCKET_EMPTIED: (Part.VERSIONING, Part.REPLICATION, Part.SOFT_DELETE, Part.BACKUP, Part.LOCK),
    Disaster.BUCKET_GONE: (Part.REPLICATION, Part.SOFT_DELETE, Part.BACKUP, Part.LOCK),
    Disaster.REGION_GONE: (Part.REPLICATION, Part.BACKUP, Part.REGION),
    Disaster.CREDENTIAL_STOLEN: (Part.VERSIONING, Part.REPLICATION, Part.SOFT_DELETE, Part.BACKUP, Part.LOCK),
}
"""What may cover a disaster: while it is not seen, nobody knows."""


def _versioning(disaster: Disaster, situation: Situation) -> Iterator[Cover]:
    bucket = situation.bucket
    if bucket is None or bucket.versioning != "on":
        return
    prefix = situation.facts.prefix
    replaced = disaster is Disaster.OBJECT_OVERWRITTEN
    days = bucket.version_days(prefix, overwritten=replaced)
    limits: list[str] = []
    if not bucket.saw(Part.LIFECYCLE):
        limits.append("How long versions stay could not be seen.")
    how = "the old version is still there"
    if disaster in {Disaster.BUCKET_EMPTIED, Disaster.CREDENTIAL_STOLEN}:
        if not bucket.guarded_versions:
            limits.append(
                "Whoever deletes the versions too takes all, as a tool that empties a bucket does."
                if disaster is Disaster.BUCKET_EMPTIED
                else "It depends on that the credential may not delete versions."
            )
    elif disaster not in {Disaster.OBJECT_DELETED, Disaster.OBJECT_OVERWRITTEN}:
        return
    if days == 0:
        limits.append("A lifecycle rule may delete the version at once.")
    yield Cover(by="versioning", how=how, days=days, limits=tuple(limits))


def _lock(disaster: Disaster, situation: Situation) -> Iterator[Cover]:
    bucket = situation.bucket
    lock = bucket.lock if bucket is not None else None
    if lock is None or lock.days is None or disaster is Disaster.REGION_GONE:
        return
    limits = []
    age = _age_of_oldest(situation)
    if age is None or age >= lock.days:
        limits.append(f"Files that were written more than {lock.days} days ago are not locked any more.")
    if not lock.firm and disaster is Disaster.CREDENTIAL_STOLEN:  # no tool lifts a lock unasked
        limits.append(
            "Whoever has the right to lift locks can."
            if lock.mode == "governance"
            else "Whoever may change the bucket can take the lock away."
        )
    left = None if age is None else max(0.0, lock.days - age)
    yield Cover(by="lock", how="nobody deletes a locked version", days=left, limits=tuple(limits))


def _age_of_oldest(situation: Situation) -> float | None:
    """How many days ago the oldest file that was looked at was written; None where none was."""
    oldest = situation.facts.oldest_file
    return None if oldest is None else (situation.now - oldest).total_seconds() / _DAY


def _soft_delete(disaster: Disaster, situation: Situation) -> Iterator[Cover]:
    bucket = situation.bucket
    if bucket is None or disaster is Disaster.REGION_GONE:
        return
    days = bucket.bucket_soft_delete_days if disaster is Disaster.BUCKET_GONE else bucket.soft_delete_days
    if not days:
        return
    limits: tuple[str, ...] = ()
    if disaster is Disaster.CREDENTIAL_STOLEN:
        limits = ("It depends on that the credential may not change the bucket: who may ends soft delete first.",)
    how = "the bucket can be brought back" if disaster is Disaster.BUCKET_GONE else "what was deleted can be"
    yield Cover(by="soft-delete", how=how, days=days, limits=limits)


def _replication(disaster: Disaster, situation: Situation) -> Iterator[Cover]:
    bucket = situation.bucket
    for replica in situation.replicas if bucket is not None else ():
        assert bucket is not None
        rule = next((rule for rule in bucket.replication if rule.id == replica.rule), None)
        if rule is None or not rule.covers(situation.facts.prefix):
            continue
        there = replica.protection
        if disaster is Disaster.REGION_GONE and there is not None and there.region == bucket.region != "":
            continue
        days, limits = _versions_there(disaster, rule, replica, situation.facts.prefix)
        limits += [*_incomplete(replica), *_depends_on(disaster, rule, replica, bucket)]
        yield Cover(by="replication", how=f"there is a copy in {replica.url}", days=days, limits=tuple(limits))


def _versions_there(
    disaster: Disaster, rule: ReplicationRule, replica: Replica, prefix: str
) -> tuple[float | None, list[str]]:
    """For how long the other bucket has what was done to it too: an old version; and what stands against it."""
    overwritten = disaster is Disaster.OBJECT_OVERWRITTEN
    if not overwritten and not (rule.deletes and disaster in _DELETIONS):
        return None, []
    there = replica.protection
    if there is None or not replica.seen:
        return None, ["How long the other bucket keeps versions could not be seen."]
    if there.versioning != "on":
        return None, ["The other bucket keeps no versions."]
    return there.version_days(prefix, overwritten=overwritten), []


def _depends_on(disaster: Disaster, rule: ReplicationRule, replica: Replica, bucket: BucketProtection) -> Iterator[str]:
    match disaster:
        case Disaster.REGION_GONE:
            if not bucket.region or replica.protection is None or not replica.protection.region:
                yield "The region of the other bucket could not be seen."
        case Disaster.BUCKET_EMPTIED:
            if bucket.service not in _KEEPS_VERSIONS_OF_REPLICAS:
                yield "Whether deletions of versions reach the replica is not known of this service."
        case Disaster.CREDENTIAL_STOLEN:
            if not rule.account:
                yield f"It depends on that the credential may not delete in {replica.url}."
        case _:
            pass


_DELETIONS = {Disaster.OBJECT_DELETED, Disaster.BUCKET_EMPTIED}
_KEEPS_VERSIONS_OF_REPLICAS = {"AWS", "Google", "Azure"}
"""Where deleting one version for good is not done again in the replica."""


def _incomplete(replica: Replica) -> Iterator[str]:
    """What is not there, or not known to be."""
    sample = replica.sample
    if sample is None or not sample.files:
        yield "Whether the files have arrived was not looked at."
        return
    lost = sample.never + sample.failed + sample.absent
    if lost:
        yield f"{lost:,} of {sample.files:,} files that were looked at are not there."
    if sample.pending:
        yield f"{sample.pending:,} of {sample.files:,} files that were looked at are on their way."
    if not sample.checked and not lost:
        yield "The other bucket could not be looked into."


def _backup(disaster: Disaster, situation: Situation) -> Iterator[Cover]:
    bucket = situation.bucket
    backups = bucket.backups if bucket is not None else Backups()
    if bucket is None or backups.newest is None:
        return
    limits = []
    if disaster is Disaster.REGION_GONE:
        if not any(region != bucket.region for plan in backups.plans for region in plan.copy_regions):
            return
        limits.append("Whether the copies in other regions have arrived was not looked at.")
    locked = backups.locked_from is not None and backups.locked_from <= situation.now
    if disaster is Disaster.CREDENTIAL_STOLEN and not locked:
        limits.append("It depends on that the credential may not delete backups: no vault is locked for good.")
    kept = [plan.days for plan in backups.plans]
    days = None if not kept or None in kept else max(day for day in kept if day is not None)
    how = f"the newest backup is of {spelled(backups.newest)}, and has no later files"
    if backups.continuous:
        how = "the backups hold every moment until some minutes ago"
    yield Cover(by="backup", how=how, days=days, limits=tuple(limits))


def _redundancy(disaster: Disaster, situation: Situation) -> Iterator[Cover]:
    if disaster is Disaster.REGION_GONE and situation.bucket is not None and situation.bucket.spread == "regions":
        yield Cover(by="redundancy", how="the service keeps the objects in several regions")


def _repository(disaster: Disaster, situation: Situation) -> Iterator[Cover]:
    repository = situation.facts.repository
    if repository is None or repository.newest is None:
        return
    limits = []
    if repository.in_bucket and disaster in {Disaster.BUCKET_EMPTIED, Disaster.BUCKET_GONE, Disaster.REGION_GONE}:
        return
    if disaster is Disaster.REGION_GONE and situation.bucket is not None and "://" in repository.url:
        if repository.region == situation.bucket.region != "":
            return
        if not repository.region or not situation.bucket.region:
            limits.append("The region of the repository could not be seen.")
    if disaster is Disaster.CREDENTIAL_STOLEN and not repository.locked:
        limits.append("It depends on that the credential may not delete in the repository, which is not locked.")
    how = f"its newest point is of {spelled(repository.newest)}, and has no later files"
    yield Cover(by="repository", how=how, limits=tuple(limits))


_COVERS: Iterable[Callable[[Disaster, Situation], Iterator[Cover]]] = (
    _versioning,
    _soft_delete,
    _lock,
    _replication,
    _backup,
    _redundancy,
    _repository,
)


def _cure(disaster: Disaster, bucket: BucketProtection | None) -> str:
    if bucket is None:
        return "Make points of the lake in another place: canvasback backup."
    command = "canvasback protect enable"
    match disaster:
        case Disaster.OBJECT_DELETED | Disaster.OBJECT_OVERWRITTEN:
            first = "versioning" if bucket.cloud == "s3" else "soft-delete"
            return f"Run {command} {first}, or make points with canvasback backup."
        case Disaster.BUCKET_EMPTIED | Disaster.BUCKET_GONE:
            return f"Run {command} replication, or make points in another bucket with canvasback backup."
        case Disaster.REGION_GONE:
            return f"Run {command} replication to a bucket in another region, or make points there."
        case Disaster.CREDENTIAL_STOLEN:
            return (
                f"Copy to a bucket of another account with {command} replication, or make points in a repository that "
                "is locked: canvasback init --lock."
            )
