"""What a bucket may cost and what its permissions may lack: few requests, no listing, no deletion, many at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import canvasback
from canvasback import AccessDeniedError, CanvasbackError, LockedError, ObjectMissingError, StoreOptions, Stores
from canvasback.storage.bucket.aws import AwsSettings
from canvasback.storage.bucket.service import Bucket
from canvasback.storage.store import Copied, Source, Stat
from tests.clouds import Cloud, cloud
from tests.lake.cloud_lakes import comparable, read, session, write
from tests.proxy import FaultProxy, Request


@pytest.fixture
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return cloud("s3", request, monkeypatch)


@pytest.fixture
def proxy(request: pytest.FixtureRequest) -> Iterator[FaultProxy]:
    with FaultProxy(request.getfixturevalue("s3_server").endpoint) as running:
        yield running


class Guarded:
    """A bucket whose permissions lack something: to list, to delete, or to write."""

    def __init__(self, bucket: Bucket, lacking: str) -> None:
        self._bucket = bucket
        self._lacking = lacking
        self.url, self.service, self.arrival, self.single = bucket.url, bucket.service, bucket.arrival, bucket.single
        self.locks, self.versions, self.soft_deleted = bucket.locks, bucket.versions, bucket.soft_deleted

    def head(self, key: str) -> Stat | None:
        found = self._bucket.head(key)
        if found is None and self._lacking == "list":  # so says S3 to those who may not list
            raise AccessDeniedError(self.url + key)
        return found

    def read(self, key: str, start: int, size: int, etag: str = "") -> tuple[bytes, Stat]:
        try:
            return self._bucket.read(key, start, size, etag)
        except ObjectMissingError:
            if self._lacking == "list":
                raise AccessDeniedError(self.url + key) from None
            raise

    def stream(self, key: str, start: int, etag: str = "") -> tuple[Iterator[bytes], Stat]:
        try:
            return self._bucket.stream(key, start, etag)
        except ObjectMissingError:
            if self._lacking == "list":
                raise AccessDeniedError(self.url + key) from None
            raise

    def put(self, key: str, content: bytes | bytearray) -> str:
        self._needs("write", key)
        return self._bucket.put(key, content)

    def upload(self, key: str, source: Source, size: int) -> str:
        self._needs("write", key)
        return self._bucket.upload(key, source, size)

    def copy(self, key: str, origin: Bucket, origin_key: str, stat: Stat) -> Copied | None:
        self._needs("write", key)
        assert isinstance(origin, Guarded)
        return self._bucket.copy(key, origin._bucket, origin_key, stat)

    def list(self, prefix: str) -> Iterator[Stat]:
        self._needs("list", prefix)
        yield from self._bucket.list(prefix)

    def delete(self, key: str) -> None:
        self._needs("delete", key)
        self._bucket.delete(key)

    def _needs(self, permission: str, key: str) -> None:
        if self._lacking == permission:
            raise AccessDeniedError(self.url + key)


class GuardedStores(Stores):
    """Opens all buckets without a permission."""

    def __init__(self, where: Cloud, lacking: str) -> None:
        super().__init__({"s3://": where.options})
        self._lacking = lacking

    def connect(self, root: str, options: StoreOptions) -> Bucket:
        return Guarded(super().connect(root, options), self._lacking)


def is_listing(request: Request) -> bool:
    return request.method == "GET" and "list-type" in request.query


# Requests


@pytest.mark.parametrize("lake_in", ["s3", "disk"])
def test_a_backup_makes_as_many_requests_as_files_are_new(
    lake_in: str, s3: Cloud, proxy: FaultProxy, tmp_path: Path
) -> None:
    stores = s3.stores(endpoint=proxy.endpoint)
    counts: dict[int, int] = {}
    for files in (5, 60):
        catalog = tmp_path / f"{files}.ducklake"
        data_path = f"{s3.bucket()}lake/" if lake_in == "s3" else f"{tmp_path}/{files}/"
        inserts = tuple(f"INSERT INTO lake.main.t VALUES ({number})" for number in range(files))
        write(s3, catalog, data_path, ("CREATE TABLE lake.main.t (a INTEGER)", *inserts))
        repository = f"{s3.bucket()}repo"
        canvasback.init(f"ducklake:{catalog}", repository, stores=stores)
        assert canvasback.backup(f"ducklake:{catalog}", repository, stores=stores).new_files == files
        proxy.clear()
        assert canvasback.backup(f"ducklake:{catalog}", repository, stores=stores).new_files == 0
        nothing = len(proxy.requests)
        assert not any(map(is_listing, proxy.requests))
        write(s3, catalog, data_path, ("INSERT INTO lake.main.t VALUES (7), (8)", "INSERT INTO lake.main.t VALUES (1)"))
        proxy.clear()
        assert canvasback.backup(f"ducklake:{catalog}", repository, stores=stores).new_files == 2
        assert not any(map(is_listing, proxy.requests))
        counts[files] = len(proxy.requests)
        assert nothing <= counts[files] <= nothing + 40  # two files, and the chunks that say so
    assert abs(counts[60] - counts[5]) <= 4  # whatever the lake's size


def test_no_byte_of_data_passes_within_one_service(s3: Cloud, proxy: FaultProxy, tmp_path: Path) -> None:
    stores = s3.stores(endpoint=proxy.endpoint)
    catalog, data_path = tmp_path / "main.ducklake", f"{s3.bucket()}lake/"
    truth = write(s3, catalog, data_path)
    repository, place = f"{s3.bucket()}repo", f"{s3.bucket()}back/"
    canvasback.init(f"ducklake:{catalog}", repository, stores=stores)
    proxy.clear()
    made = canvasback.backup(f"ducklake:{catalog}", repository, stores=stores)
    back = f"ducklake:{tmp_path}/back.ducklake"
    canvasback.restore(back, repository, data_path=place, stores=stores)
    data = [request for request in proxy.requests if "/ducklake-" in request.path]
    assert len(data) >= 2 * made.files
    assert {request.method for request in data} == {"HEAD", "PUT"}
    answers = [request.received for request in data if request.method == "PUT"]
    assert sum(request.sent for request in data) == 0
    assert max(answers) < 500  # each says that it was copied
    proxy.clear()
    assert not canvasback.verify(repository, level="checksum", stores=stores).findings
    assert comparable(read(s3, back, truth)) == comparable(truth)


def test_verify_exists_lists_and_asks_for_no_object(s3: Cloud, proxy: FaultProxy, tmp_path: Path) -> None:
    stores = s3.stores(endpoint=proxy.endpoint)
    catalog = tmp_path / "main.ducklake"
    write(s3, catalog, f"{tmp_path}/data/")
    repository = f"{s3.bucket()}repo"
    canvasback.init(f"ducklake:{catalog}", repository, stores=stores)
    canvasback.backup(f"ducklake:{catalog}", repository, stores=stores)
    proxy.clear()
    assert not canvasback.verify(repository, stores=stores).findings
    assert sum(map(is_listing, proxy.requests)) <= 4
    assert not [request for request in proxy.requests if request.method == "HEAD"]
    assert not [request for request in proxy.requests if "/data/" in request.path]


# Permissions


@pytest.mark.parametrize("lacking", ["list", "delete"])
def test_all_goes_on_without_a_permission(lacking: str, s3: Cloud, tmp_path: Path) -> None:
    """Who may not list is told of what is not there that it may not be read."""
    guarded = GuardedStores(s3, lacking)
    catalog, data_path = tmp_path / "main.ducklake", f"{s3.bucket()}lake/"
    truth = write(s3, catalog, data_path)
    repository, lake = f"{s3.bucket()}repo", f"ducklake:{catalog}"
    canvasback.init(lake, repository, stores=guarded)
    points = []
    for _ in range(5):
        made = canvasback.backup(lake, repository, stores=guarded)
        assert not made.findings
        points.append(made.point)
        truth |= write(s3, catalog, data_path, ("INSERT INTO lake.main.t VALUES (9, 'more', DATE '2027-01-01')",))
    assert points == sorted(set(points))
    made = canvasback.backup(lake, repository, stores=guarded)
    back = f"ducklake:{tmp_path}/back.ducklake"
    moved = f"{s3.bucket()}back/"
    restored = canvasback.restore(back, repository, data_path=moved, stores=guarded)
    assert (restored.point, restored.findings) == (made.point, ())
    assert comparable(read(s3, back, truth)) == comparable(truth)
    first = f"ducklake:{tmp_path}/first.ducklake"
    place = str(tmp_path / "first")
    assert not canvasback.restore(first, repository, points[0], data_path=place, stores=guarded).findings
    assert canvasback.attach(repository, out=str(tmp_path / "a.ducklake"), stores=guarded).point == made.point
    assert canvasback.repoint(back, moved, verify=True, stores=guarded).files > 0
    assert not canvasback.verify(repository, all_points=True, level="rows", stores=s3.stores()).findings
    listed = canvasback.list_points(repository, stores=s3.stores()).points
    assert [point.timeline for point in listed] == [1] * 6


def test_a_repository_that_may_only_be_read(s3: Cloud, tmp_path: Path) -> None:
    guarded = GuardedStores(s3, "write")
    catalog = tmp_path / "main.ducklake"
    write(s3, catalog, f"{tmp_path}/data/")
    repository, lake = f"{s3.bucket()}repo", f"ducklake:{catalog}"
    with pytest.raises(AccessDeniedError):
        canvasback.init(lake, repository, stores=guarded)
    canvasback.init(lake, repository, stores=s3.stores())
    canvasback.backup(lake, repository, stores=s3.stores())
    with pytest.raises(AccessDeniedError) as denied:
        canvasback.backup(lake, repository, stores=guarded)
    assert repository in denied.value.message
    assert not canvasback.verify(repository, level="rows", stores=guarded).findings
    assert canvasback.show(repository, stores=guarded).point.files > 0
    back = f"ducklake:{tmp_path}/back.ducklake"
    assert not canvasback.restore(back, repository, data_path=str(tmp_path / "back"), stores=guarded).findings


# Bad input


@pytest.mark.parametrize("kind", ["s3", "gcs", "azure"])
def test_a_bucket_that_is_not_there(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, s3: Cloud, tmp_path: Path
) -> None:
    where = cloud(kind, request, monkeypatch)
    catalog = tmp_path / "main.ducklake"
    write(s3, catalog, f"{tmp_path}/data/")
    scheme = where.bucket().partition("://")[0]
    with pytest.raises(CanvasbackError) as failed:
        canvasback.init(f"ducklake:{catalog}", f"{scheme}://no-such-bucket/repo", stores=where.stores())
    assert failed.value.code == "bucket-missing"
    with pytest.raises(CanvasbackError) as failed:
        canvasback.repoint(f"ducklake:{catalog}", f"{scheme}://no-such-bucket/data", stores=where.stores())
    assert failed.value.code == "bucket-missing"


def test_a_key_that_nobody_knows(s3: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.bucket()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
    with pytest.raises(CanvasbackError) as failed:
        canvasback.list_points(f"{bucket}repo", stores=s3.stores())
    assert failed.value.code == "credentials-refused"
    assert "AKIANOBODY" not in failed.value.message


def test_no_credentials_at_all(s3: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(CanvasbackError) as failed:
        canvasback.list_points("s3://bucket/repo", stores=s3.stores())
    assert failed.value.code == "credentials-missing"
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    with pytest.raises(CanvasbackError) as failed:
        canvasback.list_points("az://container/repo")
    assert failed.value.code == "credentials-missing"


def test_a_profile_of_awss_own_files(s3: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys, region and endpoint of a profile; nothing else says where the server is."""
    bucket = s3.bucket()
    (tmp_path / "config").write_text(
        f"[profile backup]\nregion = us-east-1\nendpoint_url = {s3.options.endpoint}\n"
        "aws_access_key_id = test\naws_secret_access_key = test\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    by_option = Stores({bucket: StoreOptions(profile="backup")})
    assert list(by_option.open(bucket).list("")) == []
    monkeypatch.setenv("AWS_PROFILE", "backup")
    assert list(Stores().open(bucket).list("")) == []
    with pytest.raises(CanvasbackError) as failed:
        Stores({bucket: StoreOptions(profile="nobody")}).open(bucket)
    assert failed.value.code == "credentials-missing"


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_region_in_the_environment(variable: str, s3: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv(variable, "eu-central-1")
    settings = AwsSettings("s3://bucket/", "s3", StoreOptions())
    assert settings.region == "eu-central-1"
    assert settings.url_of("bucket") == "https://bucket.s3.eu-central-1.amazonaws.com"
    assert settings.url_of("bucket.with.dots") == "https://s3.eu-central-1.amazonaws.com"
    assert AwsSettings("s3://bucket/", "s3", s3.options).url_of("bucket") == s3.options.endpoint


@pytest.mark.parametrize("endpoint", ["not a url", "http://", "https://host?query", "ftp://host"])
def test_an_endpoint_that_is_none(endpoint: str, s3: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    with pytest.raises(CanvasbackError) as failed:
        Stores().open(s3.bucket())
    assert failed.value.code == "endpoint-missing"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "")  # as good as not set, and no reason to fall over
    assert Stores({"s3://": s3.options}).open(s3.bucket()).stat("nothing") is None


def test_a_table_of_settings_goes_before_the_environment(s3: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    assert list(s3.stores().open(s3.bucket()).list("")) == []


def test_options_are_for_whole_buckets(s3: Cloud) -> None:
    bucket = s3.bucket()
    assert list(Stores({bucket.rstrip("/"): s3.options}).open(f"{bucket}folder").list("")) == []
    with pytest.raises(CanvasbackError) as failed:
        Stores({f"{bucket}folder": s3.options})
    assert failed.value.code == "location-not-supported"
    near = Stores({bucket[:-2]: StoreOptions(endpoint="http://127.0.0.1:9"), "s3://": s3.options})
    assert list(near.open(bucket).list("")) == []  # the name of one bucket begins that of another


def test_an_endpoint_in_the_environment(s3: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.bucket()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", str(s3.options.endpoint))
    assert list(Stores().open(bucket).list("")) == []
    assert list(Stores().open(bucket.replace("s3://", "r2://")).list("")) == []
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    with pytest.raises(CanvasbackError) as failed:
        Stores().open(bucket.replace("s3://", "r2://"))
    assert failed.value.code == "endpoint-missing"


def test_http_is_used_only_where_it_is_spelled(s3: Cloud) -> None:
    host = str(s3.options.endpoint).removeprefix("http://")
    with pytest.raises(CanvasbackError) as failed:
        list(s3.stores(endpoint=host, retries=0, timeout=2.0).open(s3.bucket()).list(""))
    assert failed.value.code == "storage-unreachable"


# Many at once


def test_of_sixteen_backups_at_once_each_is_whole_or_refused(s3: Cloud, tmp_path: Path) -> None:
    catalog = tmp_path / "main.ducklake"
    truth = write(s3, catalog, f"{tmp_path}/data/")
    repository, lake = f"{s3.bucket()}repo", f"ducklake:{catalog}"
    canvasback.init(lake, repository, stores=s3.stores())

    def attempt(_: int) -> str | None:
        try:
            return canvasback.backup(lake, repository, stores=s3.stores()).point
        except LockedError:
            return None

    with ThreadPoolExecutor(16) as pool:
        made = [point for point in pool.map(attempt, range(16)) if point is not None]
    assert made
    assert len(set(made)) == len(made)
    listed = canvasback.list_points(repository, stores=s3.stores()).points
    assert sorted(made) == [point.point for point in listed]
    assert not canvasback.verify(repository, all_points=True, level="rows", stores=s3.stores()).findings
    for number, point in enumerate(sorted(made)[-2:]):
        back = f"ducklake:{tmp_path}/{number}.ducklake"
        canvasback.restore(back, repository, point, data_path=str(tmp_path / str(number)), stores=s3.stores())
        assert comparable(read(s3, back, truth)) == comparable(truth)


def test_a_rate_is_kept(s3: Cloud, tmp_path: Path) -> None:
    """As the bytes go through the limit one after the other, the time cannot be shorter."""
    catalog = tmp_path / "main.ducklake"
    write(s3, catalog, f"{tmp_path}/data/", ("CREATE TABLE lake.main.t AS SELECT random() AS r FROM range(50000)",))
    repository, lake = f"{s3.bucket()}repo", f"ducklake:{catalog}"
    limited = Stores({"s3://": s3.options}, canvasback.RateLimit(400_000))
    canvasback.init(lake, repository, stores=limited)
    made = canvasback.backup(lake, repository, stores=limited)
    assert made.new_bytes > 300_000
    assert made.seconds >= made.new_bytes / 400_000
    with session(s3, lake, "READ_ONLY") as connection:
        assert connection.execute("SELECT count(*) FROM lake.main.t").fetchone() == (50000,)
