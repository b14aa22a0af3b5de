"""heal from the versions that a bucket keeps: what was deleted or overwritten comes back without any backup."""

from __future__ import annotations

import csv
import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import canvasback
from canvasback import CanvasbackError, HealResult, RefusedError, UsageError
from canvasback.checks.copies_in_versions import CopiesInVersions
from canvasback.storage.versions import Version
from tests.clouds import Cloud, cloud
from tests.lake.answers import wrong_answers
from tests.lake.builder import Lake
from tests.lake.cloud_lakes import Truth, comparable, read, session, write
from tests.object_servers import Ministack
from tests.other_servers import Moto, keys_of
from tests.proxy import Fault, FaultProxy, matching, s3_error, status


class Kept:
    """A lake in a bucket that keeps versions, after maintenance has run."""

    def __init__(self, where: Cloud, folder: Path, *, versions: bool = True) -> None:
        assert isinstance(where.server, Ministack)
        self.cloud = where
        self.server = where.server
        self.stores = where.stores()
        self.data_path = f"{where.bucket(versions=versions)}lake data/"
        self.catalog = folder / "main.ducklake"
        self.attach = f"ducklake:{self.catalog}"
        self.truth: Truth = write(where, self.catalog, self.data_path)
        self.store = self.stores.open(self.data_path)
        with session(where, self.attach) as connection:  # so every object is one that a snapshot needs
            connection.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")

    def names(self) -> list[str]:
        return [stat.name for stat in self.store.list("")]

    def versions(self) -> list[Version]:
        assert self.store.versions is not None
        return list(self.store.versions.list(""))

    def current(self) -> dict[str, str]:
        """The version that a reader gets of each object."""
        return {version.name: version.id for version in self.versions() if version.current}

    def delete(self, names: list[str]) -> None:
        """As anybody does it: a delete marker hides each."""
        for name in names:
            self.store.delete(name)

    def overwrite(self, name: str, content: bytes) -> None:
        bucket, _, prefix = self.data_path.removeprefix("s3://").partition("/")
        with closing(self.server.client()) as client:
            client.put_object(Bucket=bucket, Key=prefix + name, Body=content)

    def expire(self, version: Version) -> None:
        """As a rule of the bucket's lifecycle does it: the content is gone for good."""
        bucket, _, prefix = self.data_path.removeprefix("s3://").partition("/")
        with closing(self.server.client()) as client:
            client.delete_object(Bucket=bucket, Key=prefix + version.name, VersionId=version.id)

    def heal(self, **options: object) -> HealResult:
        options = {"source": "versions", "stores": self.stores} | options
        return canvasback.heal(self.attach, **options)  # type: ignore[arg-type]

    def is_whole(self) -> None:
        """Every snapshot has the rows that it had, and answers of the newest are right."""
        assert comparable(read(self.cloud, self.attach, self.truth)) == comparable(self.truth)
        with session(self.cloud, self.attach, "READ_ONLY") as connection:
            assert wrong_answers(connection) == []
        check = canvasback.check(self.attach, level="rows", stores=self.stores)
        assert {finding.code for finding in check.findings} <= {"moved-aside"}


@pytest.fixture
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return cloud("s3", request, monkeypatch)


@pytest.fixture
def bucket(s3: Cloud, tmp_path: Path) -> Kept:
    return Kept(s3, tmp_path)


def test_an_emptied_bucket_is_whole_again_without_a_copy(bucket: Kept) -> None:
    before = bucket.current()
    bucket.delete(bucket.names())
    planned = bucket.heal(dry_run=True)
    assert (planned.healed_files, bucket.names()) == (len(before), [])
    result = bucket.heal()
    assert (result.healed_files, result.lost_files, result.finding_counts) == (len(before), 0, {})
    assert {file.source for file in result.healed} == {f"version {id_}" for id_ in before.values()}
    assert bucket.current() == before
    bucket.is_whole()
    assert bucket.heal().healed_files == 0


def test_a_deleted_prefix_comes_back(bucket: Kept) -> None:
    before = bucket.current()
    gone = [name for name in before if name.startswith("main/t/")]
    assert 0 < len(gone) < len(before)
    bucket.delete(gone)
    assert bucket.heal().healed_files == len(gone)
    assert bucket.current() == before
    bucket.is_whole()


def test_a_service_brings_back_what_a_manifest_lists(bucket: Kept, tmp_path: Path) -> None:
    """As S3 Batch Operations does: it copies each content to its key, whatever is there."""
    before = {name: bucket.store.get(name) for name in bucket.names()}
    gone, changed, *_ = before
    bucket.delete([gone])
    bucket.overwrite(changed, b"x" * len(before[changed]))
    manifest = tmp_path / "manifest.csv"
    planned = bucket.heal(manifest=str(manifest))
    assert (planned.dry_run, planned.manifest_files) == (True, 2)
    assert gone not in bucket.names()
    with pytest.raises(RefusedError) as refused:
        bucket.heal(manifest=str(manifest))
    assert refused.value.code == "target-not-empty"
    for place, code in (("", "empty-argument"), (str(tmp_path / "none" / "m.csv"), "storage-failed")):
        with pytest.raises(CanvasbackError) as raised:  # before anything is looked at
            bucket.heal(manifest=place)
        assert raised.value.code == code
    with manifest.open(newline="") as file, closing(bucket.server.client()) as client:
        for name, key, version in csv.reader(file):
            source = {"Bucket": name, "Key": unquote(key), "VersionId": version}
            client.copy_object(Bucket=name, Key=unquote(key), CopySource=source)
    assert {name: bucket.store.get(name) for name in bucket.names()} == before
    bucket.is_whole()
    assert bucket.heal().healed_files == 0


def test_a_few_of_many_are_asked_for_by_name(bucket: Kept, s3: Cloud) -> None:
    """One file needs no listing of all."""
    [first, *_] = bucket.names()
    bucket.delete([first])
    with FaultProxy(str(s3.options.endpoint)) as proxy:
        bucket.heal(stores=s3.stores(endpoint=proxy.endpoint))
        listings = [request.query for request in proxy.requests if "versions" in request.query.split("&")]
    # moto leaves out what is next to a marker, and is asked again without one.
    assert len(listings) == (2 if isinstance(bucket.server, Moto) else 1)
    assert first.rpartition("/")[2] in listings[0]
    bucket.is_whole()


def test_garbage_is_moved_aside_and_the_last_good_content_copied_back(bucket: Kept) -> None:
    before = {name: bucket.store.get(name) for name in bucket.names()}
    for name, content in before.items():
        bucket.overwrite(name, b"x" * len(content))
    result = bucket.heal()
    assert (result.healed_files, set(result.finding_counts) - {"moved-aside"}) == (len(before), set())
    now = {name: bucket.store.get(name) for name in bucket.names()}
    aside = {name: now.pop(name) for name in list(now) if ".damaged-" in name}
    assert now == before
    assert set(aside.values()) == {b"x" * len(content) for content in before.values()}
    bucket.is_whole()


def test_what_cannot_be_copied_back_leaves_what_is_there(bucket: Kept, s3: Cloud) -> None:
    """A rule may have moved the old version to where nothing can be read at once. Damaged is better than gone."""
    name = bucket.names()[0]
    good = bucket.store.get(name)
    bucket.overwrite(name, b"x" * len(good))
    with FaultProxy(str(s3.options.endpoint)) as proxy:
        to_archive = Fault(
            matching("PUT", header="x-amz-copy-source"), status(403, s3_error("InvalidObjectState")), times=1, skip=1
        )
        proxy.faults.append(to_archive)
        result = bucket.heal(stores=s3.stores(endpoint=proxy.endpoint))
    assert to_archive.struck == 1
    assert result.healed_files == 0
    assert result.finding_counts["copy-failed"] == 1
    assert "archived" in next(finding.message for finding in result.findings if finding.code == "copy-failed")
    assert bucket.store.get(name) == b"x" * len(good)
    assert not [other for other in bucket.names() if ".damaged-" in other]
    assert bucket.heal().healed_files == 1
    assert bucket.store.get(name) == good


def test_what_appears_meanwhile_stays(bucket: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever put it there after the look may know better."""
    name = bucket.names()[0]
    good = bucket.store.get(name)
    bucket.overwrite(name, b"an older content")
    bucket.overwrite(name, good)
    bucket.overwrite(name, b"shorter")
    bucket.delete([name])
    put_back = CopiesInVersions.put_back

    def appears(self: CopiesInVersions, *given: Any) -> None:
        bucket.overwrite(name, b"appeared")
        put_back(self, *given)

    monkeypatch.setattr(CopiesInVersions, "put_back", appears)
    assert bucket.heal().finding_counts["file-appeared"] == 1
    assert bucket.store.get(name) == b"appeared"
    assert not [other for other in bucket.names() if ".damaged-" in other]


def test_garbage_that_was_deleted_is_not_the_last_word(bucket: Kept) -> None:
    """The newest content that fits is tried, found to be wrong, and an older one taken."""
    before = {name: bucket.store.get(name) for name in bucket.names()}
    for name, content in before.items():
        bucket.overwrite(name, b"x" * len(content))
        bucket.overwrite(name, b"shorter")
    bucket.delete(list(before))
    assert bucket.heal().healed_files == len(before)
    now = {name: bucket.store.get(name) for name in bucket.names() if ".damaged-" not in name}
    assert now == before
    bucket.is_whole()


@pytest.mark.lifecycle
@pytest.mark.timeout(600)
def test_a_mistaken_rule_of_the_lifecycle_is_undone(bucket: Kept) -> None:
    """The service itself deletes all that is a day old. The rule is taken away, and nothing was lost for good."""
    before = bucket.current()
    name = bucket.data_path.removeprefix("s3://").partition("/")[0]
    rule = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    key, secret = keys_of(bucket.server)
    with closing(bucket.server.client(key=key, secret=secret)) as client:
        client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
        deadline = time.monotonic() + 300
        while bucket.names() and time.monotonic() < deadline:
            time.sleep(2)
        client.delete_bucket_lifecycle(Bucket=name)
    assert bucket.names() == []
    assert bucket.heal().healed_files == len(before)
    assert bucket.current() == before
    bucket.is_whole()


def test_what_expired_is_told_as_lost(bucket: Kept) -> None:
    first, *others = [version for version in bucket.versions() if version.current]
    bucket.delete(bucket.names())
    bucket.expire(first)
    result = bucket.heal()
    assert (result.healed_files, result.lost_files) == (len(others), 1)
    assert [loss.place for loss in result.losses] == [bucket.data_path + first.name]
    assert first.name not in bucket.names()


def test_a_cleanup_by_a_stale_catalog_is_undone(bucket: Kept, s3: Cloud, tmp_path: Path) -> None:
    stale = tmp_path / "stale.ducklake"
    shutil.copy(bucket.catalog, stale)
    with session(s3, bucket.attach) as connection:
        connection.execute("INSERT INTO lake.main.t SELECT range, 'later', NULL FROM range(2000, 2100)")
        [(newest,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
        later = connection.execute("SELECT count(*) FROM lake.main.t").fetchall()
    before = bucket.current()
    with session(s3, f"ducklake:{stale}") as connection:
        connection.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")
    gone = before.keys() - set(bucket.names())
    assert gone
    assert bucket.heal().healed_files == len(gone)
    assert bucket.current() == before
    with session(s3, bucket.attach, "READ_ONLY", f"SNAPSHOT_VERSION {newest}") as connection:
        assert connection.execute("SELECT count(*) FROM lake.main.t").fetchall() == later
    bucket.is_whole()


def test_commits_whose_files_were_deleted_are_salvaged(bucket: Kept, s3: Cloud, tmp_path: Path) -> None:
    """An older catalog was put in place of the newer one, and then cleaned up what it did not know."""
    stale = tmp_path / "stale.ducklake"
    shutil.copy(bucket.catalog, stale)
    rows = "SELECT * FROM lake.main.t ORDER BY ALL"
    with session(s3, bucket.attach) as connection:
        connection.execute("INSERT INTO lake.main.t SELECT range, 'later', NULL FROM range(2000, 2100)")
        connection.execute("DELETE FROM lake.main.t WHERE id BETWEEN 2000 AND 2039")
        later = connection.execute(rows).fetchall()
    there = set(bucket.names())
    bucket.catalog.unlink()
    with session(s3, f"ducklake:{stale}") as connection:
        connection.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")
    gone = there - set(bucket.names())
    assert gone
    lake = f"ducklake:{stale}"
    assert canvasback.salvage(lake, stores=bucket.stores).commits == ()
    planned = canvasback.salvage(lake, source="versions", dry_run=True, stores=bucket.stores)
    assert f"{len(gone)} deleted files brought back from what the bucket keeps" in planned.steps
    assert not gone & set(bucket.names())

    done = canvasback.salvage(lake, source="versions", stores=bucket.stores)

    assert (len(done.commits), done.steps) == (2, planned.steps)
    assert gone <= set(bucket.names())
    with session(s3, lake, "READ_ONLY") as connection:
        assert connection.execute(rows).fetchall() == later
        assert wrong_answers(connection) == []
    bucket.attach = lake
    bucket.is_whole()


def test_who_may_not_delete_markers_copies(bucket: Kept, s3: Cloud) -> None:
    before = {name: bucket.store.get(name) for name in bucket.names()}
    bucket.delete(list(before))
    with FaultProxy(str(s3.options.endpoint)) as proxy:
        proxy.faults.append(Fault(matching("POST", query="delete"), status(403, s3_error("AccessDenied"))))
        result = bucket.heal(stores=s3.stores(endpoint=proxy.endpoint))
    assert (result.healed_files, result.finding_counts) == (len(before), {})
    assert {name: bucket.store.get(name) for name in bucket.names()} == before
    bucket.is_whole()


def test_the_repository_goes_first_and_versions_help_where_it_lacks(bucket: Kept, tmp_path: Path, s3: Cloud) -> None:
    repository = str(tmp_path / "repository")
    canvasback.init(bucket.attach, repository, stores=bucket.stores)
    saved = canvasback.backup(bucket.attach, repository, stores=bucket.stores)
    with session(s3, bucket.attach) as connection:
        connection.execute("INSERT INTO lake.main.t SELECT range, 'later', NULL FROM range(2000, 2100)")
    bucket.delete(bucket.names())
    result = bucket.heal(repository=repository)
    assert result.lost_files == 0
    told = {file.source.partition(" ")[0] for file in result.healed}
    assert told == {"point", "version"}
    assert f"point {saved.point}" in {file.source for file in result.healed}
    bucket.is_whole()


def test_a_bucket_without_versions_says_so(s3: Cloud, tmp_path: Path) -> None:
    plain = Kept(s3, tmp_path, versions=False)
    [first, *_] = plain.names()
    plain.delete([first])
    result = plain.heal()
    assert (result.healed_files, result.lost_files) == (0, 1)
    assert result.finding_counts["versioning-off"] == 1


def test_a_disk_keeps_no_versions(lake: Lake) -> None:
    for source in ("versions", "soft-deleted"):
        with pytest.raises(UsageError) as refused:
            canvasback.heal(lake.attach, source=source)
        assert refused.value.code == "no-versions"
    with pytest.raises(UsageError) as refused:
        canvasback.salvage(lake.attach, source="versions")
    assert refused.value.code == "no-versions"


def test_s3_deletes_at_once_or_keeps_versions(bucket: Kept) -> None:
    with pytest.raises(UsageError) as refused:
        bucket.heal(source="soft-deleted")
    assert refused.value.code == "no-versions"
