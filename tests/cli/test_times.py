"""Whatever is printed as a time is accepted as one, and means the snapshot that it was printed of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import canvasback
from tests.cli.running import Place
from tests.lake.builder import Lake

_SHOWN = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?: UTC|Z)?")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Commits of which several are made in one second, and a point after some of them."""
    lake = Lake(tmp_path_factory.mktemp("times") / "lake")
    lake.run("CREATE TABLE lake.t (i INTEGER)")
    for number in range(6):
        lake.run(f"INSERT INTO lake.t VALUES ({number})")
        if number in {2, 5}:
            lake.backup()
    lake.run("CREATE TABLE lake.gone (i INTEGER)", "DROP TABLE lake.gone")
    lake.backup()
    return lake


@pytest.fixture(scope="module")
def commits(lake: Lake) -> dict[int, datetime]:
    with lake.session() as connection:
        return dict(connection.execute("SELECT snapshot_id, snapshot_time FROM lake.snapshots()").fetchall())


@pytest.fixture(scope="module")
def place(lake: Lake) -> Place:
    return Place(lake.folder.parent)


def snapshot_at(lake: Lake, time: str) -> int:
    return canvasback.tables(repository=lake.repository, at_time=time).at.snapshot_id


def times_in(value: Any) -> Iterator[str]:
    """Every text of a JSON document that is a time."""
    if isinstance(value, dict):
        for one in value.values():
            yield from times_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from times_in(one)
    elif isinstance(value, str) and _SHOWN.fullmatch(value):
        yield value


def test_the_commits_are_closer_than_seconds(commits: dict[int, datetime]) -> None:
    assert len({time.replace(microsecond=0) for time in commits.values()}) < len(commits)
    assert len(set(commits.values())) == len(commits)


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",), ("show",), ("diff", "1", "latest"), ("tables",), ("tables", "--dropped"),
        ("restore", "--dry-run", "--to"),
        ("rewind", "--dry-run", "--no-safety-point", "--to-snapshot", "2"), ("check",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_a_command_prints(
    lake: Lake, place: Place, commits: dict[int, datetime], arguments: tuple[str, ...], tmp_path: Path
) -> None:
    others: dict[str, tuple[object, ...]] = {
        "restore": (
            *arguments, f"ducklake:{tmp_path}/r.ducklake", "--data-path", tmp_path, "--at-snapshot", "3",
            "-r", lake.repository,
        ),
        "rewind": (arguments[0], lake.attach, *arguments[1:]),
        "check": (*arguments, lake.attach),
    }  # fmt: skip
    command = others.get(arguments[0], (*arguments, "-r", lake.repository))
    text, document = place.run(*command), place.run(*command, "--json")
    assert text.code == document.code == 0, (text, document)
    shown = set(_SHOWN.findall(text.out)) | set(times_in(document.document))
    shown |= {time for step in document.document.get("steps", []) for time in _SHOWN.findall(step)}
    assert shown
    by_time = {time: snapshot for snapshot, time in commits.items()}
    meant = 0
    for time in shown:
        read = canvasback.tables(lake=lake.attach, at_time=time).at
        exact = duckdb.execute("SET TimeZone = 'UTC'; SELECT CAST($1 AS TIMESTAMPTZ)", [time]).fetchall()[0][0]
        if exact in by_time:  # it is a snapshot's
            assert read.snapshot_id == by_time[exact], time
            meant += 1
        else:  # a point's, or now: some time after a commit
            assert read.snapshot_time <= exact
    assert meant


def test_a_time_of_a_message_is_one_too(lake: Lake, place: Place, commits: dict[int, datetime]) -> None:
    said = place.run("tables", "--at-snapshot", "99", "-r", lake.repository)
    [time] = _SHOWN.findall(said.err)
    assert snapshot_at(lake, time) == max(commits)


def test_what_duckdb_prints(lake: Lake, commits: dict[int, datetime]) -> None:
    with lake.session() as connection:
        for zone in ("UTC", "Europe/Berlin", "Asia/Kolkata"):
            connection.execute(f"SET TimeZone = '{zone}'")
            for snapshot, time in connection.execute(
                "SELECT snapshot_id, snapshot_time::VARCHAR FROM lake.snapshots()"
            ).fetchall():
                assert snapshot_at(lake, time) == snapshot, (zone, time)
    assert commits


def test_every_way_to_say_when_takes_them(
    lake: Lake, place: Place, commits: dict[int, datetime], tmp_path: Path
) -> None:
    time = f"{commits[3].astimezone():%Y-%m-%d %H:%M:%S.%f%z}"
    repo = ("-r", lake.repository)
    moved = ("--data-path", str(tmp_path / "files"))
    for command in (
        ("restore", "--to", f"ducklake:{tmp_path}/r.ducklake", "--at-time", time, "--dry-run", *moved, *repo),
        ("attach", "--out", f"{tmp_path}/a.ducklake", "--at-time", time, *repo),
        ("rewind", lake.attach, "--to-time", time, "--dry-run", "--no-safety-point"),
        ("diff", time, "latest", *repo),
        ("tables", "--at-time", time, *repo),
    ):
        ran = place.run(*command, "--json")
        assert ran.code in {0, 3}, ran
        found = json.dumps(ran.document)
        assert '"snapshot_id": 3' in found, command


def test_an_interval_is_before_now(lake: Lake) -> None:
    for text in ("0 seconds ago", "1 millisecond"):
        with pytest.raises(canvasback.CanvasbackError) as caught:  # after the newest point nothing is known
            snapshot_at(lake, text)
        assert caught.value.code == "moment-not-held"
    with pytest.raises(canvasback.CanvasbackError) as caught:
        snapshot_at(lake, "1 year 2 months ago")
    assert "before it" not in caught.value.hint
