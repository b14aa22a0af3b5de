"""AWS Backup for S3: what it holds of a bucket, and jobs that bring some of it back.

Of its jobs AWS says: an object comes back under its own key, into its own bucket or into another of the same region,
which has to have versions; an object that is there already, whatever it is, is passed over; at most five objects or
folders can be named, or none for all of the bucket. A job that is started cannot be stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import botocore.exceptions
import msgspec

from canvasback.clouds.aws_backup_errors import translate
from canvasback.clouds.aws_recovery_points import AwsRecoveryPoint, State, whole_second
from canvasback.errors import AccessDeniedError, RefusedError, StorageError
from canvasback.storage.bucket.aws import AwsSettings

MOST_ITEMS = 5
"""How many objects or folders one job may name."""

_USABLE = {"AVAILABLE", "COMPLETED", "STOPPED"}
_CONTINUOUS = ":recovery-point:continuous"
_KEPT = timedelta(days=35)
"""How long AWS keeps changes at most."""


class RestoreOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a job is to bring back.

    Attributes:
        state: What it is brought back from.
        source: The bucket that was saved.
        destination: The bucket that gets it.
        items: The keys of objects, and of folders, which end in a slash; none for all of the bucket.
        files: How many files are hoped for.
    """

    state: State
    source: str
    destination: str
    items: tuple[str, ...]
    files: int

    @property
    def metadata(self) -> Mapping[str, str]:
        """The same in AWS's words: https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-s3.html."""
        said = {
            "DestinationBucketName": self.destination,
            "EncryptionType": "original",
            "RestoreACLs": "false",  # else it fails where the bucket has none, as buckets have by default
        }
        if self.items:
            said["ItemsToRestore"] = json.dumps([f"s3://{self.source}/{key}" for key in self.items])
        if self.state.point.continuous:
            said["RestoreTime"] = f"{whole_second(self.state.at):%Y-%m-%dT%H:%M:%SZ}"
        return said


class RestoreJob(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job has come.

    Attributes:
        id: Its name at AWS.
        status: ``PENDING``, ``RUNNING``, ``COMPLETED``, ``ABORTED`` or ``FAILED``.
        message: What AWS says of it. A completed one may have brought back a part, or nothing.
        share: How much is done, from 0 to 1.
    """

    id: str
    status: str
    message: str = ""
    share: float = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status not in {"PENDING", "RUNNING"}

    @property
    def completed(self) -> bool:
        """Whether it did what it could."""
        return self.status == "COMPLETED"


class AwsBackup:
    """What AWS Backup does for one bucket.

    Args:
        aws: How to reach the bucket, and so its account and region.
        bucket: Its name.

    Raises:
        RefusedError: The bucket is not AWS's (``not-at-aws``).
    """

    def __init__(self, aws: AwsSettings, bucket: str) -> None:
        self._aws = aws
        self.bucket = bucket
        self.arn = f"arn:{aws.partition}:s3:::{bucket}"
        self._client = aws.client_of("backup", aws.region)
        if self._client is None:
            raise RefusedError(
                "not-at-aws",
                f"the bucket {bucket} is at {aws.endpoint}, and AWS Backup protects AWS's own S3 only",
                hint="Heal from a repository, a replica, or older versions of the objects. If that is an address of "
                "AWS, name AWS Backup's in AWS_ENDPOINT_URL_BACKUP.",
            )

    def points(self, moment: datetime) -> list[AwsRecoveryPoint]:
        """The recovery points that can be restored from, newest first.

        Args:
            moment: The time: a continuous recovery point holds all up to it.

        Raises:
            AccessDeniedError: We may not list them.
            StorageError: See `translate`.
        """
        try:
            found = [self._point(said, moment) for said in self._listed() if said.get("Status") in _USABLE]
        except StorageError as error:
            if error.code != "aws-backup-missing":
                raise
            return []  # it never saved the bucket
        return sorted(found, key=lambda point: (point.since, point.arn), reverse=True)

    def role_of(self, point: AwsRecoveryPoint) -> str:
        """The role that made a recovery point, by its ARN; empty where AWS does not say.

        Raises:
            AccessDeniedError: We may not ask.
            StorageError: See `translate`.
        """
        return str(self._describe(point.vault, point.arn).get("IamRoleArn") or "")

    def start(self, order: RestoreOrder, role: str) -> RestoreJob:
        """Start a job. What the client sends twice makes one: it gives each request a token.

        Args:
            order: What it is to do.
            role: The ARN of the role that AWS Backup does it as.

        Raises:
            AccessDeniedError: We may not, or may not pass the role on.
            RefusedError: AWS does not do this (``aws-backup-refused``).
            StorageError: See `translate`.
        """
        answer = self._ask(
            "start_restore_job",
            order.state.point.arn,
            RecoveryPointArn=order.state.point.arn,
            Metadata=dict(order.metadata),
            IamRoleArn=role,
            ResourceType="S3",
        )
        return RestoreJob(id=answer["RestoreJobId"], status="PENDING")

    def look_at(self, job: str) -> RestoreJob:
        """How far a job has come.

        Raises:
            AccessDeniedError: We may not ask.
            StorageError: See `translate`.
        """
        said = self._ask("describe_restore_job", f"restore job {job}", RestoreJobId=job)
        return RestoreJob(
            id=job,
            status=said["Status"],
            message=said.get("StatusMessage") or "",
            share=_share(said.get("PercentDone") or ""),
        )

    def _listed(self) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            more = {"NextToken": token} if token else {}
            answer = self._ask("list_recovery_points_by_resource", self.arn, ResourceArn=self.arn, **more)
            yield from answer.get("RecoveryPoints", [])
            token = answer.get("NextToken") or ""
            if not token:
                return

    def _point(self, said: Mapping[str, Any], moment: datetime) -> AwsRecoveryPoint:
        arn, vault, since = said["RecoveryPointArn"], said.get("BackupVaultName") or "", said["CreationDate"]
        if _CONTINUOUS not in arn:
            return AwsRecoveryPoint(arn=arn, vault=vault, since=since)
        earliest = max(since, moment - self._kept(vault, arn))
        return AwsRecoveryPoint(arn=arn, vault=vault, since=earliest, until=max(moment, earliest))

    def _kept(self, vault: str, arn: str) -> timedelta:
        """How long a continuous recovery point keeps the past."""
        try:
            days = self._describe(vault, arn).get("Lifecycle", {}).get("DeleteAfterDays")
        except AccessDeniedError:
            days = None  # AWS refuses a time that is too early, and says so
        return timedelta(days=days) if days else _KEPT

    def _describe(self, vault: str, arn: str) -> Mapping[str, Any]:
        said: Mapping[str, Any] = self._ask("describe_recovery_point", arn, BackupVaultName=vault, RecoveryPointArn=arn)
        return said

    def _ask(self, verb: str, where: str, **parameters: Any) -> Any:
        try:
            return getattr(self._client, verb)(**parameters)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            translate(error, "backup:" + "".join(word.title() for word in verb.split("_")), where)


def _share(percent: str) -> float:
    """AWS's ``PercentDone``, a text like ``40.00%``, as a share."""
    try:
        return min(max(float(percent.rstrip("% ")) / 100, 0), 1)
    except ValueError:
        return 0
