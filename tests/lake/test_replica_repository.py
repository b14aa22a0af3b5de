"""Repositories that rely on a replica of the data path: a point names what has arrived there, and says what has not."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

import canvasback
from canvasback import RefusedError, StorageError
from tests.clouds import Cloud, cloud
from tests.interrupted import Clock
from tests.lake.builder import Lake, read
from tests.lake.cloud_lakes import HISTORY, session
from tests.lake.lent_lakes import LentLake
from tests.lake.values import literal
from tests.object_servers import Ministack
from tests.proxy import FaultProxy


@pytest.fixture
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return cloud("s3", request, monkeypatch)


class Replicated(LentLake):
    """A lake whose bucket is replicated by the service, or by the test."""

    def __init__(self, where: Cloud, folder: Path, *, by_service: bool = True, **options: object) -> None:
        data = f"{where.bucket(versions=True)}lake/"
        copy = f"{where.bucket(versions=True)}lake/"
        self.replica = copy
        if by_service:
            replicate(where, data, copy)
        super().__init__(where, folder, "replica", data_path=data, replica_url=copy, **options)  # type: ignore[arg-type]

    def arrive(self, *names: str) -> None:
        """Copy objects as the service would; all if none are named."""
        source, target = self.stores.open(self.data_path), self.stores.open(self.replica)
        for name in names or self.names():
            found = source.stat(name)
            assert found is not None
            if target.stat(name) is None:
                target.copy_from(name, source, name, found.size)

    def new(self) -> list[str]:
        """What has not arrived."""
        there = {stat.name for stat in self.stores.open(self.replica).list("")}
        return sorted(set(self.names()) - there)


def replicate(where: Cloud, source: str, target: str) -> None:
    """Have the service copy what is written to one bucket to the other; deletions it does not copy."""
    assert isinstance(where.server, Ministack)
    from_, to = (url.split("/")[2] for url in (source, target))
    rule = {
        "ID": "all",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{to}"},
    }
    with closing(where.server.client()) as client:
        role = "arn:aws:iam::000000000000:role/replication"
        client.put_bucket_replication(Bucket=from_, ReplicationConfiguration={"Role": role, "Rules": [rule]})


@pytest.fixture
def lent(s3: Cloud, tmp_path: Path) -> Replicated:
    """A lake whose bucket the service replicates, with a point."""
    lake = Replicated(s3, tmp_path)
    assert lake.backup().findings == ()
    return lake


def test_a_point_names_what_arrived_and_copies_nothing(lent: Replicated) -> None:
    store = lent.stores.open(lent.repository)
    assert [stat.name for prefix in ("data/", "external/") for stat in store.list(prefix)] == []
    marker = json.loads(store.get("canvasback.json"))
    assert (marker["format"], marker["holding"]) == (5, {"kind": "replica", "url": lent.replica})
    shown = canvasback.show(lent.repository, stores=lent.stores)
    assert (shown.storage, shown.storage_url, shown.point.new_bytes) == ("replica", lent.replica, 0)
    assert shown.point.new_files == shown.point.files == len(lent.names())
    assert [lent.verify(level) for level in ("exists", "checksum", "rows")] == [{}] * 3


def test_the_bucket_is_lost_and_comes_back_from_the_replica(lent: Replicated, request: pytest.FixtureRequest) -> None:
    lent.commit(*HISTORY[5:])
    assert lent.backup().findings == ()
    lent.empty()
    lent.expire_noncurrent()
    with FaultProxy(request.getfixturevalue("s3_server").endpoint) as proxy:
        stores = lent.cloud.stores(endpoint=proxy.endpoint)
        result = canvasback.restore(lent.attach, lent.repository, replace=True, stores=stores)
        assert result.findings == ()
        data = [asked for asked in proxy.requests if ".parquet" in asked.path and "/catalog/" not in asked.path]
        assert {asked.method for asked in data} == {"HEAD", "PUT"}  # the service copies
    lent.is_right(lent.attach)
    lent.restored("elsewhere")


def test_garbage_over_the_files_is_healed(lent: Replicated, s3: Cloud) -> None:
    """The service copies garbage too, so it is only here that it stays away."""
    stop_replicating(s3, lent.data_path)
    names = [name for name in lent.names() if name.endswith(".parquet")]
    for name in names[::2]:
        lent.overwrite(name)
    healed = canvasback.heal(lent.attach, lent.repository, level="checksum", stores=lent.stores)
    assert (healed.findings, healed.healed_files) == ((), len(names[::2]))
    lent.is_right(lent.attach)
    assert lent.backup(recheck=1000).findings == ()


def stop_replicating(where: Cloud, url: str) -> None:
    assert isinstance(where.server, Ministack)
    with closing(where.server.client()) as client:
        client.delete_bucket_replication(Bucket=url.split("/")[2])


def test_a_point_is_attached_at_the_replica(lent: Replicated) -> None:
    lent.empty()
    shown = canvasback.attach(lent.repository, out=f"{lent.folder}/a.ducklake", stores=lent.stores)
    assert shown.finding_counts == {"needs-access": 2}
    lent.is_right(f"ducklake:{shown.file}")


# What has not arrived


def test_what_has_not_arrived_is_told_and_looked_for_again(s3: Cloud, tmp_path: Path) -> None:
    lake = Replicated(s3, tmp_path, by_service=False)
    lake.arrive()
    assert lake.backup().findings == ()
    lake.commit("INSERT INTO lake.main.t VALUES (1, 'x', DATE '2026-01-01'), (2, 'y', DATE '2026-01-02')")
    first, second = lake.new()
    made = lake.backup()
    assert made.finding_counts == {"not-replicated": 2}
    assert {finding.where for finding in made.findings} == {lake.data_path + first, lake.data_path + second}
    assert (made.made, made.new_files, made.absent) == (True, 0, 2)
    assert lake.backup(only_new=True).point == made.point  # nothing arrived, so there is no other point
    lake.arrive(first)
    again = lake.backup(only_new=True)
    assert (again.made, again.new_files, again.absent) == (True, 1, 1)
    lake.arrive(second)
    whole = lake.backup(only_new=True)
    assert (whole.made, whole.new_files, whole.absent, whole.findings) == (True, 1, 0, ())
    lake.empty()
    lake.restored("whole")
    assert lake.verify() == {"files-absent": 2}  # of the two points before


@pytest.mark.parametrize("wrong", ["size", "content"])
def test_what_arrived_otherwise_has_not_arrived(wrong: str, s3: Cloud, tmp_path: Path) -> None:
    lake = Replicated(s3, tmp_path, by_service=False)
    lake.arrive()
    lake.commit("INSERT INTO lake.main.t VALUES (1, 'x', DATE '2026-01-01')")
    [name] = lake.new()
    found = lake.stores.open(lake.data_path).stat(name)
    assert found is not None
    lake.stores.open(lake.replica).put_new(name, b"?" * (found.size if wrong == "content" else 3))
    made = lake.backup()
    assert made.finding_counts == {"not-replicated": 1}
    assert made.absent == 1


@pytest.mark.parametrize("encrypted", ["source", "replica", "both"])
@pytest.mark.parametrize("count", [1, 9])
def test_keys_of_kms_at_one_end_do_not_hide_what_arrived(encrypted: str, count: int, s3: Cloud, tmp_path: Path) -> None:
    """Their etags are no checksums: then the other end is read, or the replica where nobody vouches."""
    lake = Replicated(s3, tmp_path, by_service=False)
    lake.arrive()
    lake.backup()
    lake.commit(*(f"INSERT INTO lake.main.t VALUES ({n}, 'x', DATE '2026-01-01')" for n in range(count)))
    new = lake.new()
    lake.arrive()
    for url in (lake.data_path, lake.replica):
        if encrypted in {"both", "source" if url == lake.data_path else "replica"}:
            encrypt(lake, url, new)
    made = lake.backup()
    assert (made.new_files, made.findings) == (count, ())
    assert lake.verify("checksum") == {}


def encrypt(lake: Replicated, url: str, names: list[str]) -> None:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    with closing(lake.client()) as client:
        for name in names:
            where = {"Bucket": bucket, "Key": prefix + name}
            content = client.get_object(**where)["Body"].read()
            client.put_object(**where, Body=content, ServerSideEncryption="aws:kms", SSEKMSKeyId="a-key")


def test_another_content_under_keys_of_kms_has_not_arrived(s3: Cloud, tmp_path: Path) -> None:
    lake = Replicated(s3, tmp_path, by_service=False)
    lake.arrive()
    lake.backup()
    lake.commit("INSERT INTO lake.main.t VALUES (1, 'x', DATE '2026-01-01')")
    [name] = lake.new()
    lake.arrive()
    bucket, _, prefix = lake.replica.removeprefix("s3://").partition("/")
    with closing(lake.client()) as client:
        size = client.head_object(Bucket=bucket, Key=prefix + name)["ContentLength"]
        client.put_object(
            Bucket=bucket, Key=prefix + name, Body=b"?" * size, ServerSideEncryption="aws:kms", SSEKMSKeyId="a-key"
        )
    assert lake.backup().finding_counts == {"not-replicated": 1}


def test_many_files_are_listed_at_both_ends(s3: Cloud, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with FaultProxy(request.getfixturevalue("s3_server").endpoint) as proxy:
        lake = Replicated(s3, tmp_path, stores=s3.stores(endpoint=proxy.endpoint))
        lake.backup()
        lake.commit(*(f"INSERT INTO lake.main.t VALUES ({n}, 'x', DATE '2026-01-01')" for n in range(50)))
        proxy.clear()
        made = lake.backup()
        assert (made.new_files, made.new_bytes, made.findings) == (50, 0, ())
        assert len(proxy.requests) <= 1.2 * 50
        ends = [asked.method for asked in proxy.requests if asked.path.split("/")[1] != lake.repository.split("/")[2]]
        assert sorted(ends) == ["GET", "GET", "HEAD", "HEAD"]


# Fail-over, and back


def test_what_came_after_the_point_is_healed_from_the_replica_itself(lent: Replicated, s3: Cloud) -> None:
    with session(s3, lent.attach, "DATA_INLINING_ROW_LIMIT 0") as connection:
        connection.execute("INSERT INTO lake.main.t SELECT range, 'later', NULL FROM range(3000, 3100)")
        rows = connection.execute("SELECT * FROM lake.main.t ORDER BY ALL").fetchall()
    store = lent.stores.open(lent.data_path)
    for name in lent.names():
        store.delete(name)
    healed = canvasback.heal(lent.attach, lent.repository, source="replica", stores=lent.stores)
    assert (healed.findings, healed.lost_files) == ((), 0)
    assert {file.source.partition(" ")[0] for file in healed.healed} == {
        "point",
        *(file.source for file in healed.healed if file.source.startswith(lent.replica)),
    }
    assert any(file.source.startswith(lent.replica) for file in healed.healed)
    with session(s3, lent.attach, "READ_ONLY") as connection:
        assert connection.execute("SELECT * FROM lake.main.t ORDER BY ALL").fetchall() == rows
    with pytest.raises(RefusedError) as refused:
        canvasback.heal(lent.attach, source="replica", stores=lent.stores)
    assert refused.value.code == "no-replica"


def test_fail_over_and_back(lent: Replicated, s3: Cloud) -> None:
    lent.backup()
    canvasback.repoint(lent.attach, lent.replica, verify=True, stores=lent.stores)
    old, lent.data_path = lent.data_path, lent.replica
    lent.is_right(lent.attach)
    lent.commit("INSERT INTO lake.main.t VALUES (1, 'at the replica', DATE '2026-01-01')")
    for only_new in (True, False):
        with pytest.raises(RefusedError) as refused:
            lent.backup(only_new=only_new)
        assert refused.value.code == "on-its-replica"
    stop_replicating(s3, old)
    source, target = lent.stores.open(lent.replica), lent.stores.open(old)
    for stat in list(source.list("")):
        if target.stat(stat.name) is None:
            assert target.copy_from(stat.name, source, stat.name, stat.size) is not None
    canvasback.repoint(lent.attach, old, verify=True, stores=lent.stores)
    lent.data_path = old
    replicate(s3, old, lent.replica)
    lent.is_right(lent.attach)
    lent.commit("INSERT INTO lake.main.t VALUES (2, 'back again', DATE '2026-01-01')")
    made = lent.backup()
    assert (made.findings, made.new_files) == ((), 2)
    lent.restored("after")


def test_a_restore_at_the_replica_copies_nothing(lent: Replicated) -> None:
    lent.empty()
    lent.catalog.unlink()
    result = canvasback.restore(lent.attach, lent.repository, data_path=lent.replica, stores=lent.stores)
    assert (result.findings, result.restored_files) == ((), 0)
    lent.is_right(lent.attach)


# What it never touches, and what it is refused


def test_nothing_of_the_replica_is_ever_deleted(lent: Replicated) -> None:
    first = canvasback.list_points(lent.repository, stores=lent.stores).points[0].point
    lent.clean_up()
    lent.commit("INSERT INTO lake.main.t VALUES (1, 'x', DATE '2026-01-01')")
    second = lent.backup().point
    there = [stat.name for stat in lent.stores.open(lent.replica).list("")]
    done = canvasback.forget(lent.repository, points=[first], stores=lent.stores)
    assert done.finding_counts == {"files-stay": 1}
    pruned = canvasback.prune(lent.repository, stores=lent.stores, clock=Clock(days=8))
    assert (pruned.points, pruned.objects) == (1, done.freed_objects)
    assert lent.replica in pruned.steps[-1]
    assert [stat.name for stat in lent.stores.open(lent.replica).list("")] == there
    assert canvasback.verify(lent.repository, second, level="checksum", stores=lent.stores).findings == ()


def test_what_the_replica_lost_is_missed(lent: Replicated) -> None:
    name = next(name for name in lent.names() if name.endswith(".parquet"))
    lent.stores.open(lent.replica).delete(name)
    found = canvasback.verify(lent.repository, stores=lent.stores)
    assert [(finding.code, finding.where) for finding in found.findings] == [("object-missing", f"replica/{name}")]


@pytest.mark.parametrize("where", ["", "deeper/"])
def test_a_replica_is_apart_from_the_lake(where: str, s3: Cloud, tmp_path: Path) -> None:
    data = f"{s3.bucket()}lake/"
    with pytest.raises(RefusedError) as refused:
        LentLake(s3, tmp_path, "replica", data_path=data, replica_url=data + where)
    assert refused.value.code == "no-replica"


def test_a_bucket_that_is_not_there_is_no_replica(s3: Cloud, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as raised:
        LentLake(
            s3,
            tmp_path,
            "replica",
            at=f"{tmp_path}/repository",
            data_path=f"{s3.bucket()}lake/",
            replica_url="s3://misspelled/lake/",
        )
    assert raised.value.code == "bucket-missing"
    assert not (tmp_path / "repository").exists()


def test_a_mirror_is_the_same_repository(lent: Replicated) -> None:
    mirror = f"{lent.folder}/mirror/"
    done = canvasback.mirror(lent.repository, mirror, stores=lent.stores)
    assert done.findings == ()
    lent.empty()
    lent.repository = mirror
    assert lent.verify("rows") == {}
    lent.restored("from-the-mirror")
    with pytest.raises(RefusedError) as refused:
        canvasback.mirror(mirror, f"{lent.replica}deeper/", stores=lent.stores)
    assert refused.value.code == "repository-in-data-path"


# Any place can be a replica


def test_a_replica_on_a_disk(lake: Lake, tmp_path: Path) -> None:
    """As rsync keeps it: with a file outside of the data path, a cut file, and a catalog that was lost."""
    replica, outside = tmp_path / "replica", tmp_path / "outside.parquet"
    lake.run(
        "CREATE TABLE lake.h (k INTEGER)",
        f"COPY (SELECT range::INTEGER AS k FROM range(30)) TO {literal(str(outside))}",
        f"CALL ducklake_add_data_files('lake', 'h', {literal(str(outside))})",
    )
    canvasback.init(lake.attach, f"{tmp_path}/lent", storage="replica", replica_url=str(replica))
    assert canvasback.backup(lake.attach, f"{tmp_path}/lent").finding_counts.keys() == {"not-replicated"}
    shutil.copytree(lake.data_path, replica)
    made = canvasback.backup(lake.attach, f"{tmp_path}/lent")
    assert made.findings == ()
    truth = lake.read()
    found = canvasback.verify(f"{tmp_path}/lent", made.point, level="rows")
    assert found.findings == ()
    shown = canvasback.attach(f"{tmp_path}/lent", out=f"{tmp_path}/a.ducklake")
    assert read(f"ducklake:{shown.file}") == truth
    shutil.rmtree(lake.data_path)
    result = canvasback.restore(lake.attach, f"{tmp_path}/lent", replace=True)
    assert result.findings == ()
    assert lake.read() == truth
