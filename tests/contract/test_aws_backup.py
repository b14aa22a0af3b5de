"""What AWS Backup is asked and what becomes of it, against a stand-in: no emulator of it keeps data."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from canvasback import StoreOptions
from canvasback.clouds.aws_recovery_points import AwsRecoveryPoint, State
from canvasback.clouds.aws_restore_jobs import EndedJob, RestoreJobs, orders_of
from canvasback.clouds.aws_restores import AwsBackup, RestoreOrder
from canvasback.errors import AccessDeniedError, RefusedError, StorageError
from canvasback.storage.bucket.aws import AwsSettings
from tests.aws_backup_stub import KEPT_DAYS, ROLE, VAULT, AwsBackupStub
from tests.clouds import cloud
from tests.object_servers import Ministack

_NUMBERS = itertools.count(1)


class Counted:
    """Counts files."""

    def __init__(self) -> None:
        self.files = 0

    def begin(self, task: str, *, files: int | None = None, bytes_: int | None = None) -> None:
        raise AssertionError(task)  # who orders begins it

    def advance(self, *, files: int = 0, bytes_: int = 0) -> None:
        self.files += files

    def end(self) -> None:
        raise AssertionError


class Place:
    """A bucket, and AWS Backup for it."""

    def __init__(self, server: Ministack, s3: Any, stub: AwsBackupStub) -> None:
        self.stub = stub
        self.s3 = s3
        self.name = self.versioned(server)
        self.options = StoreOptions(endpoint=server.endpoint, region="us-east-1", retries=0)
        self.backup = AwsBackup(AwsSettings(f"s3://{self.name}/", "s3", self.options), self.name)
        self.slept: list[float] = []
        self.counted = Counted()

    def versioned(self, server: Ministack) -> str:
        """A new bucket that has versions."""
        name = f"saved-{next(_NUMBERS)}"
        server.create_bucket(name)
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def put(self, *keys: str, content: bytes = b"good") -> None:
        for key in keys:
            self.s3.put_object(Bucket=self.name, Key=key, Body=content)

    def delete(self, *keys: str) -> None:
        for key in keys:
            self.s3.delete_object(Bucket=self.name, Key=key)

    def contents(self, bucket: str = "") -> dict[str, bytes]:
        found = self.s3.list_objects_v2(Bucket=bucket or self.name).get("Contents", [])
        return {stat["Key"]: self._read(bucket or self.name, stat["Key"]) for stat in found}

    def _read(self, bucket: str, key: str) -> bytes:
        with closing(self.s3.get_object(Bucket=bucket, Key=key)["Body"]) as body:
            return bytes(body.read())

    def points(self) -> list[AwsRecoveryPoint]:
        return self.backup.points(datetime.now(UTC))

    def order(self, *items: str, destination: str = "", files: int = 0) -> RestoreOrder:
        point = self.points()[0]
        return RestoreOrder(
            state=State(point, point.since),
            source=self.name,
            destination=destination or self.name,
            items=items,
            files=files or len(items),
        )

    def run(self, *orders: RestoreOrder) -> list[EndedJob]:
        return list(RestoreJobs(self.backup, lambda _: ROLE, self.slept.append, self.counted).run(orders))

    def asked(self, operation: str) -> list[dict[str, Any]]:
        return [said for name, said in self.stub.asked if name == operation]


@pytest.fixture
def place(
    s3_server: Ministack, aws_backup: AwsBackupStub, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    cloud("s3", request, monkeypatch)
    with closing(s3_server.client()) as s3:
        yield Place(s3_server, s3, aws_backup)


# Recovery points


def test_recovery_points_come_newest_first_from_all_pages(place: Place) -> None:
    place.put("a")
    arns = [place.stub.save(place.name) for _ in range(5)]
    points = place.points()
    assert [point.arn for point in points] == arns[::-1]
    assert {point.vault for point in points} == {VAULT}
    assert not any(point.continuous for point in points)
    assert [said.get("NextToken") for said in place.asked("ListRecoveryPointsByResource")] == [None, "2", "4"]


def test_a_bucket_that_was_never_saved_has_none(place: Place) -> None:
    assert place.points() == []


def test_what_cannot_be_restored_from_is_passed_over(place: Place) -> None:
    old, new = place.stub.save(place.name), place.stub.save(place.name)
    place.stub.expire(old)
    assert [point.arn for point in place.points()] == [new]


def test_a_continuous_one_reaches_from_its_begin_until_now(place: Place) -> None:
    place.stub.follow(place.name)
    (point,) = place.points()
    assert point.continuous
    later = point.since + timedelta(days=30)
    (aged,) = place.backup.points(later)
    assert (aged.since, aged.until) == (later - timedelta(days=KEPT_DAYS), later)


def test_a_continuous_one_is_of_use_to_who_may_not_look_at_it(place: Place) -> None:
    place.stub.follow(place.name)
    place.stub.trouble.denied.add("DescribeRecoveryPoint")
    later = datetime.now(UTC) + timedelta(days=90)
    (point,) = place.backup.points(later)
    assert point.since == later - timedelta(days=35)


def test_the_role_that_saved_is_known(place: Place) -> None:
    place.stub.save(place.name)
    assert place.backup.role_of(place.points()[0]) == ROLE


# Orders


def test_an_order_says_what_aws_documents(place: Place) -> None:
    place.put("lake/a.parquet", "lake/b c.parquet")
    place.stub.save(place.name)
    order = place.order("lake/a.parquet", "lake/b c.parquet")
    place.backup.start(order, ROLE)
    (said,) = place.asked("StartRestoreJob")
    assert said.pop("IdempotencyToken")
    assert said == {
        "RecoveryPointArn": order.state.point.arn,
        "IamRoleArn": ROLE,
        "ResourceType": "S3",
        "Metadata": {
            "DestinationBucketName": place.name,
            "EncryptionType": "original",
            "RestoreACLs": "false",
            "ItemsToRestore": json.dumps([f"s3://{place.name}/lake/a.parquet", f"s3://{place.name}/lake/b c.parquet"]),
        },
    }


def test_orders_name_at_most_five_items(place: Place) -> None:
    state = State(AwsRecoveryPoint(arn="arn", vault=VAULT, since=datetime.now(UTC)), datetime.now(UTC))
    keys = [f"key-{number}" for number in range(12)]
    orders = list(orders_of(state, "from", "to", keys))
    assert [order.files for order in orders] == [5, 5, 2]
    assert [key for order in orders for key in order.items] == keys


# Jobs


def test_jobs_bring_back_what_is_missing(place: Place) -> None:
    keys = [f"lake/{number}.parquet" for number in range(12)]
    place.put(*keys)
    place.stub.save(place.name)
    place.delete(*keys)
    state = place.order().state
    ended = place.run(*orders_of(state, place.name, place.name, keys))
    assert [job.completed for job in ended] == [True] * 3
    assert place.contents() == dict.fromkeys(keys, b"good")
    assert place.counted.files == 12


def test_a_folder_and_a_whole_bucket_come_back_to_another_bucket(place: Place, s3_server: Ministack) -> None:
    place.put("lake/a", "lake/b", "lakes/c", "other")
    place.stub.save(place.name)
    folder, whole = place.versioned(s3_server), place.versioned(s3_server)
    ended = place.run(place.order("lake/", destination=folder, files=2), place.order(destination=whole, files=4))
    assert [job.completed for job in ended] == [True, True]
    assert place.contents(folder) == dict.fromkeys(("lake/a", "lake/b"), b"good")
    assert place.contents(whole) == place.contents()
    assert place.counted.files == 6


def test_what_is_there_is_passed_over(place: Place) -> None:
    place.put("a", "b")
    place.stub.save(place.name)
    place.put("a", content=b"garbage")
    place.delete("b")
    (ended,) = place.run(place.order("a", "b"))
    assert ended.completed
    assert place.contents() == {"a": b"garbage", "b": b"good"}


def test_a_moment_of_a_continuous_one_comes_back(place: Place) -> None:
    place.put("a", content=b"first")
    place.stub.follow(place.name)
    while datetime.now(UTC) < (after := place.points()[0].since + timedelta(seconds=2)):
        pass
    place.put("a", content=b"second")
    place.stub.record()
    place.delete("a")
    (point,) = place.points()
    order = RestoreOrder(
        state=State(point, after - timedelta(seconds=1)),
        source=place.name,
        destination=place.name,
        items=("a",),
        files=1,
    )
    (ended,) = place.run(order)
    assert ended.completed
    assert place.contents() == {"a": b"first"}
    said = place.asked("StartRestoreJob")[0]["Metadata"]["RestoreTime"]
    assert said == f"{after - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"


def test_few_jobs_run_at_a_time(place: Place) -> None:
    keys = [f"key-{number:03}" for number in range(130)]
    place.put("key-000")
    place.stub.save(place.name)
    ended = place.run(*orders_of(place.order().state, place.name, place.name, keys))
    assert len(ended) == 26
    assert place.stub.most_running == 20


def test_looks_are_ever_further_apart_while_nothing_ends(place: Place) -> None:
    place.put("a")
    place.stub.save(place.name)
    place.stub.looks = 12
    place.run(place.order("a"))
    assert place.slept[:3] == [5.0, 7.5, 11.25]
    assert place.slept == sorted(place.slept)
    assert max(place.slept) == 60


# What goes wrong


def test_a_job_that_fails_says_why_and_the_others_go_on(place: Place) -> None:
    place.put("a", "b")
    place.stub.save(place.name)
    place.delete("a", "b")
    place.stub.trouble.failing = 1
    ended = place.run(place.order("a"), place.order("b"))
    assert {job.order.items: job.completed for job in ended} == {("a",): False, ("b",): True}
    assert next(job.message for job in ended if not job.completed).startswith("No objects were restored from arn:aws:")
    assert place.contents() == {"b": b"good"}
    assert place.counted.files == 2


def test_a_completed_job_may_have_brought_back_a_part_or_nothing(place: Place) -> None:
    place.put("a", "b")
    place.stub.save(place.name)
    place.delete("a", "b")
    place.stub.trouble.unrestorable.add("a")
    (part,) = place.run(place.order("a", "b"))
    (nothing,) = place.run(place.order("c"))
    assert part.completed
    assert part.message.startswith("One or more objects failed to be restored from")
    assert nothing.completed
    assert nothing.message.startswith("There are no objects that match")
    assert place.contents() == {"b": b"good"}


def test_an_order_that_aws_refuses_ends_at_once(place: Place, s3_server: Ministack) -> None:
    s3_server.create_bucket("saved-without-versions")
    place.put("a")
    place.stub.save(place.name)
    too_many = place.order(*(f"key-{number}" for number in range(6)))
    ended = place.run(place.order("a", destination="saved-without-versions"), too_many, place.order("a"))
    assert [job.completed for job in ended] == [False, False, True]
    assert "has no versioning enabled" in ended[0].message
    assert "at most 5 items" in ended[1].message


@pytest.mark.parametrize(
    ("operation", "work"),
    [
        ("ListRecoveryPointsByResource", Place.points),
        ("DescribeRecoveryPoint", lambda place: place.backup.role_of(place.points()[0])),
        ("StartRestoreJob", lambda place: place.run(place.order("a"))),
        ("DescribeRestoreJob", lambda place: place.run(place.order("a"))),
    ],
)
def test_a_right_that_lacks_is_named(place: Place, operation: str, work: Callable[[Place], object]) -> None:
    place.put("a")
    place.stub.save(place.name)
    place.stub.trouble.denied.add(operation)
    with pytest.raises(AccessDeniedError) as denied:
        work(place)
    assert f"backup:{operation}" in denied.value.message
    assert f"backup:{operation}" in denied.value.hint


def test_a_service_that_does_not_answer_is_waited_for_and_then_given_up(place: Place) -> None:
    place.put("a")
    place.stub.save(place.name)
    order = place.order("a")
    jobs = RestoreJobs(place.backup, lambda _: ROLE, _silencing(place), place.counted)
    with pytest.raises(StorageError) as silent:
        list(jobs.run([order]))
    assert silent.value.code == "storage-unreachable"
    assert len(place.slept) == 10


def test_a_pause_of_the_service_is_sat_out(place: Place) -> None:
    place.put("a")
    place.stub.save(place.name)
    place.delete("a")
    order = place.order("a")
    jobs = RestoreJobs(place.backup, lambda _: ROLE, _silencing(place, looks=4), place.counted)
    (ended,) = jobs.run([order])
    assert ended.completed
    assert place.contents() == {"a": b"good"}


def _silencing(place: Place, looks: int = 99) -> Callable[[float], None]:
    """A sleep after whose first the service is out of order, for so many looks."""

    def sleep(seconds: float) -> None:
        place.slept.append(seconds)
        place.stub.trouble.silent = len(place.slept) <= looks

    return sleep


def test_refused_credentials_are_told_from_missing_rights(place: Place) -> None:
    elsewhere = AwsSettings("s3://x/", "s3", StoreOptions(endpoint=place.options.endpoint, region="eu-west-1"))
    with pytest.raises(StorageError) as refused:
        AwsBackup(elsewhere, place.name).points(datetime.now(UTC))
    assert refused.value.code == "credentials-refused"


def test_a_bucket_that_is_not_at_aws_is_refused_before_anything_is_sent(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS is not to see the credentials of another service."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_BACKUP")
    with pytest.raises(RefusedError) as refused:
        AwsBackup(AwsSettings("s3://x/", "s3", place.options), "x")
    assert refused.value.code == "not-at-aws"
    assert place.stub.asked == []


def test_a_bucket_of_another_part_of_aws_has_its_name(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_BACKUP")
    backup = AwsBackup(AwsSettings("s3://lake/", "s3", StoreOptions(region="cn-north-1")), "lake")
    assert backup.arn == "arn:aws-cn:s3:::lake"


# The stand-in itself


def test_the_stand_in_tells_what_the_description_of_the_service_does_not_allow(s3_server: Ministack) -> None:
    with pytest.raises(AssertionError) as told, AwsBackupStub(s3_server) as stub:  # noqa: PT012 - it is told at the end
        answer = stub._model.operation_model("DescribeRestoreJob").output_shape
        stub._validate("answer", {"Status": "COMPLETED", "PercentDone": "100.00%"}, answer)
        assert stub._violations == []
        stub._validate("answer", {"Status": "DONE"}, answer)
        stub._validate("answer", {"PercentDone": 100, "Vault": "lakes"}, answer)
        stub._validate("request", {"Metadata": {}}, stub._model.operation_model("StartRestoreJob").input_shape)
    for problem in ("DONE is none of", "Invalid type for parameter PercentDone", "Vault", "RecoveryPointArn"):
        assert problem in str(told.value)


def test_the_stand_in_answers_as_aws_to_what_it_does_not_know(place: Place) -> None:
    with closing(place.stub.client()) as client:
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            client.describe_restore_job(RestoreJobId="none")
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            client.start_restore_job(RecoveryPointArn="arn:aws:backup::none", Metadata={}, IamRoleArn=ROLE)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({}, "DestinationBucketName"),
        ({"DestinationBucketName": "x", "Prefix": "y"}, "Prefix"),
        ({"DestinationBucketName": "x", "RestoreTime": "2026-01-01T00:00:00Z"}, "RestoreTime"),
        ({"DestinationBucketName": "x", "ItemsToRestore": '["key"]'}, "Invalid items"),
        ({"DestinationBucketName": "no-such-bucket"}, "no-such-bucket"),
    ],
)
def test_the_stand_in_refuses_metadata_that_aws_does_not_document(
    place: Place, metadata: dict[str, str], reason: str
) -> None:
    place.put("a")
    arn = place.stub.save(place.name)
    with closing(place.stub.client()) as client, pytest.raises(ClientError, match=reason):
        client.start_restore_job(RecoveryPointArn=arn, Metadata=metadata, IamRoleArn=ROLE)
