"""Every lake of tests/fixtures, taken back to its snapshots in every engine, as the real extension sees it then.

`make soak` goes to every snapshot; `make test` to some of each lake, in each engine to others.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

import canvasback
from tests.lake.builder import session
from tests.lake.saved import ENGINES, LAKES, Engine, Saved, attach_string, save
from tests.oracle import read_lake
from tests.oracle.reader import Json, fingerprint, tables
from tests.postgres import Server

SOAK = settings.get_current_profile_name() == "soak"
SAMPLES = 2


@pytest.fixture(scope="module")
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Saved:
    """The fixture of the parameter's name, saved."""
    return save(request.param, tmp_path_factory.mktemp("saved"), postgres)


def read(saved: Saved, engine: str, attach: str) -> Json:
    """All tables at all snapshots, by an extension that may migrate the lake only where none else is on pip."""
    version = saved.fixture.ducklake_version
    if version != "0.3" and engine == "duckdb" and saved.fixture.reader_version not in {None, "1.4.4"}:
        assert saved.fixture.reader_version is not None
        found: Json = read_lake(attach, saved.fixture.reader_version)["snapshots"]
        return found
    with session(attach, *(["READ_ONLY"] if version == "0.3" else [])) as connection:
        ids = [row[0] for row in connection.execute("SELECT snapshot_id FROM ducklake_snapshots('lake')").fetchall()]
        assert sorted(f"{s}.{t}" for s, t in tables(connection)) == sorted(saved.truth(max(ids))[str(max(ids))])
        return {
            str(at): {
                name: fingerprint(connection, name.partition(".")[0], name.partition(".")[2], f" AT (VERSION => {at})")
                for name in saved.fixture.expected["snapshots"][str(at)]
            }
            for at in sorted(ids)
        }


def chosen(saved: Saved, engine: Engine) -> list[int]:
    """The snapshots to go to."""
    step = max(1, len(saved.snapshots) // SAMPLES)
    offset = (ENGINES.index(engine) * 5 + LAKES.index(saved.fixture.path.name) * 3) % step
    return saved.snapshots if SOAK else saved.snapshots[offset::step][:SAMPLES]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("saved", LAKES, indirect=True)
def test_a_rewound_lake_shows_what_it_was(saved: Saved, engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """At the snapshot, and at all earlier ones."""
    for number, snapshot in enumerate(chosen(saved, engine)):
        folder = tmp_path / str(number)
        to = attach_string(engine, folder, postgres)
        canvasback.restore(saved.repository, to, data_path=str(folder / "files"))

        result = canvasback.rewind(to, to_snapshot=snapshot, safety_point=False)

        assert result.snapshot_id == snapshot
        assert [commit.snapshot_id for commit in result.commits] == [s for s in saved.snapshots if s > snapshot]
        assert read(saved, engine, to) == saved.truth(snapshot)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("saved", LAKES, indirect=True)
def test_a_moment_of_a_point_restores(saved: Saved, engine: Engine, tmp_path: Path, postgres: Server) -> None:
    snapshot = chosen(saved, engine)[-1]
    to = attach_string(engine, tmp_path, postgres)

    result = canvasback.restore(saved.repository, to, at_snapshot=snapshot, data_path=str(tmp_path / "files"))

    assert (result.findings, result.snapshot_id) == ((), snapshot)
    assert read(saved, engine, to) == saved.truth(snapshot)


# 1.4.4 wants to migrate what is only to be read, and the older extensions know no catalog in SQLite.
@pytest.mark.parametrize("saved", [name for name in LAKES if name != "sqlite-0.2"], indirect=True)
def test_a_moment_of_a_point_can_be_looked_at(saved: Saved, tmp_path: Path) -> None:
    for snapshot in chosen(saved, "duckdb"):
        attached = canvasback.attach(saved.repository, at_snapshot=snapshot, out=str(tmp_path / f"{snapshot}.ducklake"))
        assert attached.snapshot_id == snapshot
        assert read(saved, "duckdb", f"ducklake:{attached.file}") == saved.truth(snapshot)
