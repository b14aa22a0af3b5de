"""A lake whose DuckDB catalog is at a web server or in a bucket: it is read, and nothing is written to it."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback.errors import AccessDeniedError, RefusedError, StorageError
from canvasback.storage.bucket.service import Bucket, StoreOptions
from canvasback.storage.http import HttpStore
from canvasback.storage.locations import Stores
from tests.lake.builder import Lake, read
from tests.memory import MemoryBucket

SECRET = "geheim"  # noqa: S105 - it is looked for in all that we say


class InMemory(Stores):
    """Buckets that nobody else sees."""

    def connect(self, root: str, options: StoreOptions) -> Bucket:
        """Make one."""
        return MemoryBucket(root)


class Server(http.server.SimpleHTTPRequestHandler):
    """A web server of files that gives ranges of them too, and whose log nobody reads."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer as some servers do that know no HEAD."""
        if "no-head" in self.path:
            self.send_error(405)
        elif "closed" in self.path:
            self.send_error(403)
        else:
            super().do_HEAD()

    def do_GET(self) -> None:
        """Answer without a query."""
        self.path = self.path.partition("?")[0]
        super().do_GET()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(Server, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    made.run("CREATE TABLE lake.t AS SELECT i FROM range(100) r(i)", "DELETE FROM lake.t WHERE i < 7")
    return made


def point_at(lake: Lake, data_path: str) -> None:
    with duckdb.connect(str(lake.catalog)) as connection:
        connection.execute("UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'", [data_path])


@pytest.mark.versions
def test_a_lake_at_a_web_server_is_saved_and_checked(lake: Lake, tmp_path: Path, web: str) -> None:
    truth = lake.read()
    point_at(lake, f"{web}/lake/data/")
    frozen, repository = f"ducklake:{web}/lake/main.ducklake", str(tmp_path / "repository")

    checked = canvasback.check(frozen, level="rows")
    canvasback.init(frozen, repository)
    made = canvasback.backup(frozen, repository)
    again = canvasback.backup(frozen, repository, only_new=True)
    restored = canvasback.restore(f"ducklake:{tmp_path}/own.ducklake", repository, data_path=str(tmp_path / "own"))

    assert (checked.findings, checked.data_path) == ((), f"{web}/lake/data/")
    assert (made.findings, made.new_files, again.made) == ((), 2, False)
    assert restored.findings == ()
    assert read(restored.lake) == truth
    with pytest.raises(RefusedError) as refused:  # the frozen lake is alive
        canvasback.restore(f"ducklake:{tmp_path}/second.ducklake", repository)
    assert refused.value.code == "shares-files"


def test_a_catalog_in_a_bucket_is_read_with_its_log(lake: Lake, tmp_path: Path) -> None:
    stores = InMemory()
    with lake.session() as connection:
        connection.execute("SET wal_autocheckpoint = '1GB'")
        connection.execute("CREATE TABLE lake.u AS SELECT 1 AS i")
        for file in (lake.catalog, Path(f"{lake.catalog}.wal")):
            stores.open("s3://frozen/").put_new(file.name, file.read_bytes())
    frozen, repository = "ducklake:s3://frozen/main.ducklake", str(tmp_path / "repository")
    canvasback.init(frozen, repository, stores=stores)
    assert canvasback.backup(frozen, repository, stores=stores).snapshot_id == 3
    with pytest.raises(canvasback.LakeError) as missing:
        canvasback.check("ducklake:s3://frozen/other.ducklake", stores=stores)
    assert missing.value.code == "catalog-missing"


@pytest.mark.parametrize("target", ["s3://bucket/c.ducklake", "https://host/c.ducklake"])
def test_what_would_write_there_is_refused_before_it_begins(
    target: str, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.backup()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    there = f"ducklake:{target}"
    verbs: list[Callable[[], object]] = [
        lambda: canvasback.restore(there, lake.repository, shares_files=True),
        lambda: canvasback.restore(there, lake.repository, dry_run=True),
        lambda: canvasback.rewind(there, to_snapshot=0, repository=lake.repository),
        lambda: canvasback.repoint(there, "/elsewhere"),
        lambda: canvasback.heal(there, lake.repository),
        lambda: canvasback.salvage(there, lake.repository),
        lambda: canvasback.restore_tables(there, lake.repository, "t"),
        lambda: list(canvasback.watch(there, lake.repository)),
        lambda: canvasback.attach(lake.repository, out=target),
    ]
    for verb in verbs:
        with pytest.raises(RefusedError) as refused:
            verb()
        assert refused.value.code == "url-not-writable"
    assert list((tmp_path / "here").iterdir()) == []


def test_a_web_server_is_read_only(tmp_path: Path, web: str) -> None:
    (tmp_path / "a b.txt").write_bytes(b"0123456789")
    (tmp_path / "no-head").write_bytes(b"01234")
    store = HttpStore(f"{web}/")
    found = store.stat("a b.txt")
    assert found is not None
    assert (found.size, store.get("a b.txt"), store.read("a b.txt", 3, 4)) == (10, b"0123456789", b"3456")
    assert store.read("a b.txt", 8, 10) == b"89"
    assert (Path(store.local_paths(["a b.txt"])[0]).read_bytes(), store.stat("none")) == (b"0123456789", None)
    without_head = store.stat("no-head")
    assert without_head is not None
    assert without_head.size == 5
    with pytest.raises(AccessDeniedError):
        list(store.list(""))
    assert store.stat("closed") is None
    writes: list[Callable[[], object]] = [
        lambda: store.put_new("x", b""),
        lambda: store.delete("a b.txt"),
        lambda: store.move_aside("x", "y"),
    ]
    for write in writes:
        with pytest.raises(RefusedError):
            write()


def test_a_server_that_does_not_answer(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as error:
        canvasback.check(f"ducklake:http://user:{SECRET}@127.0.0.1:9/c.ducklake?signature={SECRET}")
    assert SECRET not in f"{error.value} {error.value.hint}"
    assert "download" in error.value.hint
    assert list(tmp_path.iterdir()) == [lake.folder]


def test_the_key_of_a_presigned_url_is_not_kept(lake: Lake, tmp_path: Path, web: str) -> None:
    frozen, repository = f"ducklake:{web}/lake/main.ducklake?signature={SECRET}", tmp_path / "repository"
    canvasback.init(frozen, str(repository))
    made = canvasback.backup(frozen, str(repository))
    assert made.findings == ()
    assert canvasback.check(frozen).lake == f"ducklake:{web}/lake/main.ducklake?***"
    assert SECRET not in (repository / "points" / f"{made.point}.json").read_text()
