"""A watch follows real lakes: whatever happens to them and to their repository, each point holds what it should."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

import canvasback
from canvasback.model.results.watch import OutageEnded, OutageStarted, PointHeld, PointMade
from tests.lake.builder import Lake, attach_as_lake, connect, detach, session
from tests.lake.steady import hold_the_truth, points_of, rows_of, writing
from tests.lake.steady_writer import digest
from tests.postgres import Server, running
from tests.watching import watching

Kind = Literal["duckdb", "sqlite-wal", "sqlite-delete", "postgres"]
KINDS: tuple[Kind, ...] = ("duckdb", "sqlite-wal", "sqlite-delete", "postgres")


@pytest.mark.parametrize("kind", KINDS)
def test_every_commit_gets_into_a_point(kind: Kind, tmp_path: Path, postgres: Server) -> None:
    attach = {
        "duckdb": f"ducklake:{tmp_path}/main.ducklake",
        "postgres": f"ducklake:postgres:{postgres.create() if kind == 'postgres' else ''}",
    }.get(kind, f"ducklake:sqlite:{tmp_path}/main.db")
    if kind.startswith("sqlite"):
        with closing(sqlite3.connect(tmp_path / "main.db")) as database:
            database.execute(f"PRAGMA journal_mode = {kind.partition('-')[2]}")
    repository = tmp_path / "repository"
    with writing(attach, tmp_path / "data") as writer:
        canvasback.init(attach, str(repository))
        with watching(attach, repository) as watch:
            watch.wait_for(PointMade)
            for _ in range(3):  # one at a time: each has a point of its own
                watch.wait_for_snapshot(writer.commit())
            assert [event.commits for event in watch.of_kind(PointMade)][1:] == [1, 1, 1]
            head = max(writer.commit() for _ in range(10))  # many at once: they may share one
            watch.wait_for_snapshot(head)
            assert watch.stop() == 0
        made = watch.of_kind(PointMade)
        assert sum(event.commits for event in made) == head
        assert watch.of_kind(OutageStarted) == []
        assert all(event.lag_seconds > 0 for event in made)

        with watching(attach, repository) as again:  # while the writer has the lake open, and does nothing
            assert again.wait_for(PointHeld).point == made[-1].point
            assert again.stop() == 0
        assert len(points_of(repository)) == len(made)
        missed = writer.commit()
        with watching(attach, repository) as third:
            assert third.wait_for(PointMade).commits == 1
            assert third.stop() == 0
        assert points_of(repository)[-1].snapshot_id == missed
        writer.end()
    hold_the_truth(watch, repository, writer, tmp_path)
    # The newest point alone has every snapshot, and shows it where it lies.
    canvasback.attach(str(repository), out=str(tmp_path / "look.ducklake"))
    for snapshot, rows in writer.truth.items():
        assert rows_of(f"ducklake:{tmp_path}/look.ducklake", f"AT (VERSION => {snapshot})") == rows


# Outages


def test_a_repository_that_goes_away_and_comes_back(lake: Lake, tmp_path: Path) -> None:
    canvasback.init(lake.attach, lake.repository)
    with watching(lake.attach, lake.repository) as watch:
        watch.wait_for(PointMade)
        Path(lake.repository).rename(tmp_path / "away")
        lake.run("INSERT INTO lake.t VALUES (2000, 'meanwhile')")
        lake.run("INSERT INTO lake.t SELECT i, 'meanwhile' FROM range(99) r(i)")
        outage = watch.wait_for(OutageStarted)
        assert outage.code == "not-a-repository"
        (tmp_path / "away").rename(lake.repository)
        ended = watch.wait_for(OutageEnded)
        assert ended.attempts > 0
        assert watch.wait_for(PointMade, 2).commits > 0
        assert watch.stop() == 0
    truth = lake.read()
    assert canvasback.verify(lake.repository, all_points=True, level="rows").finding_counts == {}
    lake.delete()
    canvasback.restore(lake.attach, lake.repository)
    assert lake.read() == truth


def test_a_catalog_that_goes_away_and_comes_back(lake: Lake, tmp_path: Path) -> None:
    made = lake.backup()
    with watching(lake.attach, lake.repository) as watch:
        watch.wait_for(PointHeld)
        lake.catalog.rename(tmp_path / "away")
        assert watch.wait_for(OutageStarted).code == "catalog-missing"
        (tmp_path / "away").rename(lake.catalog)
        watch.wait_for(OutageEnded)
        assert watch.stop() == 0
    assert [point.point for point in points_of(Path(lake.repository))] == [made.point]


def test_a_postgres_server_that_restarts(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="canvasback-pg-") as folder, running(Path(folder)) as server:
        attach, repository = f"ducklake:postgres:{server.create()}", tmp_path / "repository"
        data = f"DATA_PATH '{tmp_path}/data/'"
        with session(attach, data) as connection:
            connection.execute("CREATE TABLE lake.t (i INTEGER)")
        canvasback.init(attach, str(repository))
        with watching(attach, repository) as watch:
            watch.wait_for(PointMade)
            server.stop()
            assert watch.wait_for(OutageStarted).code in {"connection-lost", "catalog-unreachable"}
            server.start()
            with session(attach, data) as connection:
                connection.execute("INSERT INTO lake.t FROM range(100)")
            watch.wait_for(OutageEnded)
            assert watch.wait_for(PointMade, 2).commits == 1
            assert watch.stop() == 0
        canvasback.restore(f"ducklake:{tmp_path}/back.ducklake", str(repository), shares_files=True)
        assert rows_of(f"ducklake:{tmp_path}/back.ducklake") == digest(list(range(100)))


def test_a_file_that_was_away_is_fetched_although_nobody_commits(lake: Lake, tmp_path: Path) -> None:
    lost = lake.files()[0]
    lost.rename(tmp_path / "away")
    canvasback.init(lake.attach, lake.repository)
    with watching(lake.attach, lake.repository) as watch:
        assert watch.wait_for(PointMade).absent == 1
        (tmp_path / "away").rename(lost)
        made = watch.wait_for(PointMade, 2)
        assert (made.absent, made.new_files, made.commits, made.finding_counts) == (0, 1, 0, {})
        assert watch.stop() == 0
    assert len(points_of(Path(lake.repository))) == 2


def test_a_lake_that_is_taken_back_is_followed(lake: Lake, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    shutil.copy(lake.catalog, kept)
    before = lake.backup()
    with watching(lake.attach, lake.repository) as watch:
        lake.run("INSERT INTO lake.t VALUES (2000, 'is taken back')")
        watch.wait_for_snapshot(before.snapshot_id + 1)
        shutil.copy(kept, tmp_path / "new")
        (tmp_path / "new").replace(lake.catalog)
        lake.run("INSERT INTO lake.t VALUES (3000, 'is written again')")
        newest = points_of(Path(lake.repository))[-1]
        while (newest.timeline, newest.snapshot_id) < (2, before.snapshot_id + 1):
            assert watch.process.poll() is None
            time.sleep(0.05)
            newest = points_of(Path(lake.repository))[-1]
        assert watch.stop() == 0
    truth = lake.read()
    lake.delete()
    canvasback.restore(lake.attach, lake.repository)
    assert lake.read() == truth


def test_from_inside_of_the_application_that_has_the_lake_attached(lake: Lake) -> None:
    """To open and close the catalog's file here would give DuckDB's lock away: a pulse opens nothing."""
    lake.backup()
    stop, events = threading.Event(), []
    connection = connect()
    attach_as_lake(connection, lake.attach)
    connection.execute("INSERT INTO lake.t VALUES (2000, 'before')")
    for event in canvasback.watch(lake.attach, lake.repository, every=0.05, stop=stop):
        events.append(event)
        if isinstance(event, PointMade):
            if len(events) > 2:
                stop.set()
            connection.execute("INSERT INTO lake.t VALUES (2001, 'after')")
    other = subprocess.run(
        [sys.executable, "-c", f"import duckdb; duckdb.connect({str(lake.catalog)!r})"],
        capture_output=True,
        check=False,
    )
    assert b"Could not set lock" in other.stderr
    detach(connection)
    connection.close()
    assert [event.commits for event in events if isinstance(event, PointMade)] == [1, 1]
