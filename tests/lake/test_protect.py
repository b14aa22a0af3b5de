"""What a cloud does for a lake by itself, seen in a real server: a lake of the real extension, in a bucket of S3."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import canvasback
from canvasback import CanvasbackError, ProtectStatusResult
from canvasback.clouds.aws_backup import RIGHTS as BACKUP_RIGHTS
from canvasback.clouds.s3 import QUESTIONS
from canvasback.model.protection.bucket import Part
from canvasback.model.protection.verdicts import Disaster, Verdict
from tests.clouds import Cloud, cloud
from tests.interrupted import Clock
from tests.lake.cloud_lakes import session, write
from tests.object_servers import Ministack

_NUMBERS = itertools.count(1)
HISTORY = (
    "CREATE TABLE lake.main.t (i INTEGER)",
    *(f"INSERT INTO lake.main.t SELECT range FROM range({number * 10}, {number * 10 + 10})" for number in range(6)),
)
ROLE = "arn:aws:iam::000000000000:role/replication"


@pytest.fixture
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    found = cloud("s3", request, monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BACKUP", str(found.options.endpoint))
    return found


@pytest.fixture
def client(where: Cloud) -> Iterator[Any]:
    assert isinstance(where.server, Ministack)
    with closing(where.server.client()) as client:
        yield client


class BucketLake:
    """A lake whose files are in a bucket."""

    def __init__(self, where: Cloud, client: Any, folder: Path, *, locks: bool = False) -> None:
        self.where, self.client = where, client
        self.bucket = f"lake-{next(_NUMBERS)}"
        assert isinstance(where.server, Ministack)
        where.server.create_bucket(self.bucket, locks=locks)
        self.catalog = folder / f"{self.bucket}.ducklake"
        self.lake = f"ducklake:{self.catalog}"
        self.stores = where.stores()

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/files/"

    def write(self, *history: str) -> None:
        write(self.where, self.catalog, self.url, history or HISTORY)

    def names(self) -> list[str]:
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def status(self, repository: str | None = None, **more: Any) -> ProtectStatusResult:
        return canvasback.protect_status(self.lake, repository, **{"stores": self.stores, **more})

    def versions(self, state: str = "Enabled") -> None:
        self.client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": state})

    def lifecycle(self, *rules: dict[str, Any]) -> None:
        numbered = [{"ID": f"rule-{number}", "Status": "Enabled", **rule} for number, rule in enumerate(rules, 1)]
        self.client.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration={"Rules": numbered})

    def replicate(self, *, prefix: str = "", deletes: bool = False, to: str = "", status: str = "Enabled") -> str:
        """Add a rule that copies to another bucket, which is made with versions."""
        if not to:
            to = f"{self.bucket}-copy"
            self.client.create_bucket(Bucket=to)
            self.client.put_bucket_versioning(Bucket=to, VersioningConfiguration={"Status": "Enabled"})
        self.client.put_bucket_replication(
            Bucket=self.bucket,
            ReplicationConfiguration={
                "Role": ROLE,
                "Rules": [
                    {
                        "ID": "copy",
                        "Status": status,
                        "Priority": 1,
                        "Filter": {"Prefix": prefix},
                        "DeleteMarkerReplication": {"Status": "Enabled" if deletes else "Disabled"},
                        "Destination": {"Bucket": f"arn:aws:s3:::{to}"},
                    }
                ],
            },
        )
        return to


@pytest.fixture
def lake(where: Cloud, client: Any, tmp_path: Path) -> BucketLake:
    return BucketLake(where, client, tmp_path)


def codes(result: ProtectStatusResult) -> set[str]:
    return set(result.finding_counts) - {"catalog-elsewhere"}


def states(result: ProtectStatusResult) -> dict[str, str]:
    return {verdict.disaster.value: verdict.state for verdict in result.verdicts}


def verdict(result: ProtectStatusResult, disaster: Disaster) -> Verdict:
    (found,) = (one for one in result.verdicts if one.disaster is disaster)
    return found


def test_a_bucket_as_it_is_made_protects_nothing(lake: BucketLake) -> None:
    lake.write()
    found = lake.status()
    assert codes(found) == {"no-protection", "versioning-off"}
    assert set(states(found).values()) == {"uncovered"}
    assert all(verdict.cure for verdict in found.verdicts)
    assert (found.data_path, found.facts.files, found.bucket and found.bucket.region) == (lake.url, 6, "us-east-1")
    assert found.finding_counts["catalog-elsewhere"] == 1


def test_versions_are_for_as_long_as_lifecycle_rules_let_them(lake: BucketLake) -> None:
    lake.write()
    lake.versions()
    found = lake.status()
    assert codes(found) == {"versions-kept-for-ever"}
    assert states(found) == {
        "object-deleted": "covered",
        "object-overwritten": "covered",
        "bucket-emptied": "partly",
        "bucket-gone": "uncovered",
        "region-gone": "uncovered",
        "credential-stolen": "partly",
    }
    assert verdict(found, Disaster.OBJECT_DELETED).days is None
    lake.lifecycle(
        {"Filter": {"Prefix": "other/"}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
        {"Filter": {"Prefix": ""}, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
    )
    found = lake.status()
    assert codes(found) == set()
    assert verdict(found, Disaster.OBJECT_DELETED).days == 30
    lake.versions("Suspended")
    found = lake.status()
    assert codes(found) == {"versioning-suspended", "no-protection"}
    assert states(found)["object-deleted"] == "uncovered"


def test_versions_that_go_before_ducklake_or_the_oldest_point(lake: BucketLake) -> None:
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


def test_lifecycle_rules_that_take_files_away(lake: BucketLake) -> None:
    lake.write()
    lake.versions()
    lake.lifecycle(
        {"Filter": {"Prefix": "files/main/t/"}, "Expiration": {"Days": 30}},
        {"Filter": {}, "Transitions": [{"Days": 90, "StorageClass": "DEEP_ARCHIVE"}]},
        {"Filter": {"Tag": {"Key": "temporary", "Value": "yes"}}, "Expiration": {"Days": 7}},
        {"Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}},
        {"Filter": {}, "Transitions": [{"Days": 90, "StorageClass": "GLACIER_IR"}]},
        {"Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    )
    found = lake.status()
    told = [(one.code, one.severity) for one in found.findings if "lifecycle" in one.code]
    assert told == [
        ("lifecycle-deletes-live-files", "error"),
        ("lifecycle-freezes-live-files", "error"),
        ("lifecycle-deletes-live-files", "warning"),
    ]
    assert found.bucket is not None
    assert [rule.aborts_uploads_after for rule in found.bucket.lifecycle] == [None, None, None, None, None, 7]


def test_a_replica_has_what_was_written_after_its_rule(lake: BucketLake) -> None:
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


def test_a_replica_that_has_all(lake: BucketLake) -> None:
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
    lake.client.put_bucket_versioning(Bucket=to, VersioningConfiguration={"Status": "Suspended"})
    lake.write("INSERT INTO lake.main.t VALUES (1)")
    assert codes(lake.status()) >= {"replication-failed", "replica-unversioned", "replica-incomplete"}


def test_what_another_tool_copied_has_arrived(lake: BucketLake) -> None:
    lake.write()
    lake.versions()
    to = lake.replicate()
    for key in lake.names():
        lake.client.copy_object(Bucket=to, Key=key, CopySource={"Bucket": lake.bucket, "Key": key})
    assert codes(lake.status()) == {"versions-kept-for-ever", "replication-keeps-deleted"}


@pytest.mark.parametrize(("prefix", "status"), [("other/", "Enabled"), ("files/main/x/", "Enabled"), ("", "Disabled")])
def test_a_rule_that_is_not_about_the_lake(lake: BucketLake, prefix: str, status: str) -> None:
    lake.write()
    lake.versions()
    lake.replicate(prefix=prefix, status=status)
    found = lake.status()
    assert codes(found) == {"versions-kept-for-ever", "replication-misses-data-path"}
    assert found.replicas == ()
    assert states(found)["bucket-gone"] == "uncovered"


def test_a_replica_that_is_gone(lake: BucketLake) -> None:
    lake.versions()
    to = lake.replicate(deletes=True)
    lake.client.delete_bucket(Bucket=to)
    lake.write()
    found = lake.status()
    assert codes(found) == {"versions-kept-for-ever", "replica-out-of-reach", "replication-failed"}
    assert states(found)["bucket-gone"] == "partly"


def test_a_lifecycle_rule_of_the_replica(lake: BucketLake) -> None:
    lake.versions()
    to = lake.replicate(deletes=True)
    lake.client.put_bucket_lifecycle_configuration(
        Bucket=to,
        LifecycleConfiguration={
            "Rules": [
                {"ID": "old", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 30}},
                {
                    "ID": "versions",
                    "Status": "Enabled",
                    "Filter": {},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 5},
                },
            ]
        },
    )
    lake.write()
    found = lake.status()
    (told,) = (one for one in found.findings if one.code == "lifecycle-deletes-live-files")
    assert told.where == f"s3://{to}/"
    by_replica = [cover for cover in verdict(found, Disaster.OBJECT_DELETED).covers if cover.by == "replication"]
    assert [cover.days for cover in by_replica] == [5]  # deletions are copied too


def test_locks_protect_from_when_a_file_is_written(where: Cloud, client: Any, tmp_path: Path) -> None:
    lake = BucketLake(where, client, tmp_path, locks=True)
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


def test_a_bucket_that_is_open_to_everybody(lake: BucketLake) -> None:
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


def test_a_plan_of_the_backup_service(lake: BucketLake, where: Cloud) -> None:
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


def become(lake: BucketLake, monkeypatch: pytest.MonkeyPatch, *actions: str) -> None:
    """Go on as one who may do so much, whose secret the server checks."""
    assert isinstance(lake.where.server, Ministack)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [*actions], "Resource": "*"}]}
    with closing(lake.where.server.client("iam")) as iam:
        name = f"user-{next(_NUMBERS)}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    lake.stores = lake.where.stores()


def test_what_may_not_be_seen_is_reported(lake: BucketLake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.write()
    lake.versions()
    become(lake, monkeypatch, "s3:GetObject", "s3:ListBucket", "s3:PutObject")
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


def test_with_the_rights_that_a_look_takes(lake: BucketLake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.versions()
    lake.replicate()
    lake.write()
    as_root = lake.status()
    become(
        lake,
        monkeypatch,
        "s3:GetObject",
        "s3:ListBucket",
        *(one.right for one in QUESTIONS.values()),
        *BACKUP_RIGHTS.values(),
    )
    found = lake.status()
    assert found.verdicts == as_root.verdicts
    assert found.bucket == as_root.bucket
    assert found.findings == as_root.findings


def test_who_may_not_look_at_objects_learns_the_rest(lake: BucketLake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.versions()
    lake.replicate()
    lake.write()
    become(lake, monkeypatch, "s3:GetReplicationConfiguration", "s3:GetBucketVersioning", "s3:GetBucketLocation")
    found = lake.status()
    assert found.bucket is not None
    assert (found.bucket.versioning, found.bucket.region) == ("on", "us-east-1")
    assert not found.bucket.saw(Part.REPLICA)
    assert states(found)["bucket-gone"] == "partly"


def test_a_repository_is_a_protection_too(lake: BucketLake, tmp_path: Path) -> None:
    lake.write()
    repository = str(tmp_path / "repo")
    canvasback.init(lake.lake, repository, stores=lake.stores)
    assert states(lake.status(repository))["bucket-gone"] == "uncovered"
    canvasback.backup(lake.lake, repository, stores=lake.stores)
    found = lake.status(repository)
    assert states(found) == {**dict.fromkeys(map(str, Disaster), "covered"), "credential-stolen": "partly"}
    assert "no-protection" in codes(found)  # of the cloud's own there is none


def test_a_place_that_is_no_lakes(lake: BucketLake) -> None:
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


def test_a_folder_has_nothing_of_a_cloud(lake: BucketLake, tmp_path: Path) -> None:
    write(lake.where, lake.catalog, f"{tmp_path}/files/")
    for spelled in (lake.lake, str(tmp_path), f"file://{tmp_path}"):
        found = canvasback.protect_status(spelled, stores=lake.stores)
        assert found.finding_counts == {"not-in-a-cloud": 1}
        assert (found.bucket, set(states(found).values())) == (None, {"uncovered"})


def test_no_such_bucket_and_nobody_known(lake: BucketLake, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_backup_service_is_not_asked_at_another_endpoint(lake: BucketLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_BACKUP")
    lake.write()
    found = lake.status()
    assert found.bucket is not None
    assert Part.BACKUP in found.bucket.lacking


def test_files_that_the_bucket_lost_are_no_files_of_a_replica(lake: BucketLake) -> None:
    lake.versions()
    lake.replicate()
    lake.write()
    lake.client.delete_object(Bucket=lake.bucket, Key=lake.names()[0])
    (replica,) = lake.status().replicas
    assert replica.sample is not None
    assert (replica.sample.gone, replica.sample.arrived) == (1, 5)
    assert datetime.now(UTC) - timedelta(days=1) < (lake.status().facts.oldest_file or datetime.min.replace(tzinfo=UTC))
