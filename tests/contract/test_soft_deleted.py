"""What every bucket that keeps what is deleted promises; see `canvasback.storage.versions.Versions`."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta

import google_crc32c
import pytest

from canvasback import Stores
from canvasback.errors import ObjectExistsError, ObjectMissingError
from canvasback.storage.bucket import gcs_bulk_restore, gcs_soft_deleted
from canvasback.storage.bucket.gcs_bulk_restore import Deleted, Span, whole_folders
from canvasback.storage.store import Store
from canvasback.storage.versions import Version, Versions
from tests.azure_stub import AzureStub
from tests.clouds import Cloud, cloud
from tests.object_servers import SoftDeletingGcs
from tests.proxy import Fault, FaultProxy, Request, matching, status


class Kept:
    """A store in a bucket that keeps what is deleted."""

    def __init__(self, where: Cloud, *, versions: bool = False) -> None:
        self.cloud = where
        self.url = f"{where.bucket(soft_delete=True, versions=versions)}deep/er store/"
        self.stores: Stores = where.stores()
        self.store: Store = self.stores.open(self.url)
        assert self.store.soft_deleted is not None
        self.deleted: Versions = self.store.soft_deleted

    @property
    def kind(self) -> str:
        return self.cloud.kind

    def overwrite(self, name: str, content: bytes) -> None:
        self.cloud.overwrite(self.url, name, content)

    def told(self, name: str) -> list[tuple[str, int]]:
        return [(version.name, version.size) for version in self.deleted.list(name)]

    def back(self, *versions: Version) -> list[object]:
        """The errors of bringing contents back."""
        return [type(done.error) for done in self.deleted.bring_back(versions)]

    def contents(self) -> dict[str, bytes]:
        return {stat.name: self.store.get(stat.name) for stat in self.store.list("")}


@pytest.fixture(params=["gcs", "azure"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(cloud(request.param, request, monkeypatch, keeping="soft-deleted"))


@pytest.fixture
def google(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(cloud("gcs", request, monkeypatch, keeping="soft-deleted"))


@pytest.fixture
def azure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(cloud("azure", request, monkeypatch, keeping="soft-deleted"))


def test_it_tells_whether_what_is_deleted_is_kept(kept: Kept) -> None:
    assert kept.deleted.kept() is True
    server = kept.cloud.server
    if isinstance(server, SoftDeletingGcs):
        server.soft_delete(kept.url.split("/")[2], days=0)
    else:
        assert isinstance(server, AzureStub)
        for container in server.containers.values():
            container.soft_delete = False
    assert kept.deleted.kept() is False


def test_what_was_deleted_is_listed(kept: Kept) -> None:
    kept.store.put_new("b", b"1")
    kept.store.delete("b")
    kept.store.put_new("b", b"22")
    kept.overwrite("b", b"333")
    kept.store.put_new("a ä/🦆", b"there")
    kept.store.put_new("c", b"4444")
    kept.store.delete("c")
    assert kept.told("") == [("b", 2), ("b", 1), ("c", 4)]
    kept.store.delete("b")
    found = list(kept.deleted.list("b"))
    assert [(version.name, version.size) for version in found] == [("b", 3), ("b", 2), ("b", 1)]
    assert not any(version.current or version.hidden_by for version in found)
    assert len({version.id for version in found}) == 3
    md5 = f"md5:{hashlib.md5(b'333').hexdigest()}"
    assert found[0].checksum == (md5 if kept.kind == "azure" else f"crc32c:{google_crc32c.value(b'333'):08x}")


def test_pages_are_put_together(kept: Kept) -> None:
    """The contents of one object may be in two pages."""
    assert isinstance(kept.cloud.server, SoftDeletingGcs | AzureStub)
    kept.cloud.server.turn_pages(kept.url.split("/")[2], 7)
    for _ in range(3):
        for number in range(20):
            kept.overwrite(f"{number:03d}", b"x")
    assert kept.told("") == [(f"{number:03d}", 1) for number in range(20) for _ in range(2)]
    for number in range(20):
        kept.store.delete(f"{number:03d}")
    assert kept.told("") == [(f"{number:03d}", 1) for number in range(20) for _ in range(3)]


@pytest.mark.parametrize(("kind", "requests"), [("gcs", 3), ("azure", 5)])
def test_a_few_of_many_are_found_by_few_requests(
    kind: str, requests: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of Google, pages that have nothing of what is wanted are passed over; Azure is asked for each."""
    kept = Kept(cloud(kind, request, monkeypatch, keeping="soft-deleted"))
    assert isinstance(kept.cloud.server, SoftDeletingGcs | AzureStub)
    kept.cloud.server.turn_pages(kept.url.split("/")[2], 4)
    names = [f"ä {number:02d}" for number in range(30)]
    for name in names:
        kept.store.put_new(name, b"x")
    kept.overwrite(names[10], b"22")
    for name in names:
        kept.store.delete(name)
    # Of the first there is more in the next page; the page of the second has the third.
    wanted = [names[25], "ä 24b", names[10], names[9], names[7]]
    with FaultProxy(kept.cloud.server.endpoint) as proxy:
        where = cloud(kind, request, monkeypatch, proxy.endpoint, keeping="soft-deleted")
        behind = where.stores().open(kept.url).soft_deleted
        assert behind is not None
        found = list(behind.find(wanted))
        # Google's library asks after the bucket too, now and then.
        assert sum("prefix=" in one.query for one in proxy.requests) == requests
    assert [(v.name, v.size) for v in found] == [
        (wanted[4], 1),
        (wanted[3], 1),
        (wanted[2], 2),
        (wanted[2], 1),
        (wanted[0], 1),
    ]
    assert found == [version for version in kept.deleted.list("") if version.name in wanted]


def test_a_head_names_what_is_there(kept: Kept) -> None:
    assert kept.deleted.head("a") is None
    kept.store.put_new("a", b"1")
    found = kept.deleted.head("a")
    assert found is not None
    assert (found.name, found.size, found.current) == ("a", 1, True)
    kept.store.delete("a")
    assert kept.deleted.head("a") is None


def test_deleted_objects_come_back(kept: Kept) -> None:
    before = {f"{folder}/ä {number}": str(number).encode() for folder in "ab" for number in range(30)}
    for name, content in before.items():
        kept.store.put_new(name, content)
    for name in before:
        kept.store.delete(name)
    assert kept.contents() == {}
    assert kept.back(*kept.deleted.list("")) == [type(None)] * 60
    assert kept.contents() == before


def test_nothing_is_overwritten(kept: Kept) -> None:
    """The newest of several contents, an older one, and what is in the way."""
    for content in (b"good", b"garbage", b"more garbage"):
        kept.overwrite("a", content)
    kept.store.delete("a")
    newest, middle, oldest = kept.deleted.list("a")
    assert kept.back(middle) == [type(None)]
    assert kept.store.get("a") == b"garbage"
    assert kept.back(oldest) == [ObjectExistsError]
    assert kept.store.get("a") == b"garbage"
    assert {version.checksum for version in kept.deleted.list("a")} >= {newest.checksum, oldest.checksum}
    kept.store.delete("a")
    assert kept.back(next(version for version in kept.deleted.list("a") if version.size == 4)) == [type(None)]
    assert kept.store.get("a") == b"good"
    kept.store.delete("a")
    sizes = {version.size for version in kept.deleted.list("a")}
    assert sizes == {4, 7, 12}


def test_what_is_there_already_needs_not_come(kept: Kept) -> None:
    """As where an answer got lost."""
    kept.store.put_new("a", b"good")
    kept.store.delete("a")
    [gone] = kept.deleted.list("a")
    assert kept.back(gone) == [type(None)]
    assert kept.back(gone) == [type(None)]


def test_what_is_gone_for_good_is_told(kept: Kept) -> None:
    kept.store.put_new("a", b"good")
    kept.store.delete("a")
    [gone] = kept.deleted.list("a")
    other = Version("b", gone.id, gone.size)
    assert kept.back(other) == [ObjectMissingError]


def emptied(google: Kept, monkeypatch: pytest.MonkeyPatch, *unwanted: str) -> dict[str, bytes]:
    """A store out of which two folders were deleted, of which the first is worth to be asked for as a whole."""
    monkeypatch.setattr(gcs_bulk_restore, "WORTH", 10)
    monkeypatch.setattr(gcs_soft_deleted, "WORTH", 10)
    monkeypatch.setattr(gcs_bulk_restore, "_FIRST_LOOK", 0.01)
    monkeypatch.setattr(gcs_bulk_restore, "_MARGIN", timedelta(milliseconds=5))
    before = {f"t/day={number % 3}/{number}": str(number).encode() for number in range(12)}
    before |= {f"u/{number}": str(number).encode() for number in range(3)}
    for name, content in before.items():
        google.store.put_new(name, content)
    for name in ("t/long ago", *unwanted):
        google.store.put_new(name, b"not wanted")
    google.store.delete("t/long ago")
    time.sleep(0.05)
    for name in (*before, *unwanted):
        google.store.delete(name)
    return before


def asked(requests: list[Request]) -> tuple[int, int]:
    """How many bulk restores were asked for, and how many single ones."""
    paths = [request.path for request in requests if request.method == "POST"]
    return sum(path.endswith("/bulkRestore") for path in paths), sum(path.endswith("/restore") for path in paths)


def wanted(google: Kept, before: dict[str, bytes]) -> list[Version]:
    return [version for version in google.deleted.list("") if version.name in before]


def test_whole_folders_come_back_by_one_request(google: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    before = emptied(google, monkeypatch, "u/not wanted")
    with FaultProxy(str(google.cloud.options.endpoint)) as proxy:
        store = google.cloud.stores(endpoint=proxy.endpoint).open(google.url)
        assert store.soft_deleted is not None
        back = list(store.soft_deleted.bring_back(wanted(google, before)))
        assert asked(proxy.requests) == (1, 3)
        assert sum("/operations/" in request.path for request in proxy.requests) == 2
    assert [done.error for done in back] == [None] * 15
    assert google.contents() == before


def test_what_is_not_wanted_does_not_come_along(google: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """One object of a folder is not wanted: so the folder is not asked for."""
    before = emptied(google, monkeypatch, "t/not wanted")
    with FaultProxy(str(google.cloud.options.endpoint)) as proxy:
        store = google.cloud.stores(endpoint=proxy.endpoint).open(google.url)
        assert store.soft_deleted is not None
        back = list(store.soft_deleted.bring_back(wanted(google, before)))
        assert asked(proxy.requests) == (0, 15)
    assert [done.error for done in back] == [None] * 15
    assert google.contents() == before


def test_who_may_not_restore_in_the_bucket_restores_one_by_one(google: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    before = emptied(google, monkeypatch)
    with FaultProxy(str(google.cloud.options.endpoint)) as proxy:
        proxy.faults.append(Fault(matching("POST", path="bulkRestore"), status(403)))
        store = google.cloud.stores(endpoint=proxy.endpoint).open(google.url)
        assert store.soft_deleted is not None
        back = list(store.soft_deleted.bring_back(wanted(google, before)))
        assert asked(proxy.requests) == (1, 15)
    assert [done.error for done in back] == [None] * 15
    assert google.contents() == before


def test_what_appeared_meanwhile_stays(google: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    before = emptied(google, monkeypatch)
    versions = wanted(google, before)
    google.store.put_new("t/day=0/0", b"new")
    back = {done.version.name: type(done.error) for done in google.deleted.bring_back(versions)}
    assert back == dict.fromkeys(before, type(None)) | {"t/day=0/0": ObjectExistsError}
    assert google.contents() == before | {"t/day=0/0": b"new"}


DAY = datetime(2026, 11, 1, tzinfo=UTC)


def deleted(*names: str, at: datetime = DAY, generation: str = "1") -> list[Deleted]:
    return [Deleted(name, generation, at) for name in names]


def found(gone: list[Deleted], names: list[str], base: str = "") -> tuple[str, ...]:
    span = whole_folders(gone, dict.fromkeys(names, "1"), base)
    return () if span is None else span.folders


@pytest.fixture
def worth_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcs_bulk_restore, "WORTH", 2)


@pytest.mark.usefixtures("worth_two")
def test_the_largest_folders_are_asked_for() -> None:
    names = ["a/b/1", "a/b/2", "a/c/1", "d/1", "d/2", "e/1", "root"]
    assert found(deleted(*names), names) == ("a/", "d/")
    assert found(deleted(*names, "a/x"), names) == ("a/b/", "d/")
    assert found(deleted(*names, "a/b/x"), names) == ("d/",)
    assert found(deleted(*names[:3]), names[:3], "a/") == ("a/",)
    assert found(deleted(*names[:2]), names[:2], "a/b/") == ("a/b/",)
    assert found([], names) == ()


@pytest.mark.usefixtures("worth_two")
def test_what_a_glob_could_mean_otherwise_is_not_asked_for() -> None:
    for odd in "*?[]{}\\":
        assert found(deleted(f"a{odd}/1", f"a{odd}/2"), [f"a{odd}/1", f"a{odd}/2"]) == ()


@pytest.mark.usefixtures("worth_two")
def test_another_content_of_a_name_keeps_its_folder_from_being_asked_for() -> None:
    names = ["a/1", "a/2"]
    other = deleted("a/1", generation="2")
    assert found([*deleted(*names), *other], names) == ()
    long_ago = deleted("a/1", generation="2", at=DAY - timedelta(seconds=2))
    assert found([*deleted(*names), *long_ago], names) == ("a/",)
    around = [*long_ago, *deleted("a/1", generation="3", at=DAY + timedelta(seconds=2))]
    assert found([*deleted(*names), *around], names) == ()  # to keep one span of each folder is enough


@pytest.mark.usefixtures("worth_two")
def test_the_time_is_that_of_what_is_wanted() -> None:
    later = DAY + timedelta(hours=1)
    span = whole_folders([*deleted("a/1"), *deleted("a/2", at=later)], {"a/1": "1", "a/2": "1"}, "")
    assert span == Span(("a/",), DAY - timedelta(seconds=1), later + timedelta(seconds=1))


def test_who_may_not_see_the_account_hears_that_nobody_knows(azure: Kept) -> None:
    assert isinstance(azure.cloud.server, AzureStub)
    azure.cloud.server.forbidden.add("properties")
    try:
        assert azure.deleted.kept() is None
    finally:
        azure.cloud.server.forbidden.clear()


def test_a_blob_that_came_back_can_be_deleted_again(azure: Kept) -> None:
    """Azure deletes no blob that has snapshots: those that came back with it are deleted again."""
    for content in (b"good", b"garbage", b"more garbage"):
        azure.overwrite("a", content)
    azure.store.delete("a")
    *_, oldest = azure.deleted.list("a")
    assert azure.back(oldest) == [type(None)]
    azure.store.delete("a")
    assert azure.contents() == {}


def test_what_is_overwritten_in_between_is_kept_where_nothing_is_kept_any_more(azure: Kept) -> None:
    """Azure brings back a blob with its snapshots, and a snapshot is copied over it."""
    for content in (b"good", b"garbage"):
        azure.overwrite("a", content)
    azure.store.delete("a")
    _, oldest = azure.deleted.list("a")
    assert isinstance(azure.cloud.server, AzureStub)
    for container in azure.cloud.server.containers.values():
        container.soft_delete = False
    assert azure.back(oldest) == [type(None)]
    assert azure.store.get("a") == b"good"
    assert azure.told("a") == [("a", 7)]


def test_versions_that_were_deleted_come_back(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an account that keeps both, a blob becomes a version first, and the version can be deleted then."""
    azure = Kept(cloud("azure", request, monkeypatch, keeping="soft-deleted"), versions=True)
    azure.store.put_new("a", b"good")
    azure.store.delete("a")
    assert azure.told("a") == []
    versions = azure.store.versions
    assert versions is not None
    [gone] = versions.list("a")
    container = azure.url.split("/")[2]
    with azure.cloud.server.client() as client:
        client.get_blob_client(container, "deep/er store/a").delete_blob(version_id=gone.id)
    assert list(versions.list("a")) == []
    [deleted_version] = azure.deleted.list("a")
    assert azure.back(deleted_version) == [type(None)]
    assert azure.store.get("a") == b"good"
