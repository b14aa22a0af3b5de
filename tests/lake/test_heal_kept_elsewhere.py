"""heal from what Google and Azure keep: versions, and what was deleted a while ago. DuckDB reaches neither server.

So a lake is written on a disk and its files are put into a bucket; what is right, is what is on the disk.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import canvasback
from canvasback import HealResult, StoreOptions, Stores
from canvasback.storage.bucket import gcs_bulk_restore, gcs_soft_deleted
from canvasback.storage.versions import Version
from tests.azure_stub import AzureStub
from tests.clouds import Cloud, cloud
from tests.lake.cloud_lakes import session, write
from tests.object_servers import FakeGcs, SoftDeletingGcs
from tests.proxy import FaultProxy

CATALOG = "main.ducklake"


class Kept:
    """A lake in a bucket that keeps versions, or what is deleted."""

    def __init__(self, where: Cloud, source: str, written: Path, folder: Path, *, keeps: bool = True) -> None:
        self.cloud = where
        self.source = source
        self.stores: Stores = where.stores()
        bucket = where.bucket(versions=keeps and source == "versions", soft_delete=keeps and source == "soft-deleted")
        if isinstance(where.server, SoftDeletingGcs) and not keeps:
            where.server.soft_delete(bucket.split("/")[2], days=0)
        if isinstance(where.server, AzureStub) and not keeps:  # an account does, or does not
            for container in where.server.containers.values():
                container.soft_delete = False
        self.data_path = f"{bucket}lake data/"
        self.store = self.stores.open(self.data_path)
        self.attach = f"ducklake:{shutil.copy(written / CATALOG, folder)}"
        disk = written / "data"
        self.right = {str(path.relative_to(disk)): path.read_bytes() for path in disk.rglob("*.parquet")}
        for name, content in self.right.items():
            self.store.put_new(name, content)
        canvasback.repoint(self.attach, self.data_path, stores=self.stores)

    def contents(self) -> dict[str, bytes]:
        return {stat.name: self.store.get(stat.name) for stat in self.store.list("")}

    def delete(self, *names: str) -> None:
        for name in names or self.right:
            self.store.delete(name)

    def overwrite(self, content: bytes = b"") -> None:
        """Write something else over all objects; as many bytes as they had, or as are given."""
        for name, right in self.right.items():
            self.cloud.overwrite(self.data_path, name, content or b"x" * len(right))

    def heal(self, **options: object) -> HealResult:
        options = {"source": self.source, "stores": self.stores} | options
        return canvasback.heal(self.attach, **options)  # type: ignore[arg-type]

    def kept(self) -> list[Version]:
        found = self.store.versions if self.source == "versions" else self.store.soft_deleted
        assert found is not None
        return list(found.list(""))

    def is_whole(self) -> None:
        """Byte for byte, but for what was moved aside."""
        assert {name: bytes_ for name, bytes_ in self.contents().items() if ".damaged-" not in name} == self.right
        check = canvasback.check(self.attach, level="rows", stores=self.stores)
        assert {finding.code for finding in check.findings} <= {"moved-aside"}


KINDS = [("gcs", "versions"), ("gcs", "soft-deleted"), ("azure", "versions"), ("azure", "soft-deleted")]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake on a disk, of which every file is one that a snapshot needs."""
    folder = tmp_path_factory.mktemp("written")
    nowhere = Cloud("gcs", FakeGcs(0), StoreOptions())
    write(nowhere, folder / CATALOG, f"{folder}/data/")
    with session(nowhere, f"ducklake:{folder / CATALOG}") as connection:
        connection.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
    return folder


@pytest.fixture(params=KINDS, ids=" ".join)
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, written: Path, tmp_path: Path) -> Kept:
    kind, source = request.param
    return Kept(cloud(kind, request, monkeypatch, keeping=source), source, written, tmp_path)


def test_an_emptied_bucket_is_whole_again(bucket: Kept) -> None:
    bucket.delete()
    planned = bucket.heal(dry_run=True)
    assert (planned.healed_files, bucket.contents()) == (len(bucket.right), {})
    result = bucket.heal()
    assert (result.healed_files, result.lost_files, result.finding_counts) == (len(bucket.right), 0, {})
    told = "version" if bucket.source == "versions" else "what was deleted, generation"
    assert all(file.source.startswith(f"{told} ") for file in result.healed)
    bucket.is_whole()
    assert bucket.heal().healed_files == 0


def test_a_deleted_prefix_comes_back(bucket: Kept) -> None:
    gone = [name for name in bucket.right if name.startswith("main/t/")]
    assert 0 < len(gone) < len(bucket.right)
    bucket.delete(*gone)
    assert bucket.heal().healed_files == len(gone)
    bucket.is_whole()


def test_garbage_is_moved_aside_and_the_last_good_content_brought_back(bucket: Kept) -> None:
    bucket.overwrite()
    result = bucket.heal()
    assert (result.healed_files, result.lost_files) == (len(bucket.right), 0)
    aside = [content for name, content in bucket.contents().items() if ".damaged-" in name]
    assert sorted(aside) == sorted(b"x" * len(right) for right in bucket.right.values())
    bucket.is_whole()


def test_garbage_that_was_deleted_is_not_the_last_word(bucket: Kept) -> None:
    """The newest content that fits is tried, found to be wrong, and an older one taken."""
    bucket.overwrite()
    bucket.overwrite(b"shorter")
    bucket.delete()
    assert bucket.heal().healed_files == len(bucket.right)
    bucket.is_whole()


def test_what_is_healed_can_be_cleaned_up(bucket: Kept) -> None:
    """Nothing is left that keeps a blob from being deleted."""
    bucket.overwrite()
    bucket.overwrite(b"shorter")
    bucket.delete()
    bucket.heal()
    bucket.delete()
    assert all(".damaged-" in name for name in bucket.contents())


@pytest.mark.parametrize(("kind", "source"), [kind for kind in KINDS if kind != ("azure", "versions")])
def test_a_bucket_that_keeps_nothing_says_so(
    kind: str,
    source: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    written: Path,
    tmp_path: Path,
) -> None:
    """Azure does not say it of versions."""
    where = cloud(kind, request, monkeypatch, keeping=source)  # type: ignore[arg-type]
    bucket = Kept(where, source, written, tmp_path, keeps=False)
    [first, *_] = bucket.right
    bucket.delete(first)
    result = bucket.heal()
    assert (result.healed_files, result.lost_files) == (0, 1)
    assert result.finding_counts["versioning-off" if source == "versions" else "soft-delete-off"] == 1


def test_google_brings_back_whole_folders(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, written: Path, tmp_path: Path
) -> None:
    for module in (gcs_bulk_restore, gcs_soft_deleted):
        monkeypatch.setattr(module, "WORTH", 3)
    monkeypatch.setattr(gcs_bulk_restore, "_FIRST_LOOK", 0.01)
    where = cloud("gcs", request, monkeypatch, keeping="soft-deleted")
    bucket = Kept(where, "soft-deleted", written, tmp_path)
    bucket.delete()
    with FaultProxy(str(bucket.cloud.options.endpoint)) as proxy:
        result = bucket.heal(stores=bucket.cloud.stores(endpoint=proxy.endpoint))
        asked = [request.path.rpartition("/")[2] for request in proxy.requests if request.method == "POST"]
    assert asked == ["bulkRestore"]
    assert (result.healed_files, result.lost_files, result.finding_counts) == (len(bucket.right), 0, {})
    bucket.is_whole()


@pytest.mark.parametrize("kind", ["gcs", "azure"])
def test_commits_whose_files_were_deleted_are_salvaged(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, written: Path, tmp_path: Path
) -> None:
    """An older catalog was put in place of the newer one, and then cleaned up what it did not know."""
    bucket = Kept(cloud(kind, request, monkeypatch, keeping="versions"), "versions", written, tmp_path)
    disk = tmp_path / "disk"
    shutil.copytree(written, disk)
    options = ("OVERRIDE_DATA_PATH true", f"DATA_PATH '{disk}/data/'", "DATA_INLINING_ROW_LIMIT 0")
    with session(bucket.cloud, f"ducklake:{disk / CATALOG}", *options) as connection:
        connection.execute("INSERT INTO lake.main.t SELECT range, 'later', NULL FROM range(2000, 2100)")
    later = {str(path.relative_to(disk / "data")): path.read_bytes() for path in (disk / "data").rglob("*.parquet")}
    [new] = later.keys() - bucket.right.keys()
    bucket.store.put_new(new, later[new])
    bucket.store.delete(new)
    assert canvasback.salvage(bucket.attach, stores=bucket.stores).commits == ()
    planned = canvasback.salvage(bucket.attach, source="versions", dry_run=True, stores=bucket.stores)
    assert "1 deleted file brought back from what the bucket keeps" in planned.steps
    assert bucket.contents() == bucket.right

    done = canvasback.salvage(bucket.attach, source="versions", stores=bucket.stores)

    assert (len(done.commits), done.steps) == (1, planned.steps)
    assert bucket.contents() == later
    assert canvasback.check(bucket.attach, level="rows", stores=bucket.stores).findings == ()
