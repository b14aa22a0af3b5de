"""Switching on what protects a container of Azure, as far as those can who use its blobs: soft delete.

All else is for those who manage the account; the command that does it is told.
"""

from __future__ import annotations

from typing import Any

import msgspec
from azure.core import exceptions
from azure.storage.blob import RetentionPolicy

from canvasback.clouds.azure import READ, AzureGuard, soft_delete_days
from canvasback.clouds.draft import Draft
from canvasback.clouds.hcl import Block, Expression, resource
from canvasback.clouds.refusals import changed_meanwhile, may_not_do, may_not_see, not_taken, unsupported
from canvasback.errors import UsageError
from canvasback.model.plans.protect_enable import Document, Mechanism, ProtectPlan, Step, Wish
from canvasback.model.protection.lake import shown_days
from canvasback.storage.bucket.azure_errors import code_of, translate
from canvasback.storage.bucket.place import BucketPlace
from canvasback.storage.locations import Stores

WRITE = "Microsoft.Storage/storageAccounts/blobServices/write"
USUAL, MOST = 7, 365
"""The days that Azure's portal proposes, and the most that Azure takes."""

_FORBIDDEN, _REFUSED = 403, range(400, 500)
_SCOPE = "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Storage/storageAccounts/"
_BY_MANAGERS = {
    Mechanism.VERSIONING: "az storage account blob-service-properties update --account-name {account} "
    "--enable-versioning true",
    Mechanism.REPLICATION: "az storage account or-policy create --account-name OTHER --source-account {account} "
    "--destination-account OTHER --source-container {container} --destination-container CONTAINER",
    Mechanism.LOCK: "az storage container immutability-policy create --account-name {account} "
    "--container-name {container} --period DAYS",
    Mechanism.BACKUP: "az dataprotection backup-instance create, for a vault of Azure Backup",
}


def open_bucket(place: BucketPlace, stores: Stores) -> AzureEnabler:  # noqa: ARG001 - the same for all clouds
    """See `canvasback.clouds.enabler.open_enabler`."""
    return AzureEnabler(place)


class AzureEnabler:
    """See `canvasback.clouds.enabler.Enabler`.

    Args:
        place: The container.
    """

    def __init__(self, place: BucketPlace) -> None:
        self.url = place.root
        self._guard = AzureGuard(place)

    def plan(self, wish: Wish) -> ProtectPlan:
        """See `Enabler.plan`."""
        self._check(wish)
        return self._keep_deleted(wish, self._days())

    def explain(self, wish: Wish) -> ProtectPlan:
        """See `Enabler.explain`."""
        self._check(wish)
        return msgspec.structs.replace(self._keep_deleted(wish, 0), changes=(), kept=(), remarks=())

    def carry_out(self, step: Step) -> None:
        """See `Enabler.carry_out`. Azure takes no condition here: what is replaced is looked at just before."""
        if {"days": self._days()} != step.expects:
            raise changed_meanwhile(self.url)
        policy = RetentionPolicy(enabled=True, days=step.request["days"])
        try:
            # What is not named stays as it is.
            self._guard.service.set_service_properties(delete_retention_policy=policy, timeout=self._guard.seconds)
        except exceptions.AzureError as error:
            self._refuse(error, step)

    def _check(self, wish: Wish) -> None:
        if wish.mechanism is not Mechanism.SOFT_DELETE:
            command = _BY_MANAGERS[wish.mechanism].format(account=self._guard.account, container=self._guard.container)
            raise unsupported(
                wish.mechanism,
                self.url,
                "in Azure it is for those who manage the account, by an interface of its own",
                f"Let them run {command}.",
            )
        if wish.days is not None and wish.days > MOST:
            raise UsageError(
                "days-not-understood",
                f"soft delete of {self.url} cannot be for {wish.days} days",
                hint=f"Azure takes 1 to {MOST}.",
            )

    def _keep_deleted(self, wish: Wish, found: int) -> ProtectPlan:
        draft = Draft()
        days = wish.days or USUAL
        if found >= days:
            draft.kept.append(f"{self.url} keeps what is deleted for {shown_days(found)} already")
        else:
            was = f", and not for {shown_days(found)}" if found else ""
            draft.changes.append(
                Step(
                    words=f"{self.url}: what is deleted or overwritten can be brought back for {days} days{was}",
                    call="set_service_properties",
                    request={"days": days},
                    needs=(WRITE,),
                    resource=_SCOPE + self._guard.account,
                    bucket=self.url,
                    expects={"days": found},
                )
            )
            draft.remarks.append(
                "It holds for all containers of the account, and for what is deleted from now on. Each file that "
                "DuckLake deletes is paid for until its time is over."
            )
        terraform = [self._terraform(days)] if draft.changes else []
        return draft.finished(self.url, wish.mechanism, [self._rights()], terraform)

    def _rights(self) -> Document:
        content: dict[str, Any] = {
            "Name": "Canvasback protect",
            "Description": "See and lengthen soft delete of blobs.",
            "Actions": [READ, WRITE],
            "AssignableScopes": [_SCOPE + self._guard.account],
        }
        return Document(name="rights", meaning="A role that has what whoever runs this command needs.", content=content)

    def _terraform(self, days: int) -> Block:
        properties = {"deleteRetentionPolicy": {"enabled": True, "days": days}}
        body = {
            "type": "Microsoft.Storage/storageAccounts/blobServices@2023-05-01",
            "resource_id": f"{_SCOPE}{self._guard.account}/blobServices/default",
            "body": Expression(f"{{ properties = {_hcl(properties)} }}"),
        }
        note = "With the provider Azure/azapi, which changes this and leaves the rest of the account as it is."
        return resource("azapi_update_resource", "lake", body, note)

    def _days(self) -> int:
        """For how many days what is deleted is kept.

        Raises:
            AccessDeniedError: It may not be asked.
        """
        try:
            return soft_delete_days(self._guard.service.get_service_properties(timeout=self._guard.seconds))
        except exceptions.AzureError as error:
            if _is_forbidden(error):
                raise may_not_see(self.url, READ) from error
            translate(error, self.url, "")

    def _refuse(self, error: exceptions.AzureError, step: Step) -> None:
        if _is_forbidden(error):
            raise may_not_do(step) from error
        status = getattr(error, "status_code", 0) or 0
        if status in _REFUSED or status == 501:  # noqa: PLR2004 - it has no such thing
            raise not_taken(step, code_of(error) or str(status)) from error
        translate(error, step.bucket, "")


def _is_forbidden(error: exceptions.AzureError) -> bool:
    return getattr(error, "status_code", 0) == _FORBIDDEN and code_of(error) != "AuthenticationFailed"


def _hcl(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_hcl(one)}" for name, one in value.items()) + " }"
    return str(value).lower()
