"""Covers canvasback.storage.locations: how places are spelled, without going there."""

from __future__ import annotations

import pytest

from canvasback import Stores, UsageError
from canvasback.storage.bucket.azure import account_and_container
from canvasback.storage.bucket.service import Bucket, StoreOptions
from canvasback.storage.locations import folder_url, is_remote
from tests.memory import MemoryBucket


class Noting(Stores):
    """Notes which buckets are asked for."""

    def __init__(self, options: dict[str, StoreOptions] | None = None) -> None:
        super().__init__(options)
        self.asked: list[tuple[str, StoreOptions]] = []

    def connect(self, root: str, options: StoreOptions) -> Bucket:
        self.asked.append((root, options))
        bucket = MemoryBucket()
        bucket.url = root
        return bucket


URLS = [
    ("s3://bucket/a b/c.parquet", "s3://bucket/", "a b/c.parquet"),
    ("s3a://bucket/x", "s3a://bucket/", "x"),
    ("r2://bucket/x", "r2://bucket/", "x"),
    ("gcs://bucket/x/day=1/y", "gcs://bucket/", "x/day=1/y"),
    ("az://container/x", "az://container/", "x"),
    ("az://account.blob.core.windows.net/container/x/y", "az://account.blob.core.windows.net/container/", "x/y"),
    ("abfss://container@account.dfs.core.windows.net/x", "abfss://container@account.dfs.core.windows.net/", "x"),
    ("abfss://account.dfs.core.windows.net/container/x", "abfss://account.dfs.core.windows.net/container/", "x"),
]


@pytest.mark.parametrize(("url", "root", "name"), URLS)
def test_a_file_is_located(url: str, root: str, name: str) -> None:
    stores = Noting()
    store, found = stores.locate(url)
    assert (store.url, found) == (root, name)
    assert stores.locate(url)[0] is store
    assert [asked for asked, _ in stores.asked] == [root]


@pytest.mark.parametrize(("url", "root", "name"), URLS)
def test_a_store_is_opened(url: str, root: str, name: str) -> None:
    assert Noting().open(url).url == root + name + "/"
    assert Noting().open(root).url == root


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "s3://", "s3:///x", "https://", "az://account.blob.core.windows.net", "S3://bucket/x"]
)
def test_what_is_no_place(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        Noting().open(url)
    assert refused.value.code == "location-not-supported"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("container", (None, "container", "core.windows.net")),
        ("container@account.dfs.core.windows.net", ("account", "container", "core.windows.net")),
        ("account.blob.core.windows.net/container", ("account", "container", "core.windows.net")),
        ("account.blob.core.chinacloudapi.cn/container", ("account", "container", "core.chinacloudapi.cn")),
    ],
)
def test_azures_names(name: str, expected: tuple[str | None, str, str]) -> None:
    assert account_and_container(name) == expected


def test_the_options_of_the_bucket_go_before_those_of_the_scheme() -> None:
    own, all_ = StoreOptions(region="own"), StoreOptions(region="all")
    stores = Noting({"s3://": all_, "s3://mine": own})
    for url in ("s3://mine/x", "s3://mine-too/x", "gs://mine/x"):
        stores.open(url)
    assert [options.region for _, options in stores.asked] == ["own", "all", None]


@pytest.mark.parametrize(
    ("url", "served_by"),
    [("s3://b/x", "s3.S3Bucket"), ("gs://b/x", "gcs.GcsBucket"), ("az://c/x", "azure.AzureBucket")],
)
def test_each_cloud_has_what_serves_it(url: str, served_by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = MemoryBucket()
    monkeypatch.setattr(f"canvasback.storage.bucket.{served_by}", lambda *_: bucket)
    assert Stores().open(url).url == f"{bucket.url}x/"


def test_folders() -> None:
    assert folder_url("a/b", "/base") == "/base/a/b/"
    assert folder_url("file:///a/b/") == "/a/b/"
    assert folder_url("s3://bucket//") == "s3://bucket/"
    assert not is_remote("file:///a")
    assert not is_remote("/a b/c")
    assert is_remote("gs://b/a")
