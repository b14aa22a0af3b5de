"""What a cloud can do for a lake is switched on: once, with nothing taken away, and with no more rights than said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import canvasback
from canvasback import RefusedError, StorageError, UsageError
from tests.clouds import Cloud
from tests.lake.protected_lake import OTHER_RULE, ROLE, ProtectedLake, again, codes, done, s3_with_backup
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
    made = ProtectedLake(where, client, tmp_path)
    made.write()
    return made


# Locks


def test_locks(lake: ProtectedLake) -> None:
    made = lake.enable("lock", days=10)
    done(made, 2)  # versions first
    again(lake, "lock", days=10)
    again(lake, "lock", days=5)
    done(lake.enable("lock", days=20), 1)
    done(lake.enable("lock", days=20, mode="compliance"), 1)
    again(lake, "lock", days=20, mode="governance")
    found = lake.status().bucket
    assert found is not None
    assert found.lock is not None
    assert (found.lock.mode, found.lock.days) == ("compliance", 20)
    before = {*lake.names()}
    lake.write("INSERT INTO lake.main.t VALUES (1)")
    (newest,) = {*lake.names()} - before
    retention = lake.client.get_object_retention(Bucket=lake.bucket, Key=newest)["Retention"]
    assert retention["Mode"] == "COMPLIANCE"


def test_years_are_not_made_days(where: Cloud, client: Any, tmp_path: Path) -> None:
    lake = ProtectedLake(where, client, tmp_path, locks=True)
    lake.write()
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Years": 1}}
    client.put_object_lock_configuration(
        Bucket=lake.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    again(lake, "lock", days=100)
    assert client.get_object_lock_configuration(Bucket=lake.bucket)["ObjectLockConfiguration"]["Rule"] == rule


# Replication


def test_replication(lake: ProtectedLake) -> None:
    to = lake.other_bucket(versions=False)
    made = lake.enable("replication", to=f"s3://{to}", role=ROLE)
    done(made, 3)  # versions here, there, and the rule
    again(lake, "replication", to=f"s3://{to}/", role=ROLE)
    assert codes(lake.status()) >= {"replication-misses-older"}
    lake.write("INSERT INTO lake.main.t VALUES (1)")
    (replica,) = lake.status().replicas
    assert replica.sample is not None
    assert (replica.sample.arrived, replica.sample.never) == (1, 6)
    done(lake.enable("replication", to=f"s3://{to}/", role=ROLE, deletes=True), 1)
    again(lake, "replication", to=f"s3://{to}/", role=ROLE, deletes=True)
    again(lake, "replication", to=f"s3://{to}/", role=ROLE)


def test_other_replication_rules_and_their_role_stay(lake: ProtectedLake) -> None:
    lake.versions()
    first = lake.replicate(prefix="other/")
    before = lake.client.get_bucket_replication(Bucket=lake.bucket)["ReplicationConfiguration"]
    to = lake.other_bucket()
    made = lake.enable("replication", to=f"s3://{to}/", role="arn:aws:iam::000000000000:role/another", account="1" * 12)
    done(made, 1)
    assert [remark for remark in made.remarks if ROLE in remark]
    after = lake.client.get_bucket_replication(Bucket=lake.bucket)["ReplicationConfiguration"]
    assert (after["Role"], after["Rules"][:-1]) == (before["Role"], before["Rules"])
    rule = after["Rules"][-1]
    assert (rule["Priority"], rule["Filter"], rule["Destination"]["Account"]) == (2, {"Prefix": "files/"}, "1" * 12)
    assert first != to
    assert [document.name for document in made.documents] == ["rights", "trust", "role", "destination-policy"]


def test_rules_of_the_older_form_are_not_touched(lake: ProtectedLake) -> None:
    lake.versions()
    old = {"ID": "old", "Prefix": "x/", "Status": "Enabled", "Destination": {"Bucket": f"arn:aws:s3:::{lake.bucket}-x"}}
    lake.client.create_bucket(Bucket=f"{lake.bucket}-x")
    lake.versions(bucket=f"{lake.bucket}-x")
    lake.client.put_bucket_replication(Bucket=lake.bucket, ReplicationConfiguration={"Role": ROLE, "Rules": [old]})
    with pytest.raises(RefusedError) as refused:
        lake.enable("replication", to=f"s3://{lake.other_bucket()}", role=ROLE)
    assert refused.value.code == "replication-old-form"


@pytest.mark.parametrize("to", ["s3://{bucket}", "s3://{bucket}-other/folder", "gs://elsewhere", "/srv/folder"])
def test_where_nothing_can_be_replicated_to(lake: ProtectedLake, to: str) -> None:
    with pytest.raises(UsageError) as caught:
        lake.enable("replication", to=to.format(bucket=lake.bucket), role=ROLE)
    assert caught.value.code == "replica-not-understood"


def test_a_bucket_to_replicate_to_that_is_not_there(lake: ProtectedLake) -> None:
    with pytest.raises(StorageError) as failed:
        lake.enable("replication", to="s3://no-such-bucket-anywhere", role=ROLE)
    assert failed.value.code == "bucket-missing"


# Backup


def test_backups(lake: ProtectedLake, where: Cloud) -> None:
    vault = f"vault-{lake.bucket}"
    done(lake.enable("backup", vault=vault, role=ROLE, days=35), 4)
    again(lake, "backup", vault=vault, role=ROLE, days=35)
    again(lake, "backup", vault=vault, role=ROLE, days=7)
    made = lake.enable("backup", vault=vault, role=ROLE, days=90)
    done(made, 1)
    again(lake, "backup", vault=vault, role=ROLE, days=90)
    found = lake.status().bucket
    assert found is not None
    assert [(plan.vault, plan.days) for plan in found.backups.plans] == [(vault, 90)]
    other = ProtectedLake(where, lake.client, lake.catalog.parent)
    other.write()
    done(other.enable("backup", vault=vault, role=ROLE, days=35), 3)  # the vault is there


# Rights


MECHANISMS: dict[str, dict[str, Any]] = {
    "versioning": {"days": 30},
    "lock": {"days": 5},
    "replication": {"role": ROLE},
    "backup": {"vault": "rights", "role": ROLE, "days": 35},
}


def options(lake: ProtectedLake, mechanism: str) -> dict[str, Any]:
    more = {"to": f"s3://{lake.other_bucket(versions=False)}"} if mechanism == "replication" else {}
    return {**MECHANISMS[mechanism], **more}


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_rights_that_are_printed_suffice(
    lake: ProtectedLake, mechanism: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = options(lake, mechanism)
    told = lake.enable(mechanism, **wish, explain=True)
    assert (told.steps, told.done, told.dry_run) == ((), 0, True)
    (rights,) = (document.content for document in told.documents if document.name == "rights")
    lake.become_by(monkeypatch, rights)
    made = canvasback.protect_enable(lake.url, mechanism=mechanism, stores=lake.stores, **wish)
    done(made, len(made.steps))
    assert made.steps
    done(canvasback.protect_enable(lake.url, mechanism=mechanism, stores=lake.stores, **wish), 0)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_no_printed_right_is_too_much(
    lake: ProtectedLake, tmp_path: Path, mechanism: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any one of those that change something, it is not done."""
    told = lake.enable(mechanism, **options(lake, mechanism), explain=True)
    (rights,) = (document.content for document in told.documents if document.name == "rights")
    # In this server nothing is encrypted by a key.
    changing = {
        right
        for statement in rights["Statement"]
        for right in statement["Action"]
        if right.partition(":")[2].startswith(("Put", "Create")) and right != "kms:CreateGrant"
    }
    assert changing
    for right in changing:
        with monkeypatch.context() as context:
            fresh = ProtectedLake(lake.where, lake.client, tmp_path)
            wish = options(fresh, mechanism) | ({"vault": fresh.bucket} if mechanism == "backup" else {})
            (document, *_) = canvasback.protect_enable(
                fresh.url, mechanism=mechanism, stores=fresh.stores, **wish, explain=True
            ).documents
            allowed = [{**one, "Action": [*({*one["Action"]} - {right})]} for one in document.content["Statement"]]
            less = {**document.content, "Statement": [one for one in allowed if one["Action"]]}
            fresh.become_by(context, less)
            made = canvasback.protect_enable(fresh.url, mechanism=mechanism, stores=fresh.stores, **wish)
            assert made.done < len(made.steps)
            assert made.finding_counts == {"right-lacking": 1}, right


def test_without_the_right_to_look_nothing_is_done(lake: ProtectedLake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.become(monkeypatch, "s3:ListBucket", "s3:GetObject", "s3:PutLifecycleConfiguration", "s3:GetBucketVersioning")
    made = lake.enable("versioning", days=30)
    assert (made.steps, made.done) == ((), 0)
    (finding,) = made.findings
    assert (finding.code, finding.severity) == ("right-lacking", "error")
    assert "s3:GetLifecycleConfiguration" in finding.message
    assert [document.name for document in made.documents] == ["rights"]
    assert any("aws_s3_bucket_versioning" in line for line in made.terraform)


# The same as Terraform


def test_terraform_has_all_rules_of_the_bucket(lake: ProtectedLake) -> None:
    lake.lifecycle(OTHER_RULE)
    made = lake.enable("versioning", days=30, dry_run=True)
    text = "\n".join(made.terraform)
    assert f'to = aws_s3_bucket_lifecycle_configuration.lake\n  id = "{lake.bucket}"' in text
    assert text.count("  rule {") == 2
    for line in ('prefix = "logs/"', "noncurrent_days = 30", "expired_object_delete_marker = true", "days = 5"):
        assert line in text
    assert '"a" = "b"' in text


def test_terraform_makes_the_role_that_is_not_named(lake: ProtectedLake) -> None:
    told = lake.enable("replication", to="s3://elsewhere", explain=True)
    assert 'resource "aws_iam_role" "replication" {' in told.terraform
    assert "  role = aws_iam_role.replication.arn" in told.terraform
    told = lake.enable("backup", explain=True)
    assert "  iam_role_arn = aws_iam_role.backup.arn" in told.terraform
    for document in told.documents:
        json.loads(msgspec.json.encode(document.content))


# What cannot be


def test_what_is_lacking_or_not_there(lake: ProtectedLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mechanism, wish, code in (
        ("lock", {}, "option-missing"),
        ("replication", {}, "option-missing"),
        ("backup", {"vault": "v"}, "option-missing"),
        ("backups", {}, "unknown-mechanism"),
        ("versioning", {"days": 0}, "days-not-understood"),
        ("lock", {"days": 1, "mode": "firm"}, "lock-not-understood"),
    ):
        with pytest.raises(UsageError) as caught:
            lake.enable(mechanism, **wish)
        assert caught.value.code == code
    with pytest.raises(RefusedError) as refused:
        lake.enable("soft-delete", days=7)
    assert refused.value.code == "protection-unsupported"
    with pytest.raises(RefusedError) as refused:
        canvasback.protect_enable(str(tmp_path), mechanism="versioning")
    assert refused.value.code == "not-in-a-bucket"
    monkeypatch.delenv("AWS_ENDPOINT_URL_BACKUP")
    with pytest.raises(RefusedError) as refused:
        lake.enable("backup", vault="v", role=ROLE, days=7)
    assert refused.value.code == "protection-unsupported"
