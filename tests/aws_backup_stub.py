"""A stand-in for AWS Backup, of which no emulator keeps data: it saves buckets of ministack and restores from them.

It speaks the service's protocol on loopback. What it is asked and what it answers is validated by botocore's own
description of the service; what that leaves open, the keys of a restore's metadata, by AWS's documentation. It follows
the rules that AWS states for S3: the bucket has versions, at most five items a job, in one region, nothing that is
there is touched. What AWS says in which words where it refuses is not documented, so those words are ours.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import botocore.exceptions
from botocore import xform_name
from botocore.session import Session
from botocore.validate import ParamValidator

from tests.object_servers import HOST, Ministack

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole"
VAULT = "lakes"

METADATA = {
    "DestinationBucketName",
    "EncryptionType",
    "ItemsToRestore",
    "KMSKey",
    "RestoreACLs",
    "RestoreLatestVersionsUpTo",
    "RestoreTime",
}
"""What a restore of S3 may say: https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-s3.html."""

KEPT_DAYS = 14
"""How long a continuous recovery point keeps the past."""

_GOING_ON = {"PENDING", "RUNNING"}
_NOTIFY = "To get notified of these failures, enable SNS event notifications."
_PAGE = 2


@dataclass
class _Point:
    arn: str
    bucket: str
    created: datetime
    status: str
    history: dict[str, list[tuple[datetime, bytes | None]]]
    """What was at each key from each time on; None where nothing was."""

    @property
    def continuous(self) -> bool:
        return ":continuous:" in self.arn

    def at(self, moment: datetime) -> dict[str, bytes]:
        found = {}
        for key, events in self.history.items():
            past = [content for when, content in events if when <= moment]
            if past and past[-1] is not None:
                found[key] = past[-1]
        return found


@dataclass
class _Job:
    point: _Point
    metadata: dict[str, str]
    items: list[str]
    looks: int
    failing: bool
    created: datetime
    status: str = "PENDING"
    message: str = ""


@dataclass
class Trouble:
    """What goes wrong on request."""

    denied: set[str] = field(default_factory=set)  # operations that may not be asked for
    failing: int = 0  # so many of the next jobs fail
    unrestorable: set[str] = field(default_factory=set)  # keys of objects that cannot be restored
    roleless: bool = False  # it is not told as which role something was saved
    silent: bool = False  # nothing is answered but that the service is out of order


class _RefusedRequestError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AwsBackupStub:
    """AWS Backup in one region of one account, with one vault.

    Attributes:
        trouble: What goes wrong.
        looks: How often a restore job is looked at before it has ended.
        asked: What was asked for: the operation, and its parameters.
        most_running: How many restore jobs ran at a time at most.
    """

    def __init__(self, s3: Ministack) -> None:
        self.trouble = Trouble()
        self.looks = 2
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.most_running = 0
        self._s3 = s3.client()
        self._model = Session().get_service_model("backup")
        self._points: list[_Point] = []
        self._jobs: dict[str, _Job] = {}
        self._tokens: dict[str, str] = {}
        self._violations: list[str] = []
        self._lock = threading.RLock()
        self._server = _Server(self)

    @property
    def endpoint(self) -> str:
        """Where it answers: what AWS_ENDPOINT_URL_BACKUP has to say."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def client(self) -> Any:
        """Botocore's client of it. Whoever asks closes it."""
        return Session().create_client(
            "backup",
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106
        )

    def save(self, bucket: str) -> str:
        """Save a bucket as it is, and answer the recovery point's ARN."""
        with closing(self.client()) as client:
            job = client.start_backup_job(BackupVaultName=VAULT, ResourceArn=f"arn:aws:s3:::{bucket}", IamRoleArn=ROLE)
            while (said := client.describe_backup_job(BackupJobId=job["BackupJobId"]))["State"] != "COMPLETED":
                pass
            assert said["RecoveryPointArn"] == job["RecoveryPointArn"]
            return str(job["RecoveryPointArn"])

    def follow(self, bucket: str) -> str:
        """Save a bucket continuously from now on, as a backup plan makes AWS do, and answer the ARN."""
        with self._lock:
            arn = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:continuous:{bucket}-{uuid.uuid4().hex[:8]}"
            self._points.append(_Point(arn, bucket, datetime.now(UTC), "AVAILABLE", {}))
        self.record()
        return arn

    def record(self) -> None:
        """Let what is saved continuously catch up; what a bucket has lost for good by then is not seen any more."""
        with self._lock:
            for point in self._points:
                if point.continuous:
                    for key, events in _history(self._s3, point.bucket).items():
                        known = {when for when, _ in point.history.setdefault(key, [])}
                        point.history[key] += [event for event in events if event[0] not in known]
                        point.history[key].sort(key=lambda event: event[0])

    def expire(self, arn: str) -> None:
        """Mark a recovery point as one whose time is over."""
        with self._lock:
            self._point_of(arn).status = "EXPIRED"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._s3.close()
        if kind is None and self._violations:
            raise AssertionError("\n".join(self._violations))

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """The answer to a request: its status and its document; an error is a pair of code and message."""
        with self._lock:
            name, parameters = self._parse(method, target, body)
            self.asked.append((name, parameters))
            if self.trouble.silent:
                return HTTPStatus.SERVICE_UNAVAILABLE, ("ServiceUnavailableException", "Try again later.")
            try:
                if f"/{REGION}/backup/" not in headers.get("Authorization", ""):
                    return HTTPStatus.FORBIDDEN, ("InvalidSignatureException", "Credential is of another region.")
                if name in self.trouble.denied:
                    said = f"User: arn:aws:iam::{ACCOUNT}:user/test is not authorized to perform: backup:{name}"
                    return HTTPStatus.FORBIDDEN, ("AccessDeniedException", said)
                self._validate(f"request of {name}", parameters, self._model.operation_model(name).input_shape)
                document = getattr(self, "_" + xform_name(name))(parameters)
            except _RefusedRequestError as refused:
                known = {shape.name for shape in self._model.operation_model(name).error_shapes}
                if refused.code not in known:
                    self._violations.append(f"{name} never answers {refused.code}")
                return HTTPStatus.BAD_REQUEST, (refused.code, str(refused))
            self._validate(f"answer to {name}", document, self._model.operation_model(name).output_shape)
            return HTTPStatus.OK, document

    def _parse(self, method: str, target: str, body: bytes) -> tuple[str, dict[str, Any]]:
        """Find the operation and its parameters, as the description of the service lays them out."""
        url = urlsplit(target)
        path = [unquote(part) for part in url.path.strip("/").split("/")]
        for name in self._model.operation_names:
            operation = self._model.operation_model(name)
            template = operation.http["requestUri"].strip("/").split("/")
            fits = operation.http["method"] == method and len(template) == len(path)
            if not fits or not hasattr(self, "_" + xform_name(name)):
                continue
            if any(part != given for part, given in zip(template, path, strict=True) if part[:1] != "{"):
                continue
            given = {part[1:-1]: value for part, value in zip(template, path, strict=True) if part[:1] == "{"}
            given |= dict(parse_qsl(url.query))
            parameters = dict(json.loads(body or b"{}"))
            for member, shape in operation.input_shape.members.items():
                if shape.serialization.get("name") in given:
                    value: Any = given.pop(shape.serialization["name"])
                    parameters[member] = int(value) if shape.type_name == "integer" else value
            if given:
                self._violations.append(f"{name} has no {sorted(given)}")
            return name, parameters
        self._violations.append(f"nothing answers {method} {target}")
        raise LookupError(target)

    def _validate(self, what: str, value: Any, shape: Any) -> None:
        report = ParamValidator().validate(value, shape)
        wrong = [report.generate_report()] if report.has_errors() else []
        wrong += [f"{found} is none of {allowed}" for found, allowed in _wrong_words(value, shape)]
        self._violations += [f"{what}: {problem}" for problem in wrong]

    def _point_of(self, arn: str) -> _Point:
        for point in self._points:
            if point.arn == arn:
                return point
        raise _RefusedRequestError("ResourceNotFoundException", f"Recovery point {arn} does not exist")

    # The operations: each gets its parameters, and gives its answer.

    def _start_backup_job(self, said: dict[str, Any]) -> dict[str, Any]:
        if said["BackupVaultName"] != VAULT:
            raise _RefusedRequestError("ResourceNotFoundException", "Backup vault does not exist")
        bucket = said["ResourceArn"].removeprefix("arn:aws:s3:::")
        _refuse_without_versions(self._s3, bucket)
        now = datetime.now(UTC)
        arn = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:{bucket}-{now:%Y%m%d%H%M%S}-{uuid.uuid4().hex[:8]}"
        saved = {key: [(now, events[-1][1])] for key, events in _history(self._s3, bucket).items()}
        self._points.append(_Point(arn, bucket, now, "CREATING", saved))
        return {"BackupJobId": arn.rpartition(":")[2], "RecoveryPointArn": arn, "CreationDate": now}

    def _describe_backup_job(self, said: dict[str, Any]) -> dict[str, Any]:
        point = next(point for point in self._points if point.arn.endswith(said["BackupJobId"]))
        state, point.status = ("RUNNING" if point.status == "CREATING" else "COMPLETED"), "COMPLETED"
        return {
            "BackupJobId": said["BackupJobId"],
            "State": state,
            "RecoveryPointArn": point.arn,
            "ResourceArn": f"arn:aws:s3:::{point.bucket}",
            "ResourceType": "S3",
            "CreationDate": point.created,
        }

    def _list_recovery_points_by_resource(self, said: dict[str, Any]) -> dict[str, Any]:
        # In no order, as nobody promises one, and in small pages.
        found = [point for point in reversed(self._points) if f"arn:aws:s3:::{point.bucket}" == said["ResourceArn"]]
        begin = int(said.get("NextToken", "0"))
        points = [
            {
                "RecoveryPointArn": point.arn,
                "BackupVaultName": VAULT,
                "CreationDate": point.created,
                "Status": point.status,
                "ResourceName": point.bucket,
                "VaultType": "BACKUP_VAULT",
            }
            for point in found[begin : begin + _PAGE]
        ]
        more = {"NextToken": str(begin + _PAGE)} if len(found) > begin + _PAGE else {}
        return {"RecoveryPoints": points, **more}

    def _describe_recovery_point(self, said: dict[str, Any]) -> dict[str, Any]:
        point = self._point_of(said["RecoveryPointArn"])
        if said["BackupVaultName"] != VAULT:
            raise _RefusedRequestError("ResourceNotFoundException", f"Recovery point {point.arn} does not exist")
        return {
            "RecoveryPointArn": point.arn,
            "BackupVaultName": VAULT,
            "ResourceArn": f"arn:aws:s3:::{point.bucket}",
            "ResourceType": "S3",
            "Status": point.status,
            "CreationDate": point.created,
            "Lifecycle": {"DeleteAfterDays": KEPT_DAYS},
            **({} if self.trouble.roleless else {"IamRoleArn": ROLE}),
        }

    def _start_restore_job(self, said: dict[str, Any]) -> dict[str, Any]:
        token = said.get("IdempotencyToken", "")
        if token in self._tokens:
            return {"RestoreJobId": self._tokens[token]}
        point = self._point_of(said["RecoveryPointArn"])
        metadata = said["Metadata"]
        if said.get("ResourceType", "S3") != "S3":
            raise _RefusedRequestError("InvalidParameterValueException", f"{point.arn} is of S3")
        if ":role/" not in said.get("IamRoleArn", ""):
            raise _RefusedRequestError("MissingParameterValueException", "IamRoleArn is required")
        items = _items(point, metadata)
        _refuse_without_versions(self._s3, metadata["DestinationBucketName"])
        failing, self.trouble.failing = self.trouble.failing > 0, max(self.trouble.failing - 1, 0)
        id_ = str(uuid.uuid4()).upper()
        self._jobs[id_] = _Job(point, metadata, items, self.looks, failing, datetime.now(UTC))
        self._tokens[token] = id_
        self.most_running = max(self.most_running, sum(job.status in _GOING_ON for job in self._jobs.values()))
        return {"RestoreJobId": id_}

    def _describe_restore_job(self, said: dict[str, Any]) -> dict[str, Any]:
        job = self._jobs.get(said["RestoreJobId"])
        if job is None:
            raise _RefusedRequestError("ResourceNotFoundException", "Restore job does not exist")
        if job.status in _GOING_ON:
            if job.looks:
                job.looks -= 1
                job.status = "RUNNING"
            else:
                job.status, job.message = self._restore(job)
        told = {"StatusMessage": job.message} if job.message else {}
        done = 100 // (job.looks + 2) if job.status in _GOING_ON else 100
        return {
            "RestoreJobId": said["RestoreJobId"],
            "RecoveryPointArn": job.point.arn,
            "Status": job.status,
            "PercentDone": f"{done}.00%",
            "CreationDate": job.created,
            "ResourceType": "S3",
            "IamRoleArn": ROLE,
            **told,
        }

    def _restore(self, job: _Job) -> tuple[str, str]:
        bucket = job.metadata["DestinationBucketName"]
        between = f"from {job.point.arn} to {bucket}. {_NOTIFY}"
        if job.failing:
            return "FAILED", f"No objects were restored {between}"
        moment = datetime.now(UTC)
        if job.point.continuous:
            moment = datetime.fromisoformat(job.metadata["RestoreTime"])
        contents = {
            key: content
            for key, content in job.point.at(moment).items()
            if not job.items or any(key == item or (item[-1] == "/" and key.startswith(item)) for item in job.items)
        }
        if not contents:
            return "COMPLETED", f"There are no objects that match the restore request for {job.point.arn}."
        failed = contents.keys() & self.trouble.unrestorable
        for key in sorted(contents.keys() - failed):
            if not _is_there(self._s3, bucket, key):
                self._s3.put_object(Bucket=bucket, Key=key, Body=contents[key])
        if failed == contents.keys():
            return "FAILED", f"No objects were restored {between}"
        return "COMPLETED", f"One or more objects failed to be restored {between}" if failed else ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, stub: AwsBackupStub) -> None:
        super().__init__((HOST, 0), _Handler)
        self.stub = stub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._respond()

    def do_PUT(self) -> None:
        self._respond()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, document = self.server.stub.answer(self.command, self.path, dict(self.headers.items()), body)
        headers = {"Content-Type": "application/json", "x-amzn-RequestId": str(uuid.uuid4())}
        if isinstance(document, tuple):
            code, message = document
            headers["x-amzn-ErrorType"] = code
            document = {"Code": code, "Message": message}
        content = json.dumps(document, default=lambda moment: moment.timestamp()).encode()
        with suppress(ConnectionError):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)


def _items(point: _Point, metadata: dict[str, str]) -> list[str]:
    """The keys that a restore names, once it is known to be one that AWS takes."""
    wrong = "InvalidParameterValueException"
    if unknown := metadata.keys() - METADATA:
        raise _RefusedRequestError(wrong, f"Invalid restore metadata: {sorted(unknown)}")
    if "DestinationBucketName" not in metadata:
        raise _RefusedRequestError("MissingParameterValueException", "DestinationBucketName is required")
    if metadata.get("EncryptionType", "original") not in {"original", "SSE-S3", "SSE-KMS"}:
        raise _RefusedRequestError(wrong, "Invalid EncryptionType")
    if metadata.get("RestoreACLs", "false").lower() != "false":
        raise _RefusedRequestError(wrong, "Unable to restore Access Control Lists (ACLs)")
    if ("RestoreTime" in metadata) is not point.continuous:
        raise _RefusedRequestError(wrong, "RestoreTime is for continuous recovery points, and required there")
    if point.continuous:
        moment = datetime.fromisoformat(metadata["RestoreTime"])
        if not point.created.replace(microsecond=0) <= moment <= datetime.now(UTC):
            raise _RefusedRequestError(wrong, f"RestoreTime {moment} is not within the continuous backup")
    uris = json.loads(metadata.get("ItemsToRestore", "[]"))
    if len(uris) > 5:
        raise _RefusedRequestError(wrong, "ItemsToRestore can have at most 5 items")
    begin = f"s3://{point.bucket}/"
    if strange := [uri for uri in uris if not uri.startswith(begin) or uri == begin]:
        raise _RefusedRequestError(wrong, f"Invalid items to restore: {strange}")
    return [uri.removeprefix(begin) for uri in uris]


def _refuse_without_versions(s3: Any, bucket: str) -> None:
    """See that a bucket is there, in this region, and has versions."""
    try:
        region = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] or REGION
        versions = s3.get_bucket_versioning(Bucket=bucket).get("Status")
    except botocore.exceptions.ClientError as error:
        raise _RefusedRequestError("InvalidParameterValueException", f"Bucket {bucket}: {error}") from error
    if region != REGION:
        raise _RefusedRequestError("InvalidParameterValueException", f"Bucket {bucket} is in {region}")
    if versions != "Enabled":
        raise _RefusedRequestError("InvalidParameterValueException", f"Bucket {bucket} has no versioning enabled")


def _history(s3: Any, bucket: str) -> dict[str, list[tuple[datetime, bytes | None]]]:
    """What was at each key of a bucket from each time on, as far as the bucket still has it."""
    found: dict[str, list[tuple[datetime, bool, bytes | None]]] = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for marker in page.get("DeleteMarkers", []):
            found.setdefault(marker["Key"], []).append((marker["LastModified"], marker["IsLatest"], None))
        for version in page.get("Versions", []):
            body = s3.get_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])["Body"]
            with closing(body):
                event = (version["LastModified"], version["IsLatest"], body.read())
            found.setdefault(version["Key"], []).append(event)
    return {
        key: [(when, content) for when, _, content in sorted(events, key=lambda event: event[:2])]
        for key, events in found.items()
    }


def _is_there(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except botocore.exceptions.ClientError:
        return False
    return True


def _wrong_words(value: Any, shape: Any) -> Iterator[tuple[Any, list[str]]]:
    """Words that are none of those that a shape allows, which botocore's validator passes over."""
    if shape is None:
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                yield from _wrong_words(value[name], member)
    elif shape.type_name == "list":
        for item in value:
            yield from _wrong_words(item, shape.member)
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield value, shape.enum
