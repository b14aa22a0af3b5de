"""Lakes with deletion vectors: Puffin files, which DuckLake 1.0 writes where it is told to."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

import canvasback
from tests.lake.builder import Lake, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server

Truth = dict[int, int]
"""The rows of `t` by snapshot."""

HISTORY = (
    "CREATE TABLE lake.t AS SELECT range::INTEGER AS i FROM range(1000)",  # 1
    "DELETE FROM lake.t WHERE i < 100",
    "CREATE TABLE lake.u (i INTEGER)",
    "DELETE FROM lake.t WHERE i < 200",  # 4: the vector of 2 is there no more
    "UPDATE lake.t SET i = -i WHERE i < 300",  # 5: nor is that of 4
    "INSERT INTO lake.t SELECT range FROM range(2000, 3000)",
    "DELETE FROM lake.t WHERE i >= 2000 AND i < 2100",  # 7
    "DELETE FROM lake.t WHERE i >= 900 AND i < 910",  # 8: and that of 5
)
LOST = {2, 3, 4, 5, 6, 7}
"""The snapshots of which deleted rows come back."""


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path, postgres: Server) -> tuple[Lake, Truth]:
    """A lake with that history, in the engine of the parameter."""
    folder = tmp_path / "lake"
    folder.mkdir()
    engine: Engine = getattr(request, "param", "duckdb")
    options = ("DATA_INLINING_ROW_LIMIT 0", "WRITE_DELETION_VECTORS true")
    lake = Lake(folder, options=options, elsewhere=attach_string(engine, folder, postgres))
    truth = {}
    with lake.session() as connection:
        for at, statement in enumerate(HISTORY, 1):
            connection.execute(statement)
            truth[at] = count(lake.attach, connection=connection)
    assert len(list(lake.data.rglob("*.puffin"))) > 1
    return lake, truth


def count(
    attach: str, at: int | None = None, table: str = "t", connection: duckdb.DuckDBPyConnection | None = None
) -> int:
    """Count the rows by reading them, and not by what the catalog says."""
    if connection is None:
        with session(attach, "READ_ONLY") as opened:
            return count(attach, at, table, opened)
    moment = "" if at is None else f" AT (VERSION => {at})"
    return len(connection.execute(f"SELECT i FROM lake.{table}{moment}").fetchall())


def test_ducklake_itself_forgets_what_was_deleted_before(made: tuple[Lake, Truth]) -> None:
    lake, truth = made
    shown = {at: count(lake.attach, at) for at in truth}
    assert {at for at in truth if shown[at] != truth[at]} == LOST
    assert all(shown[at] > truth[at] for at in LOST)


@pytest.mark.parametrize("made", ENGINES, indirect=True)
def test_a_point_has_them_and_brings_them_back(made: tuple[Lake, Truth], tmp_path: Path) -> None:
    lake, truth = made
    for level in ("footers", "rows"):
        assert canvasback.check(lake.attach, level=level).findings == ()
    lake.backup()
    assert canvasback.verify(lake.repository, level="rows").findings == ()
    to = f"ducklake:{tmp_path}/restored/main.ducklake"
    assert canvasback.restore(to, lake.repository, data_path=str(tmp_path / "files")).findings == ()
    look = canvasback.attach(lake.repository, out=str(tmp_path / "look.ducklake"))
    assert look.findings == ()
    for attach in (to, f"ducklake:{tmp_path}/look.ducklake"):
        assert count(attach) == truth[8]
    assert canvasback.restore_tables(lake.attach, lake.repository, "t", as_name="copy").findings == ()
    assert count(lake.attach, table="copy") == truth[8]
    assert canvasback.check(lake.attach, lake.repository, level="checksum").findings == ()
    assert canvasback.check(lake.attach, level="rows").findings == ()


def test_a_moment_of_which_deletes_are_forgotten_says_so(made: tuple[Lake, Truth], tmp_path: Path) -> None:
    """By every verb that goes back; and where none is forgotten nothing is said."""
    lake, truth = made
    lake.backup()
    for at in sorted(truth)[:-1]:
        out = str(tmp_path / f"look-{at}.ducklake")
        looked = canvasback.attach(lake.repository, at_snapshot=at, out=out)
        to = f"ducklake:{tmp_path}/restored/main.ducklake"
        restored = canvasback.restore(to, lake.repository, at_snapshot=at, data_path=str(tmp_path / "f"), dry_run=True)
        back = canvasback.restore_tables(lake.attach, lake.repository, "t", as_name="c", at_snapshot=at, dry_run=True)
        rewound = canvasback.rewind(lake.attach, to_snapshot=at, dry_run=True)
        found = [looked.findings, restored.findings, back.findings, rewound.findings]
        told = int(at in LOST)
        assert [sum(f.code == "deletes-forgotten" for f in findings) for findings in found] == [told] * 4
        assert (count(f"ducklake:{out}") == truth[at]) == (at not in LOST)


def test_a_point_made_at_the_snapshot_has_the_deletes(made: tuple[Lake, Truth], tmp_path: Path) -> None:
    lake, truth = made
    lake.backup()
    lake.run("DELETE FROM lake.t WHERE i >= 910 AND i < 920")
    lake.backup()
    out = str(tmp_path / "look.ducklake")
    assert canvasback.attach(lake.repository, at_snapshot=8, out=out).findings == ()
    assert count(f"ducklake:{out}") == truth[8]


@pytest.mark.parametrize("at", [6, 5, 4])
def test_a_lake_goes_back_over_vectors(made: tuple[Lake, Truth], at: int) -> None:
    """The rest is as DuckLake shows it, and goes on."""
    lake, _ = made
    shown = count(lake.attach, at)
    canvasback.rewind(lake.attach, to_snapshot=at, safety_point=False)
    assert count(lake.attach) == shown
    lake.run("DELETE FROM lake.t WHERE i >= 500 AND i < 600")
    assert count(lake.attach) == shown - 100
    assert canvasback.check(lake.attach, level="rows").findings == ()


@pytest.mark.parametrize("damage", ["missing", "zeros", "bit", "cut"])
def test_a_damaged_vector_is_found_and_healed(made: tuple[Lake, Truth], damage: str) -> None:
    lake, truth = made
    lake.backup()
    vector = next(path for path in lake.data.rglob("*.puffin") if path.name in named(lake))
    content = vector.read_bytes()
    if damage == "missing":
        vector.unlink()
    else:
        flipped = content[:20] + bytes([content[20] ^ 1]) + content[21:]
        vector.write_bytes({"zeros": bytes(len(content)), "bit": flipped, "cut": content[:-1]}[damage])
    code = {"missing": "file-missing", "cut": "file-size"}.get(damage, "deletion-vector")
    assert canvasback.check(lake.attach).finding_counts == {code: 1}

    assert canvasback.heal(lake.attach, lake.repository).healed_files == 1

    assert vector.read_bytes() == content
    assert count(lake.attach) == truth[8]


def named(lake: Lake) -> set[str]:
    """Name the files of deletes that the catalog has."""
    with lake.session() as connection:
        rows = connection.execute("SELECT path FROM __ducklake_metadata_lake.ducklake_delete_file").fetchall()
    return {path for (path,) in rows}
