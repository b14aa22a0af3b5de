"""What goes wrong between us and a bucket: either it works after all, or it ends clearly and nothing is worse."""

from __future__ import annotations

import gc
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

import canvasback
from canvasback import CanvasbackError, StoreOptions, Stores
from canvasback.storage.bucket.s3 import S3Bucket
from canvasback.storage.store import Stat
from tests.clouds import Cloud, cloud
from tests.lake.builder import contents
from tests.lake.cloud_lakes import HISTORY, Truth, comparable, head, read, session, write
from tests.lake.values import literal
from tests.proxy import (
    Fault,
    FaultProxy,
    corrupt_request,
    corrupt_response,
    cut_request,
    cut_response,
    drop_header,
    hang,
    lose_answer,
    matching,
    s3_error,
    status,
    truncate,
)

DATA = r"/ducklake-[^/]*\.parquet$"
CHUNK = r"/catalog/.*\.parquet$"
_NUMBERS = itertools.count()


@pytest.fixture
def proxy(request: pytest.FixtureRequest) -> Iterator[FaultProxy]:
    """A proxy before the real server."""
    with FaultProxy(request.getfixturevalue("s3_server").endpoint) as running:
        yield running


@pytest.fixture
def direct(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return cloud("s3", request, monkeypatch)


@pytest.fixture
def faulty(direct: Cloud, proxy: FaultProxy) -> Stores:
    """The way through the proxy, for people without patience."""
    options = msgspec.structs.replace(direct.options, endpoint=proxy.endpoint, timeout=1.0, retries=3)
    return Stores({"s3://": options})


class Written:
    """A lake."""

    def __init__(self, direct: Cloud, folder: Path, data_path: str) -> None:
        self.attach = f"ducklake:{folder}/main.ducklake"
        self.data_path = data_path
        self.truth: Truth = write(direct, folder / "main.ducklake", data_path, HISTORY[:6])


@pytest.fixture(scope="module")
def written_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Cloud, str], Written]:
    """Write a lake on a disk, or in a bucket, the first time that it is asked for: no backup changes what it reads."""
    kept: dict[str, Written] = {}

    def write_once(direct: Cloud, where: str) -> Written:
        if where not in kept:
            folder = tmp_path_factory.mktemp(where)
            kept[where] = Written(direct, folder, f"{folder}/data/" if where == "disk" else f"{direct.bucket()}lake/")
        return kept[where]

    return write_once


class Copies:
    """A lake and a repository on either side of the proxy, and what must hold whatever happens."""

    def __init__(self, direct: Cloud, faulty: Stores, folder: Path, lake: Written, repository: str) -> None:
        self.direct, self.stores = direct, direct.stores()
        self.faulty = faulty
        self.folder = folder
        self.attach, self.data_path, self.truth = lake.attach, lake.data_path, lake.truth
        self.repository = repository
        canvasback.init(self.attach, repository, stores=self.stores)

    def backup(self) -> canvasback.BackupResult:
        """Back up through the proxy."""
        return canvasback.backup(self.attach, self.repository, stores=self.faulty)

    def points(self) -> int:
        return len(canvasback.list_points(self.repository, stores=self.stores).points)

    def is_sound(self) -> None:
        """Every point is what its manifest says, and every copy is what the lake has."""
        if self.points():
            verified = canvasback.verify(self.repository, all_points=True, level="rows", stores=self.stores)
            assert {code for code in verified.finding_counts if code != "files-absent"} == set()
        lake, repository = self.stores.open(self.data_path), self.stores.open(self.repository)
        for stat in repository.list("data/"):
            assert repository.get(stat.name) == lake.get(stat.name.removeprefix("data/"))

    def restores(self) -> None:
        """The newest point comes back as the lake that was."""
        back = f"ducklake:{self.folder}/back-{next(_NUMBERS)}.ducklake"
        place = str(self.folder / f"back-{next(_NUMBERS)}")
        assert not canvasback.restore(back, self.repository, data_path=place, stores=self.stores).findings
        newest = dict(list(self.truth.items())[-2:])
        assert comparable(read(self.direct, back, newest)) == comparable(newest)


@pytest.fixture
def up(direct: Cloud, faulty: Stores, written_once: Callable[[Cloud, str], Written], tmp_path: Path) -> Copies:
    """From a disk to a bucket."""
    return Copies(direct, faulty, tmp_path, written_once(direct, "disk"), f"{direct.bucket()}repo")


@pytest.fixture
def down(direct: Cloud, faulty: Stores, written_once: Callable[[Cloud, str], Written], tmp_path: Path) -> Copies:
    """From a bucket to a disk."""
    return Copies(direct, faulty, tmp_path, written_once(direct, "bucket"), f"{tmp_path}/repo")


SLOW_DOWN = status(503, s3_error("SlowDown"))
BROKEN = status(500, s3_error("InternalError"))

PASSING: dict[str, Callable[[], Fault]] = {
    "a 500 twice": lambda: Fault(matching("PUT", DATA), BROKEN, times=2),
    "slow down, three times": lambda: Fault(matching("PUT", DATA), SLOW_DOWN, times=3),
    "chunks are slowed down": lambda: Fault(matching("PUT", CHUNK), SLOW_DOWN, times=3, skip=3),
    "a hang": lambda: Fault(matching("PUT", DATA), hang(3), times=1),
    "a hang at the manifest": lambda: Fault(matching("PUT", "/points/"), hang(3), times=1),
    "a cut request": lambda: Fault(matching("PUT", DATA), cut_request(100), times=2),
    "wrong bytes on the way": lambda: Fault(matching("PUT", DATA), corrupt_request(), times=2),
    "wrong bytes of a chunk": lambda: Fault(matching("PUT", CHUNK), corrupt_request(), times=2),
    "a lost answer to a file": lambda: Fault(matching("PUT", DATA), lose_answer(), times=3),
    "a lost answer to a chunk": lambda: Fault(matching("PUT", CHUNK), lose_answer(), times=3),
    "a lost answer to the manifest": lambda: Fault(matching("PUT", "/points/"), lose_answer(), times=1),
    "a lost answer to a lease": lambda: Fault(matching("PUT", "/leases/"), lose_answer(), times=2),
    "a cut answer to a lease": lambda: Fault(matching("GET", "/leases/"), cut_response(20), times=2),
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_backup_to_a_bucket_gets_over(fault: str, up: Copies, proxy: FaultProxy) -> None:
    proxy.faults.append(PASSING[fault]())
    made = up.backup()
    assert proxy.faults[0].struck
    proxy.faults.clear()
    assert not made.findings
    assert up.points() == 1
    up.is_sound()
    up.restores()


LASTING: dict[str, tuple[Callable[[], Fault], str]] = {
    "the server is down": (lambda: Fault(matching(), BROKEN, skip=12), "storage-unreachable"),
    "nothing answers": (lambda: Fault(matching("PUT", DATA), hang(3), skip=3), "storage-unreachable"),
    "the credentials end": (
        lambda: Fault(matching(), status(400, s3_error("ExpiredToken")), skip=12),
        "credentials-refused",
    ),
    "the key is deleted": (
        lambda: Fault(matching(), status(403, s3_error("InvalidAccessKeyId")), skip=12),
        "credentials-refused",
    ),
    "the bucket disappears": (
        lambda: Fault(matching(), status(404, s3_error("NoSuchBucket")), skip=12),
        "bucket-missing",
    ),
    "the bucket is in another region": (
        lambda: Fault(matching(), status(301, s3_error("PermanentRedirect"))),
        "wrong-region",
    ),
    "no files may be written": (
        lambda: Fault(matching("PUT", DATA), status(403, s3_error("AccessDenied"))),
        "access-denied",
    ),
    "no manifest may be written": (
        lambda: Fault(matching("PUT", "/points/"), status(403, s3_error("AccessDenied"))),
        "access-denied",
    ),
    "bytes go wrong all the time": (lambda: Fault(matching("PUT", DATA), corrupt_request()), "storage-unreachable"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_a_backup_to_a_bucket_that_cannot_get_over_it_ends_clearly(fault: str, up: Copies, proxy: FaultProxy) -> None:
    make, code = LASTING[fault]
    proxy.faults.append(make())
    with pytest.raises(CanvasbackError) as failed:
        up.backup()
    assert (failed.value.code, failed.value.exit_code) == (code, 1)
    assert failed.value.hint
    assert "test" not in failed.value.hint
    proxy.faults.clear()
    assert up.points() == 0
    up.is_sound()
    made = up.backup()
    assert not made.findings
    up.is_sound()
    up.restores()


def test_a_watch_waits_for_a_bucket_that_does_not_answer(
    direct: Cloud, faulty: Stores, proxy: FaultProxy, tmp_path: Path
) -> None:
    """Nor does the lease that it could not give back keep it off afterwards."""
    lake = Written(direct, tmp_path, f"{tmp_path}/data/")  # which is committed to
    up = Copies(direct, faulty, tmp_path, lake, f"{direct.bucket()}repo")
    stop = threading.Event()
    kinds = []

    def commit() -> None:
        with session(up.direct, up.attach, f"DATA_PATH {literal(up.data_path)}") as connection:
            connection.execute('INSERT INTO lake.main."odd näme" VALUES (7)')
            up.truth[head(connection)] = contents(connection)

    for event in canvasback.watch(up.attach, up.repository, every=0.05, stores=up.faulty, stop=stop):
        kinds.append(type(event))
        if isinstance(event, canvasback.PointMade):
            if canvasback.OutageEnded in kinds:
                stop.set()
                continue
            proxy.faults.append(Fault(matching("PUT"), BROKEN, skip=1))  # the first is that of the lease
            commit()
        elif isinstance(event, canvasback.OutageStarted):
            assert event.code == "storage-unreachable"
            proxy.faults.clear()
    assert kinds.count(canvasback.OutageStarted) == 1
    assert up.points() == 2
    up.is_sound()
    up.restores()


READING: dict[str, Callable[[], Fault]] = {
    "a 500 twice": lambda: Fault(matching("GET", DATA), BROKEN, times=2),
    "slow down": lambda: Fault(matching("GET", DATA), SLOW_DOWN, times=3),
    "a hang": lambda: Fault(matching("GET", DATA), hang(3), times=1),
    "a body that breaks off": lambda: Fault(matching("GET", DATA), cut_response(50), times=2),
    "a truncated body": lambda: Fault(matching("GET", DATA), truncate(50), times=2),
    "wrong bytes": lambda: Fault(matching("GET", DATA), corrupt_response(), times=1),
}


@pytest.mark.parametrize("fault", READING)
def test_a_backup_from_a_bucket_gets_over(fault: str, down: Copies, proxy: FaultProxy) -> None:
    proxy.faults.append(READING[fault]())
    made = down.backup()
    assert proxy.faults[0].struck
    assert not made.findings
    down.is_sound()
    proxy.faults.clear()
    down.restores()


def test_one_file_that_may_not_be_read_is_a_finding(down: Copies, proxy: FaultProxy) -> None:
    [first, *_] = [stat.name for stat in down.stores.open(down.data_path).list("") if stat.name.endswith(".parquet")]
    denied = matching("GET|HEAD", first.rpartition("/")[2])
    proxy.faults.append(Fault(denied, status(403, s3_error("AccessDenied"))))
    made = down.backup()
    assert made.finding_counts == {"file-unreadable": 1}
    assert made.findings[0].where == down.data_path + first
    down.is_sound()
    proxy.faults.clear()
    assert not down.backup().findings
    down.is_sound()
    down.restores()


def test_a_file_that_always_breaks_off_is_never_recorded(down: Copies, proxy: FaultProxy) -> None:
    [first, *_] = [stat.name for stat in down.stores.open(down.data_path).list("") if stat.name.endswith(".parquet")]
    proxy.faults.append(Fault(matching("GET", first.rpartition("/")[2]), truncate(0)))
    with pytest.raises(CanvasbackError) as failed:
        down.backup()
    assert failed.value.code == "storage-unreachable"
    proxy.faults.clear()
    assert down.points() == 0
    down.is_sound()
    assert not down.backup().findings
    down.restores()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (BROKEN, "storage-unreachable"),
        (status(403, s3_error("ExpiredToken")), "credentials-refused"),
        (status(404, s3_error("NoSuchBucket")), "bucket-missing"),
    ],
)
def test_a_lake_that_goes_away_is_no_matter_of_its_files(
    answer: object, code: str, down: Copies, proxy: FaultProxy
) -> None:
    proxy.faults.append(Fault(matching("GET", DATA), answer, skip=2))  # type: ignore[arg-type]
    with pytest.raises(CanvasbackError) as failed:
        down.backup()
    assert failed.value.code == code
    proxy.faults.clear()
    assert down.points() == 0
    down.is_sound()
    assert not down.backup().findings
    down.restores()


@pytest.mark.parametrize("fault", READING)
def test_a_restore_from_a_bucket_gets_over(fault: str, up: Copies, proxy: FaultProxy) -> None:
    up.backup()
    proxy.faults.append(READING[fault]())
    back, place = f"ducklake:{up.folder}/back.ducklake", str(up.folder / "back")
    result = canvasback.restore(back, up.repository, data_path=place, stores=up.faulty)
    assert proxy.faults[0].struck
    assert not result.findings
    assert comparable(read(up.direct, back, up.truth)) == comparable(up.truth)


@pytest.mark.parametrize("fault", ["a 500 twice", "a hang", "a lost answer to a file", "wrong bytes on the way"])
def test_a_restore_to_a_bucket_gets_over(fault: str, down: Copies, proxy: FaultProxy) -> None:
    down.backup()
    proxy.faults.append(PASSING[fault]())
    back = f"ducklake:{down.folder}/back.ducklake"
    result = canvasback.restore(back, down.repository, data_path=f"{down.direct.bucket()}back", stores=down.faulty)
    assert proxy.faults[0].struck
    assert not result.findings
    assert comparable(read(down.direct, back, down.truth)) == comparable(down.truth)


def test_a_store_that_ignores_conditions_is_refused(direct: Cloud, up: Copies, proxy: FaultProxy) -> None:
    proxy.faults.append(Fault(matching("PUT"), drop_header("if-none-match")))
    url = f"{direct.bucket()}careless"
    with pytest.raises(CanvasbackError) as refused:
        canvasback.init(up.attach, url, stores=up.faulty)
    assert refused.value.code == "no-conditional-writes"
    proxy.faults.clear()
    assert [stat.name for stat in up.stores.open(url).list("") if not stat.name.startswith("leases/")] == []


def test_a_store_that_knows_no_conditions_is_refused(direct: Cloud, up: Copies, proxy: FaultProxy) -> None:
    proxy.faults.append(Fault(matching("PUT"), status(501, s3_error("NotImplemented"))))
    with pytest.raises(CanvasbackError) as refused:
        canvasback.init(up.attach, f"{direct.bucket()}old", stores=up.faulty)
    assert refused.value.code == "no-conditional-writes"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["gcs", "azure"])
def test_other_clouds_get_over_it_or_end_clearly(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = cloud(kind, request, monkeypatch)
    with FaultProxy(plain.server.endpoint) as before:
        where = cloud(kind, request, monkeypatch, endpoint=before.endpoint)
        faulty = where.stores(timeout=4.0, retries=2)
        lake, data = f"ducklake:{tmp_path}/main.ducklake", f"{tmp_path}/data/"
        truth = write(where, tmp_path / "main.ducklake", data, HISTORY[:4])
        repository = f"{where.bucket()}repo"
        canvasback.init(lake, repository, stores=faulty)
        writing = matching("PUT|POST", query="ducklake-|name=|uploadType") if kind == "gcs" else matching("PUT", DATA)
        before.faults.append(Fault(writing, status(503), times=2))
        assert not canvasback.backup(lake, repository, stores=faulty).findings
        assert before.faults[0].struck == 2
        before.faults[:] = [Fault(matching("GET", "ducklake-"), cut_response(40), times=2)]
        back = f"ducklake:{tmp_path}/back.ducklake"
        restored = canvasback.restore(back, repository, data_path=str(tmp_path / "back"), stores=faulty)
        assert not restored.findings
        assert before.faults[0].struck == 2
        assert comparable(read(where, back, truth)) == comparable(truth)
        before.faults[:] = [Fault(matching(), status(500))]
        with pytest.raises(CanvasbackError) as failed:
            canvasback.list_points(repository, stores=faulty)
        assert failed.value.code == "storage-unreachable"
        before.faults.clear()
        assert not canvasback.verify(repository, level="rows", stores=faulty).findings
    gc.collect()  # Google's library leaves answers open that broke off: let it be complained of here


class StaleBucket(S3Bucket):
    """Lists only every second object."""

    def list(self, prefix: str) -> Iterator[Stat]:
        yield from itertools.islice(super().list(prefix), 0, None, 2)


class StaleStores(Stores):
    """Opens buckets whose listings are old."""

    def connect(self, root: str, options: StoreOptions) -> StaleBucket:
        return StaleBucket("s3", root.removeprefix("s3://").rstrip("/"), options)


def test_a_stale_listing_costs_nothing_but_time(up: Copies) -> None:
    up.backup()
    place = f"{up.direct.bucket()}back/"
    first, second = (f"ducklake:{up.folder}/{name}.ducklake" for name in ("first", "second"))
    canvasback.restore(first, up.repository, data_path=place, stores=up.stores)
    stale = StaleStores({"s3://": up.direct.options})
    result = canvasback.restore(second, up.repository, data_path=place, stores=stale)
    assert not result.findings
    assert result.restored_files > 0
    assert comparable(read(up.direct, second, up.truth)) == comparable(up.truth)
