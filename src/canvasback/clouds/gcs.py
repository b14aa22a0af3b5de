"""The protection of a bucket in Google Cloud Storage."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import quote, urlsplit

from google.api_core import exceptions
from google.cloud.storage.retry import DEFAULT_RETRY

from canvasback.clouds import gcs_transfer
from canvasback.clouds.gcs_answers import (
    DAY,
    encryption_name,
    has_access_lists,
    lifecycle_rules,
    object_lock,
    prevents_public,
    public_by_list,
    public_by_policy,
    region,
    replication_rule,
    soft_delete_seconds,
    spread,
    versioning,
)
from canvasback.clouds.guard import Copy, Seen
from canvasback.errors import AccessDeniedError, StorageError
from canvasback.model.protection.bucket import BucketProtection, Part, ReplicationRule
from canvasback.storage.bucket.gcs import GcsBucket, client_for
from canvasback.storage.bucket.gcs_errors import translate
from canvasback.storage.bucket.place import BucketPlace
from canvasback.storage.parallel import each, in_parallel

GET, GET_POLICY = "storage.buckets.get", "storage.buckets.getIamPolicy"
_OF_THE_BUCKET = (
    Part.VERSIONING,
    Part.LIFECYCLE,
    Part.LOCK,
    Part.SOFT_DELETE,
    Part.ENCRYPTION,
    Part.PUBLIC_ACCESS,
    Part.REGION,
)
"""What one request tells."""

_LACKING = (exceptions.NotFound, exceptions.MethodNotAllowed, exceptions.MethodNotImplemented)
"""By these what stands in for the service says that it has no such thing."""

_JOBS = 16


def open_bucket(place: BucketPlace) -> GcsGuard:
    """See `canvasback.clouds.guard.open_guard`."""
    return GcsGuard(place)


class GcsGuard:
    """See `canvasback.clouds.guard.Guard`.

    Args:
        place: The bucket.
    """

    def __init__(self, place: BucketPlace) -> None:
        self.url = place.root
        self.name = place.name
        self._place = place
        self._endpoint = place.options.endpoint
        self._timeout = place.options.timeout
        self._limits: dict[str, Any] = {"timeout": self._timeout, "retry": DEFAULT_RETRY.with_timeout(self._timeout)}
        self._client = client_for(self.url, place.options)
        weakref.finalize(self, self._client.close)

    def look(self) -> BucketProtection:
        """See `Guard.look`."""
        seen = Seen()
        seen.lacks(Part.BACKUP)
        seen.lacks(Part.TIERING)
        bucket = self._bucket(seen)
        replication = self.replication(seen)
        soft_delete_days = soft_delete_seconds(bucket) / DAY
        return BucketProtection(
            url=self.url,
            cloud="gcs",
            service=urlsplit(self._endpoint).netloc if self._endpoint else "Google",
            region=region(bucket),
            spread=spread(bucket),
            encryption=encryption_name(bucket) if bucket else "",
            versioning=versioning(bucket),
            lifecycle=lifecycle_rules(bucket),
            replication=replication,
            lock=object_lock(bucket),
            soft_delete_days=soft_delete_days,
            bucket_soft_delete_days=soft_delete_days,  # a bucket that is deleted stays for as long as its objects
            public=tuple(self._public(seen, bucket)) if bucket else (),
            unseen=tuple(seen.unseen),
            lacking=tuple(seen.lacking),
        )

    def region(self) -> str:
        """See `Guard.region`."""
        return region(self._bucket(Seen()))

    def first_keys(self, prefix: str, most: int) -> list[str]:
        """See `Guard.first_keys`."""
        return [stat.name for stat in islice(self._objects().list(prefix), most)]

    def copies(self, keys: Iterable[str]) -> list[Copy]:
        """See `Guard.copies`. Google does not say of single objects whether they were copied."""

        def copy(bucket: GcsBucket, key: str) -> Copy:
            found = bucket.head(key)
            return (
                Copy(key, "gone")
                if found is None
                else Copy(key, "untold", datetime.fromtimestamp(found.modified_ns / 1e9, UTC))
            )

        bucket = self._objects()
        with in_parallel(keys, each(lambda key, _: copy(bucket, key)), _JOBS, lambda _: 0, batch=1) as answers:
            return list(answers)

    def has(self, keys: Iterable[str]) -> list[bool]:
        """See `Guard.has`."""
        bucket = self._objects()
        work = each(lambda key, _: bucket.head(str(key)) is not None)
        with in_parallel(keys, work, _JOBS, lambda _: 0, batch=1) as answers:
            return list(answers)

    def call(self, verb: str, below: str = "", *data: Any, **query: Any) -> dict[str, Any]:
        """Ask the service about the bucket, or tell it.

        Args:
            verb: ``get``, ``patch`` or ``post``.
            below: What of the bucket, a path that begins with a slash.
            data: The document that is sent.
            query: What else the request says.

        Raises:
            google.api_core.exceptions.GoogleAPIError: It says no, or nothing; `translate` says what that means.
        """
        path = f"/b/{quote(self.name, safe='')}{below}"
        ask = getattr(self._client, f"_{verb}_resource")  # the public methods drop what they do not know
        answer: dict[str, Any] = ask(path, *data, query_params=query, **self._limits)
        return answer

    def replication(self, seen: Seen) -> tuple[ReplicationRule, ...]:
        """The jobs of the credentials' project that copy it to other buckets.

        Args:
            seen: Told where they could not be seen, or cannot be.
        """
        if self._endpoint:  # what stands there in for Google has no other service
            seen.lacks(Part.REPLICATION)
            return ()
        try:
            session, project = gcs_transfer.signed_in(self.url)
            if not project:
                reason = "the credentials name no project whose replication jobs could be listed"
                seen.denied(Part.REPLICATION, "the variable GOOGLE_CLOUD_PROJECT", reason)
                return ()
            jobs = gcs_transfer.replication_jobs(session, project, self.name, self.url, self._timeout)
        except AccessDeniedError as error:
            seen.denied(Part.REPLICATION, gcs_transfer.RIGHT, f"{error.message} ({error.hint})")
            return ()
        except StorageError as error:
            seen.failed(Part.REPLICATION, error)
            return ()
        return tuple(replication_rule(job, self._place.scheme) for job in jobs)

    def _objects(self) -> GcsBucket:
        return GcsBucket(self._place.scheme, self.name, self._place.options)

    def _bucket(self, seen: Seen) -> dict[str, Any]:
        """What the service says of the bucket; empty where it may not be seen."""
        try:
            return self.call("get", projection="noAcl")
        except exceptions.Forbidden:
            for part in _OF_THE_BUCKET:
                seen.denied(part, GET, "no permission (403)")
            return {}
        except Exception as error:  # noqa: BLE001 - see `GcsBucket.head`
            translate(error, self.url, "")

    def _public(self, seen: Seen, bucket: dict[str, Any]) -> Iterator[str]:
        if prevents_public(bucket):
            return
        yield from public_by_policy(self._access(seen, "/iam", optionsRequestedPolicyVersion=3))
        if has_access_lists(bucket):
            yield from public_by_list(self._access(seen, "/defaultObjectAcl"))

    def _access(self, seen: Seen, below: str, **query: Any) -> dict[str, Any] | None:
        try:
            return self.call("get", below, **query)
        except exceptions.Forbidden:
            if all(one.part is not Part.PUBLIC_ACCESS for one in seen.unseen):  # one right is lacking for both
                seen.denied(Part.PUBLIC_ACCESS, GET_POLICY, "no permission (403)")
        except _LACKING:  # the bucket itself was there
            seen.lacks(Part.PUBLIC_ACCESS)
        except Exception as error:  # noqa: BLE001
            translate(error, self.url, "")
        return None
