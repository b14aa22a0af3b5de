"""The tutorials, followed: each step is done in a copy of the repository, and has the effect that the page promises."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

from tests.lake.builder import Lake

ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "docs" / "tutorials"
COPIED = ("src", "tests", "docs", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.tar.gz", "how-to", "test_tutorials.py")
BLOCK = re.compile(r"^```(?P<kind>\w+) (?P<word>\S+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


class Walk:
    """A tutorial, and the copy of the repository in which it is followed."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for part in COPIED:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part, **({"ignore": LEFT_OUT} if copy is shutil.copytree else {}))
        text = (TUTORIALS / f"{name}.md").read_text(encoding="utf-8")
        self._blocks = [(found["kind"], found["word"], found["body"]) for found in BLOCK.finditer(text)]
        assert text.count("\n```") == 2 * len(self._blocks), "each block says what it is for"

    def follow(self) -> None:
        """Do what each block says, in order."""
        for kind, word, body in self._blocks:
            if kind == "diff":
                self._change(self.folder / word, body)
            elif word == "run":
                for line in body.splitlines():
                    self.run(*shlex.split(line))
            else:
                path = self.folder / word
                assert not path.exists(), f"{word} is new"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(body, encoding="utf-8")

    def _change(self, path: Path, body: str) -> None:
        """Change a file; what the page shows of it is there exactly once."""
        text = path.read_text(encoding="utf-8")
        for hunk in body.split("@@\n"):
            lines = hunk.splitlines(keepends=True)
            assert all(line[0] in " -+" for line in lines), hunk
            old = "".join(line[1:] for line in lines if line[0] != "+")
            assert text.count(old) == 1, f"{path} has this {text.count(old)} times:\n{old}"
            text = text.replace(old, "".join(line[1:] for line in lines if line[0] != "-"))
        path.write_text(text, encoding="utf-8")

    def run(self, *command: str) -> str:
        """Run a command of `.venv/bin` with the copy's package, and answer what it prints."""
        program, *arguments = command
        name = program.removeprefix(".venv/bin/")
        assert name != program
        start = [sys.executable] if name == "python" else [sys.executable, "-m", name]
        # What runs there is the copy, which is no part of what `make coverage` measures.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        environment |= {"PYTHONPATH": f"{self.folder / 'src'}:{self.folder}", "RUFF_NO_CACHE": "true"}
        done = subprocess.run(
            [*start, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def python(self, code: str) -> str:
        """Run code with the copy's package, and answer what it prints."""
        return self.run(".venv/bin/python", "-c", f"import canvasback\n{code}").strip()


def test_the_rule_of_the_tutorial_finds_what_it_is_about(tmp_path: Path) -> None:
    walk = Walk("add-a-check-rule", tmp_path / "repository")
    lake = Lake(tmp_path / "lake")
    lake.run("CREATE TABLE lake.t AS SELECT 1 AS i", "CREATE TABLE lake.u AS SELECT 2 AS i")
    look = f"print([(f.code, f.where, f.table) for f in canvasback.check({lake.attach!r}).findings])"

    walk.follow()

    assert walk.python(look) == "[]"
    with duckdb.connect(str(lake.catalog)) as catalog:
        catalog.execute("UPDATE ducklake_table SET table_uuid = (SELECT min(table_uuid) FROM ducklake_table)")
    assert walk.python(look) == "[('table-uuid-twice', 'table 2', 'main.u')]"
    assert "### table-uuid-twice\n" in (walk.folder / "docs" / "checks.md").read_text(encoding="utf-8")


def test_the_engine_of_the_tutorial_holds_a_lake(tmp_path: Path) -> None:
    walk = Walk("add-an-engine", tmp_path / "repository")
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 5",))
    lake.run(
        "CREATE TABLE lake.t AS SELECT i, i::VARCHAR AS s FROM range(50) r(i)",
        "DELETE FROM lake.t WHERE i % 10 = 3",
        "INSERT INTO lake.t VALUES (100, 'inlined')",
    )
    truth = lake.read()
    folder, points, more = (str(tmp_path / name) for name in ("catalog", "points", "more"))
    there = f"ducklake:parquet:{folder}"

    walk.follow()

    walk.python(f"canvasback.init({lake.attach!r}, {points!r}); canvasback.backup({lake.attach!r}, {points!r})")
    lake.catalog.unlink()
    walk.python(f"canvasback.restore({there!r}, {points!r})")
    walk.python(f"canvasback.init({there!r}, {more!r}); canvasback.backup({there!r}, {more!r})")
    shutil.rmtree(folder)
    walk.python(f"canvasback.restore({lake.attach!r}, {more!r})")
    assert lake.read() == truth
