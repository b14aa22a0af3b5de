"""start: what the command line costs before it does anything, against Python that does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import ours, peers
from bench.measure import interleave
from bench.report import Row, ratio_of_processor_times

if TYPE_CHECKING:
    from bench.session import Session

NAME = "start"
RUNS = 15
"""More than of anything else: a process this short is soon disturbed, and soon run again."""


def run(session: Session) -> list[Row]:
    """What answers without a verb, and as a help for reading that, what the arguments of a verb cost."""
    timed = interleave(
        session,
        {
            "python": lambda _: peers.python(),
            "--version": lambda _: ours.canvasback("--version"),
            "--help": lambda _: ours.canvasback("--help"),
            "list --help": lambda _: ours.canvasback("list", "--help"),
        },
        runs=max(RUNS, session.runs),
    )
    targets = {"--version": 4.0, "--help": 4.0, "list --help": None}
    return [
        ratio_of_processor_times(
            NAME, f"CPU time of `{name}` / of `python -c pass`", timed[name], timed["python"], target
        )
        for name, target in targets.items()
    ]
