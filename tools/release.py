"""Look at a built release as its users will meet it, and publish nothing.

    python tools/release.py DIST

Run by `make release`, which has built the wheel and the source archive in DIST. The version has to be the changelog's:
its newest heading is that version, or `Unreleased` while the version is one that is not released yet. The wheel is
installed in an environment of its own, and the demo runs with it, in a copy without the package's source beside it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
HEADING: Final = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - \d{4}-\d\d-\d\d)?$", re.MULTILINE)
NEEDED: Final = ("demo", "tests/__init__.py", "tests/extension.py", "tests/lake/answers.py")
"""What the demo is made of: it asks the real extension, and compares answers as the tests do."""


def changelog_says(version: str) -> str:
    """What is wrong between a version and the changelog; empty if nothing is."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = [found["version"] for found in HEADING.finditer(text)]
    if not headings:
        return "CHANGELOG.md has no heading like `## [0.1.0] - 2026-01-31`"
    if headings[0] == version:
        return ""
    if headings[0] != "Unreleased":
        return f"the version is {version}, and the newest of CHANGELOG.md is {headings[0]}"
    if version in headings:
        return f"CHANGELOG.md has something unreleased, and {version} is there as released: raise the version"
    return ""


def built(dist: Path) -> tuple[Path, str]:
    """The wheel and its version.

    Raises:
        SystemExit: There is not one wheel and one source archive of the same version.
    """
    wheels, archives = sorted(dist.glob("*.whl")), sorted(dist.glob("*.tar.gz"))
    versions = {file.name.removesuffix(".tar.gz").split("-")[1] for file in (*wheels, *archives)}
    if len(wheels) != 1 or len(archives) != 1 or len(versions) != 1:
        sys.exit(f"{dist} should hold one wheel and one source archive of one version, and holds {os.listdir(dist)}")
    return wheels[0], versions.pop()


def _extension() -> list[str]:
    """The release of DuckDB of whose extension the demo's output is, which users bring themselves."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = ("duckdb==", "duckdb-extension-ducklake==")
    return [name for name in project["optional-dependencies"]["dev"] if name.startswith(wanted)]


def try_wheel(wheel: Path, version: str, folder: Path) -> None:
    """Install the wheel where nothing else is, and run the demo with it.

    Raises:
        SystemExit: Another version answers, or the source's package does.
        subprocess.CalledProcessError: A step failed.
    """
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / "bin" / "python")
    checkout = folder / "checkout"
    for name in NEEDED:
        source, target = ROOT / name, checkout / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "scratch"))
        else:
            shutil.copy(source, target)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    run(python, "-m", "pip", "install", "--quiet", str(wheel), *_extension())
    where = run(python, "-c", "import canvasback; print(canvasback.__file__)").strip()
    if not where.startswith(str(folder / "venv")):
        sys.exit(f"not the wheel's package is imported, but {where}")
    said = run(python, "-m", "canvasback", "--version").strip()
    if version not in said.split():
        sys.exit(f"the wheel is of {version}, and says {said}")
    print(run(python, "-m", "demo.demo").strip().splitlines()[-1])


def main(dist: Path) -> int:
    """Try the release; the exit code."""
    wheel, version = built(dist)
    wrong = changelog_says(version)
    if wrong:
        print(wrong, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="canvasback-release-") as folder:
        try_wheel(wheel.absolute(), version, Path(folder))
    print(f"{wheel.name} and its source archive are fit to be published; nothing was")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
