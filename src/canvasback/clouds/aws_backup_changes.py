"""What has to change in AWS Backup for a plan to take a bucket in. Answers in, requests out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from canvasback.clouds.draft import Draft
from canvasback.clouds.s3_answers import ARN
from canvasback.model.plans.protect_enable import Step, Wish
from canvasback.model.protection.bucket import Backups

NEW_PLAN = "the plan that was made"
"""In a request, what the request before it answers."""

DAILY = "cron(0 5 ? * * *)"
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9._-]")
_LONGEST = 50


VAULT_RIGHTS = (
    "backup:CreateBackupVault",
    "backup-storage:MountCapsule",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKey",
)
"""What making a vault takes: it is encrypted."""


class OwnPlan(msgspec.Struct, frozen=True):
    """A plan of the backup service that we made.

    Attributes:
        id: Its id.
        document: What it says.
    """

    id: str
    document: dict[str, Any]


def plan_name(bucket: str) -> str:
    """The name of the plan that we make for a bucket; the service takes no longer ones."""
    return _NOT_IN_NAMES.sub("-", f"canvasback-{bucket}")[:_LONGEST]


def back_up(
    draft: Draft, name: str, url: str, wish: Wish, found: Backups, *, vaults: Iterable[str], own: OwnPlan | None
) -> None:
    """Let a plan take a bucket in, if none does that keeps backups for as long.

    Args:
        draft: Told what it takes.
        name: The bucket.
        url: The same as a URL.
        wish: Where backups go, when, for how long, and in which role they are made.
        found: What the service has of the bucket.
        vaults: The vaults that there are.
        own: The plan that we made before; None where there is none.
    """
    assert wish.days is not None
    for plan in found.plans:
        if plan.days is None or plan.days >= wish.days:
            lasting = "for ever" if plan.days is None else f"for {plan.days} days"
            draft.kept.append(f"the plan {plan.name} takes {url} in already, and keeps backups {lasting}")
            return
    if wish.vault not in vaults:
        draft.changes.append(
            Step(
                words=f"there is a vault {wish.vault} for backups",
                call="create_backup_vault",
                request={"BackupVaultName": wish.vault},
                needs=VAULT_RIGHTS,
                resource="*",
                bucket=url,
            )
        )
    if own is None:
        draft.changes.append(_make_plan(name, url, wish))
    elif _raised(own.document, wish.days) != own.document:
        draft.changes.append(
            Step(
                words=f"the plan {own.document['BackupPlanName']} keeps each backup for {wish.days} days at least",
                call="update_backup_plan",
                request={"BackupPlanId": own.id, "BackupPlan": _raised(own.document, wish.days)},
                needs=("backup:UpdateBackupPlan",),
                resource="*",
                bucket=url,
            )
        )
    if not any(plan.name.startswith(f"{plan_name(name)}/") for plan in found.plans):
        draft.changes.append(
            Step(
                words=f"the plan takes {url} in, in the role {wish.role}",
                call="create_backup_selection",
                request={
                    "BackupPlanId": own.id if own is not None else NEW_PLAN,
                    "BackupSelection": {
                        "SelectionName": _NOT_IN_NAMES.sub("-", name)[:_LONGEST],
                        "IamRoleArn": wish.role,
                        "Resources": [f"{ARN}{name}"],
                    },
                },
                needs=("backup:CreateBackupSelection",),
                resource="*",
                bucket=url,
            )
        )


def _raised(plan: Mapping[str, Any], days: int) -> dict[str, Any]:
    """A plan whose rules keep backups for so many days at least; one that keeps them for ever goes on doing so."""

    def raised(rule: Mapping[str, Any]) -> dict[str, Any]:
        lifecycle = rule.get("Lifecycle", {})
        kept = lifecycle.get("DeleteAfterDays")
        if kept is None or kept >= days:
            return {**rule}
        return {**rule, "Lifecycle": {**lifecycle, "DeleteAfterDays": days}}

    return {**plan, "Rules": [raised(rule) for rule in plan["Rules"]]}


def _make_plan(name: str, url: str, wish: Wish) -> Step:
    schedule = wish.schedule or DAILY
    rule = {
        "RuleName": "canvasback",
        "TargetBackupVaultName": wish.vault,
        "ScheduleExpression": schedule,
        "Lifecycle": {"DeleteAfterDays": wish.days},
    }
    return Step(
        words=f"a plan makes backups by {schedule}, and keeps each for {wish.days} days in {wish.vault}",
        call="create_backup_plan",
        request={"BackupPlan": {"BackupPlanName": plan_name(name), "Rules": [rule]}},
        needs=("backup:CreateBackupPlan",),
        resource="*",
        bucket=url,
    )
