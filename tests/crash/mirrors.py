"""Scenarios of a second place: a mirror and a repair, killed anywhere, harm nothing, and the next run ends them."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from pathlib import Path

import canvasback
from tests.cli.running import is_free
from tests.crash.driver import STAGED, Problems, Scenario, content_of, in_child

DAMAGED = ".damaged-"
OWN = {"leases", "register"}
"""What each place has for itself."""


def held(repository: Path) -> dict[str, str]:
    """The objects that two places share, by their names, with their hashes; none moved aside, or that nobody reads."""
    return {
        str(path.relative_to(repository)): content_of(path)
        for path in repository.rglob("*.*")
        if path.is_file() and path.parent.name not in OWN and STAGED not in path.name and DAMAGED not in path.name
    }


class _Places(Scenario):
    """A repository with three points, and a second place for it."""

    @property
    def mirror(self) -> Path:
        """The second place."""
        return self.work / "mirror"

    def prepare(self) -> None:
        """Make the three points, and what the scenario starts from."""

        def build() -> None:
            self.to_stage("1")
            canvasback.init(str(self.catalog), str(self.repo))
            for stage in ("1", "2", "3"):
                self.to_stage(stage)
                self.backup()
            self.arrange()
            shutil.copytree(self.watched(), self.base)

        in_child(build)
        self.whole = held(self.repo if self.watched() == self.mirror else self.mirror)

    @abstractmethod
    def arrange(self) -> None:
        """Make the base state of the place that is worked on."""

    def reset(self) -> None:
        """Go back to it."""
        shutil.rmtree(self.watched())
        shutil.copytree(self.base, self.watched())

    def examine(self, number: int) -> Problems:
        """What the points name that are there is whole, and the next run ends what was begun."""
        problems = self.after_the_kill()
        lacking = len({name for name in self.whole if name.endswith(".parquet")} - self.sound())
        done = self.operate()
        if done != lacking:
            problems.append(f"the next run put {done} objects in place, and {lacking} were not there")
        if held(self.watched()) != self.whole:
            problems.append("the places differ after the next run")
        if not is_free(self.watched()):
            problems.append("a lease is left")
        return problems

    def sound(self) -> set[str]:
        """The names of the objects that are there and whole."""
        return {name for name, content in held(self.watched()).items() if self.whole.get(name) == content}

    @abstractmethod
    def after_the_kill(self) -> Problems:
        """What is wrong already."""

    @abstractmethod
    def operate(self) -> int:  # type: ignore[override]
        """Do what is to be killed, and answer how many objects it put in place."""


class Mirror(_Places):
    """A mirror that has the first point, and of the others what a run that died left: some whole, some by half."""

    def watched(self) -> Path:
        """The mirror."""
        return self.mirror

    def arrange(self) -> None:
        """Mirror the first point, and bring every third of the other objects, some of them cut short."""
        first = canvasback.list_points(str(self.repo)).points[0].point
        canvasback.mirror(str(self.repo), str(self.mirror), points=[first])
        lacking = sorted(name for name in held(self.repo).keys() - held(self.mirror) if name.endswith(".parquet"))
        for number, name in enumerate(lacking[::3]):
            content = (self.repo / name).read_bytes()
            (self.mirror / name).parent.mkdir(parents=True, exist_ok=True)
            (self.mirror / name).write_bytes(content if number % 3 else content[: len(content) // 2])

    def operate(self) -> int:
        """Mirror the rest."""
        result = canvasback.mirror(str(self.repo), str(self.mirror), jobs=1)
        if result.findings:
            message = f"mirror found {result.findings}"
            raise AssertionError(message)
        return result.copied_objects

    def after_the_kill(self) -> Problems:
        """Every point that is there is whole, and the first one still is."""
        points = canvasback.list_points(str(self.mirror)).points
        verified = canvasback.verify(str(self.mirror), all_points=True, level="checksum")
        return [f"verify found {verified.findings}"] if verified.findings or not points else []


class Repair(_Places):
    """A repository that lost objects of every kind, some altogether, some in part; its mirror has them."""

    def watched(self) -> Path:
        """The repository."""
        return self.repo

    def arrange(self) -> None:
        """Mirror it, and damage it."""
        canvasback.mirror(str(self.repo), str(self.mirror))
        for number, name in enumerate(sorted(held(self.repo))):
            if name.startswith("points/") or (number % 4 == 0 and name != "canvasback.json"):
                path = self.repo / name
                path.write_bytes(b"something else") if number % 3 else path.unlink()

    def operate(self) -> int:
        """Repair it."""
        result = canvasback.repair(str(self.repo), str(self.mirror), level="checksum", jobs=1)
        if result.findings:
            message = f"repair found {result.findings}"
            raise AssertionError(message)
        return result.repaired_objects

    def after_the_kill(self) -> Problems:
        """Whatever was there is there still, under its name or aside."""
        left = {content_of(path) for path in self.repo.rglob("*.*") if path.is_file()}
        before = [path for path in self.base.rglob("*.*") if path.is_file() and path.parent.name not in OWN]
        return [f"the kill lost {path.name}" for path in before if content_of(path) not in left]


MIRRORS: dict[str, type[Scenario]] = {"mirror": Mirror, "repair": Repair}
