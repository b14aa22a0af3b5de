"""The protection of a bucket in S3, or in what speaks it. What such a service has is asked, not assumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions
import msgspec

from canvasback.clouds.aws_backup import RIGHTS, backups_of
from canvasback.clouds.guard import Copy, CopyState, Seen
from canvasback.clouds.s3_answers import (
    encryption_name,
    is_public_policy,
    lifecycle_rules,
    object_lock,
    public_ways,
    replication_rules,
    tiering_rules,
)
from canvasback.errors import CanvasbackError, ObjectMissingError
from canvasback.model.protection.bucket import Backups, BucketProtection, Part, Versioning
from canvasback.storage.bucket.aws import AwsSettings
from canvasback.storage.bucket.place import BucketPlace
from canvasback.storage.bucket.s3_errors import code_of, status_of, translate
from canvasback.storage.bucket.service import TransientError, bucket_missing
from canvasback.storage.parallel import each, in_parallel


class Question(msgspec.Struct, frozen=True):
    """What a service can be asked about a bucket.

    Attributes:
        part: The part of its protection that it is about.
        right: The right that it takes.
        absent: The codes by which the service says that nothing is configured.
    """

    part: Part
    right: str
    absent: tuple[str, ...] = ()


QUESTIONS = {
    "get_bucket_versioning": Question(Part.VERSIONING, "s3:GetBucketVersioning"),
    "get_bucket_lifecycle_configuration": Question(
        Part.LIFECYCLE, "s3:GetLifecycleConfiguration", ("NoSuchLifecycleConfiguration",)
    ),
    "list_bucket_intelligent_tiering_configurations": Question(
        Part.TIERING, "s3:GetIntelligentTieringConfiguration", ("NoSuchConfiguration",)
    ),
    "get_bucket_replication": Question(
        Part.REPLICATION, "s3:GetReplicationConfiguration", ("ReplicationConfigurationNotFoundError",)
    ),
    "get_object_lock_configuration": Question(
        Part.LOCK,
        "s3:GetBucketObjectLockConfiguration",
        ("ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "InvalidRequest"),
    ),
    "get_bucket_encryption": Question(
        Part.ENCRYPTION, "s3:GetEncryptionConfiguration", ("ServerSideEncryptionConfigurationNotFoundError",)
    ),
    "get_public_access_block": Question(
        Part.PUBLIC_ACCESS, "s3:GetBucketPublicAccessBlock", ("NoSuchPublicAccessBlockConfiguration",)
    ),
    "get_bucket_acl": Question(Part.PUBLIC_ACCESS, "s3:GetBucketAcl", ("AccessControlListNotSupported",)),
    "get_bucket_policy_status": Question(Part.PUBLIC_ACCESS, "s3:GetBucketPolicyStatus", ("NoSuchBucketPolicy",)),
    "get_bucket_policy": Question(Part.PUBLIC_ACCESS, "s3:GetBucketPolicy", ("NoSuchBucketPolicy",)),
    "get_bucket_location": Question(Part.REGION, "s3:GetBucketLocation"),
    "get_bucket_tagging": Question(Part.BACKUP, "s3:GetBucketTagging", ("NoSuchTagSet",)),
}
"""By botocore's names. The policy is asked for only where its status is not told."""

LACKING = {
    "NotImplemented",
    "MethodNotAllowed",
    "NotSupported",
    "OperationNotSupported",
    "UnsupportedOperation",
    "UnsupportedArgument",
    "UnknownOperationException",
    "404",
    "405",
    "501",
}
"""By these a service says that it has no such thing; a bare 404 is of a server that does not know the path."""

DENIED = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedAccess", "Forbidden", "403"}
_VERSIONING: dict[str, Versioning] = {"Enabled": "on", "Suspended": "suspended"}
_STATES: dict[str, CopyState] = {
    "COMPLETED": "arrived",
    "COMPLETE": "arrived",
    "REPLICA": "arrived",
    "PENDING": "pending",
    "FAILED": "failed",
}
_FATAL = {"bucket-missing", "credentials-refused", "wrong-region"}
_JOBS = 16
_ERRORS = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)


def open_bucket(place: BucketPlace) -> S3Guard:
    """See `canvasback.clouds.guard.open_guard`."""
    return S3Guard(place)


class S3Guard:
    """See `canvasback.clouds.guard.Guard`.

    Args:
        place: The bucket.
    """

    def __init__(self, place: BucketPlace) -> None:
        self.url = place.root
        self.scheme = place.scheme
        self.name = place.name
        self.aws = AwsSettings(place.root, place.scheme, place.options)

    def look(self) -> BucketProtection:
        """See `Guard.look`."""
        seen = Seen()
        versioning = self._ask(seen, "get_bucket_versioning") or {}
        tiering = self._ask(seen, "list_bucket_intelligent_tiering_configurations") or {}
        rules = lifecycle_rules(self._ask(seen, "get_bucket_lifecycle_configuration"))
        rules += tiering_rules(tiering.get("IntelligentTieringConfigurationList", []))
        region = self._region(seen)
        return BucketProtection(
            url=self.url,
            cloud="s3",
            service=self._service,
            region=region,
            spread="zone" if self.name.endswith("--x-s3") else "region",
            encryption=encryption_name(self._ask(seen, "get_bucket_encryption")),
            versioning=_VERSIONING.get(str(versioning.get("Status")), "off"),
            guarded_versions=versioning.get("MFADelete") == "Enabled",
            lifecycle=rules,
            replication=replication_rules(self._ask(seen, "get_bucket_replication"), self.scheme),
            lock=object_lock(self._ask(seen, "get_object_lock_configuration")),
            backups=self._backups(seen, region),
            public=self._public(seen),
            unseen=tuple(seen.unseen),
            lacking=(*seen.lacking, Part.SOFT_DELETE),
        )

    def region(self) -> str:
        """See `Guard.region`."""
        return self._region(Seen())

    def first_keys(self, prefix: str, most: int) -> list[str]:
        """See `Guard.first_keys`."""
        found = self.call("list_objects_v2", prefix, Prefix=prefix, MaxKeys=most)
        return [str(one["Key"]) for one in found.get("Contents", [])]

    def copies(self, keys: Iterable[str]) -> list[Copy]:
        """See `Guard.copies`."""

        def copy(key: str, _: object) -> Copy:
            found = self._head(key)
            if found is None:
                return Copy(key, "gone")
            return Copy(key, _STATES.get(str(found.get("ReplicationStatus")), "never"), found["LastModified"])

        with in_parallel(keys, each(copy), _JOBS, lambda _: 0, batch=1) as answers:
            return list(answers)

    def has(self, keys: Iterable[str]) -> list[bool]:
        """See `Guard.has`."""
        work = each(lambda key, _: self._head(str(key)) is not None)
        with in_parallel(keys, work, _JOBS, lambda _: 0, batch=1) as answers:
            return list(answers)

    def call(self, verb: str, key: str = "", **parameters: Any) -> Any:
        """Ask the service about the bucket.

        Args:
            verb: What, as botocore names it.
            key: What it is about, to say so.
            parameters: What else it takes.

        Raises:
            StorageError: It says no, or nothing.
        """
        try:
            return getattr(self.aws.client(), verb)(Bucket=self.name, **parameters)
        except _ERRORS as error:
            translate(error, self.url, key)

    @property
    def _service(self) -> str:
        return urlsplit(self.aws.endpoint).netloc if self.aws.endpoint else "AWS"

    def _head(self, key: str) -> Any | None:
        """What is known of an object; None where there is none."""
        try:
            return self.aws.client().head_object(Bucket=self.name, Key=key)
        except _ERRORS as error:
            if code_of(error) == "404":
                return None
            try:
                translate(error, self.url, key)
            except ObjectMissingError:
                return None

    def _ask(self, seen: Seen, verb: str) -> Any | None:
        """The answer to one of the questions; None where nothing is configured, or it may not be seen.

        Args:
            seen: Told what may not be seen, and what there is not.
            verb: The question.

        Raises:
            StorageError: There is no such bucket, nobody knows the credentials, or the service does not answer.
        """
        return self._answer(seen, QUESTIONS[verb], lambda: getattr(self.aws.client(), verb)(Bucket=self.name))

    def _answer(self, seen: Seen, question: Question, ask: Callable[[], Any]) -> Any | None:
        try:
            return ask()
        except _ERRORS as error:
            code = code_of(error)
            if code in question.absent:
                return None
            if code in LACKING or status_of(error) in {"405", "501"}:
                seen.lacks(question.part)
            elif code in DENIED:
                seen.denied(question.part, question.right, f"no permission ({code})")
            else:
                fatal = _fatal(error, self.url)
                if fatal is not None and question.part is not Part.BACKUP:  # that service may not be there
                    raise fatal from None
                seen.denied(question.part, "", fatal.message if fatal is not None else f"the service says {code}")
            return None

    def _public(self, seen: Seen) -> tuple[str, ...]:
        block = self._ask(seen, "get_public_access_block")
        acl = self._ask(seen, "get_bucket_acl")
        return tuple(public_ways(block, acl, by_policy=self._is_public_by_policy(seen)))

    def _is_public_by_policy(self, seen: Seen) -> bool:
        """By the service's own judgement; by the policy itself where it has none, or says nothing of it."""
        own = Seen()
        status = self._ask(own, "get_bucket_policy_status")
        seen.unseen += own.unseen
        told = (status or {}).get("PolicyStatus", {}).get("IsPublic")
        if told is not None or (status is None and not own.lacking):
            return bool(told)
        return is_public_policy((self._ask(seen, "get_bucket_policy") or {}).get("Policy", ""))

    def _region(self, seen: Seen) -> str:
        """The region by a request that who lists the bucket may make; else by the one that has a right of its own."""
        try:
            told = self.aws.client().head_bucket(Bucket=self.name)
            found = told.get("BucketRegion") or told["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
            if found:
                return str(found)
        except _ERRORS as error:
            if status_of(error) == "404":
                raise bucket_missing(self.url) from None
        answer = self._ask(seen, "get_bucket_location")
        if answer is None:
            return ""
        return str(answer.get("LocationConstraint") or "us-east-1")

    def _backups(self, seen: Seen, region: str) -> Backups:
        client = self.aws.client_of("backup", region or self.aws.region)
        if client is None:
            seen.lacks(Part.BACKUP)
            return Backups()

        def tags() -> dict[str, str]:
            found = self._ask(seen, "get_bucket_tagging") or {}
            return {tag["Key"]: tag["Value"] for tag in found.get("TagSet", [])}

        def ask(verb: str, **parameters: Any) -> Any | None:
            question = Question(Part.BACKUP, RIGHTS[verb], ("ResourceNotFoundException",))
            return self._answer(seen, question, lambda: getattr(client, verb)(**parameters))

        return backups_of(self.name, ask, tags)


def _fatal(error: Exception, where: str) -> CanvasbackError | None:
    """What an error says, where no other question would fare better; None where the service only refuses this one."""
    try:
        translate(error, where, "")
    except CanvasbackError as said:
        answered = isinstance(error, botocore.exceptions.ClientError) and not status_of(error).startswith("5")
        return said if said.code in _FATAL or not answered else None
    except TransientError:
        return None
