"""Which point holds a moment of the lake's history.

A point holds all snapshots that its catalog had, so many points hold a moment. The oldest of them is taken: what
merging, flushing and expiry did later has not touched what it says.
"""

from __future__ import annotations

from bisect import bisect_left
from contextlib import suppress
from datetime import datetime

import msgspec

from canvasback.catalog.image import Image
from canvasback.errors import RefusedError
from canvasback.history.point_history import SNAPSHOTS, PointHistory, read_commits
from canvasback.model.commit import Commit
from canvasback.model.manifest import Manifest
from canvasback.model.moment import Moment, spelled
from canvasback.repository.readable_points import UnreadablePointError


class Held(msgspec.Struct, frozen=True):
    """A moment, and the point that holds it.

    Attributes:
        manifest: The point.
        commit: The snapshot of that moment.
    """

    manifest: Manifest
    commit: Commit


def find_held(history: PointHistory, moment: Moment, point: str | None = None) -> Held:
    """The point that holds a moment, and the snapshot that the moment means.

    Args:
        history: The points of the repository.
        moment: A snapshot, or a time: then its newest snapshot at or before that time.
        point: The id of a point to look into that one only.

    Raises:
        UsageError: There are no points (``no-points``).
        RefusedError: No point holds it (``moment-not-held``); the message says which nearest ones there are. Or it
            is a snapshot that exists on several timelines (``ambiguous-snapshot``).
        CorruptError: The point that is meant is damaged.
    """
    if point is not None:
        manifest, commits = history.only(point)
        return Held(manifest, choose_commit(commits, moment, f"point {point}", manifest.created))
    while True:
        timelines = history.timelines()
        with suppress(UnreadablePointError):  # another may hold it too
            return _at_time(history, timelines, moment) if moment.time else _at_snapshot(history, timelines, moment)


def find_commit(image: Image, moment: Moment, now: datetime) -> Commit:
    """The snapshot of a live lake that a moment means.

    Raises:
        RefusedError: The lake does not have it (``moment-not-held``).
    """
    return choose_commit(read_commits(image.connection, image.tables[SNAPSHOTS].select), moment, "the lake", now)


def choose_commit(commits: list[Commit], moment: Moment, where: str, known_until: datetime) -> Commit:
    """The one of the snapshots, which are in order, that a moment means.

    Args:
        commits: All snapshots of a catalog.
        moment: The moment.
        where: Whose snapshots they are, for the message.
        known_until: Until when the catalog can tell what was committed.

    Raises:
        RefusedError: None of them is (``moment-not-held``).
    """
    chosen = _chosen(commits, moment, known_until)
    if chosen is None:
        raise _not_held(moment, commits, where, known_until)
    return chosen


def _chosen(commits: list[Commit], moment: Moment, known_until: datetime) -> Commit | None:
    if moment.time is None:
        return next((commit for commit in commits if commit.snapshot == moment.snapshot), None)
    earlier = [commit for commit in commits if commit.time <= moment.time]
    later = commits[len(earlier)] if len(earlier) < len(commits) else None
    if not earlier or (later is None and moment.time > known_until):
        return None
    # Snapshots count up by one: where one is missing it was expired, and may be what the lake showed then.
    gone = later is not None and later.snapshot != earlier[-1].snapshot + 1
    return None if gone else earlier[-1]


def _at_snapshot(history: PointHistory, timelines: dict[int, list[str]], moment: Moment) -> Held:
    wanted = moment.snapshot or 0
    found: list[Held] = []
    near: list[Commit] = []
    for ids in timelines.values():
        place = bisect_left(ids, wanted, key=head_of)
        for id_ in ids[max(0, place - 1) : place + 1]:
            for commit in history.commits_of(id_):
                if commit.snapshot == wanted:
                    found.append(Held(history.manifest(id_), commit))
                else:
                    near.append(commit)
    times = sorted({held.commit.time for held in found})
    if len(times) > 1:
        raise RefusedError(
            "ambiguous-snapshot",
            f"the lake went back and on again, and has had {len(times)} snapshots {wanted}: "
            + ", ".join(f"one of {spelled(h.commit.time)} in point {h.manifest.id}" for h in found),
            hint="Name the point that has the one you mean.",
        )
    if not found:
        raise _not_held(moment, sorted(near, key=lambda c: c.snapshot), "any point", _known_until(history, timelines))
    return min(found, key=lambda held: held.manifest.id)


def _at_time(history: PointHistory, timelines: dict[int, list[str]], moment: Moment) -> Held:
    assert moment.time is not None
    time = moment.time
    until = _known_until(history, timelines)
    newest = [Commit(m.snapshot_id, m.snapshot_time) for m in (history.manifest(list(timelines.values())[-1][-1]),)]
    if time > until:
        raise _not_held(moment, newest, "any point", until)
    # At that time the lake was on a timeline of which a point was made before, or on the next one already.
    begun = [number for number, ids in timelines.items() if history.manifest(ids[0]).created <= time]
    found: list[Held] = []
    near: list[Commit] = []
    for number, ids in timelines.items():
        if begun and number < begun[-1]:
            continue
        place = bisect_left(ids, time, key=lambda id_: history.manifest(id_).snapshot_time)
        commits = {c.snapshot: c for id_ in ids[max(0, place - 1) : place + 1] for c in history.commits_of(id_)}
        near += commits.values()
        commit = _chosen([commits[n] for n in sorted(commits)], moment, history.manifest(ids[-1]).created)
        if commit is not None:
            oldest = ids[bisect_left(ids, commit.snapshot, key=head_of)]
            found.append(Held(history.manifest(oldest), commit))
    if not found:
        raise _not_held(moment, sorted(near, key=lambda c: c.time), "any point", until)
    return max(found, key=lambda held: held.commit.time)


def _known_until(history: PointHistory, timelines: dict[int, list[str]]) -> datetime:
    return history.manifest(list(timelines.values())[-1][-1]).created


def head_of(id_: str) -> int:
    """The newest snapshot of a point, which its id shows."""
    return int(id_.rpartition("s")[2])


def _not_held(moment: Moment, commits: list[Commit], where: str, known_until: datetime) -> RefusedError:
    """Say what is nearest; the newest state in place of another one is never taken in silence."""
    if moment.time is None:
        before = [c for c in commits if c.snapshot < (moment.snapshot or 0)][-1:]
        after = [c for c in commits if c.snapshot > (moment.snapshot or 0)][:1]
        reason = "not there" if not before or not after else "gone: it was expired before"
        message = f"{moment} is {reason}" if where == "the lake" else f"{moment} is not in {where}"
    else:
        before = [c for c in commits if c.time <= moment.time][-1:]
        after = [c for c in commits if c.time > moment.time][:1]
        message = f"what the lake showed at {moment} is not in {where}"
        if moment.time > known_until:
            message += f", of which the newest is of {spelled(known_until)}" if where == "any point" else ""
            message += ": that time is yet to come" if where == "the lake" else ""
    nearest = [f"before it {c}" for c in before] + [f"after it {c}" for c in after]
    return RefusedError(
        "moment-not-held",
        message,
        hint=f"The nearest there are: {', '.join(nearest)}." if nearest else "It is before all that is known.",
    )
