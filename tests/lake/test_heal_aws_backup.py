"""heal from what AWS Backup saved of the lake's bucket. AWS Backup is a stand-in here: no emulator of it keeps data."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

import canvasback
from canvasback import HealResult, RefusedError, UsageError
from canvasback.checks import copies_in_aws_backup
from tests.aws_backup_stub import ROLE, AwsBackupStub
from tests.clouds import Cloud, cloud
from tests.lake.builder import Lake
from tests.lake.cloud_lakes import session
from tests.lake.test_heal_versions import Kept
from tests.proxy import Fault, FaultProxy, matching, s3_error, status


class Saved(Kept):
    """A lake in a bucket that AWS Backup saves."""

    def __init__(self, where: Cloud, folder: Path, stub: AwsBackupStub) -> None:
        super().__init__(where, folder)
        self.stub = stub
        self.bucket, _, self.prefix = self.data_path.removeprefix("s3://").partition("/")
        self.contents = {name: self.store.get(name) for name in self.names()}
        self.scratch = where.bucket(versions=True)
        self.slept: list[float] = []

    def save(self) -> str:
        """Have AWS Backup save the bucket."""
        return self.stub.save(self.bucket)

    def damage(self) -> None:
        """Write garbage of the same size over every object."""
        for name, content in self.contents.items():
            self.overwrite(name, b"x" * len(content))

    def forget_versions(self) -> None:
        """As a stolen key, or a lifecycle rule and time do it: what is hidden or deleted is gone for good."""
        with closing(self.server.client()) as client:
            for page in client.get_paginator("list_object_versions").paginate(Bucket=self.bucket):
                gone = [entry for entry in page.get("Versions", []) if not entry["IsLatest"]]
                for entry in gone + page.get("DeleteMarkers", []):
                    client.delete_object(Bucket=self.bucket, Key=entry["Key"], VersionId=entry["VersionId"])

    def heal(self, **options: object) -> HealResult:
        return super().heal(**{"source": "aws-backup", "sleep": self.slept.append} | options)

    def orders(self) -> list[dict[str, Any]]:
        """What restore jobs were started."""
        return [said for name, said in self.stub.asked if name == "StartRestoreJob"]

    def in_scratch(self) -> dict[str, bytes]:
        store = self.stores.open(self.scratch)
        return {stat.name: store.get(stat.name) for stat in store.list("")}

    def restored(self) -> dict[str, bytes]:
        """What AWS Backup leaves in the scratch bucket where it restored all."""
        return {self.prefix + name: content for name, content in self.contents.items()}

    def now(self) -> dict[str, bytes]:
        return {name: self.store.get(name) for name in self.names() if ".damaged-" not in name}

    def is_right(self) -> None:
        assert self.now() == self.contents
        self.is_whole()


def add_rows(bucket: Saved, s3: Cloud) -> set[str]:
    """Commit something, and answer the names of the new files."""
    with session(s3, bucket.attach) as connection:
        connection.execute("INSERT INTO lake.main.t SELECT range, 'later', NULL FROM range(2000, 2100)")
    new = set(bucket.names()) - bucket.contents.keys()
    assert new
    return new


@pytest.fixture
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return cloud("s3", request, monkeypatch)


@pytest.fixture
def bucket(s3: Cloud, tmp_path: Path, aws_backup: AwsBackupStub) -> Saved:
    return Saved(s3, tmp_path, aws_backup)


# What was lost comes back


def test_an_emptied_bucket_is_whole_again(bucket: Saved) -> None:
    arn = bucket.save()
    bucket.delete(bucket.names())
    files = len(bucket.contents)
    jobs = -(-files // 5)
    planned = bucket.heal(dry_run=True)
    assert (planned.healed_files, bucket.names(), bucket.orders()) == (files, [], [])
    step = (
        f"{jobs} jobs of AWS Backup restore {files} files into s3://{bucket.bucket}/, from AWS's recovery point {arn}"
    )
    assert planned.steps[0] == step
    result = bucket.heal()
    assert (result.healed_files, result.lost_files, result.finding_counts) == (files, 0, {})
    assert {file.source for file in result.healed} == {f"AWS's recovery point {arn}"}
    assert len(bucket.orders()) == jobs
    assert {said["Metadata"]["DestinationBucketName"] for said in bucket.orders()} == {bucket.bucket}
    assert {said["IamRoleArn"] for said in bucket.orders()} == {ROLE}
    bucket.is_right()
    assert bucket.heal().healed_files == 0
    assert len(bucket.orders()) == jobs


def test_a_bucket_that_was_emptied_for_good_is_whole_again(bucket: Saved) -> None:
    bucket.save()
    bucket.delete(bucket.names())
    bucket.forget_versions()
    assert bucket.versions() == []
    assert bucket.heal().healed_files == len(bucket.contents)
    bucket.is_right()


def test_a_deleted_prefix_comes_back_and_nothing_else_is_touched(bucket: Saved) -> None:
    bucket.save()
    before = bucket.current()
    gone = [name for name in bucket.names() if name.startswith("main/t/")]
    assert 0 < len(gone) < len(before)
    bucket.delete(gone)
    assert bucket.heal().healed_files == len(gone)
    assert {name: id_ for name, id_ in bucket.current().items() if name not in gone} == {
        name: id_ for name, id_ in before.items() if name not in gone
    }
    bucket.is_right()


def test_garbage_comes_back_by_way_of_a_scratch_bucket(bucket: Saved) -> None:
    bucket.save()
    bucket.damage()
    refused = bucket.heal()
    assert (refused.healed_files, refused.lost_files) == (0, len(bucket.contents))
    assert refused.finding_counts["scratch-needed"] == 1
    assert bucket.orders() == []
    result = bucket.heal(scratch=bucket.scratch)
    assert (result.healed_files, result.lost_files) == (len(bucket.contents), 0)
    assert result.finding_counts["left-in-scratch"] == 1
    assert {said["Metadata"]["DestinationBucketName"] for said in bucket.orders()} == {
        bucket.scratch.removeprefix("s3://").rstrip("/")
    }
    aside = {name: bucket.store.get(name) for name in bucket.names() if ".damaged-" in name}
    assert set(aside.values()) == {b"x" * len(content) for content in bucket.contents.values()}
    assert bucket.in_scratch() == bucket.restored()
    bucket.is_right()


def test_no_byte_of_a_copy_passes_through_us(bucket: Saved, s3: Cloud) -> None:
    bucket.save()
    bucket.delete(bucket.names())
    with FaultProxy(str(s3.options.endpoint)) as proxy:
        bucket.heal(stores=s3.stores(endpoint=proxy.endpoint), scratch=bucket.scratch)
        puts = [request for request in proxy.requests if request.method == "PUT"]
    assert len(puts) == len(bucket.contents)
    assert sum(request.sent for request in puts) == 0
    bucket.is_right()


def test_what_is_damaged_and_what_is_missing_come_back_together(bucket: Saved) -> None:
    bucket.save()
    missing, damaged, *_ = bucket.names()
    bucket.delete([missing])
    bucket.overwrite(damaged, b"shorter")
    bucket.heal(scratch=bucket.scratch)
    bucket.is_right()


# The recovery point


def test_no_state_from_after_the_damage_is_asked_for(bucket: Saved, s3: Cloud) -> None:
    """The bucket tells when objects were deleted."""
    good = bucket.save()
    new = add_rows(bucket, s3)
    bucket.delete(bucket.names())
    time.sleep(1.1)  # S3 tells times in seconds
    bucket.save()
    result = bucket.heal()
    assert result.lost_files == len(new)
    assert {said["RecoveryPointArn"] for said in bucket.orders()} == {good}
    assert bucket.now() == bucket.contents


def test_what_a_state_does_not_have_is_looked_for_in_the_others(bucket: Saved, s3: Cloud) -> None:
    """Where nobody knows when the damage was, what the newest file needs shows that it was before."""
    good = bucket.save()
    new = add_rows(bucket, s3)
    bucket.delete(bucket.names())
    bucket.forget_versions()
    empty = bucket.save()
    result = bucket.heal()
    assert (result.healed_files, result.lost_files) == (len(bucket.contents), len(new))
    assert {said["RecoveryPointArn"] for said in bucket.orders()} == {empty, good}
    assert result.finding_counts["aws-backup-lacks"] == 1
    assert {file.source for file in result.healed} == {f"AWS's recovery point {good}"}
    assert bucket.now() == bucket.contents


def test_a_continuous_one_brings_back_the_last_moment_before(bucket: Saved) -> None:
    arn = bucket.stub.follow(bucket.bucket)
    time.sleep(4)  # S3 tells times in seconds
    bucket.delete(bucket.names())
    bucket.stub.record()
    result = bucket.heal()
    assert result.healed_files == len(bucket.contents)
    assert all(file.source.startswith(f"AWS's recovery point {arn} at 20") for file in result.healed)
    assert {"RestoreTime" in said["Metadata"] for said in bucket.orders()} == {True}
    bucket.is_right()


def test_the_user_may_know_better(bucket: Saved) -> None:
    """What was named has garbage: it is looked at, goes nowhere, and stands in the way of nothing later."""
    bucket.save()
    bucket.damage()
    time.sleep(1.1)
    garbage = bucket.save()
    before = bucket.current()
    wrong = bucket.heal(scratch=bucket.scratch, recovery_point=garbage)
    assert (wrong.healed_files, wrong.lost_files) == (0, len(bucket.contents))
    assert {said["RecoveryPointArn"] for said in bucket.orders()} == {garbage}
    assert bucket.current() == before
    result = bucket.heal(scratch=bucket.scratch)
    assert result.lost_files == 0
    left = bucket.in_scratch()
    assert {name: content for name, content in left.items() if ".damaged-" not in name} == bucket.restored()
    assert len(left) == 2 * len(bucket.contents)
    bucket.is_right()


def test_the_repository_goes_first(bucket: Saved, tmp_path: Path, s3: Cloud) -> None:
    repository = str(tmp_path / "repository")
    canvasback.init(bucket.attach, repository, stores=bucket.stores)
    canvasback.backup(bucket.attach, repository, stores=bucket.stores)
    new = add_rows(bucket, s3)
    bucket.save()
    bucket.delete(bucket.names())
    result = bucket.heal(repository=repository)
    assert result.lost_files == 0
    restored = {file.place.removeprefix(bucket.data_path) for file in result.healed if file.source.startswith("AWS")}
    assert restored == new


def test_the_role_is_the_one_that_saved_or_the_one_that_is_named(bucket: Saved) -> None:
    bucket.save()
    [first, *_] = bucket.names()
    bucket.delete([first])
    bucket.stub.trouble.roleless = True
    with pytest.raises(RefusedError) as refused:
        bucket.heal()
    assert refused.value.code == "no-restore-role"
    role = "arn:aws:iam::123456789012:role/restores"
    assert bucket.heal(restore_role=role).healed_files == 1
    assert {said["IamRoleArn"] for said in bucket.orders()} == {role}
    bucket.is_right()


# Many files, and what goes wrong


def test_many_files_come_back_by_one_job_of_their_folder(bucket: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies_in_aws_backup, "_MANY", 2)
    bucket.save()
    gone = [name for name in bucket.names() if name.startswith("main/t/")]
    assert len(gone) > 2
    bucket.delete(gone)
    assert bucket.heal(scratch=bucket.scratch).healed_files == len(gone)
    [said] = bucket.orders()
    assert said["Metadata"]["ItemsToRestore"] == f'["s3://{bucket.bucket}/{bucket.prefix}main/t/"]'
    bucket.is_right()


def test_a_job_that_fails_is_no_loss_and_is_not_accepted_as_one(bucket: Saved) -> None:
    bucket.save()
    bucket.delete(bucket.names())
    bucket.overwrite("main/t/any object", b"so that the data path does not look like a disk that is not mounted")
    bucket.stub.trouble.failing = 99
    result = bucket.heal(accept_loss=True)
    assert (result.healed_files, result.accepted_snapshot) == (0, None)
    assert result.finding_counts["copy-failed"] == len(bucket.contents)
    assert "No objects were restored from" in next(
        finding.message for finding in result.findings if finding.code == "copy-failed"
    )
    bucket.stub.trouble.failing = 0
    assert bucket.heal().healed_files == len(bucket.contents)
    bucket.store.delete("main/t/any object")
    bucket.is_right()


def test_what_aws_could_not_restore_is_told_and_the_others_come_back(bucket: Saved) -> None:
    bucket.save()
    [first, *others] = bucket.names()
    bucket.delete(bucket.names())
    bucket.stub.trouble.unrestorable.add(bucket.prefix + first)
    result = bucket.heal()
    assert (result.healed_files, result.lost_files) == (len(others), 1)
    [failed] = [finding for finding in result.findings if finding.code == "copy-failed"]
    assert failed.where == bucket.data_path + first
    assert "One or more objects failed to be restored" in failed.message


def test_a_scratch_bucket_without_versions_is_refused_in_aws_s_words(bucket: Saved, s3: Cloud) -> None:
    bucket.save()
    bucket.delete(bucket.names())
    result = bucket.heal(scratch=s3.bucket())
    assert result.finding_counts["copy-failed"] == len(bucket.contents)
    assert any("has no versioning enabled" in finding.message for finding in result.findings)
    assert bucket.names() == []


def test_a_copy_that_cannot_be_read_is_no_loss(bucket: Saved, s3: Cloud) -> None:
    bucket.save()
    [first, *_] = bucket.names()
    bucket.delete([first])
    with FaultProxy(str(s3.options.endpoint)) as proxy:
        where = bucket.scratch.removeprefix("s3:/")
        proxy.faults.append(Fault(matching("GET", path=where), status(403, s3_error("AccessDenied"))))
        stores = s3.stores(endpoint=proxy.endpoint)
        result = bucket.heal(scratch=bucket.scratch, stores=stores, accept_loss=True)
    assert (result.healed_files, result.accepted_snapshot) == (0, None)
    assert result.finding_counts["copy-failed"] == 1
    assert bucket.heal(scratch=bucket.scratch).healed_files == 1
    bucket.is_right()


def test_what_an_interrupted_run_ordered_is_taken_by_the_next(bucket: Saved) -> None:
    """Its jobs go on at AWS, which nobody can stop."""
    bucket.save()
    bucket.damage()

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        bucket.heal(scratch=bucket.scratch, sleep=interrupted)
    ordered = len(bucket.orders())
    assert ordered > 0
    with closing(bucket.stub.client()) as client:
        for id_ in list(bucket.stub._jobs):
            while client.describe_restore_job(RestoreJobId=id_)["Status"] != "COMPLETED":
                pass
    assert bucket.heal(scratch=bucket.scratch).healed_files == len(bucket.contents)
    assert len(bucket.orders()) == ordered
    bucket.is_right()


def test_nobody_else_s_file_is_overwritten(bucket: Saved) -> None:
    """What appears while AWS works stays, and is looked at like any other."""
    bucket.save()
    [first, *_] = bucket.names()
    bucket.delete([first])

    def appear(_: float) -> None:
        if first not in bucket.names():
            bucket.overwrite(first, b"somebody else's")

    result = bucket.heal(sleep=appear)
    assert (result.healed_files, result.lost_files) == (0, 1)
    assert bucket.store.get(first) == b"somebody else's"


# What is refused


def test_what_was_never_saved_cannot_be_restored(bucket: Saved) -> None:
    with pytest.raises(RefusedError) as nothing:
        bucket.heal()
    assert nothing.value.code == "no-recovery-point"
    bucket.save()
    with pytest.raises(RefusedError) as other:
        bucket.heal(recovery_point="arn:aws:backup:us-east-1:123456789012:recovery-point:other")
    assert other.value.code == "no-recovery-point"


def test_a_disk_is_not_at_aws(lake: Lake) -> None:
    with pytest.raises(RefusedError) as refused:
        canvasback.heal(lake.attach, source="aws-backup")
    assert refused.value.code == "not-at-aws"


@pytest.mark.parametrize(
    "spelled",
    [
        lambda bucket: "/tmp",  # noqa: S108 - it is no bucket
        lambda bucket: "gs://scratch",
        lambda bucket: f"{bucket.scratch}folder/",
        lambda bucket: f"s3://{bucket.bucket}",
    ],
    ids=["disk", "other cloud", "folder", "the lake's own"],
)
def test_a_scratch_place_that_aws_cannot_restore_into_is_refused(
    bucket: Saved, spelled: Callable[[Saved], str]
) -> None:
    bucket.save()
    with pytest.raises(UsageError) as refused:
        bucket.heal(scratch=spelled(bucket))
    assert refused.value.code == "scratch-not-understood"


@pytest.mark.parametrize("option", ["recovery_point", "scratch", "restore_role"])
def test_choices_make_no_sense_without_aws_backup(bucket: Saved, option: str) -> None:
    with pytest.raises(UsageError) as refused:
        bucket.heal(source="versions", **{option: "s3://scratch"})
    assert refused.value.code == "options-together"
