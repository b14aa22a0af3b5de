"""What switches a mechanism of S3 on, as a configuration of Terraform with the provider hashicorp/aws."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from canvasback.clouds.hcl import Block, Expression, as_json, imported, resource
from canvasback.clouds.iam_documents import BACKUP_POLICIES, replication_role_document, trust_document
from canvasback.clouds.s3_answers import ARN
from canvasback.model.plans.protect_enable import Step, Wish

_ALL_RULES = "It takes over all rules of the bucket: those that are there stand here too."
_OWN_RULE = "It takes over all rules of the bucket: add those that are there."
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SINGULAR = {"Transitions": "transition", "NoncurrentVersionTransitions": "noncurrent_version_transition"}


def terraform_of(name: str, steps: Iterable[Step], wish: Wish, *, read: bool = True) -> Iterator[Block]:
    """The resources that do what the steps do.

    Args:
        name: The bucket.
        steps: The changes.
        wish: What they are for.
        read: Whether they were made of what is there.
    """
    note = _ALL_RULES if read else _OWN_RULE
    steps = [*steps]
    made = [step.call for step in steps]
    first = [f"aws_s3_bucket_versioning.{_label(name, step)}" for step in steps if step.call == "put_bucket_versioning"]
    after = {"depends_on": Expression(f"[{', '.join(first)}]")} if first else {}
    for step in steps:
        request, bucket, label = step.request, step.request.get("Bucket", name), _label(name, step)
        match step.call:
            case "put_bucket_versioning":
                on = Block("versioning_configuration", (), {"status": "Enabled"})
                yield resource("aws_s3_bucket_versioning", label, {"bucket": bucket, "versioning_configuration": on})
            case "put_bucket_lifecycle_configuration":
                kind = "aws_s3_bucket_lifecycle_configuration"
                rules = request["LifecycleConfiguration"]["Rules"]
                if len(rules) > 1:
                    yield imported(kind, label, bucket)
                every = [_inner("rule", rule) for rule in rules]
                yield resource(kind, label, {"bucket": bucket, "rule": every, **after}, note)
            case "put_object_lock_configuration":
                retention = request["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
                rule = Block("rule", (), {"default_retention": _inner("default_retention", retention)})
                body = {"bucket": bucket, "rule": rule, **after}
                yield resource("aws_s3_bucket_object_lock_configuration", label, body)
            case "put_bucket_replication":
                yield from _replication(bucket, request["ReplicationConfiguration"], wish, note, after)
            case "create_backup_vault":
                yield resource("aws_backup_vault", "lake", {"name": request["BackupVaultName"]})
            case "create_backup_plan":
                yield _backup_plan(request["BackupPlan"], own_vault="create_backup_vault" in made)
            case "create_backup_selection":
                yield from _backup_selection(name, request["BackupSelection"], wish)


def _label(name: str, step: Step) -> str:
    """What a resource is called: the lake's bucket, or the one that it is copied to."""
    return "lake" if step.request.get("Bucket", name) == name else "copy"


def _replication(
    bucket: str, found: Mapping[str, Any], wish: Wish, note: str, after: Mapping[str, Expression]
) -> Iterator[Block]:
    kind = "aws_s3_bucket_replication_configuration"
    role: Any = found["Role"] or Expression("aws_iam_role.replication.arn")
    if not found["Role"]:
        yield from _role("replication", "s3.amazonaws.com")
        body = {
            "role": Expression("aws_iam_role.replication.id"),
            "policy": as_json(replication_role_document(bucket, wish).content),
        }
        yield resource("aws_iam_role_policy", "replication", body)
    if len(found["Rules"]) > 1:
        yield imported(kind, "lake", bucket)
    rules = [_inner("rule", rule) for rule in found["Rules"]]
    yield resource(kind, "lake", {"bucket": bucket, "role": role, "rule": rules, **after}, note)


def _backup_plan(plan: Mapping[str, Any], *, own_vault: bool) -> Block:
    vault = Expression("aws_backup_vault.lake.name") if own_vault else None
    rules = [
        Block(
            "rule",
            (),
            {
                "rule_name": rule["RuleName"],
                "target_vault_name": vault or rule["TargetBackupVaultName"],
                "schedule": rule["ScheduleExpression"],
                "lifecycle": Block("lifecycle", (), {"delete_after": rule["Lifecycle"]["DeleteAfterDays"]}),
            },
        )
        for rule in plan["Rules"]
    ]
    return resource("aws_backup_plan", "lake", {"name": plan["BackupPlanName"], "rule": rules})


def _backup_selection(name: str, selection: Mapping[str, Any], wish: Wish) -> Iterator[Block]:
    if not wish.role:
        yield from _role("backup", "backup.amazonaws.com")
        for number, policy in enumerate(BACKUP_POLICIES, 1):
            body = {"role": Expression("aws_iam_role.backup.name"), "policy_arn": policy}
            yield resource("aws_iam_role_policy_attachment", f"backup_{number}", body)
    yield resource(
        "aws_backup_selection",
        "lake",
        {
            "name": selection["SelectionName"],
            "plan_id": Expression("aws_backup_plan.lake.id"),
            "iam_role_arn": wish.role or Expression("aws_iam_role.backup.arn"),
            "resources": [f"{ARN}{name}"],
        },
    )


def _role(label: str, service: str) -> Iterator[Block]:
    trust = as_json(trust_document(service).content)
    yield resource("aws_iam_role", label, {"name": f"canvasback-{label}", "assume_role_policy": trust})


def _inner(name: str, value: Mapping[str, Any]) -> Block:
    """A document of S3's as a block: the provider spells the same names in another way."""
    body: dict[str, Any] = {}
    for key, one in value.items():
        if key == "Tags":
            body["tags"] = {tag["Key"]: tag["Value"] for tag in one}
        elif isinstance(one, dict):
            body[_spelled(key)] = _inner(_spelled(key), one)
        elif isinstance(one, list):
            body[_spelled(key)] = [_inner(_spelled(key), part) for part in one]
        else:
            body[_spelled(key)] = one
    return Block(name, (), body)


def _spelled(key: str) -> str:
    return _SINGULAR.get(key) or "_".join(_WORD.split(key)).lower()
