"""Switching on what protects a bucket of Google Cloud Storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from google.api_core import exceptions

from canvasback.clouds.draft import Draft
from canvasback.clouds.gcs import GET, GcsGuard
from canvasback.clouds.gcs_changes import keep_deleted, keep_versions, lock_objects
from canvasback.clouds.gcs_terraform import replication_of, terraform_of
from canvasback.clouds.guard import Seen
from canvasback.clouds.refusals import changed_meanwhile, may_not_do, may_not_see, needed, not_taken, unsupported
from canvasback.errors import RefusedError, UsageError
from canvasback.model.lock import LockMode
from canvasback.model.plans.protect_enable import Document, Mechanism, ProtectPlan, Step, Wish
from canvasback.storage.bucket.gcs_errors import translate
from canvasback.storage.bucket.place import BucketPlace
from canvasback.storage.locations import Stores

_BY_PATCH: dict[Mechanism, Callable[[Draft, str, str, Wish, Mapping[str, Any]], None]] = {
    Mechanism.VERSIONING: keep_versions,
    Mechanism.SOFT_DELETE: keep_deleted,
    Mechanism.LOCK: lock_objects,
}
_TRANSFER_RIGHTS = ("storagetransfer.jobs.create", "storagetransfer.jobs.get", "storagetransfer.jobs.list")
_AGENT_ROLES = {"source": "roles/storage.legacyBucketOwner", "destination": "roles/storage.legacyBucketWriter"}
_TOLD_BY_GOOGLE = {"effectiveTime", "isLocked"}
"""What a part of a bucket says that nobody asked for."""


def open_bucket(place: BucketPlace, stores: Stores) -> GcsEnabler:
    """See `canvasback.clouds.enabler.open_enabler`."""
    return GcsEnabler(place, stores)


class GcsEnabler:
    """See `canvasback.clouds.enabler.Enabler`.

    Args:
        place: The bucket.
        stores: Knows how to reach others.
    """

    def __init__(self, place: BucketPlace, stores: Stores) -> None:
        self.url = place.root
        self._stores = stores
        self._guard = GcsGuard(place)

    def plan(self, wish: Wish) -> ProtectPlan:
        """See `Enabler.plan`."""
        draft = Draft()
        if wish.mechanism is Mechanism.BACKUP:
            raise self._no_backup()
        if wish.mechanism is Mechanism.REPLICATION:
            self._replicate(draft, wish)
            return self._finished(draft, wish, "")
        if wish.mechanism is Mechanism.LOCK:
            needed(str(wish.days or ""), "days", wish)
            _check_mode(wish)
        bucket = self._read()
        _BY_PATCH[wish.mechanism](draft, self._guard.name, self.url, wish, bucket)
        return self._finished(draft, wish, str(bucket.get("location", "")))

    def explain(self, wish: Wish) -> ProtectPlan:
        """See `Enabler.explain`."""
        draft = Draft()
        if wish.mechanism is Mechanism.BACKUP:
            raise self._no_backup()
        if wish.mechanism is Mechanism.REPLICATION:
            wish = msgspec.structs.replace(wish, to=f"{wish.to.rstrip('/') or 'gs://OTHER'}/")
        else:
            days = wish.days or (30 if wish.mechanism is Mechanism.LOCK else None)
            wish = msgspec.structs.replace(wish, days=days)
            _check_mode(wish)
            _BY_PATCH[wish.mechanism](draft, self._guard.name, self.url, wish, {})
        return msgspec.structs.replace(self._finished(draft, wish, ""), changes=(), kept=(), remarks=())

    def carry_out(self, step: Step) -> None:
        """See `Enabler.carry_out`."""
        bucket = self._read()
        if any(_asked(bucket.get(part)) != _asked(was) for part, was in (step.expects or {}).items()):
            raise changed_meanwhile(self.url)
        unless_changed = {"ifMetagenerationMatch": bucket["metageneration"]}
        try:
            if step.call == "lock_retention_policy":
                self._guard.call("post", "/lockRetentionPolicy", None, **unless_changed)
            else:
                self._guard.call("patch", "", step.request["body"], projection="noAcl", **unless_changed)
        except exceptions.PreconditionFailed as error:
            raise changed_meanwhile(self.url) from error
        except Exception as error:  # noqa: BLE001 - see `GcsBucket.head`
            self._refuse(error, step)

    def _replicate(self, draft: Draft, wish: Wish) -> None:
        """Only look: a job takes roles of Google's own accounts in both buckets, which an administrator has to give."""
        place = self._stores.place(needed(wish.to, "to", wish))
        if place is None or place.kind != "gcs" or place.name == self._guard.name or place.prefix:
            raise UsageError(
                "replica-not-understood",
                f"{wish.to} is no other bucket of the same service",
                hint="Name a bucket, and no folder in it: copies have the keys that the originals have.",
            )
        seen = Seen()
        for rule in self._guard.replication(seen):
            if rule.covers(wish.prefix) and rule.destination.partition("://")[2] == f"{place.name}/":
                draft.kept.append(
                    f"the replication job {rule.id} of {self.url} copies new files to {place.root} already"
                )
                if wish.deletes:
                    draft.remarks.append("Google's replication copies no deletions.")
                return
        only = f" --include-prefixes={wish.prefix}" if wish.prefix else ""
        raise unsupported(
            wish.mechanism,
            self.url,
            "its job is one of the Storage Transfer Service, whose own accounts need roles in both buckets",
            "Run gcloud transfer jobs create "
            f"gs://{self._guard.name} gs://{place.name} --replication{only} as an administrator; --print policy and "
            "--print terraform tell the roles and the same as Terraform."
            + (" See before whether there is such a job: it could not be seen from here." if seen.unseen else ""),
        )

    def _no_backup(self) -> RefusedError:
        return unsupported(
            Mechanism.BACKUP,
            self.url,
            "Google's Backup and DR takes no buckets",
            "Use protect enable versioning or soft-delete, or make points with canvasback backup.",
        )

    def _finished(self, draft: Draft, wish: Wish, location: str) -> ProtectPlan:
        name = self._guard.name
        blocks = [*terraform_of(name, location, draft.changes)]
        if wish.mechanism is Mechanism.REPLICATION and not draft.kept:
            blocks = [*replication_of(name, wish)]
        return draft.finished(self.url, wish.mechanism, _documents(draft.changes, wish, name), blocks)

    def _read(self) -> dict[str, Any]:
        """What Google says of the bucket.

        Raises:
            AccessDeniedError: It may not be asked.
        """
        try:
            return self._guard.call("get", projection="noAcl")
        except exceptions.Forbidden as error:
            raise may_not_see(self.url, GET) from error
        except Exception as error:  # noqa: BLE001 - see `GcsBucket.head`
            translate(error, self.url, "")

    def _refuse(self, error: Exception, step: Step) -> None:
        if isinstance(error, exceptions.Forbidden):
            raise may_not_do(step) from error
        if isinstance(error, exceptions.ClientError) and not isinstance(error, exceptions.Unauthorized):
            raise not_taken(step, f"{error.code} {error.message}") from error
        translate(error, step.bucket, "")


def _asked(part: Any) -> Any:
    """A part of a bucket without what Google adds to it."""
    return {key: value for key, value in part.items() if key not in _TOLD_BY_GOOGLE} if isinstance(part, dict) else part


def _check_mode(wish: Wish) -> None:
    if wish.mode and wish.mode not in {*LockMode}:
        raise UsageError(
            "lock-not-understood", f"{wish.mode!r} is no mode of a lock", hint=f"One of {', '.join(LockMode)}."
        )


def _documents(steps: Iterable[Step], wish: Wish, name: str) -> tuple[Document, ...]:
    """A role for who carries it out, as ``gcloud iam roles create --file`` takes it; and who else needs which."""
    rights = {GET, *(right for step in steps for right in step.needs)}
    if wish.mechanism is Mechanism.REPLICATION:
        rights |= {*_TRANSFER_RIGHTS}
    found = [
        Document(
            name="rights",
            meaning="A role that has what whoever runs this command needs.",
            content={"title": "Canvasback protect", "stage": "GA", "includedPermissions": sorted(rights)},
        )
    ]
    if wish.mechanism is Mechanism.REPLICATION:
        member = "serviceAccount:project-PROJECT_NUMBER@storage-transfer-service.iam.gserviceaccount.com"
        buckets = {"source": name, "destination": wish.to.partition("://")[2].rstrip("/")}
        content = {
            buckets[which]: {"bindings": [{"role": role, "members": [member]}]} for which, role in _AGENT_ROLES.items()
        }
        meaning = "What Google's own account needs that copies, by bucket; its Pub/Sub must be on in the project."
        found.append(Document(name="role", meaning=meaning, content=content))
    return tuple(found)
