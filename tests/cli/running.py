"""The command line as a user runs it: with nothing of this process's settings, in a process of its own if need be."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canvasback.repository.leases import find_newest
from canvasback.storage.local.store import LocalStore
from tests.cli.in_process import AT_START, run_here


@dataclass(frozen=True)
class Ran:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout; fails if there is anything else."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class Place:
    """A folder with a lake, and a repository with two points of it."""

    folder: Path

    @property
    def lake(self) -> Path:
        """The lake's folder; the catalog is relative to it."""
        return self.folder / "lake"

    @property
    def catalog(self) -> Path:
        """The catalog's file."""
        return self.lake / "main.ducklake"

    @property
    def repo(self) -> Path:
        """The repository."""
        return self.folder / "repo"

    @property
    def points(self) -> list[str]:
        """The ids of the points that the repository names, oldest first."""
        return sorted(path.stem for path in self.repo.glob("points/*.json"))

    def run(self, *arguments: object, preexec: Callable[[], None] | None = None, **environment: str) -> Ran:
        """Run a command in the folder: in this process, unless another has to be prepared for it."""
        if preexec is not None:
            return finish(self.start(*arguments, preexec=preexec, **environment))
        assert not [name for name in environment if name.startswith(AT_START)], "it takes a process of its own"
        return Ran(*run_here([*map(str, arguments)], self.folder, clean(self.folder) | environment))

    def start(self, *arguments: object, preexec: Callable[[], None] | None = None, **environment: str) -> Running:
        """Start a command in the folder, as a terminal does: the interrupt key reaches it."""

        def prepare() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a suite in the background inherits it ignored
            if preexec is not None:
                preexec()

        return subprocess.Popen(
            [sys.executable, "-m", "canvasback", *map(str, arguments)],
            cwd=self.folder,
            env=clean(self.folder) | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=prepare,  # noqa: PLW1509 - what it calls is safe in a child
        )


Running = subprocess.Popen[str]


def finish(process: Running) -> Ran:
    """Wait for a command."""
    with process:
        out, err = process.communicate()
    return Ran(process.returncode, out, err)


def clean(home: Path) -> dict[str, str]:
    """An environment in which no settings of this machine's user are found, but for those of `make coverage`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "PYTHONPATH", "TMPDIR", "LANG"} or name.startswith("COVERAGE_")
    }
    return kept | {"HOME": str(home / "no-home"), "COLUMNS": "200", "TERM": "dumb"}


def tree(folder: Path) -> dict[str, str]:
    """All files below a folder with their contents' hashes."""
    if folder.is_file():
        return {"": hashlib.sha256(folder.read_bytes()).hexdigest()}
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def fails(place: Place, exit_code: int, code: str, *arguments: object, **options: Any) -> str:
    """Run a command that has to fail, with --json, and hold its answer to the rules.

    Returns:
        The message and the hint.
    """
    [said] = fail(place, exit_code, code, [arguments], **options)
    return said


def fail(place: Place, exit_code: int, code: str, commands: Sequence[Sequence[object]], **options: Any) -> list[str]:
    """The same for several commands that do not get into each other's way."""
    before = tree(place.folder)
    said = []
    for ran in [place.run(*arguments, "--json", **options) for arguments in commands]:
        assert "Traceback" not in ran.err, ran.err
        assert ran.code == exit_code, ran
        document = ran.document
        assert document.keys() == {"schema", "code", "message", "hint"}
        assert (document["schema"], document["code"]) == ("canvasback.error/1", code)
        assert document["message"]
        assert document["hint"]
        assert ran.err == f"error: {document['message']} [{code}]\nhint: {document['hint']}\n"
        said.append(f"{document['message']} {document['hint']}")
    changed = {name for name, _ in before.items() ^ tree(place.folder).items()}
    assert {name for name in changed if "/leases/" not in name} == set()
    return said


def is_free(repo: Path) -> bool:
    """Whether nobody holds the repository."""
    lease = find_newest(LocalStore(repo))[1]
    return lease is None or not lease.held
