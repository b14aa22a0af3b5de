"""Lakes of tests/fixtures that were backed up, whatever engine holds their catalogs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from _pytest.mark import ParameterSet

import canvasback
from tests.lake.values import tree_of
from tests.oracle import FIXTURES, OTHER_ENGINES, Fixture, Version, load_fixture
from tests.oracle.reader import Json
from tests.postgres import Server

Engine = Literal["duckdb", "sqlite", "postgres"]

ENGINES: list[Engine] = ["duckdb", "sqlite", "postgres"]
LAKES = [name for name, _ in FIXTURES] + OTHER_ENGINES

IN_DUCKDB_ONLY = {"duckdb-1.0", "duckdb-1.0-encrypted", "duckdb-1.0-migrated"}
"""Those that no catalog elsewhere can hold: they have VARIANTs that are inlined."""


def answers_rightly(fixture: Fixture) -> bool:
    """Whether the extension does, once a lake is written to: not after a nested field was given a wider type."""
    return fixture.path.name != "duckdb-1.0-migrated"


def read_here(*names: str) -> list[str | ParameterSet]:
    """Lakes as parameters, each for the environment whose extension reads it in the test's own process."""
    return [name if "-1.0" in name else pytest.param(name, marks=pytest.mark.previous) for name in names]


def together(name: str, *others: object, marks: Iterable[pytest.MarkDecorator] = ()) -> ParameterSet:
    """The name of a lake, and whatever else a test takes, as its parameters: all such tests of a lake run together."""
    shown = "-".join([name, *map(str, others)])
    return pytest.param(name, *others, id=shown, marks=[pytest.mark.xdist_group(f"saved {name}"), *marks])


@dataclass(frozen=True)
class Saved:
    """A fixture that was backed up."""

    fixture: Fixture
    attach: str
    repository: str

    @property
    def engine(self) -> str:
        """The kind of its catalog."""
        return self.fixture.path.name.partition("-")[0]

    @property
    def reader(self) -> Version:
        """The DuckDB whose extension is asked: the older ones know no other engines than DuckDB."""
        return self.fixture.reader_version if self.fixture.reader_version == "1.5.5" else "1.4.4"

    @property
    def migrates(self) -> bool:
        """Whether that extension migrates the lake before it reads it."""
        return self.fixture.ducklake_version not in {"0.3", "1.0"}

    @property
    def snapshots(self) -> list[int]:
        """The snapshots of which the writer's truth is known."""
        return sorted(map(int, self.fixture.truth))

    def truth(self, snapshot: int) -> Json:
        """What the writer saw at a snapshot and at all earlier ones."""
        return {at: seen for at, seen in self.fixture.truth.items() if int(at) <= snapshot}


def save(name: str, folder: Path, postgres: Server) -> Saved:
    """Unpack a fixture into the folder, and back it up beside it."""
    fixture = load_fixture(name, folder)
    attach = fixture.attach
    if name.startswith("postgres"):
        string = postgres.create()
        postgres.psql(string.split()[0].removeprefix("dbname="), fixture.catalog.read_text())
        attach = f"ducklake:postgres:{string}"
    repository = str(folder / "repository")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(fixture.path)  # a relative data path is relative to the process
        canvasback.init(attach, repository)
        result = canvasback.backup(attach, repository)
    assert result.findings == ()
    copied = tree_of(Path(repository) / "data")
    assert copied
    assert copied.items() <= tree_of(fixture.data).items()  # no catalog names the deletes that others took the place of
    return Saved(fixture, attach, repository)


def attach_string(engine: Engine, folder: Path, postgres: Server) -> str:
    """A place for a new catalog."""
    match engine:
        case "duckdb":
            return f"ducklake:{folder}/main.ducklake"
        case "sqlite":
            return f"ducklake:sqlite:{folder}/main.db"
        case "postgres":
            return f"ducklake:postgres:{postgres.create()}"
