"""``watch``: a point after every commit."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import INTERRUPTED, exit_code_of
from canvasback.cli.options import Also, DataPath, Jobs, Lake, LimitRate, Quiet, Repo, WitnessOf
from canvasback.cli.output import show_answer
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.signals import stopped_by_signals
from canvasback.cli.text.size import size
from canvasback.model.moment import in_utc
from canvasback.model.plurals import many
from canvasback.model.results.watch import OutageEnded, OutageStarted, PointHeld, PointMade, WatchEvent, WatchStarted

app = typer.Typer()


@app.command()
def watch(
    lake: Lake,
    repo: Repo = None,
    also: Also = None,
    witness: WitnessOf = None,
    every: Annotated[
        float, typer.Option("--every", min=0.05, max=86_400, help="Seconds between two looks for commits.")
    ] = 1.0,
    data_path: DataPath = None,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line instead of text.")] = False,
) -> None:
    """Make a point after every commit, until it is stopped."""

    def work() -> int:
        settings = read_settings()
        named = settings.lake(lake)
        with stopped_by_signals() as stop:
            for event in canvasback.watch(
                named.lake,
                settings.find_repository(repo, named),
                also=named.find_also(also),
                witness=settings.find_witness(witness),
                every=every,
                stop=stop,
                data_path=named.find_data_path(data_path),
                jobs=jobs,
                stores=settings.stores(limit_rate),
                progress=progress_for(quiet=quiet),
            ):
                show_answer(event, event_line, as_json=as_json, compact=True)
        return INTERRUPTED if stop.signal == signal.SIGINT else 0

    raise typer.Exit(exit_code_of(work, as_json=as_json, compact=True))


def event_line(event: WatchEvent) -> str:
    """One event as a line."""
    return f"{in_utc(event.at)}  " + " ".join(_said(event).split("\n"))


def _said(event: WatchEvent) -> str:
    if isinstance(event, WatchStarted):
        places = " and ".join(filter(None, (event.repository, event.also)))
        return f"watching {event.lake} every {event.every_seconds:g} s, for {places}"
    if isinstance(event, PointHeld):
        return f"up to date with point {event.point} of snapshot {event.snapshot_id}" + _absent(event.absent)
    if isinstance(event, PointMade):
        return _point(event)
    if isinstance(event, OutageStarted):
        return f"waiting: {event.message} [{event.code}]" + (f". {event.hint}" if event.hint else "")
    if isinstance(event, OutageEnded):
        return f"recovered after {event.seconds:.1f} s and {many(event.attempts, 'attempt')}"
    return f"stopped, {many(event.points, 'point')} made"


def _point(event: PointMade) -> str:
    found = ", ".join(f"{count:,} {code}" for code, count in event.finding_counts.items())
    return (
        f"point {event.point}: {many(event.commits, 'commit')} to snapshot {event.snapshot_id}, "
        f"{many(event.new_files, 'file')} ({size(event.new_bytes)}) copied, {event.lag_seconds:.2f} s after the commit"
        + (f"; findings: {found}" if found else "")
        + _absent(event.absent)
    )


def _absent(files: int) -> str:
    return f"; {many(files, 'file')} absent" if files else ""
