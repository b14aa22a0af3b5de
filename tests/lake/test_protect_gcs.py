"""What Google's cloud does for a lake by itself: seen, and switched on with nothing taken away.

fake-gcs-server keeps versions and nothing else of a bucket; gcp-storage-emulator keeps what it is told, and heeds here
conditions, rights and locks as Google documents them. DuckDB reaches neither: the files of a lake are keys here.
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import msgspec
import pytest

import canvasback
from canvasback import ProtectEnableResult, ProtectStatusResult, RefusedError, StorageError, UsageError
from canvasback.clouds.enabler import open_enabler
from canvasback.clouds.gcs import GET, GET_POLICY
from canvasback.model.plans.protect_enable import Mechanism, ProtectPlan, Wish
from canvasback.model.protection.bucket import LifecycleRule, Part
from canvasback.model.protection.verdicts import Disaster
from tests.clouds import Cloud, cloud
from tests.lake.protected_lake import codes, states, verdict

DAY = 86400
OTHERS = [
    {"action": {"type": "SetStorageClass", "storageClass": "ARCHIVE"}, "condition": {"age": 90}},
    {"action": {"type": "Delete"}, "condition": {"age": 5, "matchesPrefix": ["logs/"], "matchesSuffix": [".txt"]}},
    {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 2}},
]


class Bucket:
    """A bucket with some files of a lake.

    Args:
        where: The server.
        url: The bucket.
    """

    def __init__(self, where: Cloud, url: str) -> None:
        self.where, self.root = where, url
        self.name = url.split("/")[2]
        self.url = f"{url}files/"
        self.stores = where.stores()
        store = self.stores.open(self.url)
        for number in range(3):
            store.put_new(f"main/t/{number}.parquet", b"PAR1")

    def _call(self, verb: str, *data: Any, below: str = "") -> dict[str, Any]:
        with closing(self.where.server.client()) as client:
            found: dict[str, Any] = getattr(client, f"_{verb}_resource")(f"/b/{self.name}{below}", *data)
            return found

    def read(self) -> dict[str, Any]:
        return self._call("get")

    def set(self, **parts: Any) -> None:
        self._call("patch", parts)

    def never(self, *rights: str) -> None:
        """Nobody has these rights from now on."""
        self.set(labels={"denied": " ".join(rights)})

    def grant(self, role: str, member: str) -> None:
        self._call("put", {"bindings": [{"role": role, "members": [member]}]}, below="/iam")

    def rules(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.read().get("lifecycle", {}).get("rule", [])
        return found

    def status(self) -> ProtectStatusResult:
        return canvasback.protect_status(self.url, stores=self.stores)

    def enable(self, mechanism: str, **more: Any) -> ProtectEnableResult:
        return canvasback.protect_enable(self.url, mechanism=mechanism, stores=self.stores, **more)

    def plan(self, mechanism: Mechanism, **more: Any) -> tuple[Any, ProtectPlan]:
        place = self.stores.place(self.url)
        assert place is not None
        enabler = open_enabler(place, self.stores)
        return enabler, enabler.plan(Wish(mechanism=mechanism, prefix="files/", **more))


@pytest.fixture
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """In the server that keeps what it is told. A bucket as it is made keeps what is deleted for a week."""
    where = cloud("gcs", request, monkeypatch, keeping="soft-deleted")
    return Bucket(where, where.bucket())


@pytest.fixture
def versioned(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """In the server that keeps versions."""
    where = cloud("gcs", request, monkeypatch, keeping="versions")
    return Bucket(where, where.bucket())


def done(result: ProtectEnableResult, steps: int) -> None:
    assert (len(result.steps), result.done, result.findings) == (steps, steps, ())


def again(bucket: Bucket, mechanism: str, **more: Any) -> None:
    """The second time there is nothing to do, and the bucket stays as it is."""
    before = bucket.read()
    result = bucket.enable(mechanism, **more)
    done(result, 0)
    assert result.kept
    assert bucket.read() == before


# Seen


def test_a_bucket_as_it_is_made(bucket: Bucket) -> None:
    found = bucket.status()
    assert found.bucket is not None
    assert (found.bucket.cloud, found.bucket.region, found.bucket.spread) == ("gcs", "us", "regions")
    assert (found.bucket.soft_delete_days, found.bucket.bucket_soft_delete_days) == (7, 7)
    assert (found.bucket.versioning, found.bucket.lock, found.bucket.unseen) == ("off", None, ())
    assert set(found.bucket.lacking) == {Part.BACKUP, Part.TIERING, Part.REPLICATION}
    assert codes(found) == set()
    assert states(found) == {
        "object-deleted": "covered",
        "object-overwritten": "covered",
        "bucket-emptied": "covered",
        "bucket-gone": "covered",
        "region-gone": "covered",
        "credential-stolen": "partly",
    }
    assert verdict(found, Disaster.OBJECT_DELETED).days == 7


def test_without_anything_a_deletion_is_final(bucket: Bucket) -> None:
    bucket.set(softDeletePolicy={"retentionDurationSeconds": "0"})
    found = bucket.status()
    assert codes(found) == {"no-protection", "versioning-off"}
    assert states(found)["object-deleted"] == "uncovered"


def test_versions_are_seen(versioned: Bucket) -> None:
    assert codes(versioned.status()) == {"no-protection", "versioning-off"}
    versioned.where.server.keep_versions(versioned.name)  # type: ignore[union-attr]
    found = versioned.status()
    assert found.bucket is not None
    assert (found.bucket.versioning, found.bucket.spread) == ("on", "region")
    assert codes(found) == {"versions-kept-for-ever"}
    assert states(found)["object-deleted"] == "covered"


def test_lifecycle_rules(bucket: Bucket) -> None:
    delete = {"type": "Delete"}
    bucket.set(
        lifecycle={
            "rule": [
                *OTHERS,
                {"action": delete, "condition": {"age": 30}},
                {"action": delete, "condition": {"age": 30, "isLive": True, "matchesStorageClass": ["NEARLINE"]}},
                {"action": delete, "condition": {"age": 3, "isLive": False}},
                {"action": delete, "condition": {"numNewerVersions": 2, "matchesSuffix": ["t"]}},
                {"action": delete, "condition": {"daysSinceNoncurrentTime": 9, "matchesPrefix": ["files/"]}},
                {"action": delete, "condition": {"createdBefore": "2020-01-01"}},
            ]
        }
    )
    found = bucket.status()
    assert found.bucket is not None
    assert found.bucket.lifecycle == (
        LifecycleRule(id="1"),
        LifecycleRule(
            id="2",
            prefixes=("logs/",),
            limited_to="named with .txt at the end",
            expires_after=5,
            noncurrent_after=0,
        ),
        LifecycleRule(id="3", aborts_uploads_after=2),
        LifecycleRule(id="4", expires_after=30, noncurrent_after=0),
        LifecycleRule(id="5", expires_after=30, limited_to="of the class NEARLINE"),
        LifecycleRule(id="6", noncurrent_after=0),
        LifecycleRule(id="7", noncurrent_after=0, noncurrent_keeps=2),
        LifecycleRule(id="8", prefixes=("files/",), noncurrent_after=9),
        LifecycleRule(id="9", expires_after=0, noncurrent_after=0, limited_to="written before 2020-01-01"),
    )
    deleting = [finding for finding in found.findings if finding.code == "lifecycle-deletes-live-files"]
    assert [(finding.severity, "rule 4" in finding.message) for finding in deleting] == [
        ("error", True),
        ("warning", False),
        ("warning", False),
    ]
    assert "lifecycle-freezes-live-files" not in codes(found)  # ARCHIVE can be read at once


@pytest.mark.parametrize(("locked", "mode"), [(True, "locked"), (False, "unlocked")])
def test_a_retention_policy_is_a_lock(bucket: Bucket, locked: bool, mode: str) -> None:  # noqa: FBT001
    bucket.set(retentionPolicy={"retentionPeriod": str(40 * DAY), "isLocked": locked})
    found = bucket.status()
    assert found.bucket is not None
    assert found.bucket.lock is not None
    assert (found.bucket.lock.mode, found.bucket.lock.days, found.bucket.lock.firm) == (mode, 40, locked)
    assert codes(found) == {"lock-blocks-cleanup"}
    assert states(found)["credential-stolen"] == ("covered" if locked else "partly")


def test_objects_that_can_be_locked(bucket: Bucket) -> None:
    bucket.set(objectRetention={"mode": "Enabled"})
    assert codes(bucket.status()) == {"lock-without-default"}


def test_everybody_comes_in_by_policy_or_list(bucket: Bucket) -> None:
    bucket.grant("roles/storage.objectViewer", "allUsers")
    bucket.set(encryption={"defaultKmsKeyName": "projects/p/key"})
    found = bucket.status()
    assert codes(found) == {"public-bucket"}
    assert found.bucket is not None
    assert found.bucket.public == ("its policy gives roles/storage.objectViewer to everybody",)
    assert found.bucket.encryption == "KMS projects/p/key"
    bucket.set(iamConfiguration={"publicAccessPrevention": "enforced"})
    assert codes(bucket.status()) == set()


# Rights that are lacking


def test_what_may_not_be_seen_is_said(bucket: Bucket) -> None:
    bucket.never(GET_POLICY)
    found = bucket.status()
    assert found.bucket is not None
    assert [(one.part, one.needs) for one in found.bucket.unseen] == [(Part.PUBLIC_ACCESS, GET_POLICY)]
    assert states(found)["object-deleted"] == "covered"
    bucket.never(GET_POLICY, GET)
    found = bucket.status()
    assert found.bucket is not None
    assert {one.needs for one in found.bucket.unseen} == {GET}
    assert codes(found) == {"protection-unseen"}
    assert states(found)["object-deleted"] == "unknown"


@pytest.mark.parametrize("mechanism", ["versioning", "soft-delete", "lock"])
@pytest.mark.parametrize("right", [GET, "storage.buckets.update"])
def test_without_the_right_nothing_changes_and_it_is_told(bucket: Bucket, mechanism: str, right: str) -> None:
    bucket.never(right)
    result = bucket.enable(mechanism, days=30)
    assert (result.done, [finding.code for finding in result.findings]) == (0, ["right-lacking"])
    (document,) = result.documents
    assert document.content["includedPermissions"] == [GET, "storage.buckets.update"]
    assert 'resource "google_storage_bucket" "lake"' in "\n".join(result.terraform)


def test_there_is_no_such_bucket(bucket: Bucket) -> None:
    for ask in (
        canvasback.protect_status,
        lambda url, **more: canvasback.protect_enable(url, mechanism="versioning", **more),
    ):
        with pytest.raises(StorageError) as raised:
            ask("gs://absent-bucket/", stores=bucket.stores)
        assert raised.value.code == "bucket-missing"


# Versioning


def test_versions_by_one_request(bucket: Bucket) -> None:
    planned = bucket.enable("versioning", days=30, dry_run=True)
    assert (len(planned.steps), planned.done) == (1, 0)
    assert "versioning" not in bucket.read()
    made = bucket.enable("versioning", days=30)
    done(made, 1)
    assert made.steps == planned.steps
    assert bucket.rules() == [
        {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 30, "matchesPrefix": ["files/"]}}
    ]
    found = bucket.status()
    assert found.bucket is not None
    assert found.bucket.versioning == "on"
    assert verdict(found, Disaster.OBJECT_DELETED).days == 30
    for days in (30, 10, None):
        again(bucket, "versioning", days=days)


def test_a_server_that_keeps_versions_and_no_rules(versioned: Bucket) -> None:
    made = versioned.enable("versioning", days=30)
    done(made, 1)
    assert [remark for remark in made.remarks if "might delete some" in remark]
    again(versioned, "versioning")


def test_other_rules_stay_as_they_are(bucket: Bucket) -> None:
    bucket.set(lifecycle={"rule": OTHERS})
    done(bucket.enable("versioning", days=30), 1)
    assert bucket.rules()[:-1] == OTHERS
    assert len(bucket.rules()) == len(OTHERS) + 1


def test_a_time_is_only_made_longer(bucket: Bucket) -> None:
    delete = {"type": "Delete"}
    rules = [
        {"action": delete, "condition": {"daysSinceNoncurrentTime": 7, "numNewerVersions": 3}},
        {"action": delete, "condition": {"daysSinceNoncurrentTime": 90}},
        {"action": delete, "condition": {"age": 4, "isLive": False}},
        {"action": delete, "condition": {"age": 400}},
    ]
    bucket.set(versioning={"enabled": True}, lifecycle={"rule": [*OTHERS, *rules]})
    made = bucket.enable("versioning", days=30)
    done(made, 1)
    assert "for 30 days, and not for 7" in made.steps[0]
    assert [remark for remark in made.remarks if "rule 7" in remark and "left as it is" in remark]
    assert bucket.rules() == [
        *OTHERS,
        {"action": delete, "condition": {"daysSinceNoncurrentTime": 30, "numNewerVersions": 3}},
        rules[1],
        {"action": delete, "condition": {"age": 4, "isLive": False, "daysSinceNoncurrentTime": 30}},
        rules[3],
    ]
    before = bucket.read()
    done(bucket.enable("versioning", days=30), 0)
    assert bucket.read() == before


@pytest.mark.parametrize("enabled", [True, False])
def test_no_rule_is_made_that_would_delete_versions_which_are_there(bucket: Bucket, enabled: bool) -> None:  # noqa: FBT001
    bucket.set(versioning={"enabled": enabled})
    made = bucket.enable("versioning", days=30)
    assert (made.done, made.findings) == (int(not enabled), ())
    assert [remark for remark in made.remarks if "might delete some" in remark]
    assert bucket.rules() == []


# Soft delete


def test_soft_delete_is_only_made_longer(bucket: Bucket) -> None:
    again(bucket, "soft-delete")
    done(bucket.enable("soft-delete", days=30), 1)
    assert bucket.read()["softDeletePolicy"]["retentionDurationSeconds"] == str(30 * DAY)
    for days in (30, 10, 1, None):
        again(bucket, "soft-delete", days=days)
    bucket.set(softDeletePolicy={"retentionDurationSeconds": "0"})
    done(bucket.enable("soft-delete"), 1)
    found = bucket.status()
    assert found.bucket is not None
    assert found.bucket.soft_delete_days == 7
    with pytest.raises(UsageError) as refused:
        bucket.enable("soft-delete", days=91)
    assert refused.value.code == "days-not-understood"


def test_what_the_service_does_not_do_is_said(versioned: Bucket) -> None:
    result = versioned.enable("soft-delete", days=30)
    assert [finding.code for finding in result.findings] == ["not-in-effect"]


# Locks


def test_a_lock_is_only_made_longer_and_never_final_unasked(bucket: Bucket) -> None:
    made = bucket.enable("lock", days=30)
    done(made, 1)
    assert bucket.read()["retentionPolicy"] == {"retentionPeriod": str(30 * DAY)}
    assert [remark for remark in made.remarks if "delete_older_than" in remark]
    again(bucket, "lock", days=30)
    again(bucket, "lock", days=10, mode="governance")
    done(bucket.enable("lock", days=40, mode="governance"), 1)
    assert "isLocked" not in bucket.read()["retentionPolicy"]
    done(bucket.enable("lock", days=20, mode="compliance"), 1)
    assert bucket.read()["retentionPolicy"] == {"retentionPeriod": str(40 * DAY), "isLocked": True}
    for mode in ("compliance", "governance", ""):
        again(bucket, "lock", days=20, mode=mode)
    done(bucket.enable("lock", days=50), 1)
    found = bucket.status()
    assert found.bucket is not None
    assert found.bucket.lock is not None
    assert (found.bucket.lock.mode, found.bucket.lock.days) == ("locked", 50)


def test_a_lock_for_good_at_once(bucket: Bucket) -> None:
    planned = bucket.enable("lock", days=30, mode="compliance", dry_run=True)
    assert "is_locked = true" in "\n".join(planned.terraform)
    assert "retentionPolicy" not in bucket.read()
    done(bucket.enable("lock", days=30, mode="compliance"), 2)
    assert bucket.read()["retentionPolicy"]["isLocked"] is True


@pytest.mark.parametrize(
    ("options", "code"), [({}, "option-missing"), ({"days": 3, "mode": "firm"}, "lock-not-understood")]
)
def test_what_a_lock_needs(bucket: Bucket, options: dict[str, Any], code: str) -> None:
    before = bucket.read()
    with pytest.raises(UsageError) as refused:
        bucket.enable("lock", **options)
    assert refused.value.code == code
    assert bucket.read() == before


# Somebody else


@pytest.mark.parametrize(
    ("mechanism", "meanwhile"),
    [
        (Mechanism.VERSIONING, {"lifecycle": {"rule": OTHERS}}),
        (Mechanism.SOFT_DELETE, {"softDeletePolicy": {"retentionDurationSeconds": str(60 * DAY)}}),
        (Mechanism.LOCK, {"retentionPolicy": {"retentionPeriod": str(60 * DAY)}}),
    ],
)
def test_what_somebody_does_meanwhile_is_not_lost(
    bucket: Bucket, mechanism: Mechanism, meanwhile: dict[str, Any]
) -> None:
    enabler, plan = bucket.plan(mechanism, days=30)
    bucket.set(**meanwhile)
    before = bucket.read()
    with pytest.raises(RefusedError) as refused:
        enabler.carry_out(plan.changes[0])
    assert refused.value.code == "protection-changed"
    assert bucket.read() == before


def test_what_somebody_does_between_look_and_change_is_not_lost(bucket: Bucket) -> None:
    enabler, plan = bucket.plan(Mechanism.VERSIONING, days=30)
    guard = enabler._guard
    ask = guard.call

    def late(verb: str, *arguments: Any, **query: Any) -> Any:
        if verb == "patch":
            bucket.set(lifecycle={"rule": OTHERS})
        return ask(verb, *arguments, **query)

    guard.call = late
    with pytest.raises(RefusedError) as refused:
        enabler.carry_out(plan.changes[0])
    assert refused.value.code == "protection-changed"
    assert bucket.rules() == OTHERS


def test_what_is_no_business_of_the_plan_does_not_stop_it(bucket: Bucket) -> None:
    enabler, plan = bucket.plan(Mechanism.VERSIONING, days=30)
    bucket.set(softDeletePolicy={"retentionDurationSeconds": str(60 * DAY)})
    enabler.carry_out(plan.changes[0])
    found = bucket.read()
    assert found["versioning"] == {"enabled": True}
    assert found["softDeletePolicy"] == {"retentionDurationSeconds": str(60 * DAY)}


# What there is not


@pytest.mark.parametrize(
    ("mechanism", "options", "cure"),
    [("backup", {}, "canvasback backup"), ("replication", {"to": "gs://other/"}, "--replication --include-prefixes")],
)
def test_what_cannot_be_switched_on_says_what_to_do(
    bucket: Bucket, mechanism: str, options: dict[str, Any], cure: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        bucket.enable(mechanism, **options)
    assert refused.value.code == "protection-unsupported"
    assert cure in refused.value.hint


@pytest.mark.parametrize("to", ["gs://other/folder/", "s3://other/", "/folder"])
def test_replication_is_to_another_bucket(bucket: Bucket, to: str) -> None:
    with pytest.raises(UsageError) as refused:
        bucket.enable("replication", to=to)
    assert refused.value.code == "replica-not-understood"


def test_replication_is_told_as_roles_and_terraform(bucket: Bucket) -> None:
    told = bucket.enable("replication", to="gs://other/", explain=True)
    assert [document.name for document in told.documents] == ["rights", "role"]
    assert "storagetransfer.jobs.create" in told.documents[0].content["includedPermissions"]
    assert set(told.documents[1].content) == {bucket.name, "other"}
    assert 'resource "google_storage_transfer_job" "lake"' in "\n".join(told.terraform)
    assert 'include_prefixes = ["files/"]' in "\n".join(told.terraform)


def test_terraform_repeats_all_rules(bucket: Bucket) -> None:
    bucket.set(lifecycle={"rule": OTHERS})
    told = "\n".join(bucket.enable("versioning", days=30, dry_run=True).terraform)
    assert told.count("lifecycle_rule {") == len(OTHERS) + 1
    assert 'storage_class = "ARCHIVE"' in told
    assert "days_since_noncurrent_time = 30" in told
    assert f'id = "{bucket.name}"' in told


def test_a_result_can_be_written_as_json(bucket: Bucket) -> None:
    assert json.loads(msgspec.json.encode(bucket.status()))["bucket"]["cloud"] == "gcs"
