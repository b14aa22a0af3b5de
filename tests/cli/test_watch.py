"""`canvasback watch` as its user, and what supervises it, meet it."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import msgspec
import pytest

import canvasback
from canvasback.model.results.watch import PointHeld, PointMade, WatchEvent, WatchStarted, WatchStopped
from tests.cli.running import Place, Ran, clean, fails, finish, is_free
from tests.lake.builder import Lake
from tests.watching import watching


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_tells_what_it_does_and_ends_when_it_is_told(place: Place, number: int, code: int) -> None:
    before = place.points
    with watching(place.catalog, "repo", every=9999.5, cwd=place.folder, env=clean(place.folder)) as watch:
        held = watch.wait_for(PointHeld)
        assert watch.stop(number) == code
    started, again, stopped = watch.events
    assert started == WatchStarted(
        at=started.at, lake=f"ducklake:{place.catalog}", repository=f"{place.repo}/", every_seconds=9999.5
    )
    assert (held.point, held.absent) == (before[-1], 0)
    assert again is held
    assert stopped == WatchStopped(at=stopped.at, points=0)
    assert place.points == before
    assert is_free(place.repo)


def test_every_line_is_a_document_of_the_schema(place: Place) -> None:
    assert place.run("init", "new", "--lake", place.catalog).code == 0
    process = place.start("watch", place.catalog, "-r", "new", "--json")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]
    process.terminate()
    ran = finish(process)
    assert (ran.code, ran.err) == (0, "")
    documents = [json.loads(line) for line in [*lines, *ran.out.splitlines()]]
    assert [document["schema"] for document in documents] == ["canvasback.watch/1"] * 3
    assert [document["event"] for document in documents] == ["started", "point", "stopped"]
    for document in documents:
        event = msgspec.convert(document, WatchEvent, strict=False)
        assert msgspec.json.decode(msgspec.json.encode(event)) == document


def test_text_is_one_line_for_each_event(place: Place) -> None:
    assert place.run("init", "new", "--lake", place.catalog).code == 0
    process = place.start("watch", place.catalog, "-r", "new")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]  # they come at once, not when a buffer is full
    process.terminate()
    ran = finish(process)
    assert (ran.code, ran.err) == (0, "")
    time_ = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3,6})?  "
    for line, pattern in zip(
        [*lines, *ran.out.splitlines()],
        [
            rf"watching ducklake:{place.catalog} every 1 s, for {place.folder}/new/",
            r"point \d{8}T\d{9}Z-s14: 14 commits to snapshot 14, 11 files \([\d.]+ KiB\) copied, [\d.]+ s after .*",
            "stopped, 1 point made",
        ],
        strict=True,
    ):
        assert re.fullmatch(time_ + pattern, line.strip()), line


def test_findings_are_told_and_do_not_end_it(place: Place) -> None:
    lost = min(place.lake.glob("data/s/t/*.parquet"))
    lost.unlink()
    assert place.run("init", "new", "--lake", place.catalog).code == 0
    with watching(place.catalog, "new", cwd=place.folder, env=clean(place.folder)) as watch:
        made = watch.wait_for(PointMade)
        assert (made.absent, made.finding_counts) == (1, {"file-missing": 1})
        assert watch.stop() == 0


def test_it_stops_after_the_backup_at_hand_and_at_once_when_told_again(place: Place) -> None:
    for times in (1, 2):
        assert place.run("init", f"new{times}", "--lake", place.catalog).code == 0
        rate = "5K" if times == 1 else "3K"
        with watching(
            place.catalog, f"new{times}", "--limit-rate", rate, "--jobs", 1, cwd=place.folder, env=clean(place.folder)
        ) as watch:
            while not list(place.folder.glob(f"new{times}/data/**/*.parquet")):
                assert watch.process.poll() is None
                time.sleep(0.01)
            for _ in range(times):
                watch.process.send_signal(signal.SIGTERM)
                time.sleep(0.1)  # two of a kind at once are one
            code = watch.ended()
        kinds = [type(event) for event in watch.events]
        if times == 1:
            assert (code, kinds) == (0, [WatchStarted, PointMade, WatchStopped])
        else:
            assert (code, kinds) == (130, [WatchStarted])
            assert not list(place.folder.glob("new2/points/*"))
        assert is_free(place.folder / f"new{times}")


# What ends it by itself


def test_what_makes_no_sense_ends_it(place: Place) -> None:
    fails(place, 2, "location-not-supported", "watch", place.catalog, "-r", "gopher://x")
    fails(place, 2, "no-repository", "watch", place.catalog)
    fails(place, 2, "engine-not-supported", "watch", "ducklake:mysql:x", "-r", "repo")
    fails(place, 2, "rate-not-understood", "watch", place.catalog, "-r", "repo", "--limit-rate", "x")
    assert place.run("watch", place.catalog, "-r", "repo", "--every", "0").code == 2


def test_a_refusal_ends_it(place: Place, tmp_path: Path) -> None:
    other = Lake(tmp_path / "other")
    other.run("CREATE TABLE lake.t (i INTEGER)")
    ran: Ran = place.run("watch", other.catalog, "-r", "repo", "--json")
    assert ran.code == 4
    started, error = map(json.loads, ran.out.splitlines())
    assert started["event"] == "started"
    assert (error["schema"], error["code"]) == ("canvasback.error/1", "other-lake")
    assert ran.err.startswith("error: ")


def test_the_settings_file_names_it_all(place: Place) -> None:
    (place.folder / "canvasback.toml").write_text(
        "[lakes.sales]\nlake = 'ducklake:lake/main.ducklake'\nrepository = 'repo'\n"
    )
    process = place.start("watch", "sales")
    assert process.stdout is not None
    assert "watching ducklake:lake/main.ducklake" in process.stdout.readline()
    assert "up to date with point" in process.stdout.readline()
    process.terminate()
    assert finish(process).code == 0


def test_the_library_does_the_same(place: Place) -> None:
    class OnceStop:
        """Stops after the first look."""

        def __init__(self) -> None:
            self.waits = 0

        def is_set(self) -> bool:
            return self.waits > 1

        def wait(self, timeout: float, /) -> bool:
            self.waits += timeout >= 0
            return self.is_set()

    events = list(canvasback.watch(str(place.catalog), str(place.repo), stop=OnceStop()))
    assert [type(event) for event in events] == [WatchStarted, PointHeld, WatchStopped]
