"""What Azure does for a lake by itself, as far as those who use its blobs may see it and switch it on.

Azurite keeps the properties of an account and of containers; the stand-in keeps versions, and refuses what it is told.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from azure.storage.blob import CorsRule, RetentionPolicy

import canvasback
from canvasback import ProtectEnableResult, ProtectStatusResult, RefusedError, StorageError, UsageError
from canvasback.clouds.azure import READ
from canvasback.clouds.azure_enabler import WRITE
from canvasback.clouds.enabler import open_enabler
from canvasback.model.plans.protect_enable import Mechanism, Wish
from canvasback.model.protection.bucket import Part
from tests.azure_stub import AzureStub
from tests.clouds import Cloud, cloud
from tests.lake.protected_lake import codes, states

MANAGED = {Part.LIFECYCLE, Part.REPLICATION, Part.BACKUP}


class Container:
    """A container with some files of a lake."""

    def __init__(self, where: Cloud, url: str) -> None:
        self.where, self.root = where, url
        self.name = url.split("/")[2]
        self.url = f"{url}files/"
        self.stores = where.stores()

    def write(self, *names: str) -> None:
        for name in names:
            self.stores.open(self.url).put_new(f"{name}.parquet", b"PAR1")

    def status(self) -> ProtectStatusResult:
        return canvasback.protect_status(self.url, stores=self.stores)

    def enable(self, mechanism: str, **more: Any) -> ProtectEnableResult:
        return canvasback.protect_enable(self.url, mechanism=mechanism, stores=self.stores, **more)

    def set(self, **properties: Any) -> None:
        with self.where.server.client() as client:
            client.set_service_properties(**properties)

    def properties(self) -> dict[str, Any]:
        with self.where.server.client() as client:
            found: dict[str, Any] = client.get_service_properties()
            return found


@pytest.fixture
def container(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    """In Azurite, whose account keeps nothing that is deleted, before and after."""
    where = cloud("azure", request, monkeypatch)
    made = Container(where, where.bucket())
    made.set(delete_retention_policy=RetentionPolicy(enabled=False), cors=[])
    yield made
    made.set(delete_retention_policy=RetentionPolicy(enabled=False), cors=[])


@pytest.fixture
def keeping(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    """In the stand-in."""
    where = cloud("azure", request, monkeypatch, keeping="versions")
    assert isinstance(where.server, AzureStub)
    yield Container(where, where.bucket(versions=True))
    where.server.forbidden.clear()


def unseen(found: ProtectStatusResult) -> dict[Part, str]:
    assert found.bucket is not None
    return {one.part: one.needs for one in found.bucket.unseen}


# Seen


def test_what_only_managers_are_told_is_unseen(container: Container) -> None:
    container.write("a")
    found = container.status()
    assert found.bucket is not None
    assert (found.bucket.cloud, found.bucket.spread, found.bucket.soft_delete_days) == ("azure", "regions", 0)
    assert set(unseen(found)) == {*MANAGED, Part.VERSIONING, Part.REGION}
    assert {need for part, need in unseen(found).items() if part is not Part.BACKUP} == {"azure-mgmt-storage"}
    assert codes(found) == {"protection-unseen"}
    assert states(found)["object-deleted"] == "unknown"
    assert states(found)["region-gone"] == "covered"


def test_soft_delete_is_seen(container: Container) -> None:
    container.write("a")
    container.set(delete_retention_policy=RetentionPolicy(enabled=True, days=9))
    found = container.status()
    assert found.bucket is not None
    assert found.bucket.soft_delete_days == 9
    assert states(found)["object-deleted"] == "covered"


def test_a_public_container(container: Container) -> None:
    with container.where.server.client() as client:
        client.get_container_client(container.name).set_container_access_policy({}, public_access="container")
    found = container.status()
    assert "public-bucket" in codes(found)
    assert found.bucket is not None
    assert found.bucket.public == ("everybody may list and read its blobs",)


def test_there_is_no_such_container(container: Container) -> None:
    with pytest.raises(StorageError) as raised:
        canvasback.protect_status("az://absent/", stores=container.stores)
    assert raised.value.code == "bucket-missing"


def test_versions_are_seen_by_what_was_written_last(keeping: Container) -> None:
    server = keeping.where.server
    assert isinstance(server, AzureStub)
    assert Part.VERSIONING in unseen(keeping.status())  # nothing was written
    keeping.write("b")
    found = keeping.status()
    assert found.bucket is not None
    assert found.bucket.versioning == "on"
    assert Part.VERSIONING not in unseen(found)
    assert {Part.PUBLIC_ACCESS, Part.REGION} <= set(found.bucket.lacking)  # the stand-in answers to neither


def test_versions_that_are_not_made_any_more(keeping: Container) -> None:
    assert isinstance(keeping.where.server, AzureStub)
    keeping.write("b")
    keeping.where.server.containers[keeping.name].versions = False
    time.sleep(1.1)  # Azure tells times by the second
    keeping.write("a")
    found = keeping.status()
    assert found.bucket is not None
    assert found.bucket.versioning == "suspended"
    assert "versioning-suspended" in codes(found)


def test_what_may_not_be_seen_is_said(keeping: Container) -> None:
    assert isinstance(keeping.where.server, AzureStub)
    keeping.where.server.forbidden.add("properties")
    assert unseen(keeping.status())[Part.SOFT_DELETE] == READ


# Switched on


def test_soft_delete_is_only_made_longer(container: Container) -> None:
    rule = CorsRule(["https://example.org"], ["GET"], max_age_in_seconds=5)
    container.set(cors=[rule])
    planned = container.enable("soft-delete", dry_run=True)
    assert (len(planned.steps), planned.done, container.properties()["delete_retention_policy"].enabled) == (
        1,
        0,
        False,
    )
    made = container.enable("soft-delete")
    assert (made.steps, made.done, made.findings) == (planned.steps, 1, ())
    assert container.properties()["delete_retention_policy"].days == 7
    assert [one.allowed_origins for one in container.properties()["cors"]] == [rule.allowed_origins]
    assert container.enable("soft-delete", days=30).done == 1
    for days in (30, 3, None):
        again = container.enable("soft-delete", days=days)
        assert (again.done, again.steps, again.findings) == (0, (), ())
        assert again.kept
        assert container.properties()["delete_retention_policy"].days == 30
    with pytest.raises(UsageError) as refused:
        container.enable("soft-delete", days=366)
    assert refused.value.code == "days-not-understood"


def test_what_somebody_does_meanwhile_is_not_lost(container: Container) -> None:
    place = container.stores.place(container.url)
    assert place is not None
    enabler = open_enabler(place, container.stores)
    plan = enabler.plan(Wish(mechanism=Mechanism.SOFT_DELETE, days=30))
    container.set(delete_retention_policy=RetentionPolicy(enabled=True, days=60))
    with pytest.raises(RefusedError) as refused:
        enabler.carry_out(plan.changes[0])
    assert refused.value.code == "protection-changed"
    assert container.properties()["delete_retention_policy"].days == 60


@pytest.mark.parametrize(("forbidden", "right"), [("properties", READ), ("set", WRITE)])
def test_without_the_right_nothing_changes_and_it_is_told(keeping: Container, forbidden: str, right: str) -> None:
    assert isinstance(keeping.where.server, AzureStub)
    keeping.where.server.forbidden.add(forbidden)
    result = keeping.enable("soft-delete", days=30)
    assert (result.done, [finding.code for finding in result.findings]) == (0, ["right-lacking"])
    assert right in result.findings[0].message
    assert result.documents[0].content["Actions"] == [READ, WRITE]
    assert "deleteRetentionPolicy = { enabled = true, days = 30 }" in "\n".join(result.terraform)


def test_a_service_that_does_not_take_it(keeping: Container) -> None:
    with pytest.raises(StorageError) as refused:
        keeping.enable("soft-delete", days=30)
    assert refused.value.code == "protection-refused"


@pytest.mark.parametrize("mechanism", ["versioning", "replication", "lock", "backup"])
@pytest.mark.parametrize("explain", [True, False])
def test_what_managers_do_is_told(container: Container, mechanism: str, explain: bool) -> None:  # noqa: FBT001
    with pytest.raises(RefusedError) as refused:
        container.enable(mechanism, days=30, to="az://other/", explain=explain)
    assert refused.value.code == "protection-unsupported"
    assert "az " in refused.value.hint
    assert mechanism == "backup" or "devstoreaccount1" in refused.value.hint
