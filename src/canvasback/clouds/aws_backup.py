"""What AWS Backup has of a bucket: plans that take it in, and backups that can be restored.

Source: AWS Backup API Reference, ListBackupPlans, GetBackupPlan, GetBackupSelection, ListRecoveryPointsByResource,
DescribeBackupVault.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from canvasback.clouds.s3_answers import ARN
from canvasback.model.protection.bucket import BackupPlan, Backups

RIGHTS = {
    "list_recovery_points_by_resource": "backup:ListRecoveryPointsByResource",
    "list_backup_plans": "backup:ListBackupPlans",
    "list_backup_selections": "backup:ListBackupSelections",
    "get_backup_selection": "backup:GetBackupSelection",
    "get_backup_plan": "backup:GetBackupPlan",
    "describe_backup_vault": "backup:DescribeBackupVault",
}
"""What is asked, by botocore's names, and the right that it takes."""

_CONTINUOUS = ":continuous:"
"""In the name of what holds every moment of the last days; it is as old as the first of them."""


class Ask(Protocol):
    """Asks the service; None where it has nothing, or may not be asked, which is noted elsewhere."""

    def __call__(self, verb: str, **parameters: Any) -> Any | None:
        """The answer.

        Args:
            verb: The question, one of `RIGHTS`.
            parameters: What it is about.
        """


def backups_of(bucket: str, ask: Ask, tags: Callable[[], Mapping[str, str]]) -> Backups:
    """What the service has of a bucket.

    Args:
        bucket: Its name.
        ask: Asks the service.
        tags: Gives the bucket's tags; asked for only where a plan goes by them.
    """
    arn = f"{ARN}{bucket}"
    listed = _pages(ask, "list_recovery_points_by_resource", "RecoveryPoints", ResourceArn=arn)
    points = [point for point in listed if point.get("Status") in {"COMPLETED", "AVAILABLE"}]
    vaults = sorted({str(point["BackupVaultName"]) for point in points})
    newest = max(points, key=lambda point: point["CreationDate"], default=None)
    return Backups(
        plans=tuple(_plans(arn, ask, tags)),
        newest=None if newest is None else newest["CreationDate"],
        count=len(points),
        continuous=any(_CONTINUOUS in point["RecoveryPointArn"] for point in points),
        locked_from=min(filter(None, (_locked_from(name, ask) for name in vaults)), default=None),
    )


def _plans(arn: str, ask: Ask, tags: Callable[[], Mapping[str, str]]) -> Iterator[BackupPlan]:
    for listed in _pages(ask, "list_backup_plans", "BackupPlansList"):
        id_ = listed["BackupPlanId"]
        selections = _pages(ask, "list_backup_selections", "BackupSelectionsList", BackupPlanId=id_)
        if not any(_takes_in(arn, _selection(ask, id_, one["SelectionId"]), tags) for one in selections):
            continue
        plan = (ask("get_backup_plan", BackupPlanId=id_) or {}).get("BackupPlan", {})
        for rule in plan.get("Rules", []):
            copies = [str(copy["DestinationBackupVaultArn"]) for copy in rule.get("CopyActions", [])]
            yield BackupPlan(
                name=f"{plan.get('BackupPlanName', listed.get('BackupPlanName', id_))}/{rule.get('RuleName', '')}",
                vault=str(rule.get("TargetBackupVaultName", "")),
                schedule=str(rule.get("ScheduleExpression", "")),
                days=rule.get("Lifecycle", {}).get("DeleteAfterDays"),
                continuous=bool(rule.get("EnableContinuousBackup")),
                copies_to=tuple(copies),
                copy_regions=tuple(sorted({copy.split(":")[3] for copy in copies})),
            )


def _selection(ask: Ask, plan: str, id_: str) -> Mapping[str, Any]:
    found = ask("get_backup_selection", BackupPlanId=plan, SelectionId=id_)
    return (found or {}).get("BackupSelection", {})  # type: ignore[no-any-return]


def _takes_in(arn: str, selection: Mapping[str, Any], tags: Callable[[], Mapping[str, str]]) -> bool:
    """Whether a selection takes a bucket in: what it names or what has one of the tags, if all conditions hold.

    One that says nothing at all takes in everything.
    """
    named, by_tag = selection.get("Resources") or [], selection.get("ListOfTags") or []
    conditions = {kind: wanted for kind, wanted in (selection.get("Conditions") or {}).items() if wanted}
    if not selection or _matches(arn, selection.get("NotResources") or []):
        return False
    if (named or by_tag) and not (
        _matches(arn, named) or any(tags().get(one["ConditionKey"]) == one["ConditionValue"] for one in by_tag)
    ):
        return False
    return all(_holds(kind, wanted, tags()) for kind, wanted in conditions.items())


def _holds(kind: str, wanted: list[Mapping[str, str]], tags: Mapping[str, str]) -> bool:
    """Whether all conditions of one kind hold; their keys are written ``aws:ResourceTag/name``."""

    def fits(one: Mapping[str, str]) -> bool:
        found = tags.get(one.get("ConditionKey", "").removeprefix("aws:ResourceTag/"), "")
        pattern = one.get("ConditionValue", "")
        equal = fnmatch.fnmatchcase(found, pattern) if kind.endswith("Like") else found == pattern
        return equal is not ("Not" in kind)

    return all(map(fits, wanted))


def _matches(arn: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(arn, pattern) for pattern in patterns)


def _locked_from(vault: str, ask: Ask) -> datetime | None:
    """When nobody can take away the lock of a vault any more; None where somebody always can, or there is none."""
    found = ask("describe_backup_vault", BackupVaultName=vault) or {}
    return found.get("LockDate") if found.get("Locked") else None


def _pages(ask: Ask, verb: str, key: str, **parameters: Any) -> Iterator[Any]:
    token: dict[str, str] = {}
    while True:
        answer = ask(verb, **parameters, **token) or {}
        yield from answer.get(key, [])
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}
