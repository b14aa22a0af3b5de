"""Switching on what protects a bucket of S3, or of what speaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import botocore.exceptions
import msgspec

from canvasback.clouds.aws_backup import RIGHTS as BACKUP_RIGHTS
from canvasback.clouds.aws_backup import backups_of
from canvasback.clouds.aws_backup_changes import NEW_PLAN, OwnPlan, back_up, plan_name
from canvasback.clouds.draft import Draft
from canvasback.clouds.iam_documents import (
    destination_document,
    replication_role_document,
    rights_document,
    trust_document,
)
from canvasback.clouds.refusals import changed_meanwhile, may_not_do, may_not_see, needed, not_taken, unsupported
from canvasback.clouds.s3 import DENIED, LACKING, QUESTIONS, S3Guard
from canvasback.clouds.s3_answers import ARN, lifecycle_rules
from canvasback.clouds.s3_changes import (
    copy_new_objects,
    keep_versions,
    lock_new_objects,
    switch_versioning_on,
)
from canvasback.clouds.s3_terraform import terraform_of
from canvasback.errors import AccessDeniedError, RefusedError, StorageError, UsageError
from canvasback.model.lock import LockMode
from canvasback.model.plans.protect_enable import Document, Mechanism, ProtectPlan, Step, Wish
from canvasback.model.protection.bucket import Backups
from canvasback.storage.bucket.place import BucketPlace
from canvasback.storage.bucket.s3_errors import code_of, status_of, translate
from canvasback.storage.bucket.service import StoreOptions
from canvasback.storage.locations import Stores

_ERRORS = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
_BACKUP_CALLS = {"create_backup_vault", "create_backup_plan", "update_backup_plan", "create_backup_selection"}
_SERVICES = {Mechanism.REPLICATION: "s3.amazonaws.com", Mechanism.BACKUP: "backup.amazonaws.com"}
_ROLE = "arn:aws:iam::ACCOUNT:role/ROLE"
_READS_OF = {"put_bucket_lifecycle_configuration": "get_bucket_lifecycle_configuration",
             "put_bucket_replication": "get_bucket_replication",
             "put_object_lock_configuration": "get_object_lock_configuration"}  # fmt: skip
"""What a request replaces as a whole, and how that is read."""


def open_bucket(place: BucketPlace, stores: Stores) -> S3Enabler:
    """See `canvasback.clouds.enabler.open_enabler`."""
    return S3Enabler(place, stores)


class S3Enabler:
    """See `canvasback.clouds.enabler.Enabler`.

    Args:
        place: The bucket.
        stores: Knows how to reach others.
    """

    def __init__(self, place: BucketPlace, stores: Stores) -> None:
        self.url = place.root
        self._place = place
        self._stores = stores
        self._guard = S3Guard(place)
        self._made = ""

    def plan(self, wish: Wish) -> ProtectPlan:
        """See `Enabler.plan`."""
        draft = Draft()
        match wish.mechanism:
            case Mechanism.VERSIONING:
                self._version(draft, wish)
            case Mechanism.LOCK:
                self._lock(draft, wish)
            case Mechanism.REPLICATION:
                self._replicate(draft, wish)
            case Mechanism.BACKUP:
                self._back_up(draft, wish)
            case Mechanism.SOFT_DELETE:
                raise unsupported(
                    wish.mechanism,
                    self.url,
                    "S3 has none",
                    "Versioning does the same there: protect enable versioning.",
                )
        return self._finished(draft, wish)

    def explain(self, wish: Wish) -> ProtectPlan:
        """See `Enabler.explain`."""
        to = f"{wish.to.rstrip('/') or 's3://OTHER'}/"
        example = msgspec.structs.replace(wish, vault=wish.vault or "canvasback", days=wish.days or 30, to=to)
        draft = Draft()
        name, url = self._guard.name, self.url
        match wish.mechanism:
            case Mechanism.VERSIONING:
                switch_versioning_on(draft, name, url, {})
                if wish.days is not None:
                    keep_versions(draft, name, url, example, versioning={}, lifecycle=None)
            case Mechanism.LOCK:
                switch_versioning_on(draft, name, url, {})
                lock_new_objects(draft, name, url, example, None)
            case Mechanism.REPLICATION:
                switch_versioning_on(draft, name, url, {})
                switch_versioning_on(draft, example.to.partition("://")[2].rstrip("/"), example.to, {})
                copy_new_objects(draft, name, url, example, None)
            case Mechanism.BACKUP:
                switch_versioning_on(draft, name, url, {})
                back_up(draft, name, url, example, Backups(), vaults=(), own=None)
            case Mechanism.SOFT_DELETE:
                return self.plan(wish)
        finished = self._finished(draft, example, read=False)
        return msgspec.structs.replace(finished, changes=(), kept=(), remarks=())

    def carry_out(self, step: Step) -> None:
        """See `Enabler.carry_out`."""
        client = self._client_for(step)
        reads = _READS_OF.get(step.call)
        if reads is not None and step.expects is not None:
            found = self._read(reads) or {}
            if any(found.get(key, type(was)()) != was for key, was in step.expects.items()):
                raise changed_meanwhile(step.bucket)
        request = {**step.request}
        if request.get("BackupPlanId") == NEW_PLAN:
            request["BackupPlanId"] = self._made
        try:
            answer = getattr(client, step.call)(**request)
        except _ERRORS as error:
            self._refuse(error, step)
        self._made = answer.get("BackupPlanId", self._made)
        if step.call == "put_bucket_lifecycle_configuration":
            self._prove(step)

    def _prove(self, step: Step) -> None:
        """See that a service that replaced all rules has them all.

        Raises:
            StorageError: It has others (``protection-garbled``).
        """
        wanted = lifecycle_rules(step.request["LifecycleConfiguration"])
        found = lifecycle_rules(self._read("get_bucket_lifecycle_configuration"))
        lost = [rule.id for rule in wanted if rule not in found]
        if lost:
            raise StorageError(
                f"{step.bucket} was sent all its lifecycle rules, and made something else of {', '.join(lost)}",
                code="protection-garbled",
                hint="Compare its rules with those that --json shows, and put them right at once: a rule may delete "
                "more than it was to.",
            )

    # What each mechanism takes

    def _version(self, draft: Draft, wish: Wish) -> None:
        versioning = self._read("get_bucket_versioning") or {}
        switch_versioning_on(draft, self._guard.name, self.url, versioning)
        if wish.days is not None:
            lifecycle = self._read("get_bucket_lifecycle_configuration")
            keep_versions(draft, self._guard.name, self.url, wish, versioning=versioning, lifecycle=lifecycle)

    def _lock(self, draft: Draft, wish: Wish) -> None:
        needed(str(wish.days or ""), "days", wish)
        if wish.mode and wish.mode not in {*LockMode}:
            raise UsageError(
                "lock-not-understood", f"{wish.mode!r} is no mode of a lock", hint=f"One of {', '.join(LockMode)}."
            )
        switch_versioning_on(draft, self._guard.name, self.url, self._read("get_bucket_versioning") or {})
        lock_new_objects(draft, self._guard.name, self.url, wish, self._read("get_object_lock_configuration"))

    def _replicate(self, draft: Draft, wish: Wish) -> None:
        place = self._stores.place(needed(wish.to, "to", wish))
        if place is None or place.kind != "s3" or place.name == self._guard.name or place.prefix:
            raise UsageError(
                "replica-not-understood",
                f"{wish.to} is no other bucket of the same service",
                hint="Name a bucket, and no folder in it: copies have the keys that the originals have.",
            )
        wish = msgspec.structs.replace(wish, to=place.root)
        needed(wish.role, "role", wish)
        switch_versioning_on(draft, self._guard.name, self.url, self._read("get_bucket_versioning") or {})
        try:
            there = self._guard_of(place.root).call("get_bucket_versioning")
        except AccessDeniedError:
            draft.remarks.append(f"Whether {place.root} keeps versions may not be seen. It has to, or S3 refuses.")
        else:
            switch_versioning_on(draft, place.name, place.root, there)
        copy_new_objects(draft, self._guard.name, self.url, wish, self._read("get_bucket_replication"))

    def _back_up(self, draft: Draft, wish: Wish) -> None:
        client = self._backup_client()
        if client is None:
            raise unsupported(
                wish.mechanism, self.url, "there is no AWS Backup at its endpoint", "Replication does without it."
            )
        needed(wish.vault, "vault", wish)
        needed(wish.role, "role", wish)
        needed(str(wish.days or ""), "days", wish)
        switch_versioning_on(draft, self._guard.name, self.url, self._read("get_bucket_versioning") or {})

        def ask(verb: str, **parameters: Any) -> Any | None:
            right = BACKUP_RIGHTS.get(verb, f"backup:{verb.title().replace('_', '')}")
            return self._answer(right, ("ResourceNotFoundException",), lambda: getattr(client, verb)(**parameters))

        def tags() -> Mapping[str, str]:
            found = self._read("get_bucket_tagging") or {}
            return {tag["Key"]: tag["Value"] for tag in found.get("TagSet", [])}

        listed = ask("list_backup_vaults") or {}
        vaults = [str(vault["BackupVaultName"]) for vault in listed.get("BackupVaultList", [])]
        found = backups_of(self._guard.name, ask, tags)
        back_up(draft, self._guard.name, self.url, wish, found, vaults=vaults, own=self._own_plan(ask))

    def _own_plan(self, ask: Callable[..., Any | None]) -> OwnPlan | None:
        token: dict[str, str] = {}
        while True:
            listed = ask("list_backup_plans", **token) or {}
            for plan in listed.get("BackupPlansList", []):
                if plan.get("BackupPlanName") == plan_name(self._guard.name):
                    found = (ask("get_backup_plan", BackupPlanId=plan["BackupPlanId"]) or {})["BackupPlan"]
                    rules = [{key: one for key, one in rule.items() if key != "RuleId"} for rule in found["Rules"]]
                    return OwnPlan(plan["BackupPlanId"], {**found, "Rules": rules})
            if not listed.get("NextToken"):
                return None
            token = {"NextToken": listed["NextToken"]}

    # What they share

    def _finished(self, draft: Draft, wish: Wish, *, read: bool = True) -> ProtectPlan:
        blocks = terraform_of(self._guard.name, draft.changes, wish, read=read)
        return draft.finished(self.url, wish.mechanism, self._documents(draft, wish), blocks)

    def _documents(self, draft: Draft, wish: Wish) -> tuple[Document, ...]:
        name = self._guard.name
        reads = {f"{ARN}{name}": tuple(QUESTIONS[verb].right for verb in _READS[wish.mechanism])}
        if wish.mechanism is Mechanism.REPLICATION:
            reads[f"{ARN}{wish.to.partition('://')[2].rstrip('/')}"] = ("s3:GetBucketVersioning",)
        if wish.mechanism is Mechanism.BACKUP:
            reads["*"] = (*BACKUP_RIGHTS.values(), "backup:ListBackupVaults")
        handed_on = (wish.role or _ROLE) if wish.mechanism in _SERVICES else ""
        found = [rights_document(draft.changes, reads, handed_on)]
        if wish.mechanism in _SERVICES:
            found.append(trust_document(_SERVICES[wish.mechanism]))
        if wish.mechanism is Mechanism.REPLICATION:
            found.append(replication_role_document(name, wish))
            if wish.account:
                found.append(destination_document(wish, wish.role or _ROLE))
        return tuple(found)

    def _read(self, verb: str) -> Any | None:
        """What S3 answers to one of the questions; None where nothing is configured.

        Raises:
            AccessDeniedError: It may not be asked.
            RefusedError: The service has no such thing (``protection-unsupported``).
        """
        question = QUESTIONS[verb]
        client = self._guard.aws.client()
        found = self._answer(question.right, question.absent, lambda: getattr(client, verb)(Bucket=self._guard.name))
        if found is not None:
            found.pop("ResponseMetadata", None)
        return found

    def _answer(self, right: str, absent: tuple[str, ...], ask: Callable[[], Any]) -> Any | None:
        try:
            return ask()
        except _ERRORS as error:
            code = code_of(error)
            if code in absent:
                return None
            if code in LACKING or status_of(error) in {"405", "501"}:
                raise RefusedError(
                    "protection-unsupported",
                    f"the service at {self.url} has no such thing: it says {code}",
                    hint="Run protect status, which tells what it has; or make points with canvasback backup.",
                ) from error
            if code in DENIED:
                raise may_not_see(self.url, right) from error
            translate(error, self.url, "")

    def _refuse(self, error: Exception, step: Step) -> None:
        code = code_of(error)
        if code in DENIED:
            raise may_not_do(step) from error
        if isinstance(error, botocore.exceptions.ClientError) and not status_of(error).startswith("5"):
            said = error.response.get("Error", {}).get("Message", "")
            raise not_taken(step, f"{code} {said}") from error
        translate(error, step.bucket, "")

    def _client_for(self, step: Step) -> Any:
        return self._backup_client() if step.call in _BACKUP_CALLS else self._guard_of(step.bucket).aws.client()

    def _guard_of(self, url: str) -> S3Guard:
        """The bucket's own, or that of another one, which is reached in the same way unless something else is said."""
        place = self._stores.place(url)
        assert place is not None
        if place.root == self.url:
            return self._guard
        options = self._place.options if place.options == StoreOptions() else place.options
        return S3Guard(msgspec.structs.replace(place, options=options))

    def _backup_client(self) -> Any | None:
        return self._guard.aws.client_of("backup", self._guard.region() or self._guard.aws.region)


_READS = {
    Mechanism.VERSIONING: ("get_bucket_versioning", "get_bucket_lifecycle_configuration"),
    Mechanism.LOCK: ("get_bucket_versioning", "get_object_lock_configuration"),
    Mechanism.REPLICATION: ("get_bucket_versioning", "get_bucket_replication"),
    Mechanism.BACKUP: ("get_bucket_versioning", "get_bucket_tagging", "get_bucket_location"),
    Mechanism.SOFT_DELETE: (),
}
"""What making a plan asks."""
