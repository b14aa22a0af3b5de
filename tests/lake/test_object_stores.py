"""Lakes and repositories in object stores: the bucket is lost, and the real extension reads what comes back."""

from __future__ import annotations

import copy
from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback import Stores
from tests.clouds import Cloud, KeptObjects, cloud
from tests.interrupted import Clock
from tests.lake.cloud_lakes import HISTORY, Truth, comparable, read, session, write


@pytest.fixture(params=["s3", "azure"])
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A cloud in which the real extension reads and writes."""
    return cloud(request.param, request, monkeypatch)


def empty(stores: Stores, url: str) -> None:
    """Lose all that is in a place."""
    store = stores.open(url)
    for stat in list(store.list("")):
        store.delete(stat.name)
    assert list(store.list("")) == []


def names(stores: Stores, url: str) -> list[str]:
    return [stat.name for stat in stores.open(url).list("")]


class Backed:
    """A lake in a bucket with a repository in another, of one service."""

    def __init__(self, where: Cloud, folder: Path) -> None:
        self.cloud = where
        self.stores = where.stores()
        self.data_path = f"{where.bucket()}lake data/"
        self.repository = f"{where.bucket()}backups/sales"
        self.catalog = folder / "main.ducklake"
        self.attach = f"ducklake:{self.catalog}"
        self.truth = write(where, self.catalog, self.data_path)
        canvasback.init(self.attach, self.repository, stores=self.stores)
        self.made = canvasback.backup(self.attach, self.repository, stores=self.stores)
        assert not self.made.findings

    def read(self, attach: str) -> Truth:
        """What the real extension sees of each snapshot."""
        return comparable(read(self.cloud, attach, self.truth))

    def is_whole(self, attach: str) -> None:
        assert self.read(attach) == comparable(self.truth)

    def again(self, where: Cloud, folder: Path) -> Backed:
        """The same with its catalog in another folder."""
        other = copy.copy(self)
        other.cloud, other.stores = where, where.stores()
        other.catalog = folder / "main.ducklake"
        other.attach = f"ducklake:{other.catalog}"
        return other


Once = dict[str, tuple[Backed, bytes, KeptObjects]]


@pytest.fixture(scope="session")
def backed_once() -> Once:
    """By kind of cloud: a lake that was backed up, its catalog, and its objects with those of the repository."""
    return {}


@pytest.fixture
def backed(where: Cloud, tmp_path: Path, backed_once: Once) -> Backed:
    if where.kind not in backed_once:
        made = Backed(where, tmp_path)
        objects = KeptObjects(made.stores, made.data_path, made.repository)
        backed_once[where.kind] = made, made.catalog.read_bytes(), objects
    made, catalog, objects = backed_once[where.kind]
    objects.again(where.stores())
    (tmp_path / "main.ducklake").write_bytes(catalog)
    return made.again(where, tmp_path)


def test_the_bucket_is_lost_and_comes_back_in_place(backed: Backed) -> None:
    empty(backed.stores, backed.data_path)
    with pytest.raises(duckdb.Error):
        backed.read(backed.attach)
    result = canvasback.restore(backed.attach, backed.repository, replace=True, stores=backed.stores)
    assert not result.findings
    assert result.restored_files == backed.made.files
    backed.is_whole(backed.attach)


def test_a_few_files_are_lost_and_come_back(backed: Backed, tmp_path: Path) -> None:
    store = backed.stores.open(backed.data_path)
    found = names(backed.stores, backed.data_path)
    store.delete(found[0])
    store.delete(found[1])
    store.put_new(found[1], b"something else")
    result = canvasback.restore(
        f"ducklake:{tmp_path}/new.ducklake", backed.repository, stores=backed.stores, shares_files=True
    )
    assert not result.findings
    assert (result.restored_files, result.kept_files) == (2, backed.made.files - 2)
    backed.is_whole(f"ducklake:{tmp_path}/new.ducklake")
    [aside] = [name for name in names(backed.stores, backed.data_path) if ".damaged-" in name]
    assert store.get(aside) == b"something else"


def test_the_lake_moves_to_another_bucket(backed: Backed, tmp_path: Path) -> None:
    new = f"{backed.cloud.bucket()}moved"
    result = canvasback.restore(
        f"ducklake:{tmp_path}/new.ducklake", backed.repository, data_path=new, stores=backed.stores
    )
    assert not result.findings
    assert result.data_path == new + "/"
    empty(backed.stores, backed.data_path)
    backed.is_whole(f"ducklake:{tmp_path}/new.ducklake")


def test_the_lake_moves_to_a_disk_and_back(backed: Backed, tmp_path: Path) -> None:
    canvasback.restore(
        f"ducklake:{tmp_path}/disk.ducklake", backed.repository, data_path=str(tmp_path / "disk"), stores=backed.stores
    )
    empty(backed.stores, backed.data_path)
    backed.is_whole(f"ducklake:{tmp_path}/disk.ducklake")
    local = str(tmp_path / "repository")
    canvasback.init(f"ducklake:{tmp_path}/disk.ducklake", local)
    assert not canvasback.backup(f"ducklake:{tmp_path}/disk.ducklake", local).findings
    back = f"{backed.cloud.bucket()}back/"
    assert not canvasback.restore(
        f"ducklake:{tmp_path}/back.ducklake", local, data_path=back, stores=backed.stores
    ).findings
    backed.is_whole(f"ducklake:{tmp_path}/back.ducklake")


def test_a_point_is_attached_where_it_lies(backed: Backed, tmp_path: Path) -> None:
    empty(backed.stores, backed.data_path)
    result = canvasback.attach(backed.repository, out=str(tmp_path / "point.ducklake"), stores=backed.stores)
    assert result.finding_counts == {"needs-access": 1}
    backed.is_whole(f"ducklake:{tmp_path}/point.ducklake")


def test_points_are_forgotten_and_come_back(backed: Backed, tmp_path: Path) -> None:
    second = canvasback.backup(backed.attach, backed.repository, stores=backed.stores, tags=["second"])
    policy = canvasback.Policy(keep_last=1)
    done = canvasback.forget(backed.repository, policy=policy, stores=backed.stores)
    assert done.forgotten == (backed.made.point,)
    [left] = canvasback.list_points(backed.repository, stores=backed.stores).points
    assert (left.point, left.tags) == (second.point, ("second",))
    to = f"ducklake:{tmp_path}/new.ducklake"
    data = str(tmp_path / "data")
    restored = canvasback.restore(to, backed.repository, backed.made.point, data_path=data, stores=backed.stores)
    assert not restored.findings
    canvasback.unforget(backed.repository, points=[backed.made.point], stores=backed.stores)
    assert len(canvasback.list_points(backed.repository, stores=backed.stores).points) == 2


def test_what_no_point_names_is_pruned(backed: Backed, tmp_path: Path) -> None:
    """The time of the service is now, and its objects are as old as the grace when the clock has gone on."""
    stores, repository = backed.stores, backed.repository
    second = canvasback.backup(backed.attach, repository, stores=stores)
    store = stores.open(repository)
    store.put_new("data/left by a run that died", b"half")
    canvasback.forget(repository, points=[backed.made.point], stores=stores)
    young = canvasback.prune(repository, stores=stores)
    assert (young.points, young.objects, young.waiting >= 1) == (0, 0, True)
    before = {stat.name for prefix in ("data/", "catalog/", "points/") for stat in store.list(prefix)}

    done = canvasback.prune(repository, stores=stores, clock=Clock(days=8))

    gone = before - {stat.name for prefix in ("data/", "catalog/", "points/") for stat in store.list(prefix)}
    assert {"data/left by a run that died", f"points/{backed.made.point}.json"} <= gone
    assert (done.points, done.objects) == (1, len(gone) - 1)
    assert not canvasback.verify(repository, level="checksum", stores=stores, all_points=True).findings
    to, data = f"ducklake:{tmp_path}/new.ducklake", str(tmp_path / "data")
    assert not canvasback.restore(to, repository, second.point, data_path=data, stores=stores).findings


def test_verify_at_every_level(backed: Backed) -> None:
    def verify(level: str) -> dict[str, int]:
        return dict(canvasback.verify(backed.repository, level=level, stores=backed.stores).finding_counts)

    expected = {"exists": set(), "checksum": {"object-corrupt"}, "rows": {"object-corrupt", "not-parquet"}}
    assert [verify(level) for level in expected] == [{}] * 3
    store = backed.stores.open(backed.repository)
    data = [stat.name for stat in store.list("data/")]
    store.delete(data[0])
    assert [verify(level) for level in expected] == [{"object-missing": 1}] * 3
    size = store.stat(data[1])
    assert size is not None
    content = bytearray(store.get(data[1]))
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    store.delete(data[1])
    store.put_new(data[1], bytes(content))
    for level, found in expected.items():
        damaged = verify(level)
        assert damaged["object-missing"] == 1
        assert damaged.keys() - {"object-missing"} == found


def test_later_commits_are_backed_up_and_the_old_point_stays(backed: Backed, tmp_path: Path) -> None:
    more = ("INSERT INTO lake.main.t VALUES (7777, 'late', DATE '2027-01-01')", 'DROP TABLE lake.main."odd näme"')
    later = write(backed.cloud, backed.catalog, backed.data_path, more)
    made = canvasback.backup(backed.attach, backed.repository, stores=backed.stores)
    assert not made.findings
    assert 0 < made.new_files < 3
    empty(backed.stores, backed.data_path)
    canvasback.restore(f"ducklake:{tmp_path}/new.ducklake", backed.repository, stores=backed.stores, shares_files=True)
    found = read(backed.cloud, f"ducklake:{tmp_path}/new.ducklake", {**backed.truth, **later})
    assert comparable(found) == comparable({**backed.truth, **later})
    old = f"ducklake:{tmp_path}/old.ducklake"
    place = f"{backed.cloud.bucket()}old"
    canvasback.restore(old, backed.repository, backed.made.point, data_path=place, stores=backed.stores)
    backed.is_whole(old)


def test_the_lake_goes_back_and_a_table_comes_back(backed: Backed, tmp_path: Path) -> None:
    """In the bucket, with a merged file to be cut: in place, elsewhere, as a view, and one table beside the others."""
    merged = (
        *(f"INSERT INTO lake.main.u SELECT range AS a FROM range({n}, {n + 9})" for n in range(0, 36, 9)),
        "CALL ducklake_merge_adjacent_files('lake')",
    )
    truth = backed.truth | write(
        backed.cloud, backed.catalog, backed.data_path, ("CREATE TABLE lake.main.u (a BIGINT)", *merged)
    )
    middle = max(truth) - 3  # the merge is the newest
    then = {snapshot: seen for snapshot, seen in truth.items() if snapshot <= middle}

    result = canvasback.rewind(backed.attach, to_snapshot=middle, repository=backed.repository, stores=backed.stores)

    assert (result.cut_files, result.findings) == (1, ())
    assert comparable(read(backed.cloud, backed.attach, then)) == comparable(then)
    to, place = f"ducklake:{tmp_path}/b.ducklake", f"{backed.cloud.bucket()}b"
    canvasback.restore(to, backed.repository, at_snapshot=middle, data_path=place, stores=backed.stores)
    assert comparable(read(backed.cloud, to, then)) == comparable(then)
    shown = canvasback.attach(
        backed.repository, at_snapshot=middle, out=str(tmp_path / "look.ducklake"), stores=backed.stores
    )
    assert comparable(read(backed.cloud, f"ducklake:{shown.file}", then)) == comparable(then)
    back = canvasback.restore_tables(
        backed.attach, backed.repository, "u", as_name="copy", at_snapshot=middle, stores=backed.stores
    )
    now = {back.new_snapshot_id: then[middle] | {"main.copy": then[middle]["main.u"]}}
    assert comparable(read(backed.cloud, backed.attach, now)) == comparable(now)
    more = ("INSERT INTO lake.main.u VALUES (99)", "INSERT INTO lake.main.copy VALUES (98)", *merged)
    after = write(backed.cloud, backed.catalog, backed.data_path, more)
    assert {t: len(rows) for t, rows in after[max(after)].items()} == {
        t: len(rows) + {"main.u": 37, "main.copy": 1}.get(t, 0) for t, rows in now[back.new_snapshot_id].items()
    }


def test_a_moved_lake_cannot_delete_the_originals_files(backed: Backed, tmp_path: Path) -> None:
    """Not by expiry and cleanup, not by the removal of orphans: neither restored nor re-pointed."""
    before = names(backed.stores, backed.data_path)
    restored = f"{backed.cloud.bucket()}restored/"
    canvasback.restore(
        f"ducklake:{tmp_path}/restored.ducklake", backed.repository, data_path=restored, stores=backed.stores
    )
    replicated = f"{backed.cloud.bucket()}replicated/"
    target, source = backed.stores.open(replicated), backed.stores.open(backed.data_path)
    for name in before:
        stat = source.stat(name)
        assert stat is not None
        assert target.copy_from(name, source, name, stat.size) is not None
    repointed = tmp_path / "repointed.ducklake"
    repointed.write_bytes(backed.catalog.read_bytes())
    canvasback.repoint(f"ducklake:{repointed}", replicated, verify=True, stores=backed.stores)
    for catalog, place in ((tmp_path / "restored.ducklake", restored), (repointed, replicated)):
        held = len(names(backed.stores, place))
        with session(backed.cloud, f"ducklake:{catalog}") as connection:
            connection.execute("DELETE FROM lake.main.t")
            connection.execute('DROP TABLE lake.main."odd näme"')
            connection.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
            connection.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
            connection.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")
        assert len(names(backed.stores, place)) < held
        assert names(backed.stores, backed.data_path) == before
    backed.is_whole(backed.attach)


def test_repoint_after_the_bucket_was_replaced(backed: Backed, tmp_path: Path) -> None:
    new = f"{backed.cloud.bucket()}replica/of the lake/"
    target, source = backed.stores.open(new), backed.stores.open(backed.data_path)
    found = names(backed.stores, backed.data_path)
    with pytest.raises(canvasback.RefusedError) as refused:
        canvasback.repoint(backed.attach, new, stores=backed.stores)
    assert refused.value.code == "files-not-there"
    for name in found[1:]:
        with source.open(name) as content:
            target.copy_new(name, content, content.stat.size)
    looked = canvasback.repoint(backed.attach, new, verify=True, dry_run=True, stores=backed.stores)
    assert looked.finding_counts == ({"file-missing": 1} if found[0].endswith(".parquet") else {})
    with pytest.raises(canvasback.RefusedError) as refused:
        canvasback.repoint(backed.attach, new, verify=True, stores=backed.stores)
    assert refused.value.code == "files-not-there"
    with source.open(found[0]) as content:
        target.copy_new(found[0], content, content.stat.size)
    empty(backed.stores, backed.data_path)
    result = canvasback.repoint(backed.attach, new, verify=True, stores=backed.stores)
    assert (result.old_data_path, result.data_path) == (backed.data_path, new)
    backed.is_whole(backed.attach)
    with session(backed.cloud, backed.attach, "DATA_INLINING_ROW_LIMIT 0") as connection:
        connection.execute("INSERT INTO lake.main.t VALUES (1, 'after', DATE '2027-01-01')")
    assert [name for name in names(backed.stores, new) if name not in found]


def test_an_encrypted_lake(where: Cloud, tmp_path: Path) -> None:
    """The keys are in the catalog, and footers are read with them: only the footer of each file is fetched."""
    stores, catalog = where.stores(), tmp_path / "secret.ducklake"
    data_path, repository = f"{where.bucket()}lake/", f"{where.bucket()}repo"
    truth = write(where, catalog, data_path, HISTORY, "ENCRYPTED")
    canvasback.init(f"ducklake:{catalog}", repository, stores=stores)
    made = canvasback.backup(f"ducklake:{catalog}", repository, stores=stores)
    assert not made.findings
    store = stores.open(repository)
    [first, *_] = [stat.name for stat in store.list("data/") if stat.name.endswith(".parquet")]
    assert store.get(first)[-4:] == b"PARE"
    assert not canvasback.verify(repository, level="rows", stores=stores).findings
    empty(stores, data_path)
    back = f"ducklake:{tmp_path}/back.ducklake"
    assert not canvasback.restore(back, repository, stores=stores, shares_files=True).findings
    assert comparable(read(where, back, truth)) == comparable(truth)


PAIRS = ["local", "s3", "gcs", "azure"]


@pytest.mark.parametrize("source", PAIRS)
def test_all_pairs(
    source: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A lake in any kind of storage is backed up to every kind, and comes back to any."""
    clouds = {kind: cloud(kind, request, monkeypatch) for kind in ("s3", "gcs", "azure")}
    stores = Stores({k: v for where in clouds.values() for k, v in where.stores()._options.items()})

    def place(kind: str, name: str) -> str:
        return str(tmp_path / name) + "/" if kind == "local" else f"{clouds[kind].bucket()}{name}/"

    # DuckDB does not reach the server of GCS: such a lake is written on a disk and moved there.
    origin, catalog = place("local", "origin"), tmp_path / "origin.ducklake"
    truth = write(clouds["s3"], catalog, origin)
    first = str(tmp_path / "first")
    canvasback.init(f"ducklake:{catalog}", first)
    canvasback.backup(f"ducklake:{catalog}", first)
    lake = f"ducklake:{tmp_path}/lake.ducklake"
    moved = canvasback.restore(lake, first, data_path=place(source, "lake"), stores=stores)
    assert not moved.findings
    for target in PAIRS:
        repository = place(target, "repository")
        canvasback.init(lake, repository, stores=stores)
        made = canvasback.backup(lake, repository, stores=stores)
        assert not made.findings
        assert made.new_files == made.files > 0
        assert not canvasback.verify(repository, level="rows", stores=stores).findings
        back = f"ducklake:{tmp_path}/from-{target}.ducklake"
        canvasback.restore(back, repository, data_path=str(tmp_path / f"from-{target}"), stores=stores)
        assert comparable(read(clouds["s3"], back, truth)) == comparable(truth)
