"""Every lake of tests/fixtures, taken back to its snapshots in every engine, as the real extension sees it then.

`make soak` goes to every snapshot; `make test` to some of each lake, in each engine to others.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

import canvasback
from tests.lake.saved import ENGINES, IN_DUCKDB_ONLY, LAKES, Engine, Saved, attach_string, together
from tests.lake.test_engines import statistics
from tests.oracle import OWN, Version, read_lake
from tests.postgres import Server

SOAK = settings.get_current_profile_name() == "soak"
SAMPLES = 10_000 if SOAK else 1
LOOKED_AT = 10_000 if SOAK else 3

HERE = [name for name in LAKES if name != "duckdb-1.0-encrypted"]  # its files cannot be cut, see test_rewind_1_0.py
PLACES = [
    together(name, engine)
    for name in HERE
    for engine in ENGINES
    if engine == "duckdb" or name not in IN_DUCKDB_ONLY  # see test_engines.py
]


def forgotten(saved: Saved, snapshot: int) -> set[str]:
    """What is said of a snapshot of which the extension forgot deletes, as deletion vectors keep no history."""
    return {"deletes-forgotten"} if str(snapshot) in saved.fixture.expected.get("at", {}) else set()


def check(saved: Saved, attach: str, snapshot: int, reader: Version | None = None, *, judged: bool = True) -> None:
    """See that a lake is what it was at a snapshot, and at earlier ones what it showed of them.

    Who is asked may migrate the lake, if no reader is named that need not.
    """
    fixture = saved.fixture
    earlier = [at for at in fixture.some(LOOKED_AT) if at <= snapshot]
    # A filter on a column that was added with a default passes over older files in 0.3, in the untouched lake too.
    judged = judged and saved.reader == OWN
    seen = read_lake(
        attach,
        reader or saved.reader,
        read_only=reader is not None or not saved.migrates,
        cwd=fixture.path,
        at=earlier,
        judged=judged,
    )["snapshots"]
    known = (
        fixture.shown if forgotten(saved, snapshot) else {**fixture.shown, str(snapshot): fixture.truth[str(snapshot)]}
    )
    assert max(map(int, seen)) == snapshot
    assert seen == {at: known[at] for at in seen}


def chosen(saved: Saved, engine: Engine) -> list[int]:
    """The snapshots to go to."""
    step = max(1, len(saved.snapshots) // SAMPLES)
    offset = (ENGINES.index(engine) * 31 + LAKES.index(saved.fixture.path.name) * 13) % step
    return saved.snapshots[offset::step][:SAMPLES]


@pytest.mark.parametrize(("saved", "engine"), PLACES, indirect=["saved"])
def test_a_rewound_lake_shows_what_it_was(saved: Saved, engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """At the snapshot, and at all earlier ones."""
    for number, snapshot in enumerate(chosen(saved, engine)):
        folder = tmp_path / str(number)
        to = attach_string(engine, folder, postgres)
        canvasback.restore(to, saved.repository, data_path=str(folder / "files"))

        result = canvasback.rewind(to, to_snapshot=snapshot, safety_point=False)

        assert {*result.finding_counts} == forgotten(saved, snapshot)
        assert result.snapshot_id == snapshot
        assert [commit.snapshot_id for commit in result.commits] == [s for s in saved.snapshots if s > snapshot]
        check(saved, to, snapshot, judged=is_judged(saved, engine))
        if not is_judged(saved, engine):
            answers_like_the_moment(saved, to, snapshot, folder)


def is_judged(saved: Saved, engine: Engine) -> bool:
    """Whether all is asked of a lake: in DuckDB, and if it is small in the other engines, as in test_engines.py."""
    return SOAK or engine == "duckdb" or "maintained" in saved.fixture.path.name or saved.reader != OWN


def answers_like_the_moment(saved: Saved, attach: str, snapshot: int, folder: Path) -> None:
    """See that the statistics, from which a lake's answers are, are those of the moment in DuckDB."""
    moment = canvasback.attach(saved.repository, at_snapshot=snapshot, out=str(folder / "moment.ducklake"))
    assert statistics(attach) == statistics(f"ducklake:{moment.file}")


@pytest.mark.parametrize(
    ("saved", "engine"), [together(name, name.partition("-")[0]) for name in HERE], indirect=["saved"]
)
def test_a_moment_of_a_point_restores(saved: Saved, engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """In the engine of the lake: the moment is made of an image, and what other engines do with one is seen above."""
    snapshot = chosen(saved, engine)[-1]
    to = attach_string(engine, tmp_path, postgres)

    result = canvasback.restore(to, saved.repository, at_snapshot=snapshot, data_path=str(tmp_path / "files"))

    assert {*result.finding_counts} == forgotten(saved, snapshot)
    assert result.snapshot_id == snapshot
    check(saved, to, snapshot, judged=is_judged(saved, engine))
    if not is_judged(saved, engine):
        answers_like_the_moment(saved, to, snapshot, tmp_path)


# 1.4.4 wants to migrate what is only to be read, and the older extensions know no catalog in SQLite.
@pytest.mark.parametrize("saved", [together(name) for name in HERE if name != "sqlite-0.2"], indirect=True)
def test_a_moment_of_a_point_can_be_looked_at(saved: Saved, tmp_path: Path) -> None:
    for snapshot in chosen(saved, "duckdb"):
        attached = canvasback.attach(saved.repository, at_snapshot=snapshot, out=str(tmp_path / f"{snapshot}.ducklake"))
        assert attached.snapshot_id == snapshot
        check(saved, f"ducklake:{attached.file}", snapshot, saved.fixture.reader_version)
