"""What every bucket that keeps versions promises; see `canvasback.storage.versions.Versions`."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor

import google_crc32c
import pytest

from canvasback import Stores
from canvasback.errors import ObjectExistsError, ObjectMissingError, RefusedError, StorageError
from canvasback.storage.checksums import of_parts
from canvasback.storage.store import Store
from canvasback.storage.versions import Version, Versions
from tests.azure_stub import AzureStub
from tests.clouds import Cloud, cloud
from tests.other_servers import Moto
from tests.proxy import Fault, FaultProxy, matching, status

MIB = 1024 * 1024


class Kept:
    """A store in a bucket that keeps versions."""

    def __init__(self, where: Cloud) -> None:
        self.cloud = where
        self.url = f"{where.bucket(versions=True)}deep/er store/"
        self.stores: Stores = where.stores()
        self.store: Store = self.stores.open(self.url)
        assert self.store.versions is not None
        self.versions: Versions = self.store.versions

    @property
    def kind(self) -> str:
        return self.cloud.kind

    def overwrite(self, name: str, content: bytes) -> None:
        self.cloud.overwrite(self.url, name, content)

    def told(self, name: str) -> list[tuple[int, bool]]:
        return [(version.size, version.current) for version in self.versions.list(name)]

    def back(self, *versions: Version) -> list[object]:
        """The errors of bringing contents back."""
        return [type(done.error) for done in self.versions.bring_back(versions)]


@pytest.fixture(params=["s3", "gcs", "azure"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(cloud(request.param, request, monkeypatch, keeping="versions"))


def checksum(kind: str, content: bytes) -> str:
    """What a cloud says of a content."""
    if kind == "gcs":
        return f"crc32c:{google_crc32c.value(content):08x}"
    return f"md5:{hashlib.md5(content).hexdigest()}"


def test_it_tells_whether_contents_are_kept(kept: Kept) -> None:
    """Azure does not tell it."""
    assert kept.versions.kept() is (None if kept.kind == "azure" else True)
    plain = kept.stores.open(kept.cloud.bucket()).versions
    assert plain is not None
    assert plain.kept() is (None if kept.kind == "azure" else False)


def test_all_contents_are_listed(kept: Kept) -> None:
    kept.store.put_new("b", b"1")
    kept.overwrite("b", b"22")
    kept.store.delete("b")
    kept.overwrite("b", b"333")
    kept.store.put_new("a ä/🦆", b"")
    kept.store.put_new("c", b"4444")
    kept.store.delete("c")
    found = list(kept.versions.list(""))
    assert [(v.name, v.size, v.current) for v in found] == [
        ("a ä/🦆", 0, True),
        ("b", 3, True),
        ("b", 2, False),
        ("b", 1, False),
        ("c", 4, False),
    ]
    assert [len(version.hidden_by) for version in found] == [0, 0, 0, 0, 1 if kept.kind == "s3" else 0]
    assert len({version.id for version in found}) == 5
    assert found[1].checksum == checksum(kept.kind, b"333")
    assert [version.name for version in kept.versions.list("b")] == ["b"] * 3


@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_pages_are_put_together(kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of S3 has at most a thousand entries, and the contents of one object may be in two.

    fake-gcs-server begins a second page of versions at the first version again; tests/contract/test_soft_deleted.py has
    the pages of Google's library.
    """
    kept = Kept(cloud(kind, request, monkeypatch, keeping="versions"))
    names = [f"{number:03d}" for number in range(350 if kind == "s3" else 20)]
    if isinstance(kept.cloud.server, AzureStub):
        kept.cloud.server.turn_pages(kept.url.split("/")[2], 7)
    for _ in range(3):
        for name in names:
            kept.overwrite(name, b"x")
    kept.store.delete(names[-1])
    found = list(kept.versions.list(""))
    assert [version.name for version in found] == [name for name in names for _ in range(3)]
    assert [version.current for version in found[:6]] == [True, False, False] * 2
    assert [version.current for version in found[-3:]] == [False] * 3
    assert [len(version.hidden_by) for version in found[-3:]] == [1 if kind == "s3" else 0, 0, 0]


def test_a_head_names_the_content(kept: Kept) -> None:
    assert kept.versions.head("a") is None
    kept.store.put_new("a", b"1")
    [listed] = kept.versions.list("a")
    assert kept.versions.head("a") == listed
    kept.store.delete("a")
    assert kept.versions.head("a") is None


def test_what_came_in_parts_has_a_checksum(kept: Kept) -> None:
    content = bytes(range(256)) * (70 * MIB // 256)
    kept.store.copy_new("large", io.BytesIO(content), len(content))
    found = kept.versions.head("large")
    assert found is not None
    part = 16 * MIB
    parts = b"".join(hashlib.md5(content[at : at + part]).digest() for at in range(0, len(content), part))
    told = of_parts("md5", part, hashlib.md5(parts).hexdigest())
    if kept.kind == "s3":
        # Of these servers only moto tells how long a part is, as AWS does.
        assert found.checksum == (told if isinstance(kept.cloud.server, Moto) else "")
    else:
        assert found.checksum == (checksum("gcs", content) if kept.kind == "gcs" else "")


def test_a_deleted_object_comes_back_as_it_was(kept: Kept) -> None:
    kept.store.put_new("a", b"first")
    kept.store.put_new("b", b"second")
    before = {version.name: version.id for version in kept.versions.list("")}
    for name in ("a", "b"):
        kept.store.delete(name)
        kept.store.delete(name)  # there may be more markers than one
    deleted = list(kept.versions.list(""))
    assert kept.back(*deleted) == [type(None)] * 2
    assert {name: kept.store.get(name) for name in ("a", "b")} == {"a": b"first", "b": b"second"}
    now = {version.name: version.id for version in kept.versions.list("") if version.current}
    assert now.keys() == before.keys()
    # Only S3 hides what is deleted; elsewhere it is copied.
    assert all((now[name] == before[name]) is (kept.kind == "s3") for name in now)


def test_an_older_content_is_copied_over_nothing(kept: Kept) -> None:
    kept.store.put_new("a", b"good")
    kept.overwrite("a", b"garbage")
    _, good = kept.versions.list("a")
    assert kept.back(good) == [ObjectExistsError]
    assert kept.store.get("a") == b"garbage"
    kept.store.delete("a")
    assert kept.back(good) == [type(None)]
    assert kept.store.get("a") == b"good"
    assert kept.told("a") == [(4, True), (7, False), (4, False)]


def test_every_content_can_be_read(kept: Kept) -> None:
    kept.store.put_new("deep/a ä", b"good")
    kept.overwrite("deep/a ä", b"garbage")
    kept.store.delete("deep/a ä")
    contents = kept.stores.open_contents(kept.url)
    for version, content in zip(kept.versions.list("deep/"), (b"garbage", b"good"), strict=True):
        name = f"{version.id}/{version.name}"
        assert contents.get(name) == content
        assert contents.read(name, 1, 2) == content[1:3]
        found = contents.stat(name)
        assert found is not None
        assert (found.name, found.size, found.checksum) == (name, len(content), version.checksum)
    for none in ("f" * 32, "17", "2026-01-01T00:00:00.0000000Z"):
        with pytest.raises(ObjectMissingError):
            contents.get(f"{none}/deep/a ä")
        assert contents.stat(f"{none}/deep/a ä") is None
    with pytest.raises(RefusedError):
        contents.put_new("1/a", b"")


def test_a_content_is_copied_elsewhere_within_the_service(kept: Kept) -> None:
    kept.store.put_new("a", b"good")
    kept.overwrite("a", b"garbage")
    _, good = kept.versions.list("a")
    target = kept.stores.open(kept.cloud.bucket())
    copied = target.copy_from("copy", kept.stores.open_contents(kept.url), f"{good.id}/a", 4)
    assert copied is not None
    assert target.get("copy") == b"good"


@pytest.mark.parametrize(
    ("kind", "many", "requests"),
    # S3 is asked once more for the one that is not there; moto leaves out what is next to a marker, which is seen in
    # the first page, and then gives all three. Azure is asked for each.
    [("s3", 2500, 4), ("gcs", 250, 1), ("azure", 250, 4)],
)
def test_a_few_of_many_are_found_by_few_requests(
    kind: str, many: int, requests: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that have nothing of what is wanted are passed over."""
    kept = Kept(cloud(kind, request, monkeypatch, keeping="versions"))
    names = [f"ä {number:04d}" for number in range(many)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: kept.overwrite(name, b"x"), names))
    wanted = [names[many - 100], f"ä {many // 2:04d}b", names[10], names[11]]
    kept.overwrite(wanted[2], b"22")
    kept.store.delete(wanted[0])
    with FaultProxy(kept.cloud.server.endpoint) as proxy:
        where = cloud(kind, request, monkeypatch, proxy.endpoint, keeping="versions")
        behind = where.stores().open(kept.url).versions
        assert behind is not None
        found = list(behind.find(wanted))
        # Google's library asks after the bucket too, now and then.
        assert sum("prefix=" in one.query for one in proxy.requests) == requests
    assert [(v.name, v.size, v.current) for v in found] == [
        (wanted[2], 2, True),
        (wanted[2], 1, False),
        (wanted[3], 1, True),
        (wanted[0], 1, False),
    ]
    assert found == [version for version in kept.versions.list("") if version.name in wanted]
    assert list(kept.versions.find([])) == []


def test_half_an_answer_is_no_listing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(cloud("s3", request, monkeypatch, keeping="versions"))
    kept.store.put_new("a", b"1")
    with FaultProxy(kept.cloud.server.endpoint) as proxy:
        proxy.faults.append(Fault(matching("GET", query="versions"), status(200, b"<ListVersionsResult><Version>")))
        behind = kept.cloud.stores(endpoint=proxy.endpoint, retries=0).open(kept.url).versions
        assert behind is not None
        for listed in (behind.list(""), behind.find(["a"])):
            with pytest.raises(StorageError):
                list(listed)


def test_a_name_that_others_begin_with_is_found_once(kept: Kept) -> None:
    for name in ("a", "ab", "abc"):
        kept.store.put_new(name, b"x")
    assert [version.name for version in kept.versions.find(["ab", "a"])] == ["a", "ab"]


def test_many_of_many_are_found(kept: Kept) -> None:
    names = [f"{number:02d}" for number in range(40)]
    for name in names:
        kept.store.put_new(name, b"x")
    wanted = names[1::2]
    assert [version.name for version in kept.versions.find(wanted[::-1])] == wanted
