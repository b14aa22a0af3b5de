"""What S3 answers as values, and the requests that add to it: nothing that is there is lost or weakened."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters
from hypothesis import given
from hypothesis import strategies as st

from canvasback.clouds.aws_backup import backups_of
from canvasback.clouds.aws_backup_changes import OwnPlan, back_up, plan_name
from canvasback.clouds.draft import Draft
from canvasback.clouds.hcl import Block, Expression, as_json, configuration, resource
from canvasback.clouds.s3_answers import lifecycle_rules, object_lock, replication_rules, tiering_rules
from canvasback.clouds.s3_changes import copy_new_objects, keep_versions, lock_new_objects, switch_versioning_on
from canvasback.clouds.s3_terraform import terraform_of
from canvasback.errors import RefusedError
from canvasback.model.plans.protect_enable import Mechanism, Step, Wish
from canvasback.model.protection.bucket import Backups, BucketProtection, LifecycleRule, ReplicationRule

ROLE = "arn:aws:iam::000000000000:role/r"
PREFIXES = ["", "files/", "files/main/", "other/", "fil"]


def wish(mechanism: str = "versioning", **more: Any) -> Wish:
    return Wish(mechanism=Mechanism(mechanism), **{"prefix": "files/", **more})


def days_of(rules: list[dict[str, Any]], prefix: str, *, overwritten: bool) -> float:
    found = BucketProtection(url="", cloud="s3", service="", lifecycle=lifecycle_rules({"Rules": rules}))
    days = found.version_days(prefix, overwritten=overwritten)
    return float("inf") if days is None else days


# Answers


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"Prefix": "a/", "Expiration": {"Days": 3}}, {"prefixes": ("a/",), "expires_after": 3}),
        ({"Filter": {}, "Expiration": {"Date": datetime(2027, 1, 1, tzinfo=UTC)}}, {"expires_on": date(2027, 1, 1)}),
        ({"Filter": {"Prefix": "a/"}, "Expiration": {"ExpiredObjectDeleteMarker": True}}, {"prefixes": ("a/",)}),
        ({"Filter": {"Tag": {"Key": "k", "Value": "v"}}}, {"limited_to": "tagged k=v"}),
        (
            {"Filter": {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}], "ObjectSizeGreaterThan": 1000}}},
            {"prefixes": ("a/",), "limited_to": "tagged k=v and larger than 1,000 bytes"},
        ),
        ({"Filter": {"ObjectSizeLessThan": 5}}, {"limited_to": "smaller than 5 bytes"}),
        (
            {
                "Filter": {},
                "Transitions": [
                    {"Days": 9, "StorageClass": "DEEP_ARCHIVE"},
                    {"Days": 5, "StorageClass": "GLACIER"},
                    {"Days": 1, "StorageClass": "STANDARD_IA"},
                ],
            },
            {"freezes_after": 5, "freezes_to": "GLACIER"},
        ),
        (
            {"Filter": {}, "NoncurrentVersionTransitions": [{"NoncurrentDays": 4, "StorageClass": "GLACIER"}]},
            {"noncurrent_freezes_after": 4},
        ),
        (
            {"Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 4, "NewerNoncurrentVersions": 2}},
            {"noncurrent_after": 4, "noncurrent_keeps": 2},
        ),
        ({"Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}, {"aborts_uploads_after": 7}),
    ],
)
def test_lifecycle_rules(rule: dict[str, Any], value: dict[str, Any]) -> None:
    (found,) = lifecycle_rules({"Rules": [{"ID": "x", "Status": "Enabled", **rule}]})
    assert found == LifecycleRule(id="x", **value)
    (off,) = lifecycle_rules({"Rules": [{"Status": "Disabled", **rule}]})
    assert (off.id, off.enabled) == ("1", False)


def test_intelligent_tiering_that_archives() -> None:
    document = {
        "Id": "t",
        "Status": "Enabled",
        "Filter": {"Prefix": "files/"},
        "Tierings": [{"Days": 180, "AccessTier": "DEEP_ARCHIVE_ACCESS"}, {"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}],
    }
    (found,) = tiering_rules([document, {"Id": "u", "Status": "Enabled", "Tierings": []}])
    assert (found.freezes_after, found.freezes_to, found.prefixes) == (90, "ARCHIVE_ACCESS", ("files/",))
    assert found.limited_to


def test_replication_rules_of_both_forms() -> None:
    destination = {"Bucket": "arn:aws:s3:::b", "Account": "1", "StorageClass": "GLACIER_IR"}
    rules = [
        {"ID": "new", "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Destination": destination},
        {"Status": "Disabled", "Prefix": "c/", "Destination": {"Bucket": "arn:aws-cn:s3:::d"}},
    ]
    new, old = replication_rules({"ReplicationConfiguration": {"Rules": rules}}, "s3")
    assert new == ReplicationRule(
        id="new", prefixes=("a/",), destination="s3://b/", account="1", storage_class="GLACIER_IR"
    )
    assert old == ReplicationRule(id="2", enabled=False, prefixes=("c/",), destination="s3://d/", deletes=True)


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        (None, None),
        ({}, None),
        ({"ObjectLockEnabled": "Enabled"}, ("", None)),
        (
            {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}},
            ("governance", 3),
        ),
        (
            {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 2}}},
            ("compliance", 730),
        ),
    ],
)
def test_locks(configuration: Any, said: Any) -> None:
    found = object_lock(None if configuration is None else {"ObjectLockConfiguration": configuration})
    assert (None if found is None else (found.mode, found.days)) == said


class Service:
    """Answers of AWS Backup, in pages of one, as botocore gives them."""

    def __init__(self, selection: dict[str, Any], points: list[dict[str, Any]], **vault: Any) -> None:
        self._selection, self._points, self._vault = selection, points, vault
        self.asked: list[str] = []

    def __call__(self, verb: str, **parameters: Any) -> Any:
        self.asked.append(verb)
        pages: dict[str, tuple[str, list[dict[str, Any]]]] = {
            "list_backup_plans": ("BackupPlansList", [{"BackupPlanId": "1"}, {"BackupPlanId": "2"}]),
            "list_backup_selections": ("BackupSelectionsList", [{"SelectionId": "s"}]),
            "list_recovery_points_by_resource": ("RecoveryPoints", self._points),
        }
        if verb in pages:
            key, items = pages[verb]
            place = int(parameters.get("NextToken", 0))
            more = {"NextToken": str(place + 1)} if place + 1 < len(items) else {}
            return {key: items[place : place + 1], **more}
        if verb == "get_backup_selection":
            return {"BackupSelection": self._selection if parameters["BackupPlanId"] == "2" else {"Resources": ["x"]}}
        if verb == "get_backup_plan":
            copies = [{"DestinationBackupVaultArn": "arn:aws:backup:eu-west-1:1:backup-vault:far"}]
            rule = {"RuleName": "r", "TargetBackupVaultName": "v", "CopyActions": copies}
            return {"BackupPlan": {"BackupPlanName": f"plan {parameters['BackupPlanId']}", "Rules": [rule]}}
        assert verb == "describe_backup_vault"
        return self._vault


ARN = "arn:aws:s3:::lake"
EQUAL = [{"ConditionKey": "aws:ResourceTag/team", "ConditionValue": "data"}]


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        ({"Resources": [ARN]}, True),
        ({"Resources": ["arn:aws:s3:::other"]}, False),
        ({"Resources": ["arn:aws:s3:::*"]}, True),
        ({"Resources": ["*"], "NotResources": [ARN]}, False),
        ({"ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "team", "ConditionValue": "data"}]}, True),
        ({"ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "team", "ConditionValue": "web"}]}, False),
        # What is named, or has one of the tags.
        (
            {
                "Resources": ["arn:aws:s3:::other"],
                "ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "team", "ConditionValue": "data"}],
            },
            True,
        ),
        # And all conditions.
        ({"Resources": ["*"], "Conditions": {"StringEquals": EQUAL}}, True),
        ({"Resources": ["*"], "Conditions": {"StringNotEquals": EQUAL}}, False),
        ({"Resources": ["*"], "Conditions": {"StringEquals": EQUAL, "StringNotEquals": []}}, True),
        (
            {
                "Resources": ["*"],
                "Conditions": {"StringLike": [{"ConditionKey": "aws:ResourceTag/team", "ConditionValue": "d*"}]},
            },
            True,
        ),
        (
            {
                "Resources": ["*"],
                "Conditions": {"StringNotLike": [{"ConditionKey": "aws:ResourceTag/team", "ConditionValue": "d*"}]},
            },
            False,
        ),
        ({"SelectionName": "all that is supported"}, True),
    ],
)
def test_which_plans_take_a_bucket_in(selection: dict[str, Any], *, taken: bool) -> None:
    found = backups_of("lake", Service(selection, []), lambda: {"team": "data"})
    assert [plan.name for plan in found.plans] == (["plan 2/r"] if taken else [])
    if taken:
        assert (found.plans[0].days, found.plans[0].copy_regions) == (None, ("eu-west-1",))


def test_backups_that_can_be_restored() -> None:
    def point(day: int, status: str, name: str = "arn:x:snapshot") -> dict[str, Any]:
        return {
            "CreationDate": datetime(2026, 11, day, tzinfo=UTC),
            "Status": status,
            "RecoveryPointArn": name,
            "BackupVaultName": "v",
        }

    points = [point(1, "COMPLETED"), point(3, "EXPIRED"), point(2, "AVAILABLE"), point(4, "CREATING")]
    found = backups_of("lake", Service({}, points), dict)
    assert (found.count, found.newest, found.continuous) == (2, datetime(2026, 11, 2, tzinfo=UTC), False)
    assert found.locked_from is None
    points.append(point(1, "AVAILABLE", "arn:aws:backup:r:1:recovery-point:continuous:lake-1"))
    lock_date = datetime(2026, 1, 1, tzinfo=UTC)
    assert backups_of("lake", Service({}, points, Locked=True), dict).locked_from is None
    locked = backups_of("lake", Service({}, points, Locked=True, LockDate=lock_date), dict)
    assert (locked.continuous, locked.locked_from) == (True, lock_date)


# Changes

filters = st.sampled_from(PREFIXES).map(lambda prefix: {"Prefix": prefix})
documents = st.lists(
    st.fixed_dictionaries(
        {
            "ID": st.sampled_from(["a", "b", "c"]),
            "Status": st.sampled_from(["Enabled", "Disabled"]),
            "Filter": filters | st.just({"Tag": {"Key": "k", "Value": "v"}}),
        },
        optional={
            "Expiration": st.just({"Days": 3}),
            "NoncurrentVersionExpiration": st.integers(1, 60).map(lambda days: {"NoncurrentDays": days})
            | st.integers(1, 60).map(lambda days: {"NoncurrentDays": days, "NewerNoncurrentVersions": 2}),
        },
    ),
    max_size=4,
)


@given(before=documents, days=st.integers(1, 90), prefix=st.sampled_from(PREFIXES), versioned=st.booleans())
def test_versions_are_never_kept_for_shorter(
    before: list[dict[str, Any]], days: int, prefix: str, *, versioned: bool
) -> None:
    versioning = {"Status": "Enabled"} if versioned else {}
    wanted = wish(days=days, prefix=prefix)
    lifecycle = {"Rules": before, "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"} if before else None
    draft = Draft()
    keep_versions(draft, "lake", "s3://lake/", wanted, versioning=versioning, lifecycle=lifecycle)
    if not draft.changes:
        assert draft.kept
        return
    (step,) = draft.changes
    valid(step)
    after = step.request["LifecycleConfiguration"]["Rules"]
    assert step.request.get("TransitionDefaultMinimumObjectSize") == (lifecycle or {}).get(
        "TransitionDefaultMinimumObjectSize"
    )
    for old, new in zip(before, after, strict=False):
        assert {**new, "NoncurrentVersionExpiration": None} == {**old, "NoncurrentVersionExpiration": None}
    for place in PREFIXES:
        for overwritten in (False, True):
            was = days_of(before, place, overwritten=overwritten)
            # A bucket without versions has none that a new rule could delete: neither where no rule was, nor in what
            # lies around the prefix, of which a part had none.
            around = prefix != place and prefix.startswith(place)
            if versioned or (was != float("inf") and not around):
                assert days_of(after, place, overwritten=overwritten) >= was
    assert days_of(after, prefix, overwritten=True) >= days
    again = Draft()
    keep_versions(again, "lake", "s3://lake/", wanted, versioning=versioning, lifecycle={"Rules": after})
    assert again.changes == []


def test_a_prefix_that_a_server_tells_beside_tags_is_not_lost() -> None:
    """As Ceph does, which takes such a rule without its prefix."""
    tags = [{"Key": "a", "Value": "b"}]
    told = {
        "ID": "x",
        "Status": "Enabled",
        "Filter": {"Prefix": "logs/", "And": {"Tags": tags}},
        "Expiration": {"Days": 5},
    }
    assert lifecycle_rules({"Rules": [told]})[0].prefixes == ("logs/",)
    draft = Draft()
    keep_versions(draft, "lake", "s3://lake/", wish(days=3), versioning={}, lifecycle={"Rules": [told]})
    (step,) = draft.changes
    valid(step)
    (again, _) = step.request["LifecycleConfiguration"]["Rules"]
    assert again == {**told, "Filter": {"And": {"Prefix": "logs/", "Tags": tags}}}


@given(
    mode=st.sampled_from(["", "governance", "compliance"]),
    days=st.integers(1, 50),
    before=st.none()
    | st.just({"ObjectLockEnabled": "Enabled"})
    | st.builds(
        lambda mode, days: {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": mode, "Days": days}},
        },
        st.sampled_from(["GOVERNANCE", "COMPLIANCE"]),
        st.integers(1, 50),
    ),
)
def test_locks_are_never_weaker(mode: str, days: int, before: dict[str, Any] | None) -> None:
    answer = None if before is None else {"ObjectLockConfiguration": before}
    was = object_lock(answer)
    draft = Draft()
    lock_new_objects(draft, "lake", "s3://lake/", wish("lock", days=days, mode=mode), answer)
    for step in draft.changes:
        valid(step)
        now = object_lock({"ObjectLockConfiguration": step.request["ObjectLockConfiguration"]})
        assert now is not None
        assert now.days is not None
        assert now.days >= max(days, (was.days or 0) if was else 0)
        assert now.firm >= (was is not None and was.firm)
        assert now.firm >= (mode == "compliance")
        again = Draft()
        lock_new_objects(
            again, "lake", "s3://lake/", wish("lock", days=days, mode=mode),
            {"ObjectLockConfiguration": step.request["ObjectLockConfiguration"]},
        )  # fmt: skip
        assert again.changes == []
    assert draft.changes or draft.kept


def test_replication_keeps_what_is_there() -> None:
    other = {
        "ID": "x",
        "Priority": 7,
        "Status": "Enabled",
        "Filter": {"Prefix": "files/"},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {
            "Bucket": "arn:aws:s3:::x",
            "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
            "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
            "EncryptionConfiguration": {"ReplicaKmsKeyID": "k"},
        },
    }
    answer = {"ReplicationConfiguration": {"Role": "old", "Rules": [other]}}
    draft = Draft()
    wanted = wish("replication", to="s3://copy/", role=ROLE)
    copy_new_objects(draft, "lake", "s3://lake/", wanted, answer)
    (step,) = draft.changes
    valid(step)
    found = step.request["ReplicationConfiguration"]
    assert (found["Role"], found["Rules"][0], found["Rules"][1]["Priority"]) == ("old", other, 8)
    text = "\n".join(configuration(terraform_of("lake", draft.changes, wanted)))
    for words in ("replica_kms_key_id", "sse_kms_encrypted_objects {", "replication_time {", "event_threshold {"):
        assert words in text
    again = Draft()
    copy_new_objects(again, "lake", "s3://lake/", wanted, {"ReplicationConfiguration": found})
    assert (again.changes, len(again.kept)) == ([], 1)
    with pytest.raises(RefusedError):
        copy_new_objects(
            Draft(), "lake", "s3://lake/", wanted,
            {"ReplicationConfiguration": {"Rules": [{"Prefix": "", "Status": "Enabled", "Destination": {}}]}},
        )  # fmt: skip


def test_requests_are_as_the_service_takes_them() -> None:
    draft = Draft()
    switch_versioning_on(draft, "lake", "s3://lake/", {"Status": "Suspended"})
    copy_new_objects(draft, "lake", "s3://lake/", wish("replication", to="s3://b/", role=ROLE, account="1" * 12), None)
    back_up(draft, "lake", "s3://lake/", wish("backup", vault="v", role=ROLE, days=35), Backups(), vaults=[], own=None)
    own = OwnPlan("id", {"BackupPlanName": plan_name("lake"), "Rules": [
        {"RuleName": "r", "TargetBackupVaultName": "v", "Lifecycle": {"DeleteAfterDays": 5}},
        {"RuleName": "s", "TargetBackupVaultName": "v"},
    ]})  # fmt: skip
    back_up(
        draft, "lake", "s3://lake/", wish("backup", vault="v", role=ROLE, days=35), Backups(), vaults=["v"], own=own
    )
    assert [step.call for step in draft.changes] == [
        "put_bucket_versioning", "put_bucket_replication", "create_backup_vault", "create_backup_plan",
        "create_backup_selection", "update_backup_plan", "create_backup_selection",
    ]  # fmt: skip
    for step in draft.changes:
        valid(step)
    (raised,) = (step.request["BackupPlan"]["Rules"] for step in draft.changes if step.call == "update_backup_plan")
    assert [rule.get("Lifecycle") for rule in raised] == [{"DeleteAfterDays": 35}, None]


@pytest.mark.parametrize("bucket", ["lake", "a.b-c" * 12 + "abc"])
def test_names_of_plans(bucket: str) -> None:
    assert len(plan_name(bucket)) <= 50
    assert plan_name(bucket).startswith("canvasback-")


_SESSION = botocore.session.Session()
_MODELS = {name: _SESSION.get_service_model(name) for name in ("s3", "backup")}


def valid(step: Step) -> None:
    """A request is what AWS's own description of the service takes."""
    name = "".join(word.title() for word in step.call.split("_"))
    service = _MODELS["backup" if "backup" in step.call else "s3"]
    validate_parameters(step.request, service.operation_model(name).input_shape)


# Terraform


def test_terraform() -> None:
    inner = Block("rule", (), {"id": 'a "b" ${c} %{d}', "days": 3, "on": True})
    lines = configuration(
        [resource("aws_x", "lake", {"bucket": "b", "rule": [inner, inner], "of": Expression("aws_y.z.arn")}, "Note.")]
    )
    assert "\n".join(lines) == (
        "# Note.\n"
        'resource "aws_x" "lake" {\n'
        '  bucket = "b"\n'
        "  rule {\n"
        '    id = "a \\"b\\" $${c} %%{d}"\n'
        "    days = 3\n"
        "    on = true\n"
        "  }\n"
        "  rule {\n"
        '    id = "a \\"b\\" $${c} %%{d}"\n'
        "    days = 3\n"
        "    on = true\n"
        "  }\n"
        "  of = aws_y.z.arn\n"
        "}"
    )
    assert as_json({"a": [1, "x"], "b": {}}).text == 'jsonencode({\n    "a" = [1, "x"]\n    "b" = {\n    }\n  })'
