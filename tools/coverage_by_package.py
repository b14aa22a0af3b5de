"""Print what the tests run of each package: lines, and branches of those lines.

    python tools/coverage_by_package.py

Reads the measurement that `coverage combine` left in the working folder. Run by `make coverage`, which says by its exit
code whether the total has fallen below what pyproject.toml demands.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from coverage import Coverage

ROOT: Final = PurePosixPath("src")
COLUMNS: Final = ("num_statements", "missing_lines", "num_branches", "missing_branches")


def by_package() -> dict[str, Counter[str]]:
    """The sums of each package, without those below it."""
    measured = Coverage()
    measured.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        measured.json_report(outfile=str(report))
        files = json.loads(report.read_text(encoding="utf-8"))["files"]
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for name, file in files.items():
        package = ".".join(PurePosixPath(name).parent.relative_to(ROOT).parts)
        found[package].update({column: file["summary"][column] for column in COLUMNS})
    return found


def line(name: str, counts: Mapping[str, int]) -> str:
    """A row of the table."""
    statements, no_line, branches, no_branch = (counts[column] for column in COLUMNS)
    covered = statements + branches - no_line - no_branch
    return (
        f"{name:<34}{statements:>7}{_percent(statements - no_line, statements):>9}"
        f"{branches:>10}{_percent(branches - no_branch, branches):>9}{_percent(covered, statements + branches):>9}"
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def main() -> int:
    """Print the table; the exit code."""
    packages = by_package()
    total: Counter[str] = sum(packages.values(), Counter())
    print(f"{'package':<34}{'lines':>7}{'run':>9}{'branches':>10}{'run':>9}{'both':>9}")
    for name in sorted(packages):
        print(line(name, packages[name]))
    print(line("total", total))
    return 0


if __name__ == "__main__":
    sys.exit(main())
