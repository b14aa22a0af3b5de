"""What protects a lake in any server that speaks S3: `make cross-check` runs this with others than the usual one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from canvasback import RefusedError
from canvasback.clouds.enabler import open_enabler
from canvasback.model.plans.protect_enable import Mechanism, Wish
from canvasback.model.protection.verdicts import Disaster
from tests.clouds import Cloud, cloud
from tests.lake.protected_lake import OTHER_RULE, ProtectedLake, again, codes, done, states, verdict
from tests.object_servers import Ministack


@pytest.fixture
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return cloud("s3", request, monkeypatch)


@pytest.fixture
def client(where: Cloud) -> Iterator[Any]:
    assert isinstance(where.server, Ministack)
    with closing(where.server.client()) as client:
        yield client


@pytest.fixture
def lake(where: Cloud, client: Any, tmp_path: Path) -> ProtectedLake:
    return ProtectedLake(where, client, tmp_path)


def rules(lake: ProtectedLake) -> dict[str, dict[str, Any]]:
    """The lifecycle rules by their names: some servers sort them."""
    found = lake.client.get_bucket_lifecycle_configuration(Bucket=lake.bucket)["Rules"]
    return {rule["ID"]: rule for rule in found}


def test_a_bucket_as_it_is_made_protects_nothing(lake: ProtectedLake) -> None:
    lake.write()
    found = lake.status()
    assert codes(found) == {"no-protection", "versioning-off"}
    assert set(states(found).values()) == {"uncovered"}
    assert all(verdict.cure for verdict in found.verdicts)
    assert (found.data_path, found.facts.files, found.bucket is not None) == (lake.url, 6, True)
    assert found.finding_counts["catalog-elsewhere"] == 1


def test_versions_are_for_as_long_as_lifecycle_rules_let_them(lake: ProtectedLake) -> None:
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


def test_lifecycle_rules_that_take_files_away(lake: ProtectedLake) -> None:
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


def test_versions(lake: ProtectedLake) -> None:
    lake.write()
    planned = lake.enable("versioning", days=30, dry_run=True)
    assert (len(planned.steps), planned.done, planned.dry_run) == (2, 0, True)
    assert states(lake.status())["object-deleted"] == "uncovered"
    made = lake.enable("versioning", days=30)
    done(made, 2)
    assert made.steps == planned.steps
    again(lake, "versioning", days=30)
    again(lake, "versioning", days=10)
    again(lake, "versioning")
    found = lake.status()
    assert codes(found) == set()
    assert states(found)["object-deleted"] == "covered"
    (rule,) = rules(lake).values()
    assert (rule["Filter"], rule["NoncurrentVersionExpiration"]) == ({"Prefix": "files/"}, {"NoncurrentDays": 30})


def test_other_rules_stay_as_they_are(lake: ProtectedLake) -> None:
    lake.write()
    lake.lifecycle(OTHER_RULE)
    before = rules(lake)
    done(lake.enable("versioning", days=30), 2)
    assert before.items() <= rules(lake).items()
    assert len(rules(lake)) == 2


def test_a_time_is_only_made_longer(lake: ProtectedLake) -> None:
    lake.write()
    lake.versions()
    lake.lifecycle(
        OTHER_RULE,
        {"Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 7, "NewerNoncurrentVersions": 3}},
        {"Filter": {"Prefix": "files/main/"}, "NoncurrentVersionExpiration": {"NoncurrentDays": 90}},
    )
    before = rules(lake)
    made = lake.enable("versioning", days=30)
    done(made, 1)
    assert "for 30 days, and not for 7" in made.steps[0]
    after = rules(lake)
    changed = before.pop("rule-2")
    assert before.items() <= after.items()
    assert after["rule-2"] == {
        **changed,
        "NoncurrentVersionExpiration": {**changed["NoncurrentVersionExpiration"], "NoncurrentDays": 30},
    }
    again(lake, "versioning", days=30)


@pytest.mark.parametrize("state", ["Enabled", "Suspended"])
def test_no_rule_is_made_that_would_delete_versions_which_are_there(lake: ProtectedLake, state: str) -> None:
    lake.write()
    lake.versions()
    lake.versions(state)
    made = lake.enable("versioning", days=30)
    assert (made.done, made.findings) == (int(state == "Suspended"), ())
    assert [remark for remark in made.remarks if "would delete some" in remark]
    with pytest.raises(lake.client.exceptions.ClientError):
        rules(lake)


def test_what_somebody_adds_meanwhile_is_not_lost(lake: ProtectedLake) -> None:
    lake.write()
    place = lake.stores.place(lake.url)
    assert place is not None
    enabler = open_enabler(place, lake.stores)
    plan = enabler.plan(Wish(mechanism=Mechanism.VERSIONING, prefix="files/", days=30))
    lake.lifecycle(OTHER_RULE)
    before = rules(lake)
    enabler.carry_out(plan.changes[0])
    with pytest.raises(RefusedError) as refused:
        enabler.carry_out(plan.changes[1])
    assert refused.value.code == "protection-changed"
    assert rules(lake) == before
