"""Repositories that pin the versions which the lake's own bucket keeps: what is lost there comes back from there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import canvasback
from canvasback import AccessDeniedError, RefusedError, Secrets, Stores, UsageError
from canvasback.history.points import image_of, open_point
from canvasback.repository.filelist import CHECKSUM, files_relation
from canvasback.repository.repository import open_repository
from canvasback.storage import age
from canvasback.storage.bucket.s3_contents import S3Contents
from canvasback.storage.bucket.s3_versions import S3Versions
from canvasback.storage.store import Stat
from canvasback.storage.versions import Version
from canvasback.transfer import looking
from tests.clouds import Cloud, cloud
from tests.interrupted import Clock
from tests.lake.cloud_lakes import HISTORY, comparable, read, session, write
from tests.lake.lent_lakes import LentLake
from tests.lake.values import literal
from tests.proxy import FaultProxy

MIB = 1024 * 1024


@pytest.fixture
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return cloud("s3", request, monkeypatch)


@pytest.fixture
def lent(s3: Cloud, tmp_path: Path) -> LentLake:
    """A lake with a point."""
    lake = LentLake(s3, tmp_path)
    assert lake.backup().findings == ()
    return lake


def moved(proxy: FaultProxy, lake: LentLake) -> int:
    """How many bytes of data files passed through us."""
    of_files = [request for request in proxy.requests if request.path.startswith(f"/{lake.place[0]}/")]
    return sum(request.sent + request.received for request in of_files if request.method in {"GET", "PUT"})


# What a point is


def test_a_point_names_versions_and_copies_nothing(lent: LentLake) -> None:
    store = lent.stores.open(lent.repository)
    assert [stat.name for prefix in ("data/", "external/") for stat in store.list(prefix)] == []
    marker = json.loads(store.get("canvasback.json"))
    assert (marker["format"], marker["holding"]) == (5, {"kind": "versions", "url": lent.data_path})
    shown = canvasback.show(lent.repository, stores=lent.stores)
    assert (shown.storage, shown.storage_url) == ("versions", lent.data_path)
    assert (shown.point.new_files, shown.point.new_bytes) == (shown.point.files, 0)
    listed = canvasback.list_points(lent.repository, stores=lent.stores)
    assert (
        (listed.storage, listed.storage_url)
        == (lent.made.storage, lent.made.storage_url)
        == ("versions", lent.data_path)
    )
    assert [lent.verify(level) for level in ("exists", "checksum", "rows")] == [{}] * 3


def test_fifty_new_files_take_few_requests(s3: Cloud, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """All that a backup asks of both buckets, with its lease, its chunks and its manifest."""
    with FaultProxy(request.getfixturevalue("s3_server").endpoint) as proxy:
        lake = LentLake(s3, tmp_path, stores=s3.stores(endpoint=proxy.endpoint))
        lake.backup()
        lake.commit(*(f"INSERT INTO lake.main.t VALUES ({n}, 'x', DATE '2026-01-01')" for n in range(50)))
        proxy.clear()
        made = lake.backup()
        assert (made.new_files, made.new_bytes, made.findings) == (50, 0, ())
        assert moved(proxy, lake) == 0
        assert len(proxy.requests) <= 1.2 * 50
        of_lake = [asked for asked in proxy.requests if asked.path.startswith(f"/{lake.place[0]}")]
        assert len(of_lake) <= 4  # one page of a listing, one file of it, and whether versions are kept
        proxy.clear()
        assert lake.backup(full=True).findings == ()
        assert moved(proxy, lake) == 0


def test_scattered_files_of_a_large_lake_are_asked_for_one_by_one(
    lent: LentLake, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "_SMALL", 10)
    lent.commit(*(f"INSERT INTO lake.main.t VALUES ({n}, 'x', DATE '2027-01-01' + {n})" for n in range(20)))
    with FaultProxy(request.getfixturevalue("s3_server").endpoint) as proxy:
        lent.stores = lent.cloud.stores(endpoint=proxy.endpoint)
        assert lent.backup().new_files == 20
        of_lake = [asked.method for asked in proxy.requests if asked.path.startswith(f"/{lent.place[0]}")]
        assert sorted(of_lake) == ["GET"] + ["HEAD"] * 20  # whether versions are kept, and each file


def test_without_the_right_to_list_each_file_is_asked_for(lent: LentLake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(versions: S3Versions, names: Sequence[str]) -> Iterator[Version]:
        raise AccessDeniedError(names[0])

    lent.commit(*(f"INSERT INTO lake.main.t VALUES ({n}, 'x', DATE '2026-01-01')" for n in range(9)))
    with monkeypatch.context() as changed:
        changed.setattr(S3Versions, "find", refuse)
        made = lent.backup()
    assert (made.new_files, made.findings) == (9, ())
    assert lent.verify("checksum") == {}


def test_a_file_that_came_in_parts_is_read_once(s3: Cloud, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """So its etag proves nothing: ministack does not tell how long a part is."""
    with FaultProxy(request.getfixturevalue("s3_server").endpoint) as proxy:
        lake = LentLake(s3, tmp_path, stores=s3.stores(endpoint=proxy.endpoint))
        lake.backup()
        lake.commit("INSERT INTO lake.main.t VALUES (5000, 'in parts', DATE '2026-01-01')")
        [new] = set(lake.names()) - set(pinned_paths(lake))
        size = in_parts(lake, new)
        with session(s3, lake.attach) as connection:
            connection.execute(
                f"UPDATE __ducklake_metadata_lake.ducklake_data_file SET file_size_bytes = {size} "
                f"WHERE ends_with(path, {literal(new.rpartition('/')[2])})"
            )
        proxy.clear()
        made = lake.backup()
        assert (made.new_files, made.findings) == (1, ())
        assert size <= moved(proxy, lake) < size + 10_000
    lake.stores = s3.stores()
    assert lake.verify("checksum") == {}
    [checksum] = [told for path, told in checksums(lake).items() if path == new]
    assert checksum.startswith("blake3:")


def in_parts(lake: LentLake, name: str) -> int:
    """Write an object anew, longer and in two parts; its bytes."""
    bucket, prefix = lake.place
    with closing(lake.client()) as client:
        where = {"Bucket": bucket, "Key": prefix + name}
        upload = client.create_multipart_upload(**where)["UploadId"]
        sent = [
            client.upload_part(**where, UploadId=upload, PartNumber=number, Body=bytes([number]) * 6 * MIB)["ETag"]
            for number in (1, 2)
        ]
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(sent, 1)]
        client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    return 12 * MIB


def checksums(lake: LentLake, point: str = "latest") -> dict[str, str]:
    """What a point says of the files, by their paths."""
    opened, manifest = open_point(lake.stores, lake.repository, point)
    with image_of(opened.store, manifest) as image:
        files = files_relation(image.connection, opened.store, manifest).select
        return dict(image.connection.execute(f"SELECT path, {CHECKSUM} FROM ({files})").fetchall())


def pinned_paths(lake: LentLake) -> list[str]:
    return list(checksums(lake))


# What its bucket loses


def test_what_maintenance_deletes_stays_as_versions(lent: LentLake) -> None:
    first, before = canvasback.list_points(lent.repository, stores=lent.stores).points[0].point, dict(lent.truth)
    lent.commit(*HISTORY[5:], *(f"INSERT INTO lake.main.t VALUES ({n}, 'x', DATE '2026-01-01')" for n in range(9)))
    second, between = lent.backup().point, dict(lent.truth)
    files = lent.names()
    lent.clean_up()
    assert len(lent.names()) < len(files)
    lent.commit("INSERT INTO lake.main.t VALUES (1, 'after', DATE '2026-01-01')")
    assert lent.backup().findings == ()
    assert [lent.verify(level) for level in ("exists", "checksum", "rows")] == [{}] * 3
    lent.restored("first", first, before)
    lent.restored("second", second, between)
    newest = {max(lent.truth): lent.truth[max(lent.truth)]}
    lent.restored("third", None, newest)
    lent.is_right(lent.attach, newest)


def test_garbage_over_the_files_is_healed(lent: LentLake) -> None:
    lent.commit(*HISTORY[5:])
    lent.backup()
    names = [name for name in lent.names() if name.endswith(".parquet")]
    for name in names[::2]:
        lent.overwrite(name)
    for name in names[1::3]:
        lent.overwrite(name, b"garbage")
    assert [lent.verify(level) for level in ("exists", "checksum", "rows")] == [{}] * 3
    healed = canvasback.heal(lent.attach, lent.repository, level="checksum", stores=lent.stores)
    assert (healed.findings, healed.lost_files) == ((), 0)
    assert healed.healed_files > len(names) // 2
    lent.is_right(lent.attach)
    assert lent.backup(full=True).findings == ()
    lent.restored("after")


def test_the_bucket_is_emptied_and_comes_back_in_place(lent: LentLake, request: pytest.FixtureRequest) -> None:
    held = lent.entries()
    lent.empty()
    assert lent.verify("checksum") == {}
    with pytest.raises(RefusedError) as refused:
        canvasback.attach(lent.repository, out=f"{lent.folder}/no.ducklake", stores=lent.stores)
    assert refused.value.code == "versions-needed"
    lent.restored("elsewhere")
    with FaultProxy(request.getfixturevalue("s3_server").endpoint) as proxy:
        stores = lent.cloud.stores(endpoint=proxy.endpoint)
        result = canvasback.restore(lent.attach, lent.repository, replace=True, stores=stores)
        assert (result.findings, result.restored_files) == ((), len(held))
        assert moved(proxy, lent) < 500 * len(held)  # each answer says that it was copied
    lent.is_right(lent.attach)
    assert held < lent.entries()


def test_a_point_is_attached_where_the_files_are(lent: LentLake) -> None:
    shown = canvasback.attach(lent.repository, out=f"{lent.folder}/a.ducklake", stores=lent.stores)
    assert shown.finding_counts == {"needs-access": 2}
    lent.is_right(f"ducklake:{shown.file}")
    name = next(name for name in lent.names() if name.endswith(".parquet"))
    lent.overwrite(name)
    with pytest.raises(RefusedError) as refused:
        canvasback.attach(lent.repository, out=f"{lent.folder}/b.ducklake", stores=lent.stores)
    assert refused.value.code == "versions-needed"
    assert "1 of " in refused.value.message
    canvasback.heal(lent.attach, lent.repository, level="checksum", stores=lent.stores)
    shown = canvasback.attach(lent.repository, out=f"{lent.folder}/b.ducklake", stores=lent.stores)
    lent.is_right(f"ducklake:{shown.file}")


def test_a_moment_is_attached_and_restored(lent: LentLake) -> None:
    """With a merged file that is cut at the snapshot."""
    lent.commit(
        "CREATE TABLE lake.main.u (a BIGINT)",
        *(f"INSERT INTO lake.main.u SELECT range AS a FROM range({n}, {n + 9})" for n in range(0, 36, 9)),
    )
    middle = max(lent.truth) - 2
    then = {snapshot: seen for snapshot, seen in lent.truth.items() if snapshot <= middle}
    lent.maintain("CALL ducklake_merge_adjacent_files('lake')")
    lent.backup()
    options: dict[str, Any] = {"at_snapshot": middle, "stores": lent.stores}
    place = f"{lent.cloud.bucket()}then/"
    to = f"ducklake:{lent.folder}/then.ducklake"
    assert canvasback.restore(to, lent.repository, data_path=place, **options).findings == ()
    lent.is_right(to, then)
    shown = canvasback.attach(lent.repository, out=f"{lent.folder}/look.ducklake", **options)
    assert comparable(read(lent.cloud, f"ducklake:{shown.file}", then)) == comparable(then)
    back = canvasback.restore_tables(lent.attach, lent.repository, "u", as_name="copy", **options)
    now = {back.new_snapshot_id: lent.truth[max(lent.truth)] | {"main.copy": lent.truth[middle]["main.u"]}}
    lent.is_right(lent.attach, now)


def test_a_version_that_expired_is_missed_and_its_content_found_again(lent: LentLake) -> None:
    """A copy that was put back is another version, and a rule removes the old one for good."""
    count = len(lent.names())
    lent.empty()
    canvasback.restore(lent.attach, lent.repository, replace=True, stores=lent.stores)
    assert lent.expire_noncurrent() == count
    found = canvasback.verify(lent.repository, stores=lent.stores)
    assert found.finding_counts == {"version-replaced": count}
    assert {finding.severity for finding in found.findings} == {"info"}
    lent.restored("again")
    again = lent.backup(full=True)
    assert (again.new_files, again.findings) == (count, ())
    assert canvasback.verify(lent.repository, again.point, level="checksum", stores=lent.stores).findings == ()
    lent.empty()
    lent.expire_noncurrent()
    lost = canvasback.verify(lent.repository, again.point, stores=lent.stores)
    assert lost.finding_counts == {"object-missing": count}
    to, place = f"ducklake:{lent.folder}/lost.ducklake", f"{lent.cloud.bucket()}lost/"
    result = canvasback.restore(to, lent.repository, data_path=place, stores=lent.stores)
    assert result.finding_counts == {"object-missing": count}


def test_a_file_that_was_put_back_is_pinned_anew_when_it_is_looked_at_again(lent: LentLake) -> None:
    lent.empty()
    canvasback.restore(lent.attach, lent.repository, replace=True, stores=lent.stores)
    set_back(lent)
    made = lent.backup(recheck=1000)
    assert made.findings == ()
    assert made.new_files > 0
    lent.expire_noncurrent()
    assert canvasback.verify(lent.repository, made.point, level="checksum", stores=lent.stores).findings == ()


def set_back(lake: LentLake) -> None:
    """Give the objects that are there another time than those had that were there before: a whole second later."""
    bucket, prefix = lake.place
    with closing(lake.client()) as client:
        before = client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
        latest = max(found["LastModified"] for found in before)
        while True:
            for found in before:
                where = {"Bucket": bucket, "Key": found["Key"]}
                client.copy_object(**where, CopySource=where, MetadataDirective="REPLACE")
            after = client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
            if min(found["LastModified"] for found in after).timestamp() // 1 > latest.timestamp() // 1:
                return


# What it never touches


def test_nothing_of_the_lakes_bucket_is_ever_deleted(lent: LentLake) -> None:
    first = canvasback.list_points(lent.repository, stores=lent.stores).points[0].point
    lent.clean_up()
    lent.commit("INSERT INTO lake.main.t VALUES (1, 'x', DATE '2026-01-01')")
    second = lent.backup().point
    held = lent.entries()
    done = canvasback.forget(lent.repository, points=[first], stores=lent.stores)
    assert done.finding_counts == {"files-stay": 1}
    chunks = {stat.name for stat in lent.stores.open(lent.repository).list("catalog/")}
    pruned = canvasback.prune(lent.repository, stores=lent.stores, clock=Clock(days=8))
    assert pruned.points == 1
    gone = chunks - {stat.name for stat in lent.stores.open(lent.repository).list("catalog/")}
    assert 0 < pruned.objects == len(gone) == done.freed_objects
    assert "lifecycle rules" in pruned.steps[-1]
    assert lent.entries() == held
    assert canvasback.verify(lent.repository, second, level="checksum", stores=lent.stores).findings == ()


def test_the_lenders_objects_cannot_be_written_through_the_repository(lent: LentLake) -> None:
    store = open_repository(lent.stores, lent.repository).store
    [*names] = [stat.name for stat in store.list("versions/")]
    assert len(names) == len(lent.names())
    assert not any(stat.name.startswith("versions/") for stat in store.list(""))
    with pytest.raises(RefusedError) as refused:
        store.delete(names[0])
    assert refused.value.code == "read-only"
    with pytest.raises(RefusedError):
        store.put_new("versions/1/x", b"")
    assert store.get(names[0]) == store.read(names[0], 0, 1 << 30)
    assert store.holder("catalog/x") is not None


# What it is refused, and what it says


def test_a_bucket_without_versions_is_refused(s3: Cloud, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        LentLake(s3, tmp_path, versions=False)
    assert refused.value.code == "versions-off"
    assert "protect enable versioning" in refused.value.hint


def test_a_disk_keeps_no_versions(s3: Cloud, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        LentLake(s3, tmp_path, data_path=f"{tmp_path}/data/")
    assert refused.value.code == "no-versions"


@pytest.mark.parametrize(
    ("storage", "replica"), [("tape", None), ("replica", None), ("versions", "s3://x/"), ("copy", "x")]
)
def test_what_makes_no_sense_is_refused(storage: str, replica: str | None, s3: Cloud, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        LentLake(s3, tmp_path, storage, replica_url=replica)
    assert refused.value.code == "storage-not-understood"


def test_whether_versions_are_kept_may_be_unseen(s3: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3Versions, "kept", lambda _: None)
    lake = LentLake(s3, tmp_path)
    assert [finding.code for finding in lake.made.findings] == ["versions-unseen"]
    assert lake.backup().findings == ()


def test_versions_that_were_switched_off_are_a_finding(lent: LentLake) -> None:
    first = dict(lent.truth)
    lent.suspend()
    lent.commit("INSERT INTO lake.main.t VALUES (1, 'x', DATE '2026-01-01')")
    made = lent.backup()
    assert made.finding_counts == {"versioning-off": 1}
    assert made.new_files == 1
    assert any(version == "null" for _, version in lent.entries())
    lent.empty()  # what was pinned by an id stays
    assert lent.verify() == {"object-missing": 1}
    point = canvasback.list_points(lent.repository, stores=lent.stores).points[0].point
    lent.restored("first", point, first)


def test_versions_that_cannot_be_seen_are_known_by_what_they_are_called(
    lent: LentLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in Azure, and where these rights do not tell."""
    monkeypatch.setattr(S3Versions, "kept", lambda _: None)
    lent.commit("INSERT INTO lake.main.t VALUES (1, 'x', DATE '2026-01-01')")
    assert lent.backup().findings == ()
    lent.suspend()
    lent.commit("INSERT INTO lake.main.t VALUES (2, 'y', DATE '2026-01-01')")
    assert lent.backup().finding_counts == {"versioning-off": 1}


def test_objects_that_are_older_than_versioning_are_pinned(s3: Cloud, tmp_path: Path) -> None:
    data_path = f"{s3.bucket()}lake/"
    truth = write(s3, tmp_path / "old.ducklake", data_path)
    s3.server.keep_versions(data_path.split("/")[2])  # type: ignore[union-attr]
    attach, repository, stores = f"ducklake:{tmp_path}/old.ducklake", f"{s3.bucket()}r", s3.stores()
    canvasback.init(attach, repository, storage="versions", stores=stores)
    assert canvasback.backup(attach, repository, stores=stores).findings == ()
    store = stores.open(data_path)
    for stat in list(store.list("")):
        store.delete(stat.name)
    place = f"{s3.bucket()}new/"
    back = canvasback.restore(f"ducklake:{tmp_path}/b.ducklake", repository, data_path=place, stores=stores)
    assert back.findings == ()
    assert comparable(read(s3, f"ducklake:{tmp_path}/b.ducklake", truth)) == comparable(truth)


def test_another_data_path_is_refused(lent: LentLake) -> None:
    new = f"{lent.cloud.bucket(versions=True)}moved/"
    canvasback.restore(f"ducklake:{lent.folder}/moved.ducklake", lent.repository, data_path=new, stores=lent.stores)
    for only_new in (False, True):
        with pytest.raises(RefusedError) as refused:
            canvasback.backup(
                f"ducklake:{lent.folder}/moved.ducklake", lent.repository, only_new=only_new, stores=lent.stores
            )
        assert refused.value.code == "other-data-path"


def test_lost_files_are_findings(lent: LentLake) -> None:
    lent.commit("INSERT INTO lake.main.t VALUES (1, 'x', DATE '2026-01-01'), (2, 'y', DATE '2026-01-02')")
    gone, changed = sorted(set(lent.names()) - set(pinned_paths(lent)))
    lent.stores.open(lent.data_path).delete(gone)
    lent.overwrite(changed, b"short")
    made = lent.backup()
    assert made.finding_counts == {"file-missing": 1, "file-size": 1}
    assert made.absent == 2
    # The delete marker goes, and an older version is put back.
    bucket, prefix = lent.place
    with closing(lent.client()) as client:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            for found in [*page.get("DeleteMarkers", ()), *page.get("Versions", ())]:
                wanted = found["Key"] in {prefix + gone, prefix + changed} and found.get("Size", 5) == 5
                if wanted and found["IsLatest"]:
                    client.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])
    made = lent.backup(only_new=True)
    assert (made.made, made.new_files, made.absent, made.findings) == (True, 2, 0, ())
    lent.restored("whole")


# Together with the rest


@pytest.mark.parametrize("to", ["bucket", "disk"])
def test_a_mirror_is_the_same_repository(to: str, lent: LentLake) -> None:
    mirror = f"{lent.cloud.bucket()}mirror/" if to == "bucket" else f"{lent.folder}/mirror/"
    done = canvasback.mirror(lent.repository, mirror, stores=lent.stores)
    assert done.findings == ()
    assert f"both places name the versions of {lent.data_path}" in " ".join(done.steps)
    lent.commit(*HISTORY[5:])
    made = lent.backup(also=mirror)
    assert made.also is not None
    assert made.also.findings == ()
    store = lent.stores.open(lent.repository)
    for stat in list(store.list("")):
        store.delete(stat.name)
    lent.repository = mirror
    assert [lent.verify(level) for level in ("exists", "checksum", "rows")] == [{}] * 3
    lent.empty()
    lent.restored("from-the-mirror")


def test_a_damaged_chunk_is_repaired_from_the_mirror(lent: LentLake) -> None:
    mirror = f"{lent.folder}/mirror/"
    canvasback.mirror(lent.repository, mirror, stores=lent.stores)
    store = lent.stores.open(lent.repository)
    name = next(store.list("catalog/")).name
    store.delete(name)
    assert lent.verify() != {}
    done = canvasback.repair(lent.repository, mirror, level="checksum", stores=lent.stores)
    assert (done.findings, done.repaired_objects) == ((), 1)
    assert lent.verify("checksum") == {}


def test_it_may_be_on_a_disk(s3: Cloud, tmp_path: Path) -> None:
    lake = LentLake(s3, tmp_path, at=f"{tmp_path}/repository")
    lake.backup()
    lake.clean_up()
    lake.commit(*HISTORY[5:8])
    assert lake.backup().findings == ()
    assert [lake.verify(level) for level in ("exists", "checksum", "rows")] == [{}] * 3
    lake.empty()
    newest = {max(lake.truth): lake.truth[max(lake.truth)]}
    lake.restored("new", None, newest)


def test_it_is_sealed_as_any_other(s3: Cloud, tmp_path: Path) -> None:
    identity = age.new_identity()
    (tmp_path / "no").mkdir()
    with pytest.raises(RefusedError) as refused:
        LentLake(s3, tmp_path / "no", recipients={"ops": age.recipient_of(identity)}, seal_data=True)
    assert refused.value.code == "no-copies"
    stores = Stores({"s3://": s3.options}, secrets=Secrets([identity]))
    lake = LentLake(s3, tmp_path, stores=stores, recipients={"ops": age.recipient_of(identity)})
    assert not lake.made.readable_data
    lake.backup()
    lake.commit(*HISTORY[5:])
    assert lake.backup().findings == ()
    canvasback.key_rotate(lake.repository, stores=stores)
    assert [lake.verify(level) for level in ("exists", "checksum", "rows")] == [{}] * 3
    canvasback.mirror(lake.repository, f"{tmp_path}/mirror", stores=stores)
    lake.empty()
    lake.repository = f"{tmp_path}/mirror"
    lake.restored("opened")


def test_files_outside_of_the_data_path_are_copied(lent: LentLake) -> None:
    outside = f"{lent.cloud.bucket()}elsewhere/by hand.parquet"
    lent.commit(
        "CREATE TABLE lake.main.h (k INTEGER)",
    )
    lent.maintain(f"COPY (SELECT range::INTEGER AS k FROM range(30)) TO {literal(outside)}")
    lent.commit(f"CALL ducklake_add_data_files('lake', 'h', {literal(outside)})")
    made = lent.backup()
    assert (made.new_files, made.findings) == (1, ())
    assert made.new_bytes > 0
    [copy] = lent.stores.open(lent.repository).list("external/")
    assert copy.size == made.new_bytes
    assert lent.verify("rows") == {}
    lent.stores.locate(outside)[0].delete(lent.stores.locate(outside)[1])
    lent.empty()
    lent.restored("with-it")


def test_it_goes_back_with_a_safety_point(lent: LentLake) -> None:
    before = dict(lent.truth)
    lent.commit(*HISTORY[5:])
    done = canvasback.rewind(lent.attach, to_snapshot=max(before), repository=lent.repository, stores=lent.stores)
    assert done.safety_point
    lent.is_right(lent.attach, before)
    lent.restored("undone", done.safety_point)


def test_commits_that_an_older_catalog_lost_are_salvaged(lent: LentLake) -> None:
    """The newest point has them, with files that are versions only; later ones are worked out from what is left."""
    old = lent.catalog.read_bytes()
    lent.commit(*HISTORY[5:])
    lent.backup()
    lent.commit("INSERT INTO lake.main.t VALUES (9000, 'after the point', DATE '2026-01-01')")
    newest = lent.names()
    keep = max(newest, key=lambda name: name.rpartition("/")[2])
    store = lent.stores.open(lent.data_path)
    for name in newest:
        if name != keep:
            store.delete(name)
    lent.catalog.write_bytes(old)
    result = canvasback.salvage(lent.attach, lent.repository, stores=lent.stores)
    assert [finding for finding in result.findings if finding.severity == "error"] == []
    before = {snapshot: seen for snapshot, seen in lent.truth.items() if snapshot < max(lent.truth)}
    lent.is_right(lent.attach, before)
    with session(lent.cloud, lent.attach, "READ_ONLY") as connection:
        assert connection.execute("SELECT name FROM lake.main.t WHERE id = 9000").fetchall() == [("after the point",)]


def test_it_is_backed_up_from_inside_of_an_application(lent: LentLake) -> None:
    with session(lent.cloud, lent.attach, "DATA_INLINING_ROW_LIMIT 0") as connection:
        connection.execute("INSERT INTO lake.main.t VALUES (1, 'x', DATE '2026-01-01')")
        made = canvasback.backup_attached(connection, "lake", lent.repository, stores=lent.stores)
    assert (made.new_files, made.findings, made.storage) == (1, (), "versions")


def test_its_locks_are_for_its_own_objects(s3: Cloud, tmp_path: Path) -> None:
    s3.server.create_bucket("locked-own", locks=True)  # type: ignore[call-arg]
    lake = LentLake(s3, tmp_path, at="s3://locked-own/r", lock="governance", lock_days=2)
    lake.backup()
    assert lake.verify() == {}
    [point] = canvasback.verify(lake.repository, stores=lake.stores).protected
    assert point.until is not None
    assert canvasback.lock(lake.repository, days=5, stores=lake.stores).findings == ()


def test_a_policy_says_what_versions_take(lent: LentLake) -> None:
    bucket, prefix = lent.place
    told = {
        role: {
            one.sid: one for one in canvasback.policy(lent.repository, role=role, stores=lent.stores).policy.statement
        }
        for role in ("add", "prune", "read")
    }
    assert "ReadFiles" not in told["prune"]
    for role in ("add", "read"):
        assert told[role]["ReadFiles"].resource == (f"arn:aws:s3:::{bucket}/{prefix}*",)
        assert "s3:GetObjectVersion" in told[role]["ReadFiles"].action


def test_etags_that_are_no_checksums_do_no_harm(lent: LentLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing does not tell which objects are encrypted with a key of KMS; one of them stands for the others.

    ministack's etags are checksums all the same, so the listing is told to have others.
    """
    lent.commit(*(f"INSERT INTO lake.main.t VALUES ({n}, 'x', DATE '2026-01-01')" for n in range(9)))
    new = sorted(set(lent.names()) - set(pinned_paths(lent)))
    encrypt(lent, new[1:])
    original = S3Versions.find

    def find(versions: S3Versions, names: Sequence[str]) -> Iterator[Version]:
        for version in original(versions, names):
            odd = version.current and version.name.endswith(tuple(new[1:]))
            yield with_odd_etag(version) if odd else version

    monkeypatch.setattr(S3Versions, "find", find)
    monkeypatch.setattr(S3Contents, "head", odd_head(new[1:]))
    made = lent.backup()
    assert (made.new_files, made.findings) == (9, ())
    assert sum(told == f"md5:{'0' * 32}" for told in checksums(lent).values()) == 8
    assert lent.verify("checksum") == {"checksum-unproved": 8}
    lent.empty()
    lent.restored("encrypted")


def test_files_that_kms_encrypts_are_read_once(lent: LentLake) -> None:
    lent.commit(*(f"INSERT INTO lake.main.t VALUES ({n}, 'x', DATE '2026-01-01')" for n in range(9)))
    new = sorted(set(lent.names()) - set(pinned_paths(lent)))
    encrypt(lent, new)
    assert lent.backup().findings == ()
    told = checksums(lent)
    assert {told[name].partition(":")[0] for name in new} == {"blake3"}
    assert lent.verify("checksum") == {}


def encrypt(lake: LentLake, names: list[str]) -> None:
    bucket, prefix = lake.place
    with closing(lake.client()) as client:
        for name in names:
            where = {"Bucket": bucket, "Key": prefix + name}
            content = client.get_object(**where)["Body"].read()
            client.put_object(**where, Body=content, ServerSideEncryption="aws:kms", SSEKMSKeyId="a-key")


def with_odd_etag(version: Version) -> Version:
    return msgspec.structs.replace(version, etag=f'"{"0" * 32}"', checksum=f"md5:{'0' * 32}")


def odd_head(names: list[str]) -> Callable[[S3Contents, str], Stat | None]:
    """What tells these etags of single contents, too."""
    original = S3Contents.head

    def head(contents: S3Contents, key: str) -> Stat | None:
        found = original(contents, key)
        if found is None or not key.endswith(tuple(names)):
            return found
        return msgspec.structs.replace(found, etag=f'"{"0" * 32}"')

    return head
