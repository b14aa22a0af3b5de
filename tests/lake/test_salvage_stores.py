"""Salvage where the files are in object stores, and where a store does not answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback import CanvasbackError, SalvageResult
from tests.clouds import Cloud, cloud
from tests.lake.builder import Contents, contents, read
from tests.lake.cloud_lakes import HISTORY, session
from tests.lake.test_salvage import Story, told
from tests.lake.values import literal
from tests.proxy import Fault, FaultProxy, matching, s3_error, status


@pytest.fixture(params=["s3", "azure"])
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A cloud in which the real extension reads and writes."""
    return cloud(request.param, request, monkeypatch)


class Sunk:
    """A lake in a bucket, whose catalogs after each commit were kept."""

    def __init__(self, where: Cloud, folder: Path) -> None:
        self.cloud = where
        self.stores = where.stores()
        self.data_path = f"{where.bucket()}lake data/"
        self.catalogs: list[Path] = []
        self.truth: Contents = {}
        catalog = folder / "main.ducklake"
        for statement in HISTORY:
            options = (f"DATA_PATH {literal(self.data_path)}", "DATA_INLINING_ROW_LIMIT 0")
            with session(where, f"ducklake:{catalog}", *options) as connection:
                connection.execute(statement)
                self.truth = contents(connection)
            self.catalogs.append(folder / f"{len(self.catalogs)}.ducklake")
            shutil.copy(catalog, self.catalogs[-1])
        self.objects = self.names()

    def names(self) -> list[str]:
        """The objects of the data path."""
        return [stat.name for stat in self.stores.open(self.data_path).list("")]

    def read(self, attach: str) -> Contents:
        """What the real extension sees."""
        with session(self.cloud, attach, "READ_ONLY") as connection:
            return contents(connection)


def same(found: Contents, truth: Contents, result: SalvageResult) -> bool:
    """Whether all tables came back, if under other names: folders do not tell odd ones."""
    shown, wanted = told(found, result), told(truth, result)
    assert all(name.startswith("main.salvaged_") for name in shown.keys() - wanted.keys())
    return sorted(map(str, shown.values())) == sorted(map(str, wanted.values()))


def test_what_a_bucket_holds_comes_back(where: Cloud, tmp_path: Path) -> None:
    sunk = Sunk(where, tmp_path)
    for catalog in sunk.catalogs:
        attach = f"ducklake:{catalog}"
        result = canvasback.salvage(attach, stores=sunk.stores)
        assert same(sunk.read(attach), sunk.truth, result)
    attach = f"ducklake:{tmp_path}/new.ducklake"
    result = canvasback.salvage(attach, new_catalog=True, data_path=sunk.data_path, stores=sunk.stores)
    assert same(sunk.read(attach), sunk.truth, result)
    assert canvasback.check(attach, level="rows", stores=sunk.stores).findings == ()
    assert sunk.names() == sunk.objects


def test_what_a_bucket_at_google_holds_comes_back(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DuckDB does not reach that server, so it reads the same files on a disk."""
    story = Story(tmp_path)
    story.write(HISTORY)
    where = cloud("gcs", request, monkeypatch)
    url = f"{where.bucket()}lake data/"
    for path in story.data.rglob("*.parquet"):
        where.stores().open(url).put_new(str(path.relative_to(story.data)), path.read_bytes())
    for number in (1, 4):
        attach = story.stale(number)
        result = canvasback.salvage(attach, data_path=url, stores=where.stores())
        assert same(read(attach), story.truths[-1], result)
    lost = f"ducklake:{tmp_path}/new.ducklake"
    result = canvasback.salvage(lost, new_catalog=True, data_path=url, stores=where.stores())
    assert result.data_path == url
    with duckdb.connect(str(tmp_path / "new.ducklake")) as catalog:
        catalog.execute(f"UPDATE ducklake_metadata SET value = '{story.data}/' WHERE key = 'data_path'")
    assert same(read(lost), story.truths[-1], result)


def test_a_store_that_does_not_answer_is_an_error(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was not seen may be the commits that are sought: the catalog stays as it is."""
    sunk = Sunk(cloud("s3", request, monkeypatch), tmp_path)
    stale, lost = sunk.catalogs[1], tmp_path / "new.ducklake"
    before = stale.read_bytes()
    bucket, file = sunk.data_path.split("/")[2], sunk.objects[0].rpartition("/")[2]
    with FaultProxy(str(sunk.cloud.options.endpoint)) as proxy:
        stores = sunk.cloud.stores(endpoint=proxy.endpoint)
        for path, fault, code in (
            (bucket, status(403), "access-denied"),
            (bucket, status(404, s3_error("NoSuchBucket")), "bucket-missing"),
            (file, status(403), "access-denied"),
            (file, status(500), "storage-unreachable"),
        ):
            proxy.faults[:] = [Fault(matching(path=path), fault)]
            with pytest.raises(CanvasbackError) as refused:
                canvasback.salvage(f"ducklake:{stale}", stores=stores)
            assert (refused.value.code, stale.read_bytes()) == (code, before)
            with pytest.raises(CanvasbackError) as refused:
                canvasback.salvage(f"ducklake:{lost}", new_catalog=True, data_path=sunk.data_path, stores=stores)
            assert (refused.value.code, lost.exists()) == (code, False)
