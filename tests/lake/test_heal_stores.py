"""heal where the files are in a bucket, and where others have the catalog open meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from canvasback import LockedError, RefusedError
from tests.cli.test_check import writing
from tests.clouds import Cloud, cloud
from tests.lake.builder import Lake, session
from tests.lake.cloud_lakes import HISTORY, Truth, comparable, read, write
from tests.lake.saved import Engine, attach_string
from tests.lake.test_busy_lakes import Meanwhile
from tests.lake.test_heal import files_of, sound
from tests.lake.values import tree_of
from tests.postgres import Server
from tests.proxy import Fault, FaultProxy, matching, s3_error, status

SHORT = (*HISTORY[:2], HISTORY[5], HISTORY[8].replace('"odd näme"', "t").replace("(1000)", "(1000, 'x', NULL)"))


class Bucket:
    """A lake in a bucket, with whole copies of it in two places."""

    def __init__(self, where: Cloud, folder: Path) -> None:
        self.cloud = where
        self.stores = where.stores()
        self.data_path = f"{where.bucket()}lake data/"
        self.attach = f"ducklake:{folder}/main.ducklake"
        self.truth: Truth = write(where, folder / "main.ducklake", self.data_path, SHORT)
        self.objects = self.read_all(self.data_path)
        self.repository = str(folder / "repository")
        canvasback.init(self.attach, self.repository, stores=self.stores)
        self.point = canvasback.backup(self.attach, self.repository, stores=self.stores).point
        self.replica = f"{where.bucket()}old/copy of the lake"
        copy = self.stores.open(self.replica)
        for name, content in self.objects.items():
            copy.put_new(name, content)

    def read_all(self, url: str) -> dict[str, bytes]:
        """All objects of a place."""
        store = self.stores.open(url)
        return {stat.name: store.get(stat.name) for stat in store.list("")}

    def is_whole(self) -> None:
        """The extension sees of each snapshot what it saw then."""
        assert comparable(read(self.cloud, self.attach, self.truth)) == comparable(self.truth)


@pytest.fixture
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bucket:
    return Bucket(cloud(request.param, request, monkeypatch), tmp_path)


@pytest.mark.parametrize("bucket", ["s3", "azure"], indirect=True)
def test_objects_come_back_byte_for_byte(bucket: Bucket) -> None:
    store = bucket.stores.open(bucket.data_path)
    gone, changed, *_ = names = sorted(bucket.objects)
    garbage = b"x" * len(bucket.objects[changed])
    sources = {
        "the repository": ({"repository": bucket.repository}, dict.fromkeys(names, f"point {bucket.point}")),
        "a replica": ({"source": bucket.replica}, {name: f"{bucket.replica}/{name}" for name in names}),
    }
    for options, told in sources.values():
        for name in (gone, changed):
            store.delete(name)
        store.put_new(changed, garbage)
        found = canvasback.check(bucket.attach, stores=bucket.stores)
        assert {(f.code, f.where) for f in found.findings if f.severity == "error"} == {
            ("file-missing", bucket.data_path + gone),
            ("not-parquet", bucket.data_path + changed),
        }

        result = canvasback.heal(bucket.attach, stores=bucket.stores, **options)  # type: ignore[arg-type]

        assert {(file.place, file.source) for file in result.healed} == {
            (bucket.data_path + name, told[name]) for name in (gone, changed)
        }
        assert (result.losses, set(result.finding_counts)) == ((), set(result.finding_counts) & {"moved-aside"})
        now = bucket.read_all(bucket.data_path)
        [aside] = now.keys() - bucket.objects.keys()
        assert aside.startswith(f"{changed}.damaged-")
        assert now.pop(aside) == garbage
        assert now == bucket.objects
        store.delete(aside)
    bucket.is_whole()


@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_a_service_copies_from_a_replica_by_itself(bucket: Bucket) -> None:
    """What is missing comes back without a byte of it passing through us."""
    store = bucket.stores.open(bucket.data_path)
    for name in bucket.objects:
        store.delete(name)
    place = bucket.data_path.split("/")[2]
    with FaultProxy(str(bucket.cloud.options.endpoint)) as proxy:
        stores = bucket.cloud.stores(endpoint=proxy.endpoint)
        result = canvasback.heal(bucket.attach, source=bucket.replica, level="exists", stores=stores)
        written = [r for r in proxy.requests if r.method == "PUT" and r.path.startswith(f"/{place}/")]
    assert (result.healed_files, result.finding_counts) == (len(bucket.objects), {})
    assert len(written) == len(bucket.objects)
    assert all("x-amz-copy-source" in request.headers and not request.sent for request in written)
    bucket.is_whole()


@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_an_outage_is_no_loss(bucket: Bucket, tmp_path: Path) -> None:
    """Whatever does not answer may be whole: nothing of it is left out, and a replica that is silent is an error."""
    catalog = tmp_path / "main.ducklake"
    before = catalog.read_bytes()
    store = bucket.stores.open(bucket.data_path)
    gone = min(bucket.objects)
    store.delete(gone)
    with FaultProxy(str(bucket.cloud.options.endpoint)) as proxy:
        stores = bucket.cloud.stores(endpoint=proxy.endpoint)
        proxy.faults.append(Fault(matching(path=bucket.data_path.split("/")[2]), status(403)))
        result = canvasback.heal(bucket.attach, accept_loss=True, stores=stores)
        assert (result.finding_counts, result.lost_files) == (
            {"file-unreadable": len(bucket.objects)},
            len(bucket.objects),
        )
        proxy.faults[:] = [Fault(matching(path=bucket.replica.split("/")[2]), status(404, s3_error("NoSuchBucket")))]
        with pytest.raises(canvasback.CanvasbackError):
            canvasback.heal(bucket.attach, source=bucket.replica, accept_loss=True, stores=stores)
    assert catalog.read_bytes() == before
    assert gone not in bucket.read_all(bucket.data_path)


@pytest.mark.parametrize("bucket", ["s3", "azure"], indirect=True)
def test_an_empty_bucket_is_no_loss_either(bucket: Bucket, tmp_path: Path) -> None:
    """It may be another one than the lake's."""
    catalog = tmp_path / "main.ducklake"
    before = catalog.read_bytes()
    store = bucket.stores.open(bucket.data_path)
    for name in bucket.objects:
        store.delete(name)
    store.put_new("somebody else's", b"x")
    with pytest.raises(RefusedError) as refused:
        canvasback.heal(bucket.attach, bucket.repository, accept_loss=True, stores=bucket.stores)
    assert (refused.value.code, catalog.read_bytes()) == ("data-path-empty", before)
    assert set(bucket.read_all(bucket.data_path)) == {"somebody else's"}
    result = canvasback.heal(bucket.attach, bucket.repository, stores=bucket.stores)
    assert result.healed_files == len(bucket.objects)
    assert bucket.read_all(bucket.data_path).items() >= bucket.objects.items()
    bucket.is_whole()


@pytest.fixture
def damaged(request: pytest.FixtureRequest, tmp_path: Path, postgres: Server) -> Lake:
    """A lake with a point, that has lost a file and a row of its catalog that can be mended."""
    engine: Engine = request.param
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.elsewhere = attach_string(engine, lake.folder, postgres)
    lake.run(
        "CREATE TABLE lake.t (i INTEGER)",
        "INSERT INTO lake.t SELECT i FROM range(20) r(i)",
        "INSERT INTO lake.t SELECT i FROM range(20, 50) r(i)",
    )
    lake.backup()
    lake.run("CREATE TABLE lake.u AS SELECT i AS n FROM range(7) r(i)")
    files_of(lake, "t")[0].unlink()
    with session(lake.attach) as connection:
        connection.execute("DELETE FROM __ducklake_metadata_lake.ducklake_snapshot_changes WHERE snapshot_id = 1")
    return lake


@pytest.mark.parametrize("damaged", ["duckdb"], indirect=True)
def test_files_come_back_though_the_catalog_is_locked(damaged: Lake) -> None:
    """A DuckDB file belongs to the writer that has it open; files are put back all the same."""
    lost, gone = files_of(damaged, "u")[0], damaged.data / "main" / "t"
    with writing(damaged.attach, damaged.data) as commit:
        lost.unlink()
        with pytest.raises(LockedError) as locked:
            canvasback.heal(damaged.attach, damaged.repository, accept_loss=True)
        assert locked.value.code == "catalog-in-use"
        assert len(list(gone.glob("*.parquet"))) == 3  # those of two commits, and one of the writer
        commit()  # the writer has noticed nothing
    assert set(canvasback.check(damaged.attach).finding_counts) == {"file-missing", "snapshot-without-changes"}
    accept(damaged, lost)
    with session(damaged.attach, "READ_ONLY") as connection:
        assert connection.execute("SELECT count(*), sum(i) FROM lake.t").fetchall() == [(70, 1225 + 90)]


@pytest.mark.parametrize("damaged", ["sqlite", "postgres"], indirect=True)
def test_writers_of_other_catalogs_go_on_meanwhile(damaged: Lake) -> None:
    [lost] = files_of(damaged, "u")
    lost.unlink()
    with writing(damaged.attach, damaged.data) as commit:
        accept(damaged, lost)
        commit()
    sound(damaged)
    with session(damaged.attach, "READ_ONLY") as connection:
        assert connection.execute("SELECT count(*), sum(i) FROM lake.t").fetchall() == [(70, 1225 + 90)]
        assert connection.execute("SELECT count(n) FROM lake.u").fetchall() == [(0,)]


def accept(damaged: Lake, lost: Path) -> None:
    """Heal the lake, of which a file of 7 rows stays lost."""
    result = canvasback.heal(damaged.attach, damaged.repository, accept_loss=True)
    assert [repair.code for repair in result.repairs] == ["snapshot-without-changes"]
    assert [(loss.place, loss.rows) for loss in result.losses] == [(str(lost), 7)]
    assert result.accepted_snapshot is not None
    sound(damaged)


@pytest.mark.parametrize("damaged", ["duckdb"], indirect=True)
def test_nobody_has_to_leave_for_files_alone(damaged: Lake) -> None:
    canvasback.heal(damaged.attach, damaged.repository)
    damaged.backup()
    truth = tree_of(damaged.data)
    files_of(damaged, "t")[1].unlink()
    with writing(damaged.attach, damaged.data) as commit:
        result = canvasback.heal(damaged.attach, damaged.repository)
        assert (result.healed_files, result.findings) == (1, ())
        commit()
    assert truth.items() <= tree_of(damaged.data).items()
    sound(damaged)


@pytest.mark.parametrize("damaged", ["postgres"], indirect=True)
def test_a_commit_meanwhile_undoes_no_more_than_the_mending(damaged: Lake) -> None:
    """What was planned from the catalog as it was is not done to another one; files are put back all the same."""
    with session(damaged.attach) as connection:
        connection.execute("UPDATE __ducklake_metadata_lake.ducklake_data_file SET footer_size = 1 WHERE table_id = 2")
    meanwhile = Meanwhile("begin", 1, lambda: damaged.run("INSERT INTO lake.t VALUES (1000)"))
    with pytest.raises(LockedError) as changed:
        canvasback.heal(damaged.attach, damaged.repository, progress=meanwhile)
    assert (changed.value.code, meanwhile.done) == ("catalog-changed", True)

    result = canvasback.heal(damaged.attach, damaged.repository)

    assert (result.healed_files, {repair.code for repair in result.repairs}) == (
        0,
        {"footer-size", "snapshot-without-changes"},
    )
    sound(damaged)
    with session(damaged.attach, "READ_ONLY") as connection:
        assert connection.execute("SELECT count(*), max(i) FROM lake.t").fetchall() == [(51, 1000)]
