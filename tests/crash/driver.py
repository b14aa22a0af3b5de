"""Runs one operation again and again, killed at one step after the other, and looks at what is left.

A process of its own that never opens a database itself, so that it may fork: `python driver.py REQUEST`,
where REQUEST is JSON; the answer on stdout is JSON too. The steps are all, which two workers share, each with a lake
and a repository of its own, or those that `stride.py` chooses. States that were seen before are not looked at again, as
what follows from a state follows from nothing else.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import pkgutil
import re
import shutil
import sys
import traceback
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from blake3 import blake3

import canvasback
import canvasback.verbs

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.cli.running import is_free
from tests.crash.killer import Killer
from tests.crash.stride import chosen
from tests.oracle.reader import answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STAGED = ".canvasback-staged"
RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=\.)[0-9a-f]+(?=\.)|[0-9]{8}T[0-9]+Z")
Problems = list[str]


def main() -> None:
    """Share the steps of a scenario among the workers, and gather what they found."""
    from tests.crash.forgets import FORGETS  # noqa: PLC0415 - they need what stands below
    from tests.crash.heals import HEALS  # noqa: PLC0415
    from tests.crash.mirrors import MIRRORS  # noqa: PLC0415
    from tests.crash.rewinds import REWINDS  # noqa: PLC0415

    for name in [*_modules_of(canvasback.verbs), "pytz", "_strptime"]:
        importlib.import_module(name)  # or each child would
    request = json.loads(sys.argv[1])
    scenario = {**SCENARIOS, **REWINDS, **HEALS, **FORGETS, **MIRRORS}[request["scenario"]]
    pipes = [_fork(partial(_work, scenario, request, worker)) for worker in range(_workers(request))]
    answers = [_gather(*pipe) for pipe in pipes]
    json.dump(
        {
            "steps": answers[0]["steps"],
            "log": answers[0]["log"],
            "chosen": list(chosen(answers[0]["steps"], request["every"])),
            "killed": sum(one["killed"] for one in answers),
            "states": sum(one["states"] for one in answers),
            "problems": [problem for one in answers for problem in one["problems"]],
            "litter": sorted({name for one in answers for name in one["litter"]}),
        },
        sys.stdout,
    )


def _modules_of(package: Any) -> Iterable[str]:
    return (module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))


def _workers(request: dict[str, Any]) -> int:
    return 2 if request["every"] == 1 else 1


def _work(scenario: type[Scenario], request: dict[str, Any], worker: int) -> dict[str, Any]:
    return scenario(request, worker).run()


def _fork(work: Callable[[], Any]) -> tuple[int, int]:
    """Start a child that does the work; its pid, and where its answer can be read."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    os.close(reading)
    code = 0
    try:
        content = json.dumps(work())
    except BaseException:  # noqa: BLE001 - whatever it was, the parent shall say it
        content = json.dumps(traceback.format_exc())
        code = 1
    with os.fdopen(writing, "w") as pipe:
        pipe.write(content)
    os._exit(code)


def _gather(pid: int, reading: int) -> Any:
    """What a child answered; None if it was killed."""
    with os.fdopen(reading) as pipe:
        content = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status < 0:
        return None
    if status:
        raise RuntimeError(json.loads(content))
    return json.loads(content)


def in_child(work: Callable[[], Any]) -> Any:
    """Do work that opens databases; None if it was killed.

    Raises:
        RuntimeError: It raised; with its traceback.
    """
    return _gather(*_fork(work))


class Scenario(ABC):
    """An operation to kill, the state that it starts from, and what must hold whenever it was killed."""

    def __init__(self, request: dict[str, Any], worker: int) -> None:
        self.every: int = request["every"]
        self.stages = {name: Path(path) for name, path in request["stages"].items()}
        self.truth: dict[str, Any] = json.loads(Path(request["truth"]).read_text())
        self.work = Path(request["scratch"]) / f"worker-{worker}"
        self.worker, self.workers = worker, _workers(request)
        self.lake = self.work / "lake"
        self.catalog = self.lake / "main.ducklake"
        self.repo = self.work / "repo"
        self.out = self.work / "out"
        self.base = self.work / "base"

    def run(self) -> dict[str, Any]:
        """Kill at the steps that are this worker's, or until the operation comes through."""
        self.prepare()
        self.reset()
        steps, log = in_child(partial(self._operate, 0))
        problems: Problems = []
        litter: set[str] = set()
        seen: set[str] = set()
        killed = 0
        for at in self._steps(steps):
            self.reset()
            if in_child(partial(self._operate, at)) is not None:
                break
            killed += 1
            state = self.state()
            if state not in seen:
                seen.add(state)
                label = steps[at - 1] if at <= len(steps) else "?"
                try:
                    found = in_child(partial(self.examine, len(seen)))
                    litter |= {RANDOM.sub("*", p.name) for p in self.watched().rglob(f"*{STAGED}*")}
                except RuntimeError as error:
                    found = [str(error)]
                problems += [f"killed at step {at}, {label}: {problem}" for problem in found]
        return {
            "steps": steps,
            "log": log,
            "killed": killed,
            "states": len(seen),
            "problems": problems,
            "litter": sorted(litter),
        }

    def _steps(self, steps: list[str]) -> Iterable[int]:
        """At which steps to kill: of all there may be more than in a run that nothing disturbs."""
        if self.every > 1:
            return chosen(steps, self.every)
        return itertools.count(self.worker + 1, self.workers)

    def _operate(self, at: int) -> tuple[list[str], list[str]]:
        killer = Killer(str(self.work), at, self.every)
        killer.install()
        self.spare(killer)
        self.operate()
        return killer.steps, killer.log

    def spare(self, killer: Killer) -> None:  # noqa: B027 - most scenarios spare nothing
        """Take out what other scenarios kill; nothing here."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the base state, once."""

    @abstractmethod
    def reset(self) -> None:
        """Go back to the base state."""

    @abstractmethod
    def operate(self) -> None:
        """Do what is to be killed."""

    @abstractmethod
    def watched(self) -> Path:
        """The folder whose content is the state."""

    def state(self) -> str:
        """A hash of the state."""
        return signature(self.watched())

    @abstractmethod
    def examine(self, number: int) -> Problems:
        """Look at the state that a kill left, then run the operation again and look at that.

        Args:
            number: Counts the states.
        """

    def to_stage(self, name: str) -> None:
        """Let the lake be as it was after a stage."""
        shutil.rmtree(self.lake, ignore_errors=True)
        shutil.copytree(self.stages[name], self.lake)

    def backup(self) -> canvasback.BackupResult:
        """Back the lake up with one thread, so that the steps come in one order."""
        return canvasback.backup(str(self.catalog), str(self.repo), jobs=1)

    def dump_point(self, point: str) -> dict[str, Any]:
        """Restore a point to a new place, and tell all that it holds."""
        shutil.rmtree(self.out, ignore_errors=True)
        to = self.out / "main.ducklake"
        result = canvasback.restore(str(to), str(self.repo), point, data_path=str(self.out / "data"))
        return {"findings": result.finding_counts, "lake": dump(to)}


class Backup(Scenario):
    """The third backup of a lake."""

    def prepare(self) -> None:
        """Make two points; make the third on a copy to know what all three hold, by the real extension."""

        def build() -> dict[str, Any]:
            self.to_stage("1")
            canvasback.init(str(self.catalog), str(self.repo))
            points = {}
            for stage in ("1", "2", "3"):
                self.to_stage(stage)
                if stage == "3":
                    shutil.copytree(self.repo, self.base)
                points[stage] = self.backup().point
            dumps = {}
            for stage, point in points.items():
                dumps[stage] = self.dump_point(point)
                seen = read_lake(self.out / "main.ducklake")
                if seen != self.truth[stage]:
                    message = f"the restored stage {stage} is not what the extension saw"
                    raise AssertionError(message)
            return {"dumps": dumps, "points": points, "named": {p: self.named(p) for p in points.values()}}

        built = in_child(build)
        self.dumps, self.points, self.all_named = built["dumps"], built["points"], built["named"]
        self.arrange()

    def named(self, point: str) -> dict[str, Any]:
        """What a point consists of: the names of its chunks, which are hashes, and what else a restore reads."""
        manifest = json.loads((self.repo / "points" / f"{point}.json").read_bytes())
        fields = ("tables", "files", "totals", "catalog", "data_path", "data_root", "snapshot_id", "lake_id")
        return {field: manifest[field] for field in fields}

    def arrange(self) -> None:
        """Change the base state; nothing here."""

    def reset(self) -> None:
        """Two points are there, and the lake went on."""
        shutil.rmtree(self.repo, ignore_errors=True)
        shutil.copytree(self.base, self.repo)

    def operate(self) -> None:
        """Make the third point."""
        self.backup()

    def watched(self) -> Path:
        """The repository."""
        return self.repo

    def examine(self, number: int) -> Problems:
        """All points that are there are whole, and the next run makes a point without copying twice."""
        problems: Problems = []
        older = [self.points["1"], self.points["2"]]
        listed = canvasback.list_points(str(self.repo)).points
        ids = [point.point for point in listed]
        if ids[:2] != older or len(ids) > 3 or any(point.problem for point in listed):
            problems.append(f"points are listed as {listed}")
        stages = dict(zip(("1", "2", "3"), ids, strict=False))
        problems += self._compare(stages, "after the kill", restore=not number % 8)
        lacking = self._lacking()
        again = self.backup()
        if again.findings:
            problems.append(f"the next run found {again.findings}")
        if again.new_files != lacking:
            problems.append(f"the next run copied {again.new_files} files, and {lacking} were not there")
        problems += self._compare({**stages, "3": again.point}, "after the next run", restore=not number % 8)
        if not is_free(self.repo):
            problems.append("a lease is left")
        return problems

    def _compare(self, stages: dict[str, str], when: str, *, restore: bool) -> Problems:
        """What differs from the points that were never disturbed.

        A point that names the same hashes and whose objects all hash to their names restores to the same lake,
        so that not each has to be restored to know it.
        """
        problems = self._verify(when)
        for stage, point in stages.items():
            if self.named(point) != self.all_named[self.points[stage]]:
                problems.append(f"{when} the point of stage {stage} names something else")
            if restore and self.dump_point(point) != self.dumps[stage]:
                problems.append(f"{when} the point of stage {stage} restores differently")
        return problems

    def _verify(self, when: str) -> Problems:
        verified = canvasback.verify(str(self.repo), all_points=True, level="checksum")
        return [f"{when} verify found {verified.findings}"] if verified.findings else []

    def _lacking(self) -> int:
        """How many of the lake's files are not, whole, in the repository."""
        held = {content_of(path) for path in self.repo.rglob("*.parquet")}
        files = [*self.lake.glob("data/**/*.parquet"), *self.stages["3"].parent.glob("outside/*")]
        return sum(content_of(path) not in held for path in files)


class ResumedBackup(Backup):
    """The same after a run that died: one object of each kind is there by half, and most are whole."""

    def arrange(self) -> None:
        """Bring what the whole run wrote into the base state, some of it cut short."""
        fresh = [p for p in self.repo.rglob("*.parquet") if not (self.base / p.relative_to(self.repo)).exists()]
        cut: set[str] = set()
        for path in sorted(fresh):
            kind = path.relative_to(self.repo).parts[0]
            target = self.base / path.relative_to(self.repo)
            target.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes()
            target.write_bytes(content if kind in cut else content[: len(content) // 2])
            cut.add(kind)
        assert cut == {"catalog", "data", "external"}


class Restore(Scenario):
    """A restore in place: the catalog is gone, two files too, and one is damaged."""

    replace = False
    data_path: Path | None = None

    def prepare(self) -> None:
        """Make a point of the whole lake, then lose some of it."""

        def build() -> dict[str, Any]:
            self.to_stage("3")
            canvasback.init(str(self.catalog), str(self.repo))
            self.backup()
            files = sorted(self.lake.glob("data/**/*.parquet"))
            self.catalog.unlink()
            self.damage(files)
            shutil.copytree(self.lake, self.base)
            self.operate()
            if read_lake(self.catalog) != self.truth["3"]:
                message = "the restored lake is not what the extension saw"
                raise AssertionError(message)
            return dump(self.catalog)

        self.whole = in_child(build)

    def damage(self, files: list[Path]) -> None:
        """Lose files of the lake."""
        files[0].unlink()
        files[1].unlink()
        files[2].write_bytes(b"something else")
        (self.lake / "data" / "bystander.txt").write_text("nobody's business")

    def reset(self) -> None:
        """The damaged lake."""
        shutil.rmtree(self.lake, ignore_errors=True)
        shutil.copytree(self.base, self.lake)

    def operate(self) -> None:
        """Restore it."""
        path = None if self.data_path is None else str(self.data_path)
        result = canvasback.restore(str(self.catalog), str(self.repo), data_path=path, replace=self.replace, jobs=1)
        if result.findings:
            message = f"restore found {result.findings}"
            raise AssertionError(message)

    def watched(self) -> Path:
        """The lake."""
        return self.lake

    def examine(self, number: int) -> Problems:
        """The catalog is absent or whole, nothing was lost, and the next run completes."""
        problems = self._lost("the kill")
        new = self._catalog_is_new()
        if new and dump(self.catalog) != self.whole:
            problems.append("there is a catalog, and it or its files are not whole")
        self.replace = self.replace or new  # whoever did not see that it was done runs it again
        self.operate()
        problems += self._lost("the next run")
        if dump(self.catalog) != self.whole:
            problems.append("the next run restored something else")
        return problems

    def _catalog_is_new(self) -> bool:
        old = self.base / "main.ducklake"
        if not self.catalog.exists():
            return False
        return not old.exists() or content_of(old) != content_of(self.catalog)

    def _lost(self, after: str) -> Problems:
        """Files of the base state whose content is nowhere any more."""
        left = {content_of(path) for path in self.lake.rglob("*") if path.is_file()}
        lost = [p for p in self.base.rglob("*") if p.is_file() and content_of(p) not in left]
        return [f"{after} lost {path.name}" for path in lost]


class ReplacingRestore(Restore):
    """A restore in place of a catalog that has a log beside it: both go aside, together."""

    replace = True

    def damage(self, files: list[Path]) -> None:
        """Another state of the catalog is there, as its writer left it when it died."""
        files[0].unlink()
        for name in ("main.ducklake", "main.ducklake.wal"):
            shutil.copy2(self.stages["unclosed"] / name, self.lake)

    def _lost(self, after: str) -> Problems:
        """Beside the files: the old catalog and its log are at one place, both."""
        pairs = [
            path
            for path in self.lake.glob("main.ducklake*")
            if content_of(path) == content_of(self.base / "main.ducklake")
            and (log := path.with_name(path.name + ".wal")).exists()
            and content_of(log) == content_of(self.base / "main.ducklake.wal")
        ]
        return super()._lost(after) + ([] if pairs else [f"{after} parted the old catalog from its log"])


class RestoreElsewhere(Restore):
    """A restore to a new data path, where most of the files are already."""

    def __init__(self, request: dict[str, Any], worker: int) -> None:
        super().__init__(request, worker)
        self.data_path = self.lake / "new"

    def damage(self, files: list[Path]) -> None:
        """All but a few files have come, and one has come by half."""
        saved = [path for path in files if (self.repo / path.relative_to(self.lake)).exists()]
        for number, path in enumerate(saved[2:]):  # not those that 1.0 folded into others
            target = self.lake / "new" / path.relative_to(self.lake / "data")
            target.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes()
            target.write_bytes(content if number else content[: len(content) // 2])
        shutil.rmtree(self.lake / "data")


SCENARIOS: dict[str, type[Scenario]] = {
    "backup": Backup,
    "resumed-backup": ResumedBackup,
    "restore": Restore,
    "restore-replacing": ReplacingRestore,
    "restore-elsewhere": RestoreElsewhere,
}


def dump(catalog: Path) -> dict[str, Any]:
    """All rows and definitions of a catalog's tables, and all Parquet files beside it."""
    tables = {}
    with duckdb.connect(catalog, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, definition in connection.execute(
            "SELECT table_name, sql FROM duckdb_tables() ORDER BY ALL"
        ).fetchall():
            rows = connection.execute(f'SELECT t::VARCHAR FROM "{name}" t ORDER BY 1').fetchall()
            tables[name] = [definition, *(row[0] for row in rows)]
    files = {str(p.relative_to(catalog.parent)): content_of(p) for p in catalog.parent.rglob("*.parquet")}
    return {"tables": tables, "files": files}


def read_lake(catalog: Path) -> Any:
    """What the real extension sees at every snapshot."""
    request = {"attach": f"ducklake:{catalog}", "data_path": None, "override": False}
    here = Path.cwd()
    os.chdir(catalog.parent)  # a relative data path is relative to the process
    try:
        found = answer({**request, "actions": [{"do": "read", "read_only": True, "judged": False}]})
    finally:
        os.chdir(here)
    return found["answers"][0]["snapshots"] if "answers" in found else found


def signature(folder: Path) -> str:
    """A hash of all that is in a folder but random names, moments and process ids."""
    hasher = blake3()
    points = sorted(path.name for path in folder.glob("points/*"))
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        name = "/".join(parts)
        if STAGED in name:  # nobody ever reads one
            hasher.update(str(len(parts)).encode() + b"\0")
            continue
        if parts[0] == "points" and len(parts) > 1:
            name = f"points/{points.index(parts[1])}"
        if ".replaced-" in name or ".damaged-" in name:
            name = name.partition(".replaced-")[0].partition(".damaged-")[0] + f" aside {path.suffix == '.wal'}"
        hasher.update(name.encode() + b"\0")
        if path.is_file() and parts[0] not in {"leases", "points"}:
            hasher.update(content_of(path).encode())
        elif path.is_file():
            hasher.update(str(path.stat().st_size // 50).encode())
    return hasher.hexdigest()


def content_of(path: Path) -> str:
    """BLAKE3 of a file."""
    return blake3(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    from tests.crash import driver  # the scenarios of other modules know it by that name

    driver.main()
