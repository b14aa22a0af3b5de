"""What protects a bucket, as text."""

from __future__ import annotations

from canvasback.model.moment import spelled
from canvasback.model.plurals import many
from canvasback.model.protection.bucket import BucketProtection, Part
from canvasback.model.protection.lake import shown_days
from canvasback.model.protection.verdicts import Cover, Disaster, Verdict
from canvasback.model.results.protect_status import ProtectStatusResult

DISASTERS = {
    Disaster.OBJECT_DELETED: "a file is deleted",
    Disaster.OBJECT_OVERWRITTEN: "a file is overwritten",
    Disaster.BUCKET_EMPTIED: "the bucket is emptied",
    Disaster.BUCKET_GONE: "the bucket is gone",
    Disaster.REGION_GONE: "the region is gone",
    Disaster.CREDENTIAL_STOLEN: "a credential is stolen",
}
"""Each disaster, as the beginning of a sentence has it after "if"."""


def verdict_words(verdict: Verdict) -> str:
    """Whether it is covered, and until when."""
    if verdict.state == "covered":
        return "covered" if verdict.days is None else f"covered for {shown_days(verdict.days)}"
    return {"partly": "in part", "uncovered": "not covered", "unknown": "not known"}[verdict.state]


def cover_words(cover: Cover) -> str:
    """What helps, and what it does not bring back."""
    lasting = "" if cover.days is None else f" for {shown_days(cover.days)}"
    return " ".join([f"{cover.by}{lasting}: {cover.how}.", *cover.limits])


def protection_headline(result: ProtectStatusResult) -> str:
    """In how many disasters all comes back."""
    covered = sum(verdict.state == "covered" for verdict in result.verdicts)
    return f"covered in {covered} of {many(len(result.verdicts), 'disaster')}"


def bucket_lines(bucket: BucketProtection, prefix: str) -> list[str]:
    """What a bucket has, a line for each part."""
    return [title_of(bucket), *(f"  {part:<14} {words}" for part, words in part_words(bucket, prefix).items())]


def title_of(bucket: BucketProtection) -> str:
    """The bucket, whose it is, and where it is."""
    return f"{bucket.url} at {bucket.service}" + (f", {bucket.region}" if bucket.region else "")


def part_words(bucket: BucketProtection, prefix: str) -> dict[Part, str]:
    """What it has of each part; or that it could not be seen, or that the service has no such thing."""
    replication = (
        f"to {rule.destination} by the rule {rule.id}{'' if rule.enabled else ', which is off'}"
        for rule in bucket.replication
    )
    words = {
        Part.VERSIONING: _versioning(bucket, prefix),
        Part.LIFECYCLE: _lifecycle(bucket),
        Part.SOFT_DELETE: f"for {shown_days(bucket.soft_delete_days)}" if bucket.soft_delete_days else "none",
        Part.LOCK: _lock(bucket),
        Part.REPLICATION: "; ".join(replication) or "none",
        Part.BACKUP: _backup(bucket),
        Part.PUBLIC_ACCESS: "; ".join(bucket.public) or "none",
        Part.ENCRYPTION: bucket.encryption or "none by default",
    }
    words |= dict.fromkeys(bucket.lacking, "the service has none")
    for one in bucket.unseen:
        words[one.part] = f"not seen: {one.reason}" + (f"; it takes {one.needs}" if one.needs else "")
    return words


def _versioning(bucket: BucketProtection, prefix: str) -> str:
    if bucket.versioning != "on":
        return bucket.versioning
    days = bucket.version_days(prefix)
    lasting = "for ever" if days is None else f"for {shown_days(days)}" if days else "and old versions may go at once"
    kept = "on" if not bucket.saw(Part.LIFECYCLE) else f"on, {lasting}"
    return f"{kept}, with MFA delete" if bucket.guarded_versions else kept


def _lifecycle(bucket: BucketProtection) -> str:
    on = sum(rule.enabled for rule in bucket.lifecycle)
    off = len(bucket.lifecycle) - on
    return many(on, "rule") + (f", and {off} that {'is' if off == 1 else 'are'} off" if off else "")


def _lock(bucket: BucketProtection) -> str:
    lock = bucket.lock
    if lock is None:
        return "none"
    if lock.days is None:
        return "possible, and none by default"
    return f"{lock.mode}, for {shown_days(lock.days)} from when a file is written"


def _backup(bucket: BucketProtection) -> str:
    backups = bucket.backups
    words = [f"plan {plan.name} to {plan.vault}" for plan in backups.plans]
    if backups.newest is not None:
        words.append(f"{many(backups.count, 'backup')}, the newest of {spelled(backups.newest)}")
    return "; ".join(words) or "none"
