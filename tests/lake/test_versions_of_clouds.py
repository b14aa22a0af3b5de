"""Repositories that pin versions in each cloud that keeps some: the lake is written on a disk and moved there."""

from __future__ import annotations

from pathlib import Path

import pytest

import canvasback
from canvasback import Stores
from tests.clouds import Cloud, cloud
from tests.lake.answers import wrong_answers
from tests.lake.cloud_lakes import HISTORY, Truth, comparable, read, session, write


class Moved:
    """A lake in a bucket, with the truth of its snapshots; what comes back does so on a disk, for the extension."""

    def __init__(self, where: Cloud, reader: Cloud, folder: Path, stores: Stores) -> None:
        self.reader, self.folder, self.stores = reader, folder, stores
        self.origin, first = folder / "origin.ducklake", f"{folder}/first"
        self.truth: Truth = write(reader, self.origin, f"{folder}/origin/", HISTORY)
        canvasback.init(f"ducklake:{self.origin}", first)
        canvasback.backup(f"ducklake:{self.origin}", first)
        self.lake, self.data = f"ducklake:{folder}/lake.ducklake", f"{where.bucket(versions=True)}lake/"
        assert not canvasback.restore(self.lake, first, data_path=self.data, stores=stores).findings
        self.repository = f"{where.bucket()}repo"

    def empty(self) -> None:
        store = self.stores.open(self.data)
        for stat in list(store.list("")):
            store.delete(stat.name)

    def verify(self, level: str) -> dict[str, int]:
        return dict(canvasback.verify(self.repository, level=level, stores=self.stores).finding_counts)

    def is_right(self, name: str) -> None:
        """See that what the repository restores to a disk answers rightly, at each snapshot."""
        back = f"ducklake:{self.folder}/{name}.ducklake"
        place = f"{self.folder}/{name}"
        done = canvasback.restore(back, self.repository, data_path=place, stores=self.stores, shares_files=True)
        assert not done.findings
        assert comparable(read(self.reader, back, self.truth)) == comparable(self.truth)
        for snapshot in self.truth:
            with session(self.reader, back, "READ_ONLY", f"SNAPSHOT_VERSION {snapshot}") as connection:
                assert wrong_answers(connection, thorough=False) == []


@pytest.fixture(params=["gcs", "azure"])
def moved(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Moved:
    reader = cloud("s3", request, monkeypatch)
    where = cloud(request.param, request, monkeypatch, keeping="versions")
    return Moved(where, reader, tmp_path, where.stores())


def test_what_is_lost_comes_back_from_its_versions(moved: Moved) -> None:
    made = canvasback.init(moved.lake, moved.repository, storage="versions", stores=moved.stores)
    # Azure tells it to those only who manage the account.
    assert made.finding_counts == ({"versions-unseen": 1} if moved.data.startswith("az://") else {})
    backed = canvasback.backup(moved.lake, moved.repository, stores=moved.stores)
    assert (backed.new_files, backed.new_bytes, backed.findings) == (backed.files, 0, ())
    assert [moved.verify(level) for level in ("exists", "checksum", "rows")] == [{}] * 3
    store = moved.stores.open(moved.data)
    name = next(stat.name for stat in store.list("") if stat.name.endswith(".parquet"))
    content = store.get(name)
    store.delete(name)
    store.put_new(name, b"?" * len(content))
    moved.empty()
    assert [moved.verify(level) for level in ("exists", "checksum", "rows")] == [{}] * 3
    moved.is_right("from-versions")
    done = canvasback.restore(moved.lake, moved.repository, replace=True, stores=moved.stores)
    assert (done.restored_files, done.findings) == (backed.files, ())
    assert store.get(name) == content
    again = canvasback.backup(moved.lake, moved.repository, full=True, stores=moved.stores)
    assert (again.new_files, again.findings) == (backed.files, ())
    moved.is_right("after")
