"""Several processes that work with a repository at once, each of them killed or held up most of the time.

A process of its own that never opens a database itself, so that it may fork: `python -m tests.property.actor REQUEST`,
where REQUEST is JSON, forks one for each of its seeds, and waits for them. Each run is a child of one of these; while
it works `running-SEED` says when it began, and then a line of JSON in `done-SEED` what became of it. A child that is to
be killed ends by SIGKILL before the n-th operation by which its stores change something: n is 1 at first, then 2, and
so on, until a run comes through. One that is to be held up waits there until time was moved on, and then for others to
do something.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import canvasback
from canvasback import CanvasbackError, OutageStarted, StoreOptions, Stores
from canvasback.storage.bucket.store import ObjectStore
from canvasback.storage.local.store import LocalStore
from tests.crash.driver import in_child
from tests.interrupted import DEEDS, interrupted
from tests.property.repository_runs import OTHERS_WERE_FIRST, VANISHED, snapshot_of
from tests.property.shared_time import SharedTime

WAYS = (
    "backup", "backup", "backup --also", "watch", "forget", "unforget", "tag", "prune", "prune", "mirror", "verify",
    "restore",
)  # fmt: skip


FATES = {"none": 0.35, "killed": 0.4, "held up": 0.25}
"""What becomes of a run before it has done all, and how often."""

_PATIENCE = 2.0
"""Seconds to wait until time is moved on."""

_OTHERS = 0.7
"""Seconds in which others do something then."""


class Request:
    """What a process works with.

    Args:
        given: What the JSON says.

    Attributes:
        lake: The lake.
        urls: The repository, and its second place.
        folder: Where the processes meet: the clock, what they are about to forget, the truth by snapshot.
        stores: Opens the places.
        kind: The class of their stores.
        time: Tells the time.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self.lake: str = given["lake"]
        self.urls: tuple[str, str] = tuple(given["urls"])
        self.folder = Path(given["folder"])
        self.stores = Stores()
        self.kind: type = LocalStore
        if given["endpoint"]:
            self.stores = Stores({"s3://": StoreOptions(endpoint=given["endpoint"], region="us-east-1")})
            self.kind = ObjectStore
        self.time = SharedTime(self.folder / "time")


class Stop:
    """Lets a watch look a few times, at once."""

    def __init__(self, looks: int) -> None:
        self._left = looks

    def is_set(self) -> bool:
        """Whether it is to stop."""
        return self._left <= 0

    def wait(self, timeout: float, /) -> bool:
        """Wait for a moment."""
        time.sleep(min(timeout, 0.1))
        self._left -= 1
        return self.is_set()


class Child:
    """One run, in a process of its own.

    Args:
        request: What it works with.
        seed: Says which point it is about, and which place.
        at: Before which deed of its stores it is killed or held up; 0 for never.
        fate: Which of it; see `FATES`.
    """

    def __init__(self, request: Request, seed: int, at: int, fate: str) -> None:
        self._request = request
        self._random = random.Random(seed)  # noqa: S311
        self._at = at
        self._fate = fate
        self._given = {"stores": request.stores, "clock": request.time.clock}

    def carry_out(self, way: str) -> dict[str, Any]:
        """Do it, and answer what became of it."""
        request, done = self._request, {"way": way}
        with (
            request.time.told(request.kind, request.urls),
            interrupted(self._at, self._meet, DEEDS, kind=request.kind, for_good=self._fate == "killed") as deeds,
        ):
            try:
                done |= self._do(way)
            except CanvasbackError as error:
                done["code"] = error.code
                looks = way in {"prune", "verify", "restore", "mirror"}
                if error.code not in OTHERS_WERE_FIRST | (VANISHED if looks else set()):
                    done["problem"] = f"{error} {error.hint}"
        return done | {"deeds": len(deeds)}

    def _meet(self) -> None:
        """Meet the fate."""
        if self._fate == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        begun, ends = self._request.time.clock(), time.monotonic() + _PATIENCE
        while self._request.time.clock() < begun + timedelta(minutes=1) and time.monotonic() < ends:
            time.sleep(0.05)
        time.sleep(_OTHERS)

    def _do(self, way: str) -> dict[str, Any]:
        request, given = self._request, self._given
        first, second = request.urls
        match way:
            case "backup" | "backup --also":
                also = second if way == "backup --also" else None
                made = canvasback.backup(request.lake, first, also=also, only_new=bool(also), **given)
                return self._made(made)
            case "watch":
                return self._watch()
            case "mirror":
                return {"mirrored": canvasback.mirror(first, second, **given).points}
            case "prune":
                canvasback.prune(self._place(), **given)
                return {}
        return self._about_a_point(way, self._place())

    def _place(self) -> str:
        return self._random.choice(self._request.urls)

    def _made(self, made: canvasback.BackupResult) -> dict[str, Any]:
        wrong = {*made.finding_counts} - {"repository-damaged"}
        if wrong or made.absent:
            return {"problem": f"a backup found {made.findings}"}
        return {"point": made.point, "mirrored": made.also.points if made.also is not None else ()}

    def _watch(self) -> dict[str, Any]:
        request = self._request
        for event in canvasback.watch(request.lake, request.urls[0], stop=Stop(8), every=0.1, **self._given):
            if isinstance(event, OutageStarted) and event.code not in OTHERS_WERE_FIRST:
                return {"problem": f"a watch met {event}"}
        return {}

    def _about_a_point(self, way: str, url: str) -> dict[str, Any]:
        forgotten = way == "unforget"
        points = [found.point for found in canvasback.list_points(url, forgotten=forgotten, **self._opening).points]
        if not points:
            return {}
        point = self._random.choice(points)
        match way:
            case "forget":
                with (self._request.folder / "forgotten").open("a") as file:
                    file.write(json.dumps([url, point]) + "\n")
                canvasback.forget(url, points=[point], **self._given)
            case "unforget":
                canvasback.unforget(url, points=[point], **self._given)
            case "tag":
                canvasback.tag(url, point, names=["named"], remove=self._random.random() < 0.8, **self._given)
            case "verify":
                found = canvasback.verify(url, point, level="checksum", **self._opening)
                return self._unless_forgotten(url, point, str(found.findings) if found.findings else "")
            case "restore":
                return self._unless_forgotten(url, point, self._restore(url, point))
        return {}

    @property
    def _opening(self) -> dict[str, Any]:
        return {"stores": self._request.stores}

    def _restore(self, url: str, point: str) -> str:
        """What is wrong with a point that is brought back, or nothing."""
        from tests.lake.builder import read  # noqa: PLC0415 - it loads the extension, and only a child may

        back = tempfile.mkdtemp(dir=self._request.folder)
        attach = f"ducklake:{back}/main.ducklake"
        try:
            found = canvasback.restore(attach, url, point, data_path=f"{back}/data", **self._opening)
        except CanvasbackError as error:
            return str(error)
        truth = self._request.folder / f"truth-{snapshot_of(point)}"
        if found.findings or not truth.exists():  # who committed it is about to note it
            return str(found.findings) if found.findings else ""
        return "" if read(attach) == json.loads(truth.read_text()) else "it is not what it was"

    def _unless_forgotten(self, url: str, point: str, wrong: str) -> dict[str, Any]:
        """What is wrong with a point, if nobody forgot it meanwhile."""
        visible = {found.point for found in canvasback.list_points(url, **self._opening).points}
        return {"problem": f"{point} in {url}: {wrong}"} if wrong and point in visible else {}


def main() -> int:
    """Let all processes work until the time is over or they have done enough, and answer whether one of them failed."""
    given = json.loads(sys.argv[1])
    pids = [_actor(given, seed) for seed in given["seeds"]]
    return int(any(os.waitpid(pid, 0)[1] for pid in pids))


def _actor(given: dict[str, Any], seed: int) -> int:
    """Fork a process that works; its pid."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            _act(given, seed)
            code = 0
        finally:
            os._exit(code)
    return pid


def _act(given: dict[str, Any], seed: int) -> None:
    request, ends = Request(given), time.monotonic() + given["seconds"]
    chosen = random.Random(seed)  # noqa: S311
    running = request.folder / f"running-{seed}"
    at = {(way, fate): 0 for way in WAYS for fate in FATES}
    for _ in range(given["runs"]):
        if time.monotonic() >= ends:
            break
        way, [fate] = chosen.choice(WAYS), chosen.choices([*FATES], [*FATES.values()])
        which = (way, fate)
        at[which] += fate != "none"
        running.write_text(request.time.clock().isoformat())
        done = in_child(partial(Child(request, chosen.randrange(1 << 30), at[which], fate).carry_out, way))
        running.unlink()
        if done is None:
            done = {"way": way, "killed": at[which]}
        elif done["deeds"] < at[which]:
            at[which] = 0
        with (request.folder / f"done-{seed}").open("a") as file:
            file.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    sys.exit(main())
