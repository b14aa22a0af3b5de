"""Buckets that Google's Storage Transfer Service copies to others, and how the copies fare.

The buckets are gcp-storage-emulator's, found by the variable that Google's own library reads; the jobs are a stub's,
asked with the credentials of a service account and the real google-auth.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import canvasback
from canvasback import ProtectStatusResult, RefusedError, Stores
from canvasback.clouds import gcs_transfer
from canvasback.model.protection.bucket import Part, ReplicationRule
from canvasback.model.protection.verdicts import Disaster
from tests.clouds import cloud
from tests.lake.protected_lake import codes, verdict
from tests.transfer_stub import TransferStub, transfer_stub


class Copied:
    """A bucket with three files of a lake, and one to which it may be copied."""

    def __init__(self, stub: TransferStub, source: str, to: str) -> None:
        self.stub, self.source, self.to = stub, source, to
        self.stores = Stores()
        self.put(source, range(3))

    def put(self, bucket: str, numbers: range) -> None:
        store = self.stores.open(f"gs://{bucket}/files/")
        for number in numbers:
            store.put_new(f"{number}.parquet", b"PAR1")

    def replicate(self, **spec: Any) -> None:
        self.stub.replicate("copy", self.source, self.to, **spec)

    def status(self, **more: Any) -> ProtectStatusResult:
        return canvasback.protect_status(f"gs://{self.source}/files/", stores=self.stores, **more)

    def rule(self) -> ReplicationRule:
        found = self.status()
        assert found.bucket is not None
        (rule,) = found.bucket.replication
        return rule


@pytest.fixture
def copied(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Copied]:
    where = cloud("gcs", request, monkeypatch, keeping="soft-deleted")
    names = [where.bucket(soft_delete=True).split("/")[2] for _ in range(2)]
    with transfer_stub() as stub:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", where.server.endpoint)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(stub.credentials(tmp_path)))
        monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
        monkeypatch.setattr(gcs_transfer, "ENDPOINT", stub.endpoint)
        yield Copied(stub, *names)


def test_without_jobs_nothing_is_copied(copied: Copied) -> None:
    copied.stub.replicate("elsewhere", "another-bucket", copied.to)
    found = copied.status()
    assert found.bucket is not None
    assert (found.bucket.replication, found.bucket.service, found.bucket.unseen) == ((), "Google", ())
    assert copied.stub.asked == [
        {"projectId": "project", "dataBackend": "QUERY_REPLICATION_CONFIGS", "sourceBucket": copied.source}
    ]


def test_a_replica_that_has_all(copied: Copied) -> None:
    copied.stub.replicate("gone", copied.source, copied.to, status="DELETED")
    copied.replicate()
    copied.put(copied.to, range(3))
    found = copied.status()
    assert copied.rule() == ReplicationRule(id="copy", destination=f"gs://{copied.to}/")
    (replica,) = found.replicas
    assert replica.sample is not None
    assert (replica.sample.files, replica.sample.arrived) == (3, 3)
    assert codes(found) == {"replication-keeps-deleted", "replica-unversioned"}
    covers = {cover.by: cover.limits for cover in verdict(found, Disaster.BUCKET_GONE).covers}
    assert covers["replication"] == ()


def test_what_has_not_arrived_is_late_or_was_never_copied(copied: Copied) -> None:
    copied.replicate()
    copied.put(copied.to, range(1))
    found = copied.status()
    assert found.replicas[0].sample is not None
    assert (found.replicas[0].sample.arrived, found.replicas[0].sample.pending) == (1, 2)
    later = copied.status(clock=lambda: found.time + timedelta(days=1))
    assert later.replicas[0].sample is not None
    assert (later.replicas[0].sample.arrived, later.replicas[0].sample.never) == (1, 2)
    assert "replication-misses-older" in codes(later)


@pytest.mark.parametrize(
    ("spec", "prefixes", "limited", "enabled", "covers"),
    [
        ({"objectConditions": {"includePrefixes": ["files/"]}}, ("files/",), "", True, True),
        ({"objectConditions": {"includePrefixes": ["logs/"]}}, ("logs/",), "", True, False),
        ({"objectConditions": {"excludePrefixes": ["files/a"]}}, (), "not below files/a", True, False),
        ({"objectConditions": {"minTimeElapsedSinceLastModification": "3s"}}, (), "chosen by min", True, False),
        ({"status": "DISABLED"}, (), "", False, False),
    ],
)
def test_jobs_as_rules(
    copied: Copied, spec: dict[str, Any], prefixes: tuple[str, ...], limited: str, *, enabled: bool, covers: bool
) -> None:
    copied.replicate(**spec)
    rule = copied.rule()
    assert (rule.prefixes, rule.enabled, rule.covers("files/")) == (prefixes, enabled, covers)
    assert rule.limited_to.startswith(limited)
    assert bool(rule.limited_to) == bool(limited)
    assert ("replication-misses-data-path" in codes(copied.status())) is not covers


def test_a_job_that_moves_keys_makes_no_replica(copied: Copied) -> None:
    sink = {"bucketName": copied.to, "path": "copy/"}
    copied.replicate(gcsDataSink=sink)
    assert copied.rule().limited_to == "put under other keys"
    assert copied.status().replicas == ()


@pytest.mark.parametrize(("status", "needs"), [(403, gcs_transfer.RIGHT), (500, "")])
def test_jobs_that_cannot_be_seen_are_said_not_to_be(copied: Copied, status: int, needs: str) -> None:
    copied.stub.status = status
    found = copied.status()
    assert found.bucket is not None
    (unseen,) = found.bucket.unseen
    assert (unseen.part, unseen.needs) == (Part.REPLICATION, needs)
    assert "Storage Transfer API is not enabled" in unseen.reason


def test_without_credentials_for_them_neither(copied: Copied, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    found = copied.status()
    assert found.bucket is not None
    assert [one.part for one in found.bucket.unseen] == [Part.REPLICATION]
    assert "credentials" in found.bucket.unseen[0].reason


def test_enable_is_content_with_a_job_that_is_there(copied: Copied) -> None:
    url, to = f"gs://{copied.source}/files/", f"gs://{copied.to}/"
    with pytest.raises(RefusedError) as refused:
        canvasback.protect_enable(url, mechanism="replication", to=to, stores=copied.stores)
    assert refused.value.code == "protection-unsupported"
    assert "could not be seen" not in refused.value.hint
    copied.stub.status = 403
    with pytest.raises(RefusedError) as refused:
        canvasback.protect_enable(url, mechanism="replication", to=to, stores=copied.stores)
    assert "could not be seen" in refused.value.hint
    copied.stub.status = 200
    copied.replicate()
    made = canvasback.protect_enable(url, mechanism="replication", to=to, stores=copied.stores)
    assert (made.done, made.steps, made.findings) == (0, (), ())
    assert made.kept
    assert made.terraform == ()
