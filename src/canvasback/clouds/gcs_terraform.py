"""What switches a mechanism of Google's on, as a configuration of Terraform with the provider hashicorp/google."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from canvasback.clouds.hcl import Block, imported, resource
from canvasback.model.plans.protect_enable import Step, Wish

_BUCKET = "google_storage_bucket"
_NOTE = (
    "One resource is the whole bucket: add to it what else the bucket has, until terraform plan shows no other change."
)
_CONDITIONS = {
    "age": "age",
    "createdBefore": "created_before",
    "customTimeBefore": "custom_time_before",
    "daysSinceCustomTime": "days_since_custom_time",
    "daysSinceNoncurrentTime": "days_since_noncurrent_time",
    "matchesPrefix": "matches_prefix",
    "matchesStorageClass": "matches_storage_class",
    "matchesSuffix": "matches_suffix",
    "noncurrentTimeBefore": "noncurrent_time_before",
    "numNewerVersions": "num_newer_versions",
}


def terraform_of(name: str, location: str, steps: Iterable[Step]) -> Iterator[Block]:
    """The resource that does what the steps do.

    Args:
        name: The bucket.
        location: Where it is, as Google writes it; empty if unknown.
        steps: The changes.
    """
    body: dict[str, Any] = {}
    for step in steps:
        if step.call == "lock_retention_policy":
            period = int((step.expects or {})["retentionPolicy"]["retentionPeriod"])
            body["retention_policy"] = Block("retention_policy", (), {"retention_period": period, "is_locked": True})
        else:
            body |= dict(_parts(step.request["body"]))
    if body:
        yield imported(_BUCKET, "lake", name)
        yield resource(_BUCKET, "lake", {"name": name, "location": location or "LOCATION", **body}, _NOTE)


def replication_of(name: str, wish: Wish) -> Iterator[Block]:
    """The job of the Storage Transfer Service that copies what is written to another bucket.

    Args:
        name: The bucket.
        wish: To which bucket, and below which prefix.
    """
    to = wish.to.partition("://")[2].rstrip("/")
    spec: dict[str, Any] = {
        "gcs_data_source": Block("gcs_data_source", (), {"bucket_name": name}),
        "gcs_data_sink": Block("gcs_data_sink", (), {"bucket_name": to}),
    }
    if wish.prefix:
        spec["object_conditions"] = Block("object_conditions", (), {"include_prefixes": [wish.prefix]})
    body = {
        "description": f"canvasback: {wish.prefix or 'all'} to {to}",
        "status": "ENABLED",
        "replication_spec": Block("replication_spec", (), spec),
    }
    yield resource("google_storage_transfer_job", "lake", body)


def _parts(patch: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for part, value in patch.items():
        match part:
            case "versioning":
                yield "versioning", Block("versioning", (), {"enabled": value["enabled"]})
            case "lifecycle":
                yield "lifecycle_rule", [_rule(rule) for rule in value["rule"]]
            case "softDeletePolicy":
                seconds = int(value["retentionDurationSeconds"])
                yield "soft_delete_policy", Block("soft_delete_policy", (), {"retention_duration_seconds": seconds})
            case "retentionPolicy":
                seconds = int(value["retentionPeriod"])
                yield "retention_policy", Block("retention_policy", (), {"retention_period": seconds})


def _rule(rule: Mapping[str, Any]) -> Block:
    action = {"type": rule["action"]["type"]}
    if "storageClass" in rule["action"]:
        action["storage_class"] = rule["action"]["storageClass"]
    condition: dict[str, Any] = {}
    for name, value in rule.get("condition", {}).items():
        if name == "isLive":
            condition["with_state"] = "LIVE" if value else "ARCHIVED"
        else:
            condition[_CONDITIONS.get(name, name)] = value
    inner = {"action": Block("action", (), action), "condition": Block("condition", (), condition)}
    return Block("lifecycle_rule", (), inner)
