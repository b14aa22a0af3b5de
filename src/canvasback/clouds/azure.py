"""The protection of a container in Azure Blob Storage, as far as those who use its blobs may see it.

What Azure tells only to those who manage the account, such as lifecycle rules and replication, is said to be unseen.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlsplit

from azure.core import exceptions

from canvasback.clouds.guard import Copy, Seen
from canvasback.model.protection.bucket import BucketProtection, ObjectLock, Part, Spread, Versioning
from canvasback.storage.bucket.azure import AzureBucket, account_and_container, service_for
from canvasback.storage.bucket.azure_errors import code_of, translate
from canvasback.storage.bucket.place import BucketPlace
from canvasback.storage.parallel import each, in_parallel

READ = "Microsoft.Storage/storageAccounts/blobServices/read"
_READ_CONTAINER = "Microsoft.Storage/storageAccounts/blobServices/containers/read"
_READ_ACCOUNT = "Microsoft.Storage/storageAccounts/blobServices/getInfo/action"
_LIST = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
MANAGEMENT = "azure-mgmt-storage"
_BACKUP_MANAGEMENT = "azure-mgmt-dataprotection"
_MANAGED = "Azure tells only those who manage the account"
_SPREADS: dict[str, Spread] = {
    "LRS": "zone",
    "ZRS": "region",
    "GRS": "regions",
    "RAGRS": "regions",
    "GZRS": "regions",
    "RAGZRS": "regions",
}
_PUBLIC = {"container": "everybody may list and read its blobs", "blob": "everybody may read its blobs"}
_FORBIDDEN, _LACKING = 403, {405, 501}
_SAMPLE = 100
_JOBS = 16
_T = TypeVar("_T")


def open_bucket(place: BucketPlace) -> AzureGuard:
    """See `canvasback.clouds.guard.open_guard`."""
    return AzureGuard(place)


class AzureGuard:
    """See `canvasback.clouds.guard.Guard`.

    Args:
        place: The container.
    """

    def __init__(self, place: BucketPlace) -> None:
        self.url = place.root
        self._place = place
        account, container, domain = account_and_container(place.name)
        self.service = service_for(account, domain, place.options, self.url)
        weakref.finalize(self, self.service.close)
        self._container = self.service.get_container_client(container)
        self.seconds = max(1, int(place.options.timeout))

    @property
    def account(self) -> str:
        """The account's name."""
        return str(self.service.account_name or "")

    @property
    def container(self) -> str:
        """The container's name."""
        return str(self._container.container_name)

    def look(self) -> BucketProtection:
        """See `Guard.look`."""
        seen = Seen()
        seen.lacks(Part.TIERING)
        container: dict[str, Any] = (
            self._ask(seen, Part.PUBLIC_ACCESS, _READ_CONTAINER, lambda: {**self._container_properties()}) or {}
        )
        properties = self._ask(
            seen, Part.SOFT_DELETE, READ, lambda: self.service.get_service_properties(**self._limits)
        )
        info = self._ask(seen, Part.REGION, _READ_ACCOUNT, lambda: self.service.get_account_information(**self._limits))
        versions = self._versioning(seen)
        lock = self._lock(seen, container)
        for part in (Part.LIFECYCLE, Part.REPLICATION):
            seen.denied(part, MANAGEMENT, f"{_MANAGED} of it")
        seen.denied(Part.BACKUP, _BACKUP_MANAGEMENT, f"{_MANAGED} of it")
        if info is not None:
            seen.denied(Part.REGION, MANAGEMENT, f"{_MANAGED} of it")
        return BucketProtection(
            url=self.url,
            cloud="azure",
            service=self._host,
            spread=_SPREADS.get(str((info or {}).get("sku_name", "")).rpartition("_")[2], ""),
            encryption=_encryption(container),
            versioning=versions,
            lock=lock,
            soft_delete_days=soft_delete_days(properties or {}),
            public=_public(container),
            unseen=tuple(seen.unseen),
            lacking=tuple(seen.lacking),
        )

    def region(self) -> str:
        """See `Guard.region`. Azure tells it only to those who manage the account."""
        return ""

    def first_keys(self, prefix: str, most: int) -> list[str]:
        """See `Guard.first_keys`."""
        return [stat.name for stat in islice(self._blobs().list(prefix), most)]

    def copies(self, keys: Iterable[str]) -> list[Copy]:
        """See `Guard.copies`."""

        def copy(bucket: AzureBucket, key: str) -> Copy:
            found = bucket.head(key)
            if found is None:
                return Copy(key, "gone")
            return Copy(key, "untold", datetime.fromtimestamp(found.modified_ns / 1e9, UTC))

        bucket = self._blobs()
        with in_parallel(keys, each(lambda key, _: copy(bucket, key)), _JOBS, lambda _: 0, batch=1) as answers:
            return list(answers)

    def has(self, keys: Iterable[str]) -> list[bool]:
        """See `Guard.has`."""
        bucket = self._blobs()
        work = each(lambda key, _: bucket.head(str(key)) is not None)
        with in_parallel(keys, work, _JOBS, lambda _: 0, batch=1) as answers:
            return list(answers)

    def _container_properties(self) -> Any:
        return self._container.get_container_properties(**self._limits)

    @property
    def _limits(self) -> dict[str, Any]:
        return {"timeout": self.seconds}

    @property
    def _host(self) -> str:
        host = urlsplit(self.service.url).netloc
        return "Azure" if ".blob." in host else host

    def _blobs(self) -> AzureBucket:
        return AzureBucket(self._place.scheme, self._place.name, self._place.options)

    def _ask(self, seen: Seen, part: Part, right: str, ask: Callable[[], _T]) -> _T | None:
        """The answer to a question; None where it may not be asked, or the service has no such thing."""
        try:
            return ask()
        except exceptions.AzureError as error:
            status = getattr(error, "status_code", 0)
            if status in _LACKING:
                seen.lacks(part)
            elif status == _FORBIDDEN and code_of(error) != "AuthenticationFailed":
                seen.denied(part, right, f"no permission ({code_of(error) or status})")
            else:
                translate(error, self.url, "")
            return None

    def _versioning(self, seen: Seen) -> Versioning:
        """Whether versions are kept, by whether blobs are versions: only managers are told.

        What is written while they are kept has a version id, and what is written later has none.
        """
        pages = self._container.list_blobs(
            name_starts_with=self._place.prefix, include=["versions"], results_per_page=_SAMPLE, **self._limits
        )
        blobs = self._ask(seen, Part.VERSIONING, _LIST, lambda: list(next(pages.by_page(), ())))
        found = _versioning_by(blobs or ())
        if found == "off" and blobs is not None:
            reason = f"none of the first {_SAMPLE} blobs is a version, and {_MANAGED} whether they are kept"
            seen.denied(Part.VERSIONING, MANAGEMENT, reason)
        return found

    def _lock(self, seen: Seen, container: Mapping[str, Any]) -> ObjectLock | None:
        """Whether blobs can be locked. For how long they are by themselves, only managers are told."""
        able = bool(container.get("immutable_storage_with_versioning_enabled"))
        if able or container.get("has_immutability_policy"):
            seen.denied(Part.LOCK, MANAGEMENT, f"there is one, and {_MANAGED} of its days")
        elif not container:
            seen.denied(Part.LOCK, _READ_CONTAINER, "the container may not be seen")
        return ObjectLock() if able else None


def soft_delete_days(properties: Mapping[str, Any]) -> int:
    """For how many days what is deleted can be brought back, as the service's properties say; 0 for not at all."""
    policy = properties.get("delete_retention_policy")
    return int(policy.days or 0) if policy is not None and policy.enabled else 0


def _versioning_by(blobs: Sequence[Any]) -> Versioning:
    """By the newest of some blobs, and whether any is a version."""
    if not any(blob.version_id for blob in blobs):
        return "off"
    newest = max(blobs, key=lambda blob: blob.last_modified)
    return "on" if newest.version_id else "suspended"


def _public(container: Mapping[str, Any]) -> tuple[str, ...]:
    way = _PUBLIC.get(str(container.get("public_access") or ""))
    return (way,) if way else ()


def _encryption(container: Mapping[str, Any]) -> str:
    scope = container.get("encryption_scope")
    name = getattr(scope, "default_encryption_scope", "") if scope else ""
    return f"scope {name}" if name and name != "$account-encryption-key" else ""
