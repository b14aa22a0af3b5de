"""Repositories whose objects are locked: nothing that a point needs can be deleted, by anybody, until its lock ends."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

import canvasback
from canvasback import AccessDeniedError, ObjectLockedError, RefusedError, Stores, UsageError
from canvasback.model.lock import LockMode
from canvasback.repository.repository import open_repository
from tests.clouds import Cloud, cloud
from tests.interrupted import Clock
from tests.lake.builder import Lake, read
from tests.object_servers import Ministack

_NUMBERS = itertools.count(1)
DAYS = 30


@dataclass
class Locked:
    """A lake on a disk, with a repository in a bucket that has object lock."""

    lake: Lake
    client: Any
    bucket: str
    stores: Stores
    mode: LockMode = LockMode.GOVERNANCE

    @property
    def repository(self) -> str:
        return f"s3://{self.bucket}/sales"

    def init(self) -> canvasback.InitResult:
        return canvasback.init(self.lake.attach, self.repository, lock=self.mode, lock_days=DAYS, stores=self.stores)

    def backup(self, clock: Clock | None = None, *, full: bool = False) -> str:
        made = canvasback.backup(
            self.lake.attach, self.repository, full=full, stores=self.stores, clock=clock or Clock()
        )
        assert made.findings == ()
        return made.point

    def names(self) -> list[str]:
        """All current objects, without the repository's prefix."""
        found = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [one["Key"].removeprefix("sales/") for one in found]

    def versions(self) -> tuple[int, int]:
        """How many versions there are, and how many delete markers."""
        found = self.client.list_object_versions(Bucket=self.bucket)
        return len(found.get("Versions", [])), len(found.get("DeleteMarkers", []))

    def until(self, name: str) -> datetime | None:
        locks = self.stores.open(self.repository).locks
        assert locks is not None
        found = locks.find(name)
        assert found is None or found.mode == self.mode
        return found.until if found is not None else None

    def shorten(self) -> None:
        """End all locks, as only those can who have a right of its own."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        for key in self.names():
            if not key.startswith("leases/"):
                self.client.put_object_retention(
                    Bucket=self.bucket,
                    Key=f"sales/{key}",
                    Retention={"Mode": "GOVERNANCE", "RetainUntilDate": past},
                    BypassGovernanceRetention=True,
                )


@pytest.fixture
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return cloud("s3", request, monkeypatch)


@pytest.fixture
def client(where: Cloud) -> Iterator[Any]:
    assert isinstance(where.server, Ministack)
    with closing(where.server.client()) as client:
        yield client


@pytest.fixture
def locked(where: Cloud, client: Any, new_lake: Lake) -> Locked:
    assert isinstance(where.server, Ministack)
    bucket = f"locked-{next(_NUMBERS)}"
    where.server.create_bucket(bucket, locks=True)
    new_lake.options = ("DATA_INLINING_ROW_LIMIT 0",)
    new_lake.run("CREATE TABLE lake.t AS SELECT range AS i FROM range(1000)")
    return Locked(new_lake, client, bucket, where.stores())


def refused(call: Any, **arguments: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"


@pytest.mark.parametrize("mode", LockMode)
def test_nothing_but_leases_can_be_deleted_nor_its_lock_be_shortened(locked: Locked, mode: LockMode) -> None:
    locked.mode = mode
    begun = datetime.now(UTC)
    assert locked.init().lock == mode
    point = locked.backup()
    canvasback.tag(locked.repository, point, names=["monthly"], stores=locked.stores)

    kinds = set()
    for key in locked.names():
        kind = key.partition("/")[0]
        kinds.add(kind)
        until = locked.until(key)
        if kind == "leases":
            assert until is None
            continue
        assert until is not None
        assert until > begun + timedelta(days=DAYS, seconds=-1)
        where = {"Bucket": locked.bucket, "Key": f"sales/{key}"}
        version = locked.client.head_object(**where)["VersionId"]
        refused(locked.client.delete_object, **where, VersionId=version)
        sooner = {"Mode": mode.upper(), "RetainUntilDate": until - timedelta(days=1)}
        refused(locked.client.put_object_retention, **where, Retention=sooner)
        if mode is LockMode.COMPLIANCE:
            bypass = {"BypassGovernanceRetention": True}
            refused(locked.client.delete_object, **where, VersionId=version, **bypass)
            refused(locked.client.put_object_retention, **where, Retention=sooner, **bypass)
    assert kinds == {"canvasback.json", "catalog", "data", "leases", "points", "register"}


def test_a_locked_point_is_restored_and_attached(locked: Locked, tmp_path: Path) -> None:
    locked.init()
    locked.backup()
    truth = locked.lake.read()
    locked.lake.delete()
    restored = canvasback.restore(
        locked.lake.attach, locked.repository, data_path=locked.lake.data_path, stores=locked.stores
    )
    assert restored.findings == ()
    assert read(locked.lake.attach) == truth
    attached = canvasback.attach(locked.repository, out=str(tmp_path / "point.ducklake"), stores=locked.stores)
    assert attached.finding_counts == {"needs-access": 1}


def test_large_files_and_copies_within_the_service_are_locked(
    locked: Locked, where: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("canvasback.storage.bucket.s3.S3Bucket.single", 1000)
    locked.init()
    locked.backup()
    again = f"{where.bucket()}files/"
    canvasback.restore(f"ducklake:{tmp_path}/b.ducklake", locked.repository, data_path=again, stores=locked.stores)
    locked.lake.elsewhere = f"ducklake:{tmp_path}/b.ducklake"
    inner = Locked(locked.lake, locked.client, f"{locked.bucket}-b", locked.stores)
    assert isinstance(where.server, Ministack)
    where.server.create_bucket(inner.bucket, locks=True)
    inner.init()
    inner.backup()
    for place in (locked, inner):
        assert [key for key in place.names() if place.until(key) is None and not key.startswith("leases/")] == []


def test_a_point_is_locked_no_longer_than_what_it_names(locked: Locked) -> None:
    locked.init()
    first = locked.backup()
    began = {key: locked.until(key) for key in locked.names() if not key.startswith("leases/")}

    locked.lake.run("INSERT INTO lake.t VALUES (1)")
    second = locked.backup(Clock(days=10))
    # What it shares with the first is left as it is, and so the second promises no more.
    assert locked.until(f"points/{second}.json") == locked.until(f"points/{first}.json")
    assert {key: locked.until(key) for key in began} == began
    fresh = [locked.until(key) for key in locked.names() if key.startswith("data/") and key not in began]
    assert [until > datetime.now(UTC) + timedelta(days=DAYS + 9) for until in fresh if until] == [True]

    locked.lake.run("INSERT INTO lake.t VALUES (2)")
    third = locked.backup(Clock(days=16))
    # Half of the days are over: all that it names is locked anew.
    promised = locked.until(f"points/{third}.json")
    assert promised is not None
    assert promised > datetime.now(UTC) + timedelta(days=DAYS + 15)
    named = [key for key in locked.names() if key.startswith("data/")]
    assert len(named) == 3
    assert all(locked.until(key) == promised for key in named)
    assert locked.until(f"points/{first}.json") == began[f"points/{first}.json"]


def test_a_full_backup_locks_what_is_there_already(locked: Locked) -> None:
    locked.init()
    locked.backup()
    made = locked.backup(Clock(days=3), full=True)
    promised = locked.until(f"points/{made}.json")
    assert promised is not None
    assert promised > datetime.now(UTC) + timedelta(days=DAYS + 2)
    assert all(locked.until(key) == promised for key in locked.names() if key.startswith("data/"))


def test_lock_extends_what_kept_points_need_and_lets_forgotten_ones_expire(locked: Locked) -> None:
    locked.init()
    gone = locked.backup()
    canvasback.tag(locked.repository, gone, names=["first"], stores=locked.stores)
    locked.lake.run("DROP TABLE lake.t", "CREATE TABLE lake.u AS SELECT range AS i FROM range(10)")
    locked.lake.run(
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    )
    kept = locked.backup()
    canvasback.forget(locked.repository, points=[gone], stores=locked.stores)
    began = {name: locked.until(name) for name in locked.names() if not name.startswith("leases/")}

    early = canvasback.lock(locked.repository, stores=locked.stores, clock=Clock(days=14))
    assert (early.objects, early.points, early.kept_points) == (0, 0, 1)
    assert {name: locked.until(name) for name in began} == began

    planned = canvasback.lock(locked.repository, dry_run=True, stores=locked.stores, clock=Clock(days=16))
    assert {name: locked.until(name) for name in began} == began
    result = canvasback.lock(locked.repository, stores=locked.stores, clock=Clock(days=16))
    assert (result.objects, result.points, result.held_objects) == (planned.objects, 1, 0)
    assert result.until is not None
    assert locked.until(f"points/{kept}.json") == result.until
    assert result.until > datetime.now(UTC) + timedelta(days=DAYS + 15)
    now = {name: locked.until(name) for name in began}
    extended = {name for name in began if now[name] != began[name]}
    assert extended >= {"canvasback.json", "register/0000000001.json", "register/0000000002.json"}
    assert f"points/{gone}.json" not in extended
    assert len([name for name in extended if name.startswith("data/")]) == 1
    again = canvasback.lock(locked.repository, stores=locked.stores, clock=Clock(days=16))
    assert (again.objects, again.points) == (0, 0)
    assert canvasback.verify(locked.repository, all_points=True, stores=locked.stores).findings == ()


def test_verify_says_until_when_points_are_protected(locked: Locked) -> None:
    locked.init()
    first = locked.backup()
    locked.lake.run("INSERT INTO lake.t VALUES (1)")
    second = locked.backup(Clock(days=16))
    result = canvasback.verify(locked.repository, all_points=True, stores=locked.stores)
    assert result.findings == ()
    assert [one.point for one in result.protected] == [first, second]
    assert [one.until for one in result.protected] == [locked.until(f"points/{id_}.json") for id_ in (first, second)]

    [short, bare] = sorted(name for name in locked.names() if name.startswith("data/"))
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    for name, until in ((short, soon), (bare, datetime.now(UTC) - timedelta(days=1))):
        locked.client.put_object_retention(
            Bucket=locked.bucket,
            Key=f"sales/{name}",
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until},
            BypassGovernanceRetention=True,
        )
    result = canvasback.verify(locked.repository, all_points=True, stores=locked.stores)
    assert [(one.code, one.severity, one.where) for one in result.findings] == [
        ("lock-short", "warning", short),
        ("lock-missing", "warning", bare),
    ]
    assert [one.until for one in result.protected] == [soon, None]
    assert canvasback.lock(locked.repository, stores=locked.stores, clock=Clock(days=16)).objects > 0
    assert canvasback.verify(locked.repository, all_points=True, stores=locked.stores).findings == ()


def test_a_point_that_was_published_and_not_locked_is_found_and_locked(
    locked: Locked, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked.init()
    monkeypatch.setattr("canvasback.transfer.new_point.lock_point", lambda *_: None)  # its run died in this instant
    point = locked.backup()
    found = canvasback.verify(locked.repository, stores=locked.stores)
    assert [(one.code, one.where) for one in found.findings] == [("lock-missing", point)]
    assert [one.until for one in found.protected] == [None]
    result = canvasback.lock(locked.repository, stores=locked.stores)
    assert (result.objects, result.points) == (0, 1)
    assert canvasback.verify(locked.repository, stores=locked.stores).findings == ()


def test_what_was_covered_is_repaired(locked: Locked, tmp_path: Path) -> None:
    locked.init()
    locked.backup()
    mirror = str(tmp_path / "mirror")
    canvasback.mirror(locked.repository, mirror, stores=locked.stores)
    for name in locked.names():
        if name.startswith(("data/", "catalog/")):
            locked.client.put_object(Bucket=locked.bucket, Key=f"sales/{name}", Body=b"covered")
    assert canvasback.repair(locked.repository, mirror, stores=locked.stores).findings == ()
    verified = canvasback.verify(locked.repository, all_points=True, level="checksum", stores=locked.stores)
    assert verified.findings == ()  # what comes to light is what was locked
    assert locked.versions()[1] == 0


def test_points_that_are_hidden_are_missed(locked: Locked) -> None:
    locked.init()
    point = locked.backup()
    locked.client.delete_object(Bucket=locked.bucket, Key=f"sales/points/{point}.json")
    found = canvasback.verify(locked.repository, all_points=True, stores=locked.stores)
    assert [(one.code, one.where) for one in found.findings] == [("point-missing", point)]


def test_what_is_damaged_or_missing_does_not_keep_the_rest_from_being_locked(locked: Locked) -> None:
    locked.init()
    locked.backup()
    locked.shorten()
    [data] = [name for name in locked.names() if name.startswith("data/")]
    locked.client.delete_object(Bucket=locked.bucket, Key=f"sales/{data}")
    result = canvasback.lock(locked.repository, stores=locked.stores)
    assert [(one.code, one.where) for one in result.findings] == [("object-missing", data)]
    assert all(locked.until(name) for name in locked.names() if name.startswith("catalog/"))


def test_a_repository_without_locks_cannot_be_locked_later(locked: Locked) -> None:
    canvasback.init(locked.lake.attach, locked.repository, stores=locked.stores)
    locked.backup()
    assert canvasback.verify(locked.repository, stores=locked.stores).protected == ()
    with pytest.raises(RefusedError) as caught:
        canvasback.lock(locked.repository, stores=locked.stores)
    assert caught.value.code == "not-locked"


def test_prune_leaves_what_is_locked_and_frees_what_is_not(locked: Locked) -> None:
    locked.init()
    gone = locked.backup()
    locked.lake.run(
        "DROP TABLE lake.t",
        "CREATE TABLE lake.u AS SELECT range AS i FROM range(10)",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    )
    locked.backup()
    canvasback.forget(locked.repository, points=[gone], stores=locked.stores)
    before = locked.names()

    planned = canvasback.prune(locked.repository, dry_run=True, stores=locked.stores, clock=Clock(days=8))
    assert (planned.points, planned.locked_points, planned.objects, planned.locked) == (0, 1, 0, 0)
    result = canvasback.prune(locked.repository, stores=locked.stores, clock=Clock(days=8))
    assert (result.points, result.objects, result.locked_points) == (0, 0, 1)
    assert {key for key in before if not key.startswith(("leases/", "register/"))} <= {*locked.names()}
    # A clock that is ahead of the service's deletes nothing either.
    result = canvasback.prune(locked.repository, stores=locked.stores, clock=Clock(days=DAYS + 8))
    assert result.objects == 0
    assert locked.versions()[1] == 0
    assert canvasback.verify(locked.repository, gone, level="checksum", stores=locked.stores).findings == ()

    locked.shorten()
    result = canvasback.prune(locked.repository, stores=locked.stores, clock=Clock(days=8))
    assert result.points == 1
    assert result.objects > 0
    assert f"points/{gone}.json" not in locked.names()
    # Nothing is merely hidden: what is gone frees its space.
    assert locked.versions() == (len(locked.names()), 0)
    verified = canvasback.verify(locked.repository, all_points=True, level="checksum", stores=locked.stores)
    assert verified.finding_counts == {"lock-missing": 1}  # as all locks were ended


def test_the_register_keeps_its_old_objects_while_they_are_locked(locked: Locked) -> None:
    locked.init()
    point = locked.backup()
    for number in range(5):
        canvasback.tag(locked.repository, point, names=[f"t{number}"], stores=locked.stores, clock=Clock(hours=number))
    assert len([key for key in locked.names() if key.startswith("register/")]) == 5
    locked.shorten()
    for number in range(5, 8):
        canvasback.tag(locked.repository, point, names=[f"t{number}"], stores=locked.stores, clock=Clock(hours=number))
    assert len([key for key in locked.names() if key.startswith("register/")]) < 7


def test_a_place_that_cannot_lock_is_refused(locked: Locked, where: Cloud, tmp_path: Path) -> None:
    for place, code in ((str(tmp_path / "r"), "lock-unsupported"), (f"{where.bucket()}r", "lock-not-enabled")):
        with pytest.raises(RefusedError) as caught:
            canvasback.init(locked.lake.attach, place, lock="compliance", lock_days=1, stores=locked.stores)
        assert caught.value.code == code
        assert list(locked.stores.open(place).list("")) == []


@pytest.mark.parametrize(
    ("mode", "days"), [("governance", None), (None, 3), ("governance", 0), ("governance", 36_501), ("hard", 3)]
)
def test_a_lock_that_cannot_be_is_refused(locked: Locked, mode: str | None, days: int | None) -> None:
    with pytest.raises(UsageError) as caught:
        canvasback.init(locked.lake.attach, locked.repository, lock=mode, lock_days=days, stores=locked.stores)
    assert caught.value.code == "lock-not-understood"


def test_lock_for_other_days_reaches_all_and_shortens_nothing(locked: Locked) -> None:
    locked.init()
    first = locked.backup()
    begun = datetime.now(UTC)
    planned = canvasback.lock(locked.repository, days=90, dry_run=True, stores=locked.stores)
    result = canvasback.lock(locked.repository, days=90, stores=locked.stores)
    assert (planned.objects, planned.points) == (result.objects, 1)
    assert result.objects > 0
    lasting = {name: locked.until(name) for name in locked.names() if not name.startswith("leases/")}
    assert all(until and until > begun + timedelta(days=90, seconds=-2) for until in lasting.values())
    assert result.until == locked.until(f"points/{first}.json")

    fewer = canvasback.lock(locked.repository, days=1, stores=locked.stores)
    usual = canvasback.lock(locked.repository, stores=locked.stores)
    assert (fewer.objects, fewer.points, usual.objects, usual.points) == (0, 0, 0, 0)
    locked.lake.run("INSERT INTO lake.t VALUES (1)")
    second = locked.backup()
    usual = canvasback.lock(locked.repository, stores=locked.stores)
    assert (usual.objects, usual.points) == (0, 0)  # what is new is locked as the marker says
    promised = locked.until(f"points/{second}.json")
    assert promised is not None
    assert promised < begun + timedelta(days=DAYS + 1)
    assert {name: locked.until(name) for name in lasting} == lasting
    assert canvasback.verify(locked.repository, all_points=True, stores=locked.stores).findings == ()
    with pytest.raises(UsageError):
        canvasback.lock(locked.repository, days=0, stores=locked.stores)


def test_a_mirror_is_locked_as_its_own_marker_says(locked: Locked, where: Cloud, tmp_path: Path) -> None:
    assert isinstance(where.server, Ministack)
    there = Locked(locked.lake, locked.client, f"{locked.bucket}-mirror", locked.stores, LockMode.COMPLIANCE)
    where.server.create_bucket(there.bucket, locks=True)
    first = locked.lake.backup().point
    locked.lake.run("INSERT INTO lake.t VALUES (1)")
    second = locked.lake.backup().point
    repository = locked.lake.repository

    def mirror(clock: Clock | None = None, **options: Any) -> canvasback.MirrorResult:
        return canvasback.mirror(repository, there.repository, stores=locked.stores, clock=clock or Clock(), **options)

    made = mirror(lock="compliance", lock_days=DAYS)
    assert (made.points, made.findings) == ((first, second), ())
    ends = {name: there.until(name) for name in there.names() if not name.startswith("leases/")}
    assert all(until and until > datetime.now(UTC) + timedelta(days=DAYS - 1) for until in ends.values())
    version = locked.client.head_object(Bucket=there.bucket, Key=f"sales/points/{first}.json")["VersionId"]
    refused(
        locked.client.delete_object,
        Bucket=there.bucket,
        Key=f"sales/points/{first}.json",
        VersionId=version,
        BypassGovernanceRetention=True,
    )
    assert open_repository(locked.stores, repository).marker.lock is None

    locked.lake.run("INSERT INTO lake.t VALUES (2)")
    third = canvasback.backup(
        locked.lake.attach, repository, also=there.repository, stores=locked.stores, clock=Clock(days=10)
    )
    assert third.also is not None
    assert third.also.findings == ()
    # As a backup does: what it shares is left as it is, and it promises no more.
    assert there.until(f"points/{third.point}.json") == ends[f"points/{second}.json"]
    assert {name: there.until(name) for name in ends} == ends
    locked.lake.run("INSERT INTO lake.t VALUES (3)")
    canvasback.backup(locked.lake.attach, repository, clock=Clock(days=16))
    [fourth] = mirror(Clock(days=16), lock="compliance", lock_days=DAYS).points
    promised = there.until(f"points/{fourth}.json")
    assert promised is not None
    assert promised > datetime.now(UTC) + timedelta(days=DAYS + 15)
    assert all(there.until(name) == promised for name in there.names() if name.startswith("data/"))
    verified = canvasback.verify(there.repository, all_points=True, level="checksum", stores=locked.stores)
    assert (verified.findings, len(verified.protected)) == ((), 4)

    for mode, days in (("governance", DAYS), ("compliance", 3)):
        with pytest.raises(RefusedError) as caught:
            mirror(lock=mode, lock_days=days)
        assert caught.value.code == "lock-differs"
    with pytest.raises(RefusedError) as caught:
        canvasback.mirror(repository, f"{tmp_path}/disk", lock="governance", lock_days=1)
    assert caught.value.code == "lock-unsupported"
    assert not (tmp_path / "disk").exists()


def test_a_point_of_a_mirror_is_locked_before_it_is_there(locked: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that was published by a run that died before it was locked is found out, and locked."""
    locked.lake.backup()
    monkeypatch.setattr("canvasback.transfer.locked_point.lock_point", lambda *_: None)
    canvasback.mirror(
        locked.lake.repository, locked.repository, lock="governance", lock_days=DAYS, stores=locked.stores
    )
    found = canvasback.verify(locked.repository, stores=locked.stores)
    assert [one.code for one in found.findings] == ["lock-missing"]
    result = canvasback.lock(locked.repository, stores=locked.stores)
    assert (result.objects, result.points) == (0, 1)


def test_a_mirror_and_a_copy_on_a_disk_have_no_locks_of_the_first_place(locked: Locked, tmp_path: Path) -> None:
    locked.init()
    locked.backup()
    mirror = str(tmp_path / "mirror")
    canvasback.mirror(locked.repository, mirror, stores=locked.stores)
    assert open_repository(locked.stores, mirror).marker.lock is None
    marker = Path(mirror, "canvasback.json")
    marker.write_bytes(locked.stores.open(locked.repository).get("canvasback.json"))  # as a copy by other tools has it
    locked.lake.run("INSERT INTO lake.t VALUES (1)")
    canvasback.backup(locked.lake.attach, mirror)
    canvasback.prune(mirror, clock=Clock(days=8))


class Host:
    """Somebody with credentials of his own, whose secret the server checks."""

    def __init__(self, locked: Locked, where: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        self.locked, self.where, self.monkeypatch = locked, where, monkeypatch

    def become(self, role: str) -> None:
        """Go on as one who may do no more than a role needs."""
        policy = canvasback.policy(self.locked.repository, role=role, stores=self.locked.stores).policy
        assert isinstance(self.where.server, Ministack)
        with closing(self.where.server.client("iam")) as iam:
            name = f"{role}-{self.locked.bucket}"
            iam.create_user(UserName=name)
            iam.put_user_policy(UserName=name, PolicyName=role, PolicyDocument=msgspec.json.encode(policy).decode())
            key = iam.create_access_key(UserName=name)["AccessKey"]
        self.monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        self.monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        self.locked.stores = self.where.stores()


@pytest.fixture
def host(locked: Locked, where: Cloud, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(locked, where, monkeypatch)


@pytest.mark.parametrize("locks", [True, False])
def test_who_may_only_add_does_all_but_delete(locked: Locked, host: Host, *, locks: bool) -> None:
    if locks:
        locked.init()
    else:
        canvasback.init(locked.lake.attach, locked.repository, stores=locked.stores)
    for _ in range(3):  # leases that are to be tidied up
        first = locked.backup()
    host.become("add")
    clock = Clock(days=1)
    locked.lake.run("INSERT INTO lake.t VALUES (1)")
    second = locked.backup(clock)
    canvasback.backup(locked.lake.attach, locked.repository, tags=["t"], stores=locked.stores, clock=clock)
    locked.lake.run("INSERT INTO lake.t VALUES (2)")
    stop = threading.Event()
    for event in canvasback.watch(locked.lake.attach, locked.repository, stop=stop, stores=locked.stores, clock=clock):
        if isinstance(event, canvasback.PointMade):
            stop.set()
    for _ in range(4):
        clock.wait(hours=1)
        canvasback.note(locked.repository, second, text=f"{clock()}", stores=locked.stores, clock=clock)
    # It hides, and deletes nothing.
    canvasback.forget(locked.repository, points=[first], stores=locked.stores, clock=clock)
    before = locked.names()

    with pytest.raises(AccessDeniedError) as caught:
        canvasback.prune(locked.repository, stores=locked.stores, clock=Clock(days=10))
    assert caught.value.message == f"no permission to delete anything in {locked.repository}/"
    assert {*before} <= {*locked.names()}
    canvasback.unforget(locked.repository, points=[first], stores=locked.stores, clock=clock)  # no prune has begun
    verified = canvasback.verify(locked.repository, all_points=True, level="checksum", stores=locked.stores)
    assert verified.findings == ()
    if locks:
        assert canvasback.lock(locked.repository, stores=locked.stores, clock=Clock(days=20)).objects > 0


def test_who_prunes_deletes_and_cannot_add(locked: Locked, host: Host) -> None:
    canvasback.init(locked.lake.attach, locked.repository, stores=locked.stores)
    first = locked.backup()
    locked.backup()
    canvasback.forget(locked.repository, points=[first], stores=locked.stores)
    host.become("prune")
    assert canvasback.prune(locked.repository, stores=locked.stores, clock=Clock(days=8)).points == 1
    locked.lake.run("INSERT INTO lake.t VALUES (1)")
    with pytest.raises(AccessDeniedError):
        locked.backup(Clock(days=8))


def test_who_prunes_a_locked_repository_cannot_lift_locks(locked: Locked, host: Host) -> None:
    locked.init()
    first = locked.backup()
    locked.backup()
    canvasback.forget(locked.repository, points=[first], stores=locked.stores)
    locked.shorten()
    kept = locked.backup()
    host.become("prune")
    assert canvasback.prune(locked.repository, stores=locked.stores, clock=Clock(days=8)).points == 1
    assert canvasback.lock(locked.repository, stores=locked.stores, clock=Clock(days=20)).points > 0
    store = open_repository(locked.stores, locked.repository).store
    with pytest.raises(ObjectLockedError):
        store.delete(f"points/{kept}.json")


def test_who_reads_restores_and_verifies(locked: Locked, host: Host, tmp_path: Path) -> None:
    locked.init()
    point = locked.backup()
    host.become("read")
    assert canvasback.verify(locked.repository, stores=locked.stores).findings == ()
    canvasback.restore(
        f"ducklake:{tmp_path}/r.ducklake", locked.repository, data_path=f"{tmp_path}/r", stores=locked.stores
    )
    assert read(f"ducklake:{tmp_path}/r.ducklake") == locked.lake.read()
    with pytest.raises(AccessDeniedError):
        canvasback.tag(locked.repository, point, names=["t"], stores=locked.stores)


def test_a_policy_is_for_s3(locked: Locked, tmp_path: Path) -> None:
    canvasback.init(locked.lake.attach, str(tmp_path / "r"))
    with pytest.raises(RefusedError) as refused_:
        canvasback.policy(str(tmp_path / "r"), role="add")
    assert refused_.value.code == "policy-unsupported"
    with pytest.raises(UsageError) as caught:
        canvasback.policy(str(tmp_path / "r"), role="write")
    assert caught.value.code == "unknown-role"


def test_older_releases_read_the_marker(locked: Locked) -> None:
    locked.init()

    class Older(msgspec.Struct):
        format: int
        repository_id: str

    found = msgspec.json.decode(locked.stores.open(locked.repository).get("canvasback.json"), type=Older)
    assert found.format == 3
