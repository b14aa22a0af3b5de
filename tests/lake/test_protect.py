"""What a cloud does for a lake by itself, seen in a real server: a lake of the real extension, in a bucket of S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import canvasback
from canvasback import CanvasbackError
from canvasback.clouds.aws_backup import RIGHTS as BACKUP_RIGHTS
from canvasback.clouds.s3 import QUESTIONS
from canvasback.model.protection.bucket import Part
from canvasback.model.protection.verdicts import Disaster
from tests.clouds import Cloud
from tests.interrupted import Clock
from tests.lake.cloud_lakes import session, write
from tests.lake.protected_lake import ROLE, ProtectedLake, codes, s3_with_backup, states, verdict
from tests.object_servers import Ministack


@pytest.fixture
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return s3_with_backup(request, monkeypatch)


@pytest.fixture
def client(where: Cloud) -> Iterator[Any]:
    assert isinstance(where.server, Ministack)
    with closing(where.server.client()) as client:
        yield client


@pytest.fixture
def lake(where: Cloud, client: Any, tmp_path: Path) -> ProtectedLake:
    return ProtectedLake(where, client, tmp_path)


def test_versions_that_go_before_ducklake_or_the_oldest_point(lake: ProtectedLake) -> None:
    lake.write()
    lake.versions()
    lake.lifecycle({"Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 10}})
    assert codes(lake.status()) == set()
    with session(lake.where, lake.lake) as connection:
        connection.execute("CALL lake.set_option('delete_older_than', '2 weeks')")
    found = lake.status()
    assert codes(found) == {"versions-expire-early"}
    assert (found.facts.cleanup_days, found.facts.expire_days) == (14, None)
    with session(lake.where, lake.lake) as connection:
        connection.execute("CALL lake.set_option('delete_older_than', '1 day')")
    assert codes(lake.status()) == set()
    repository = f"s3://{lake.bucket}/repo"
    canvasback.init(lake.lake, repository, stores=lake.stores)
    canvasback.backup(lake.lake, repository, stores=lake.stores)
    assert codes(lake.status(repository)) == set()
    found = lake.status(repository, clock=Clock(days=11))
    assert codes(found) == {"versions-expire-early"}
    assert found.facts.repository is not None
    assert (found.facts.repository.points, found.facts.repository.in_bucket) == (1, True)


def test_a_replica_has_what_was_written_after_its_rule(lake: ProtectedLake) -> None:
    lake.write()
    lake.versions()
    lake.replicate()
    found = lake.status()
    assert codes(found) == {"versions-kept-for-ever", "replication-misses-older", "replication-keeps-deleted"}
    (replica,) = found.replicas
    assert replica.sample is not None
    assert (replica.sample.files, replica.sample.never, replica.sample.checked) == (6, 6, True)
    assert states(found)["bucket-gone"] == "partly"
    lake.write("INSERT INTO lake.main.t VALUES (1)")
    (replica,) = lake.status().replicas
    assert replica.sample is not None
    assert (replica.sample.arrived, replica.sample.never) == (1, 6)


def test_a_replica_that_has_all(lake: ProtectedLake) -> None:
    lake.versions()
    to = lake.replicate(prefix="files/")
    lake.write()
    found = lake.status()
    assert codes(found) == {"versions-kept-for-ever", "replication-keeps-deleted"}
    assert states(found)["bucket-gone"] == "covered"
    # It is in the same region; and the server is not AWS, of which it is known that it keeps versions of replicas.
    assert (states(found)["region-gone"], states(found)["bucket-emptied"]) == ("uncovered", "partly")
    for key in lake.names()[:2]:
        lake.client.delete_object(Bucket=to, Key=key)
    found = lake.status()
    assert "replica-incomplete" in codes(found)
    assert states(found)["bucket-gone"] == "partly"
    lake.versions("Suspended", bucket=to)
    lake.write("INSERT INTO lake.main.t VALUES (1)")
    assert codes(lake.status()) >= {"replication-failed", "replica-unversioned", "replica-incomplete"}


def test_what_another_tool_copied_has_arrived(lake: ProtectedLake) -> None:
    lake.write()
    lake.versions()
    to = lake.replicate()
    for key in lake.names():
        lake.client.copy_object(Bucket=to, Key=key, CopySource={"Bucket": lake.bucket, "Key": key})
    assert codes(lake.status()) == {"versions-kept-for-ever", "replication-keeps-deleted"}


@pytest.mark.parametrize(("prefix", "status"), [("other/", "Enabled"), ("files/main/x/", "Enabled"), ("", "Disabled")])
def test_a_rule_that_is_not_about_the_lake(lake: ProtectedLake, prefix: str, status: str) -> None:
    lake.write()
    lake.versions()
    lake.replicate(prefix=prefix, status=status)
    found = lake.status()
    assert codes(found) == {"versions-kept-for-ever", "replication-misses-data-path"}
    assert found.replicas == ()
    assert states(found)["bucket-gone"] == "uncovered"


def test_a_replica_that_is_gone(lake: ProtectedLake) -> None:
    lake.versions()
    to = lake.replicate(deletes=True)
    lake.client.delete_bucket(Bucket=to)
    lake.write()
    found = lake.status()
    assert codes(found) == {"versions-kept-for-ever", "replica-out-of-reach", "replication-failed"}
    assert states(found)["bucket-gone"] == "partly"


def test_a_lifecycle_rule_of_the_replica(lake: ProtectedLake) -> None:
    lake.versions()
    to = lake.replicate(deletes=True)
    lake.lifecycle(
        {"Filter": {}, "Expiration": {"Days": 30}},
        {"Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 5}},
        bucket=to,
    )
    lake.write()
    found = lake.status()
    (told,) = (one for one in found.findings if one.code == "lifecycle-deletes-live-files")
    assert told.where == f"s3://{to}/"
    by_replica = [cover for cover in verdict(found, Disaster.OBJECT_DELETED).covers if cover.by == "replication"]
    assert [cover.days for cover in by_replica] == [5]  # deletions are copied too


def test_locks_protect_from_when_a_file_is_written(where: Cloud, client: Any, tmp_path: Path) -> None:
    lake = ProtectedLake(where, client, tmp_path, locks=True)
    lake.write()
    assert "lock-without-default" in codes(lake.status())
    client.put_object_lock_configuration(
        Bucket=lake.bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}},
        },
    )
    found = lake.status()
    assert codes(found) == {"versions-kept-for-ever"}
    assert states(found)["credential-stolen"] == "covered"
    days = verdict(found, Disaster.CREDENTIAL_STOLEN).days
    assert days is not None
    assert 29 < days <= 30
    later = lake.status(clock=Clock(days=31))
    assert states(later)["credential-stolen"] == "partly"


def test_a_bucket_that_is_open_to_everybody(lake: ProtectedLake) -> None:
    lake.write()
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{lake.bucket}/*",
            }
        ],
    }
    lake.client.put_public_access_block(
        Bucket=lake.bucket,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False
        ),
    )
    lake.client.put_bucket_policy(Bucket=lake.bucket, Policy=json.dumps(policy))
    assert "public-bucket" in codes(lake.status())
    lake.client.put_public_access_block(
        Bucket=lake.bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True}
    )
    assert "public-bucket" not in codes(lake.status())
    lake.client.delete_public_access_block(Bucket=lake.bucket)
    lake.client.delete_bucket_policy(Bucket=lake.bucket)
    lake.client.put_bucket_ownership_controls(
        Bucket=lake.bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    lake.client.put_bucket_acl(Bucket=lake.bucket, ACL="public-read")
    told = [one.message for one in lake.status().findings if one.code == "public-bucket"]
    assert told == ["is open to everybody: its access list gives READ to everybody"]


def test_a_plan_of_the_backup_service(lake: ProtectedLake, where: Cloud) -> None:
    """What the server has of backups it does not list: the plan is all that is seen."""
    lake.write()
    assert isinstance(where.server, Ministack)
    with closing(where.server.client("backup")) as backup:
        backup.create_backup_vault(BackupVaultName="vault")
        plan = backup.create_backup_plan(
            BackupPlan={
                "BackupPlanName": "daily",
                "Rules": [
                    {
                        "RuleName": "at-five",
                        "TargetBackupVaultName": "vault",
                        "ScheduleExpression": "cron(0 5 ? * * *)",
                        "Lifecycle": {"DeleteAfterDays": 35},
                    }
                ],
            }
        )["BackupPlanId"]
        assert lake.status().bucket.backups.plans == ()  # type: ignore[union-attr]
        backup.create_backup_selection(
            BackupPlanId=plan,
            BackupSelection={"SelectionName": "s", "IamRoleArn": ROLE, "Resources": [f"arn:aws:s3:::{lake.bucket}"]},
        )
    found = lake.status()
    assert found.bucket is not None
    (taken,) = found.bucket.backups.plans
    assert (taken.name, taken.vault, taken.days) == ("daily/at-five", "vault", 35)
    assert "backup-missing" in codes(found)


def test_what_may_not_be_seen_is_reported(lake: ProtectedLake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.write()
    lake.versions()
    lake.become(monkeypatch, "s3:GetObject", "s3:ListBucket", "s3:PutObject")
    found = lake.status()
    assert found.bucket is not None
    assert codes(found) == {"protection-unseen"}
    needed = {one.part: one.needs for one in found.bucket.unseen}
    assert needed[Part.REPLICATION] == "s3:GetReplicationConfiguration"
    assert needed.keys() == {
        Part.VERSIONING, Part.LIFECYCLE, Part.TIERING, Part.REPLICATION, Part.LOCK, Part.ENCRYPTION,
        Part.PUBLIC_ACCESS, Part.BACKUP,
    }  # fmt: skip
    assert set(states(found).values()) == {"unknown"}
    assert found.bucket.region == "us-east-1"


def test_with_the_rights_that_a_look_takes(lake: ProtectedLake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.versions()
    lake.replicate()
    lake.write()
    as_root = lake.status()
    rights = [one.right for one in QUESTIONS.values()]
    lake.become(monkeypatch, "s3:GetObject", "s3:ListBucket", *rights, *BACKUP_RIGHTS.values())
    found = lake.status()
    assert found.verdicts == as_root.verdicts
    assert found.bucket == as_root.bucket
    assert found.findings == as_root.findings


def test_who_may_not_look_at_objects_learns_the_rest(lake: ProtectedLake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.versions()
    lake.replicate()
    lake.write()
    lake.become(monkeypatch, "s3:GetReplicationConfiguration", "s3:GetBucketVersioning", "s3:GetBucketLocation")
    found = lake.status()
    assert found.bucket is not None
    assert (found.bucket.versioning, found.bucket.region) == ("on", "us-east-1")
    assert not found.bucket.saw(Part.REPLICA)
    assert states(found)["bucket-gone"] == "partly"


def test_a_repository_is_a_protection_too(lake: ProtectedLake, tmp_path: Path) -> None:
    lake.write()
    repository = str(tmp_path / "repo")
    canvasback.init(lake.lake, repository, stores=lake.stores)
    assert states(lake.status(repository))["bucket-gone"] == "uncovered"
    canvasback.backup(lake.lake, repository, stores=lake.stores)
    found = lake.status(repository)
    assert states(found) == {**dict.fromkeys(map(str, Disaster), "covered"), "credential-stolen": "partly"}
    assert "no-protection" in codes(found)  # of the cloud's own there is none


def test_a_place_that_is_no_lakes(lake: ProtectedLake) -> None:
    lake.versions()
    lake.replicate()
    lake.write()
    found = canvasback.protect_status(f"s3://{lake.bucket}/files", stores=lake.stores)
    assert (found.lake, found.data_path, found.facts.files) == ("", lake.url, None)
    assert found.finding_counts == {"replication-keeps-deleted": 1, "versions-kept-for-ever": 1}
    (replica,) = found.replicas
    assert replica.sample is not None
    assert replica.sample.arrived == 6
    empty = canvasback.protect_status(f"s3://{lake.bucket}/nothing/here", stores=lake.stores)
    assert states(empty)["bucket-gone"] == "partly"


def test_a_folder_has_nothing_of_a_cloud(lake: ProtectedLake, tmp_path: Path) -> None:
    write(lake.where, lake.catalog, f"{tmp_path}/files/")
    for spelled in (lake.lake, str(tmp_path), f"file://{tmp_path}"):
        found = canvasback.protect_status(spelled, stores=lake.stores)
        assert found.finding_counts == {"not-in-a-cloud": 1}
        assert (found.bucket, set(states(found).values())) == (None, {"uncovered"})


def test_no_such_bucket_and_nobody_known(lake: ProtectedLake, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CanvasbackError) as failed:
        canvasback.protect_status("s3://no-such-bucket/files", stores=lake.stores)
    assert failed.value.code == "bucket-missing"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
    with pytest.raises(CanvasbackError) as failed:
        canvasback.protect_status(lake.url, stores=lake.where.stores())
    assert failed.value.code == "credentials-refused"
    with pytest.raises(CanvasbackError) as failed:
        canvasback.protect_status("ftp://somewhere/files")
    assert failed.value.code == "location-not-supported"


def test_no_backup_service_is_asked_at_another_endpoint(lake: ProtectedLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_BACKUP")
    lake.write()
    found = lake.status()
    assert found.bucket is not None
    assert Part.BACKUP in found.bucket.lacking


def test_files_that_the_bucket_lost_are_no_files_of_a_replica(lake: ProtectedLake) -> None:
    lake.versions()
    lake.replicate()
    lake.write()
    lake.client.delete_object(Bucket=lake.bucket, Key=lake.names()[0])
    (replica,) = lake.status().replicas
    assert replica.sample is not None
    assert (replica.sample.gone, replica.sample.arrived) == (1, 5)
    assert datetime.now(UTC) - timedelta(days=1) < (lake.status().facts.oldest_file or datetime.min.replace(tzinfo=UTC))
