"""What is wrong with a bucket's protection for a lake, and what cures it. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from canvasback.model.finding import Finding
from canvasback.model.moment import spelled
from canvasback.model.plurals import many, many_are
from canvasback.model.protection.bucket import BucketProtection, LifecycleRule, Part, ReplicationRule
from canvasback.model.protection.kinds import (
    BACKUP_MISSING,
    BACKUP_OLD,
    CATALOG_ELSEWHERE,
    FILES_ELSEWHERE,
    LIFECYCLE_DELETES,
    LIFECYCLE_FREEZES,
    LOCK_BLOCKS_CLEANUP,
    LOCK_WITHOUT_DEFAULT,
    NO_PROTECTION,
    NOT_IN_A_CLOUD,
    PUBLIC_BUCKET,
    REPLICA_INCOMPLETE,
    REPLICA_OUT_OF_REACH,
    REPLICA_UNVERSIONED,
    REPLICATION_FAILED,
    REPLICATION_KEEPS_DELETED,
    REPLICATION_LAGS,
    REPLICATION_MISSES_DATA_PATH,
    REPLICATION_MISSES_OLDER,
    UNSEEN,
    VERSIONING_OFF,
    VERSIONING_SUSPENDED,
    VERSIONS_EXPIRE_EARLY,
    VERSIONS_FROZEN,
    VERSIONS_KEPT_FOR_EVER,
)
from canvasback.model.protection.lake import LakeFacts, Replica, Sample, shown_days
from canvasback.model.protection.verdicts import Situation

LAG = timedelta(minutes=15)
"""A file that waits for longer is behind: within that time S3 promises to have replicated what it has a promise for."""

BACKUP_AGE = timedelta(hours=48)
"""A newest backup that is older is old, whatever its plan says: a daily plan has missed one."""


def protection_findings(situation: Situation) -> Iterator[Finding]:
    """All that somebody should know, the worst of a kind first."""
    bucket, facts = situation.bucket, situation.facts
    if bucket is None:
        yield NOT_IN_A_CLOUD.at(facts.data_path, "is no place in a bucket: nothing of a cloud protects it")
        return
    yield from _public(bucket)
    yield from _nothing(bucket, situation)
    yield from _lifecycle(bucket, facts)
    yield from _versions(bucket, situation)
    yield from _replication(bucket, situation)
    yield from _lock(bucket)
    yield from _backups(bucket, situation)
    yield from _besides(facts)
    for one in bucket.unseen:
        yield UNSEEN.at(bucket.url, _unseen_words(one.part, one.needs, one.reason))
    for replica in situation.replicas:
        for one in replica.protection.unseen if replica.protection is not None else ():
            yield UNSEEN.at(replica.url, _unseen_words(one.part, one.needs, one.reason))


def _unseen_words(part: Part, needs: str, reason: str) -> str:
    return f"its {part} could not be seen: {reason}" + (f"; it takes {needs}" if needs else "")


def _public(bucket: BucketProtection) -> Iterator[Finding]:
    for way in bucket.public:
        yield PUBLIC_BUCKET.at(bucket.url, f"is open to everybody: {way}")


def _nothing(bucket: BucketProtection, situation: Situation) -> Iterator[Finding]:
    has_any = (
        bucket.versioning == "on"
        or bucket.soft_delete_days > 0
        or (bucket.lock is not None and bucket.lock.days is not None)
        or any(rule.covers(situation.facts.prefix) for rule in bucket.replication)
        or bucket.backups.newest is not None
    )
    parts = (Part.VERSIONING, Part.SOFT_DELETE, Part.LOCK, Part.REPLICATION, Part.BACKUP)
    if not has_any and all(map(bucket.saw, parts)):
        yield NO_PROTECTION.at(bucket.url, "has nothing that brings back a file that is deleted or overwritten")


def _lifecycle(bucket: BucketProtection, facts: LakeFacts) -> Iterator[Finding]:
    for rule in bucket.lifecycle:
        if rule.touches(facts.prefix):
            yield from _rule_findings(rule, bucket.url)


def _rule_findings(rule: LifecycleRule, where: str) -> Iterator[Finding]:
    about = f"the lifecycle rule {rule.id}"
    which = f" that are {rule.limited_to}" if rule.limited_to else ""
    if rule.expires_after is not None or rule.expires_on is not None:
        when = (
            f"{rule.expires_after} days after they are written" if rule.expires_on is None else f"on {rule.expires_on}"
        )
        yield _weaker(
            LIFECYCLE_DELETES.at(where, f"{about} deletes files of the lake{which} {when}, needed or not"),
            rule,
        )
    if rule.freezes_after is not None:
        yield _weaker(
            LIFECYCLE_FREEZES.at(
                where,
                f"{about} moves files of the lake{which} to {rule.freezes_to} {rule.freezes_after} days after they are "
                "written: queries cannot read them there",
            ),
            rule,
        )
    if rule.noncurrent_freezes_after is not None:
        yield VERSIONS_FROZEN.at(
            where,
            f"{about} moves old versions to where they cannot be read at once: to bring one back takes hours",
        )


def _weaker(finding: Finding, rule: LifecycleRule) -> Finding:
    """What holds for some files only, and maybe for none, is a warning."""
    if not rule.limited_to:
        return finding
    return Finding(finding.code, "warning", finding.where, finding.message, finding.cure)


def _versions(bucket: BucketProtection, situation: Situation) -> Iterator[Finding]:
    facts = situation.facts
    if bucket.versioning == "suspended":
        yield VERSIONING_SUSPENDED.at(
            bucket.url, "keeps old versions, and makes no new ones: what was written since is lost once it is deleted"
        )
        return
    if bucket.versioning == "off":
        # Where deletions are soft, that does the same.
        if bucket.saw(Part.VERSIONING) and not bucket.soft_delete_days and Part.VERSIONING not in bucket.lacking:
            yield VERSIONING_OFF.at(bucket.url, "keeps no versions: what is deleted or overwritten is lost at once")
        return
    if not bucket.saw(Part.LIFECYCLE):
        return
    days = bucket.version_days(facts.prefix)
    needed, why = facts.needed_days(situation.now)
    if days is None:
        yield VERSIONS_KEPT_FOR_EVER.at(
            bucket.url, "keeps each file that DuckLake's maintenance deletes for ever, and each is paid for"
        )
    elif days <= needed:
        yield VERSIONS_EXPIRE_EARLY.at(
            bucket.url, f"keeps old versions for {shown_days(days)}, and {why}: some that are needed will be gone"
        )


def _replication(bucket: BucketProtection, situation: Situation) -> Iterator[Finding]:
    facts = situation.facts
    fitting = [rule for rule in bucket.replication if rule.covers(facts.prefix)]
    if bucket.replication and not fitting:
        yield REPLICATION_MISSES_DATA_PATH.at(facts.data_path, _why_missed(bucket.replication, facts.prefix))
    for rule in fitting:
        if not rule.deletes:
            yield REPLICATION_KEEPS_DELETED.at(
                rule.destination, f"keeps what is deleted here: the replication rule {rule.id} does not copy deletions"
            )
    for replica in situation.replicas:
        yield from _replica(replica, situation)


def _why_missed(rules: tuple[ReplicationRule, ...], prefix: str) -> str:
    said = []
    for rule in rules:
        if not rule.enabled:
            said.append(f"{rule.id} is switched off")
        elif rule.limited_to:
            said.append(f"{rule.id} copies only what is {rule.limited_to}")
        else:
            said.append(f"{rule.id} copies only {', '.join(rule.prefixes)}")
    return f"no replication rule covers {prefix or 'the whole bucket'}: {'; '.join(said)}"


def _replica(replica: Replica, situation: Situation) -> Iterator[Finding]:
    there = replica.protection
    if replica.problem:
        yield REPLICA_OUT_OF_REACH.at(replica.url, f"cannot be looked at: {replica.problem}")
    if there is not None:
        for rule in there.lifecycle:
            if rule.touches(situation.facts.prefix):
                yield from _rule_findings(rule, replica.url)
        if there.saw(Part.VERSIONING) and there.versioning != "on":
            yield REPLICA_UNVERSIONED.at(replica.url, "keeps no versions: an overwritten file is overwritten here too")
    if replica.sample is not None:
        yield from _sample(replica, replica.sample, situation.now)


def _sample(replica: Replica, sample: Sample, now: datetime) -> Iterator[Finding]:
    looked = f"of {many(sample.files, 'file')} that were looked at"
    if sample.never:
        yield REPLICATION_MISSES_OLDER.at(
            replica.url, f"lacks {sample.never:,} {looked}: they are older than the replication rule {replica.rule}"
        )
    if sample.failed:
        yield REPLICATION_FAILED.at(
            replica.url, f"lacks {sample.failed:,} {looked}: the service tried, and gave up. One is {sample.example}"
        )
    if sample.absent:
        yield REPLICA_INCOMPLETE.at(
            replica.url, f"lacks {sample.absent:,} {looked}, which once arrived. One is {sample.example}"
        )
    if sample.oldest_pending is not None and now - sample.oldest_pending > LAG:
        yield REPLICATION_LAGS.at(
            replica.url,
            f"{many_are(sample.pending, 'file')} on the way, {looked}, one since {spelled(sample.oldest_pending)}",
        )


def _lock(bucket: BucketProtection) -> Iterator[Finding]:
    lock = bucket.lock
    if lock is not None and lock.days is None:
        yield LOCK_WITHOUT_DEFAULT.at(bucket.url, "can lock objects, and locks none by itself")
    if lock is not None and lock.blocks_cleanup and lock.days is not None:
        yield LOCK_BLOCKS_CLEANUP.at(
            bucket.url, f"lets nobody delete a file for {lock.days} days: DuckLake's cleanup fails on younger ones"
        )


def _backups(bucket: BucketProtection, situation: Situation) -> Iterator[Finding]:
    backups = bucket.backups
    if backups.newest is None:
        for plan in backups.plans:
            yield BACKUP_MISSING.at(bucket.url, f"is taken in by the backup plan {plan.name}, and has no backup yet")
    elif not backups.continuous and situation.now - backups.newest > BACKUP_AGE:
        yield BACKUP_OLD.at(bucket.url, f"has its newest backup of {spelled(backups.newest)}")


def _besides(facts: LakeFacts) -> Iterator[Finding]:
    if facts.lake and not facts.catalog_in_bucket:
        yield CATALOG_ELSEWHERE.at(facts.lake, "is not in the bucket: nothing of what protects the files protects it")
    if facts.elsewhere:
        yield FILES_ELSEWHERE.at(
            facts.data_path, f"{many(facts.elsewhere, 'file')} of the lake lie outside of it, and were not looked at"
        )
