"""``python -m bench``: run the cases and print one Markdown table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from bench import machine, ours
from bench.cases import CASES
from bench.measure import ProcessFailedError, note
from bench.report import Row, markdown, not_measured
from bench.session import QUICK_DIVISOR, Session


def main() -> int:
    """Run what was asked for; 0 if all of it could be measured, else 1."""
    given = _arguments()
    own_scratch = given.scratch is None
    scratch = Path(tempfile.mkdtemp(prefix="canvasback-bench-")) if own_scratch else given.scratch.resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    session = Session(scratch, given.runs, given.quick, given.keep)
    notes = [*machine.description(scratch), f"canvasback {ours.revision()}, {session.runs} runs interleaved"]
    rows: list[Row] = []
    ours.warm_up()
    try:
        for name in given.only or CASES:
            note(f"== {name}")
            try:
                rows += CASES[name](session)
            except ProcessFailedError as problem:
                note(f"  {problem}")
                rows.append(not_measured(name, str(problem)))
    finally:
        if rows:
            print(markdown(rows, _heading(quick=given.quick), notes), flush=True)
        if given.keep:
            note(f"kept: {scratch}")
        else:
            note("deleting what was made")
            session.close()
            if own_scratch:
                scratch.rmdir()
    return 1 if any(row.failures for row in rows) else 0


def _heading(*, quick: bool) -> str:
    heading = f"Benchmarks of {datetime.now().astimezone():%Y-%m-%d %H:%M}"
    return f"{heading}: QUICK, 1/{QUICK_DIVISOR} of the sizes (not evidence)" if quick else heading


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure canvasback against its peers.")
    parser.add_argument("--quick", action="store_true", help=f"1/{QUICK_DIVISOR} of the sizes, to try it out")
    parser.add_argument(
        "--only",
        action="append",
        choices=list(CASES),
        metavar="NAME",
        help=f"one case (may be repeated): {', '.join(CASES)}",
    )
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="timed runs of each process (default 3)")
    parser.add_argument(
        "--scratch", type=Path, metavar="DIR", help="where everything lives (default: a new temporary folder)"
    )
    parser.add_argument("--keep", action="store_true", help="delete nothing at the end; lakes in DIR are used again")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    return given


if __name__ == "__main__":
    sys.exit(main())
