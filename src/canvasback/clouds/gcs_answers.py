"""What Google Cloud Storage says of a bucket, as values. Documents in, values out.

Source: Google Cloud, "Cloud Storage JSON API: Buckets" and "Object Lifecycle Management".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from canvasback.model.protection.bucket import LifecycleRule, ObjectLock, ReplicationRule, Spread, Versioning

DAY = 86400
_EVERYBODY = {"allUsers": "everybody", "allAuthenticatedUsers": "everybody with an account of Google's"}
_SPREADS: dict[str, Spread] = {"zone": "zone", "region": "region", "dual-region": "regions", "multi-region": "regions"}
_NEVER_LIVE = ("daysSinceNoncurrentTime", "noncurrentTimeBefore")
_LAKE_FILE = ".parquet"


def versioning(bucket: Mapping[str, Any]) -> Versioning:
    """Whether it keeps versions. Google does not tell a bucket that stopped from one that never began."""
    return "on" if bucket.get("versioning", {}).get("enabled") else "off"


def soft_delete_seconds(bucket: Mapping[str, Any]) -> int:
    """For how long what was deleted can be brought back; 0 for not at all."""
    return int(bucket.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0))


def retention_seconds(bucket: Mapping[str, Any]) -> int | None:
    """How long nobody can delete what was written; None without a retention policy."""
    period = bucket.get("retentionPolicy", {}).get("retentionPeriod")
    return None if period is None else int(period)


def object_lock(bucket: Mapping[str, Any]) -> ObjectLock | None:
    """What keeps objects from being deleted. A retention policy holds for those too that were there before it."""
    seconds = retention_seconds(bucket)
    if seconds is not None:
        locked = bucket["retentionPolicy"].get("isLocked")
        return ObjectLock(mode="locked" if locked else "unlocked", days=seconds // DAY, blocks_cleanup=True)
    return ObjectLock() if bucket.get("objectRetention", {}).get("mode") == "Enabled" else None


def spread(bucket: Mapping[str, Any]) -> Spread:
    """Over what its objects are spread."""
    return _SPREADS.get(str(bucket.get("locationType", "")), "")


def region(bucket: Mapping[str, Any]) -> str:
    """Where it is: a region, a pair of them, or a continent."""
    return str(bucket.get("location", "")).lower()


def encryption_name(bucket: Mapping[str, Any]) -> str:
    """How new objects are encrypted: Google does it with keys of its own where none is named."""
    key = bucket.get("encryption", {}).get("defaultKmsKeyName", "")
    return f"KMS {key}" if key else "Google"


def lifecycle_rules(bucket: Mapping[str, Any]) -> tuple[LifecycleRule, ...]:
    """What it deletes by itself. No storage class of Google's keeps objects from being read at once."""
    rules = bucket.get("lifecycle", {}).get("rule", [])
    return tuple(_lifecycle_rule(str(number), rule) for number, rule in enumerate(rules, 1))


def takes_live(condition: Mapping[str, Any]) -> bool:
    """Whether a condition of a rule may hold for an object that is there."""
    return (
        condition.get("isLive") is not False
        and not any(name in condition for name in _NEVER_LIVE)
        and not int(condition.get("numNewerVersions", 0))
    )


def _lifecycle_rule(number: str, rule: Mapping[str, Any]) -> LifecycleRule:
    condition = rule.get("condition", {})
    action = rule.get("action", {}).get("type")
    age = int(condition.get("age", 0))
    deletes = action == "Delete"
    takes_old = condition.get("isLive") is not True
    return LifecycleRule(
        id=number,
        prefixes=tuple(condition.get("matchesPrefix", ())),
        limited_to=" and ".join(_limits(condition)),
        expires_after=age if deletes and takes_live(condition) else None,
        noncurrent_after=int(condition.get("daysSinceNoncurrentTime", 0)) if deletes and takes_old else None,
        noncurrent_keeps=int(condition.get("numNewerVersions", 0)) if deletes and takes_old else 0,
        aborts_uploads_after=age if action == "AbortIncompleteMultipartUpload" else None,
    )


def _limits(condition: Mapping[str, Any]) -> Iterator[str]:
    """What a rule asks of an object besides its age and its prefix, and may not be so of a lake's files."""
    suffixes = condition.get("matchesSuffix", ())
    if suffixes and not any(_LAKE_FILE.endswith(one) for one in suffixes):
        yield f"named with {' or '.join(suffixes)} at the end"
    if condition.get("matchesStorageClass"):
        yield f"of the class {' or '.join(condition['matchesStorageClass'])}"
    if condition.get("createdBefore"):
        yield f"written before {condition['createdBefore']}"
    if condition.get("noncurrentTimeBefore"):
        yield f"old versions since before {condition['noncurrentTimeBefore']}"
    if "customTimeBefore" in condition or "daysSinceCustomTime" in condition:
        yield "given a time of their own"


def prevents_public(bucket: Mapping[str, Any]) -> bool:
    """Whether the bucket itself keeps everybody out, whatever else is said."""
    return bool(bucket.get("iamConfiguration", {}).get("publicAccessPrevention") == "enforced")


def has_access_lists(bucket: Mapping[str, Any]) -> bool:
    """Whether access lists count, and not its policy alone."""
    return not bucket.get("iamConfiguration", {}).get("uniformBucketLevelAccess", {}).get("enabled")


def public_by_policy(policy: Mapping[str, Any] | None) -> Iterator[str]:
    """What of a policy lets everybody in; that of a bucket names who its own access list does, too."""
    for binding in (policy or {}).get("bindings", []):
        for member in binding.get("members", []):
            if member in _EVERYBODY:
                suffix = ", on a condition" if binding.get("condition") else ""
                yield f"its policy gives {binding.get('role')} to {_EVERYBODY[member]}{suffix}"


def public_by_list(entries: Mapping[str, Any] | None) -> Iterator[str]:
    """What of the access list that new objects get lets everybody in."""
    for entry in (entries or {}).get("items", []):
        if entry.get("entity") in _EVERYBODY:
            yield f"the access list of new objects gives {entry.get('role')} to {_EVERYBODY[entry['entity']]}"


def replication_rule(job: Mapping[str, Any], scheme: str) -> ReplicationRule:
    """A job of the Storage Transfer Service that copies what is written. It never deletes, and copies nothing older.

    Args:
        job: The job.
        scheme: How buckets are spelled.
    """
    spec = job.get("replicationSpec", {})
    source, sink = spec.get("gcsDataSource", {}), spec.get("gcsDataSink", {})
    conditions = dict(spec.get("objectConditions", {}))
    folder = source.get("path", "")
    included = conditions.pop("includePrefixes", [])
    excluded = conditions.pop("excludePrefixes", [])
    limits = [f"not below {', '.join(folder + one for one in excluded)}"] if excluded else []
    limits += [f"chosen by {name}" for name in sorted(conditions)]
    if sink.get("path", "") != folder:
        limits.append("put under other keys")
    return ReplicationRule(
        id=str(job.get("name", "")).removeprefix("transferJobs/"),
        enabled=job.get("status") == "ENABLED",
        prefixes=tuple(folder + one for one in included) or ((folder,) if folder else ()),
        limited_to=" and ".join(limits),
        destination=f"{scheme}://{sink.get('bucketName', '')}/",
        account="",
        storage_class=_storage_class(spec),
    )


def _storage_class(spec: Mapping[str, Any]) -> str:
    told = str(spec.get("transferOptions", {}).get("metadataOptions", {}).get("storageClass", ""))
    return told.removeprefix("STORAGE_CLASS_") if told.startswith("STORAGE_CLASS_") else ""
