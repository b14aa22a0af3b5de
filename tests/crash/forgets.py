"""A scenario of forget: killed anywhere, all of the points that go are forgotten, or none is."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import canvasback
from tests.crash.driver import Problems, Scenario, in_child

if TYPE_CHECKING:
    from pathlib import Path

LAST = canvasback.Policy(keep_last=1)


class Forget(Scenario):
    """Three points, of which the policy keeps one and somebody holds another."""

    def prepare(self) -> None:
        """Make the points, and so much of a register that old objects of it are removed."""

        def build() -> list[str]:
            points = []
            for stage in ("1", "2", "3"):
                self.to_stage(stage)
                if stage == "1":
                    canvasback.init(str(self.catalog), str(self.repo))
                points.append(self.backup().point)
            canvasback.hold(str(self.repo), points[1], clock=_an_hour_ago)
            for number in range(4):
                canvasback.tag(str(self.repo), points[1], names=[f"t{number}"], clock=_an_hour_ago)
            shutil.copytree(self.repo, self.base)
            return points

        self.points = in_child(build)

    def reset(self) -> None:
        """Nothing is forgotten."""
        shutil.rmtree(self.repo, ignore_errors=True)
        shutil.copytree(self.base, self.repo)

    def operate(self) -> None:
        """Forget the oldest."""
        canvasback.forget(str(self.repo), policy=LAST)

    def watched(self) -> Path:
        """The repository."""
        return self.repo

    def examine(self, number: int) -> Problems:
        """The register is the one before or the one after, and the next run ends as if it was the first."""
        problems: Problems = []
        shown = self._shown()
        if shown not in (self.points, self.points[1:]):
            problems.append(f"after the kill there are {shown}")
        canvasback.forget(str(self.repo), policy=LAST)
        if self._shown() != self.points[1:]:
            problems.append(f"after the next run there are {self._shown()}")
        canvasback.unforget(str(self.repo), points=self.points[:1])
        listed = canvasback.list_points(str(self.repo))
        tags = [point.tags for point in listed.points]
        if listed.findings or self._shown() != self.points or tags != [(), ("t0", "t1", "t2", "t3"), ()]:
            problems.append(f"once it is back there is {listed}")
        verified = canvasback.verify(str(self.repo), all_points=True, level="checksum")
        return problems + [f"verify found {verified.findings}" for _ in verified.findings[:1]]

    def _shown(self) -> list[str]:
        return [point.point for point in canvasback.list_points(str(self.repo)).points]


def _an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


FORGETS: dict[str, type[Scenario]] = {"forget": Forget}
