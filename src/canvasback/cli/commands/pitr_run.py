"""``pitr run``: the log of a catalog's server is archived as it is written."""

from __future__ import annotations

import os
import signal
from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import INTERRUPTED, exit_code_of
from canvasback.cli.options import Bindir, Lake, Repo, Slot
from canvasback.cli.output import show_answer
from canvasback.cli.settings import read_settings
from canvasback.cli.signals import stopped_by_signals
from canvasback.cli.text.size import size
from canvasback.model.moment import in_utc
from canvasback.model.plurals import many
from canvasback.model.results.pitr_run import (
    ArchivingGoesOn,
    ArchivingHeldUp,
    BaseMade,
    LogArchived,
    LogBehind,
    PitrEvent,
    PitrStarted,
)

app = typer.Typer()
_DAY = 86_400


@app.command()
def run(
    lake: Lake,
    repo: Repo = None,
    spool: Annotated[
        str | None, typer.Option("--spool", help="A folder on a lasting disk, into which the log streams.")
    ] = None,
    slot: Slot = "canvasback",
    synchronous: Annotated[
        bool, typer.Option("--synchronous", help="Flush at once, so that commits can wait for it.")
    ] = False,
    every: Annotated[float, typer.Option("--every", min=0.05, max=60, help="Seconds between two looks.")] = 1.0,
    part_every: Annotated[
        float,
        typer.Option("--part-every", min=0.1, max=_DAY, help="Seconds until a segment is archived that is not full."),
    ] = 60.0,
    base_every: Annotated[float, typer.Option("--base-every", min=1, help="Hours between two base backups.")] = 24.0,
    tell_every: Annotated[
        float,
        typer.Option("--tell-every", min=0.1, max=_DAY, help="Seconds until it is told again what is not archived."),
    ] = 60.0,
    incremental: Annotated[
        int, typer.Option("--incremental", min=0, help="How many incremental base backups rest on a full one.")
    ] = 6,
    bindir: Bindir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line instead of text.")] = False,
) -> None:
    """Archive the log of the catalog's server and make base backups, until it is stopped."""

    def work() -> int:
        settings = read_settings()
        named = settings.lake(lake)
        repository = settings.find_repository(repo, named)
        with stopped_by_signals() as stop:
            for event in canvasback.pitr_run(
                named.lake,
                repository,
                spool=spool or _spool(slot),
                slot=slot,
                synchronous=synchronous,
                every=every,
                part_every=part_every,
                base_every=base_every * 3600,
                tell_every=tell_every,
                incremental=incremental,
                bindir=bindir,
                stop=stop,
                stores=settings.stores(),
            ):
                show_answer(event, event_line, as_json=as_json, compact=True)
        return INTERRUPTED if stop.signal == signal.SIGINT else 0

    raise typer.Exit(exit_code_of(work, as_json=as_json, compact=True))


def _spool(slot: str) -> str:
    """Where the user's lasting data of programs are, by the convention of the XDG."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(state, "canvasback", "pitr", slot)


def event_line(event: PitrEvent) -> str:
    """One event as a line."""
    return f"{in_utc(event.at)}  " + " ".join(_said(event).split("\n"))


def _said(event: PitrEvent) -> str:
    if isinstance(event, PitrStarted):
        how = ", synchronously" if event.synchronous else ""
        return f"archiving the log of {event.lake}{how}, by {event.spool}, for {event.repository}"
    if isinstance(event, LogArchived | LogBehind):
        return _log(event)
    if isinstance(event, BaseMade):
        rests = f", on {event.parent}" if event.parent else ""
        return f"base backup {event.base}{rests}: {size(event.bytes)} in {event.seconds:.1f} s"
    if isinstance(event, ArchivingHeldUp):
        return f"waiting, {event.what}: {event.message} [{event.code}]" + (f". {event.hint}" if event.hint else "")
    if isinstance(event, ArchivingGoesOn):
        return f"goes on, {event.what}, after {event.seconds:.1f} s"
    return f"stopped, {many(event.segments, 'segment')} archived, {many(event.bases, 'base backup')} made"


def _log(event: LogArchived | LogBehind) -> str:
    if isinstance(event, LogArchived):
        behind = f"{size(event.behind_bytes)} behind for {event.behind_seconds:.1f} s" if event.behind_bytes else "all"
        newest = f", snapshot {event.snapshot_id}" if event.snapshot_id is not None else ""
        return f"archived to {event.position}{newest}: {behind}"
    archived = f"archived to {event.position} still" if event.position else "nothing archived yet"
    known = size(event.behind_bytes) if event.behind_bytes is not None else "it is not known how much"
    more = "" if event.answers else ", and what the server has written since, which does not answer"
    return f"{archived}: {known} behind for {event.behind_seconds:.1f} s{more}"
