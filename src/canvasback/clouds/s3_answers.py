"""What S3 answers of a bucket's configuration, as values. Documents in, values out.

Source: Amazon S3 API Reference, GetBucketLifecycleConfiguration, GetBucketReplication, GetObjectLockConfiguration,
GetPublicAccessBlock, GetBucketAcl.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from canvasback.model.protection.bucket import LifecycleRule, ObjectLock, ReplicationRule

FROZEN = {"GLACIER", "DEEP_ARCHIVE", "ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"}
"""Classes and tiers from which an object has to be asked for before it can be read."""

ARN = "arn:aws:s3:::"
_EVERYBODY = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "everybody",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "everybody who has an account of AWS",
}


def lifecycle_rules(document: Mapping[str, Any] | None) -> tuple[LifecycleRule, ...]:
    """The rules of a lifecycle configuration."""
    rules = (document or {}).get("Rules", [])
    return tuple(_lifecycle_rule(rule, str(number)) for number, rule in enumerate(rules, 1))


def _lifecycle_rule(rule: Mapping[str, Any], number: str) -> LifecycleRule:
    prefixes, limited_to = _filter(rule)
    expiration = rule.get("Expiration", {})
    noncurrent = rule.get("NoncurrentVersionExpiration", {})
    moves = [move for move in rule.get("Transitions", []) if move.get("StorageClass") in FROZEN]
    first = min(moves, key=lambda move: int(move.get("Days", 0)), default=None)
    old_moves = [
        int(move.get("NoncurrentDays", 0))
        for move in rule.get("NoncurrentVersionTransitions", [])
        if move.get("StorageClass") in FROZEN
    ]
    return LifecycleRule(
        id=str(rule.get("ID") or number),
        enabled=rule.get("Status") == "Enabled",
        prefixes=prefixes,
        limited_to=limited_to,
        expires_after=expiration.get("Days"),
        expires_on=_day(expiration.get("Date")),
        freezes_after=None if first is None else int(first.get("Days", 0)),
        freezes_to="" if first is None else str(first["StorageClass"]),
        noncurrent_after=noncurrent.get("NoncurrentDays"),
        noncurrent_keeps=int(noncurrent.get("NewerNoncurrentVersions", 0)),
        noncurrent_freezes_after=min(old_moves, default=None),
        aborts_uploads_after=rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation"),
    )


def tiering_rules(documents: list[Mapping[str, Any]]) -> tuple[LifecycleRule, ...]:
    """What Intelligent-Tiering archives, which is no lifecycle rule by name, and one by its effect."""
    found = []
    for document in documents:
        prefixes, limited_to = _filter(document)
        tiers = [tier for tier in document.get("Tierings", []) if tier.get("AccessTier") in FROZEN]
        if tiers:
            first = min(tiers, key=lambda tier: int(tier["Days"]))
            of_class = "of the storage class INTELLIGENT_TIERING"
            found.append(
                LifecycleRule(
                    id=str(document.get("Id", "")),
                    enabled=document.get("Status") == "Enabled",
                    prefixes=prefixes,
                    limited_to=f"{of_class}, {limited_to}" if limited_to else of_class,
                    freezes_after=int(first["Days"]),
                    freezes_to=str(first["AccessTier"]),
                )
            )
    return tuple(found)


def replication_rules(document: Mapping[str, Any] | None, scheme: str) -> tuple[ReplicationRule, ...]:
    """The rules of a replication configuration; the older form of them copies deletions, without saying so."""
    found = []
    for number, rule in enumerate((document or {}).get("ReplicationConfiguration", {}).get("Rules", []), 1):
        prefixes, limited_to = _filter(rule)
        destination = rule.get("Destination", {})
        bucket = str(destination.get("Bucket", "")).rpartition(":")[2]
        found.append(
            ReplicationRule(
                id=str(rule.get("ID") or number),
                enabled=rule.get("Status") == "Enabled",
                prefixes=prefixes,
                limited_to=limited_to,
                destination=f"{scheme}://{bucket}/",
                account=str(destination.get("Account", "")),
                deletes="Filter" not in rule or rule.get("DeleteMarkerReplication", {}).get("Status") == "Enabled",
                storage_class=str(destination.get("StorageClass", "")),
            )
        )
    return tuple(found)


def object_lock(document: Mapping[str, Any] | None) -> ObjectLock | None:
    """The lock that new objects get; None where objects cannot be locked."""
    found = (document or {}).get("ObjectLockConfiguration", {})
    if found.get("ObjectLockEnabled") != "Enabled":
        return None
    default = found.get("Rule", {}).get("DefaultRetention", {})
    days = default.get("Days") or (365 * default["Years"] if default.get("Years") else None)
    return ObjectLock(mode=str(default.get("Mode", "")).lower(), days=days)


def public_ways(block: Mapping[str, Any] | None, acl: Mapping[str, Any] | None, *, by_policy: bool) -> Iterator[str]:
    """What lets everybody in, and is not blocked by the bucket itself.

    Args:
        block: What it blocks.
        acl: Its access list.
        by_policy: Whether its policy lets everybody in.
    """
    blocked = (block or {}).get("PublicAccessBlockConfiguration", {})
    if by_policy and not blocked.get("RestrictPublicBuckets"):
        yield "its policy lets everybody in"
    if blocked.get("IgnorePublicAcls"):
        return
    for grant in (acl or {}).get("Grants", []):
        who = _EVERYBODY.get(grant.get("Grantee", {}).get("URI", ""))
        if who:
            yield f"its access list gives {grant.get('Permission')} to {who}"


def is_public_policy(text: str) -> bool:
    """Whether a policy lets in everybody, without a condition; of one with conditions only AWS knows."""
    try:
        statements = json.loads(text).get("Statement", [])
    except (ValueError, AttributeError):
        return False
    everybody: tuple[Any, ...] = ("*", {"AWS": "*"}, {"AWS": ["*"]})
    return any(
        one.get("Effect") == "Allow" and one.get("Principal") in everybody and not one.get("Condition")
        for one in (statements if isinstance(statements, list) else [statements])
    )


def encryption_name(document: Mapping[str, Any] | None) -> str:
    """How new objects are encrypted."""
    rules = (document or {}).get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    names = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "") for rule in rules]
    return str(next(filter(None, names), ""))


def _filter(rule: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    """What keys begin with, and what else is asked of an object, in words."""
    asked = conditions(rule)
    prefix = asked.get("Prefix", "")
    words = [f"tagged {tag['Key']}={tag['Value']}" for tag in asked.get("Tags", [])]
    if "ObjectSizeGreaterThan" in asked:
        words.append(f"larger than {asked['ObjectSizeGreaterThan']:,} bytes")
    if "ObjectSizeLessThan" in asked:
        words.append(f"smaller than {asked['ObjectSizeLessThan']:,} bytes")
    return ((prefix,) if prefix else ()), " and ".join(words)


def conditions(rule: Mapping[str, Any]) -> dict[str, Any]:
    """All that a rule asks of an object, wherever in it that stands: a server may not write it as it was told."""
    filter_ = rule.get("Filter") or {}
    found: dict[str, Any] = {}
    for place in (rule, filter_, filter_.get("And") or {}):
        found |= {key: place[key] for key in ("ObjectSizeGreaterThan", "ObjectSizeLessThan") if key in place}
        if place.get("Prefix"):
            found["Prefix"] = place["Prefix"]
        tags = place.get("Tags") or ([place["Tag"]] if place.get("Tag") else [])
        if tags:
            found["Tags"] = [*found.get("Tags", []), *tags]
    return found


def _day(found: Any) -> date | None:
    return None if found is None else found.date()
