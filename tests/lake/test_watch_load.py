"""Twenty commits a second, merges and expiry, and a watch that follows them.

`make soak` keeps it up for a minute; `make test` for some seconds. With -rP it shows the lag that it found.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from hypothesis import settings

import canvasback
from canvasback.model.results.watch import OutageStarted, PointMade
from tests.lake.steady import hold_the_truth, writing
from tests.watching import watching

RATE = 20.0


def seconds() -> float:
    return 60.0 if settings.get_current_profile_name() == "soak" else 2.5


def test_twenty_commits_a_second(tmp_path: Path) -> None:
    attach, repository = f"ducklake:{tmp_path}/main.ducklake", tmp_path / "repository"
    with writing(attach, tmp_path / "data", rate=RATE, maintains=True) as writer:
        canvasback.init(attach, str(repository))
        with watching(attach, repository, every=1.0) as watch:
            time.sleep(seconds())
            writer.end()
            watch.wait_for_snapshot(max(writer.truth))
            assert watch.stop() == 0
    made = watch.of_kind(PointMade)
    assert sum(event.commits for event in made) == max(writer.truth)
    assert [event for event in watch.of_kind(OutageStarted) if event.code != "catalog-busy"] == []
    assert not any(event.finding_counts for event in made)
    hold_the_truth(watch, repository, writer, tmp_path)
    waits = [
        next(point for point in made if point.snapshot_id >= snapshot).at.timestamp() - moment
        for snapshot, moment in writer.times.items()
    ]
    print(f"{writer.told['commits']} commits in {writer.told['seconds']:.1f} s, {len(made)} points")
    tell("from a point's newest commit until the point was there", [point.lag_seconds for point in made])
    tell("from any commit until a point held it", waits)
    tell("a backup took", [point.seconds for point in made])


def tell(what: str, seconds: list[float]) -> None:
    print(f"{what}: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s")
