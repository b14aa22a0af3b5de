"""Every lake of tests/fixtures, saved and brought back in each of the three ways."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import settings

import canvasback
from tests.lake.saved import answers_rightly
from tests.lake.values import (
    PRIMARY_KEYS,
    SCHEDULED,
    Catalog,
    Tree,
    catalog_of,
    data_path_of,
    files_named_by,
    tree_of,
    without,
)
from tests.oracle import FIXTURES, Conflict, Fixture, Version, load_fixture, use_lake

Way = Literal["in place", "moved", "attached"]
Level = Literal["exists", "checksum", "rows"]

READABLE = [name for name, _ in FIXTURES]
TOGETHER = {name: pytest.mark.xdist_group(f"lost {name}") for name in READABLE}
"""All tests of a lake run where it was saved, to lose it and to bring it back."""
HERE = [pytest.param(name, marks=mark) for name, mark in TOGETHER.items()]
NEWEST = [
    pytest.param(name, marks=(mark, pytest.mark.newest), id=f"{name} by the newest duckdb")
    for name, mark in TOGETHER.items()
    if name.startswith("duckdb-1.0")
]
ALL = [*HERE, *NEWEST]
WAYS: list[Way] = ["in place", "moved", "attached"]
KINDS: list[Conflict] = ["delete", "alter"]
SAMPLES = 10_000 if settings.get_current_profile_name() == "soak" else 5
"""Of so many snapshots it is seen what the extension shows."""
LEVELS: list[Level] = ["exists", "checksum", "rows"]


@dataclass(frozen=True)
class Saved:
    """A fixture that was backed up."""

    fixture: Fixture
    repository: Path
    catalog: Catalog
    files: Tree
    result: canvasback.BackupResult

    @property
    def version(self) -> Version:
        """The DuckDB whose extension reads it."""
        return self.fixture.reader_version

    def come_back(self, way: Way, folder: Path) -> str:
        """Lose the lake and bring it back, at its own place or in the folder; answer its attach string."""
        shutil.rmtree(self.fixture.path)
        self.fixture.path.mkdir()
        repository = str(self.repository)
        if way == "attached":
            result = canvasback.attach(repository, out=str(folder / "attached.ducklake"))
            assert f"'ducklake:{result.file}'" in result.statement
            return f"ducklake:{result.file}"
        to, data_path = self.fixture.attach, None
        if way == "moved":
            to, data_path = f"ducklake:{folder}/main.ducklake", f"{folder}/files"
        restored = canvasback.restore(to, repository, data_path=data_path)
        assert restored.findings == ()
        assert restored.restored_files == len(self.files)
        return to


@pytest.fixture(scope="module")
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """The fixture of the parameter's name, saved and lost."""
    folder = tmp_path_factory.mktemp("saved")
    fixture = load_fixture(request.param, folder)
    repository = folder / "repository"
    catalog, files, named = catalog_of(fixture.catalog), tree_of(fixture.data), files_named_by(fixture.catalog)
    assert named <= files.keys()
    canvasback.init(fixture.attach, str(repository))
    result = canvasback.backup(fixture.attach, str(repository))
    return Saved(fixture, repository, catalog, {path: files[path] for path in named}, result)


@pytest.mark.parametrize("saved", ALL, indirect=True)
def test_backup_saves_all_without_a_finding(saved: Saved) -> None:
    assert saved.result.findings == ()
    assert saved.result.files == saved.result.new_files == len(saved.files) > 0
    assert tree_of(saved.repository / "data") == saved.files
    for level in LEVELS:
        assert canvasback.verify(str(saved.repository), level=level).finding_counts == {}


@pytest.mark.parametrize("saved", ALL, indirect=True)
def test_a_lake_in_place_is_identical(saved: Saved, tmp_path: Path) -> None:
    saved.come_back("in place", tmp_path)

    assert catalog_of(saved.fixture.catalog) == saved.catalog
    assert keys_of(saved.fixture.catalog) == PRIMARY_KEYS
    assert tree_of(saved.fixture.data) == saved.files
    assert tree_of(tmp_path) == {}


@pytest.mark.parametrize("saved", ALL, indirect=True)
def test_a_moved_lake_differs_in_its_place_only(saved: Saved, tmp_path: Path) -> None:
    saved.come_back("moved", tmp_path)

    moved = catalog_of(tmp_path / "main.ducklake")
    assert data_path_of(moved) == f"{tmp_path}/files/"
    assert not moved[SCHEDULED][2]
    assert without(moved) == without(saved.catalog)
    assert keys_of(tmp_path / "main.ducklake") == PRIMARY_KEYS
    assert tree_of(tmp_path / "files") == saved.files
    assert tree_of(saved.fixture.path) == {}


@pytest.mark.parametrize("saved", ALL, indirect=True)
def test_an_attached_point_has_the_same_rows(saved: Saved, tmp_path: Path) -> None:
    file = saved.come_back("attached", tmp_path).removeprefix("ducklake:")

    assert rows_of(without(catalog_of(Path(file)))) == rows_of(without(saved.catalog))
    assert tree_of(saved.fixture.path) == {}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("saved", HERE, indirect=True)
def test_every_table_reads_as_the_writer_saw_it(saved: Saved, way: Way, tmp_path: Path) -> None:
    """And a lake that can be written to goes on: of two commits that conflict exactly one comes through.

    In place, catalog and files are those of the writer's lake, as is seen above, and what the extension shows and
    answers of that one test_oracle.py asks: here its head is enough.
    """
    back = saved.come_back(way, tmp_path)

    goes_on = way == "moved" and answers_rightly(saved.fixture)  # which is judged once it was written to
    seen = use_lake(
        back,
        saved.version,
        cwd=saved.fixture.path,
        at=[] if way == "in place" else saved.fixture.some(SAMPLES),
        kinds=KINDS if way == "in place" else [],
        writes=way == "moved",
        judged=way != "in place" and not goes_on,
        judged_then=goes_on,
    )
    saved.fixture.check(seen)


def keys_of(catalog: Path) -> dict[str, tuple[str, ...]]:
    """The primary keys of a catalog's tables."""
    return {table: key for table, (_, key, _) in catalog_of(catalog).items() if key}


def rows_of(catalog: Catalog) -> dict[str, list[tuple[object, ...]]]:
    """The rows and the column types; views have neither keys nor NOT NULL."""
    return {
        table: [tuple((name, type_) for name, type_, _ in columns), *sorted(rows.elements(), key=str)]
        for table, (columns, _, rows) in catalog.items()
    }
