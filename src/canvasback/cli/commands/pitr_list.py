"""``pitr list``: what can be recovered, as a picture."""

from __future__ import annotations

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Repo
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.size import size
from canvasback.cli.text.table import table
from canvasback.model.moment import in_utc
from canvasback.model.plurals import many
from canvasback.model.results.pitr_list import ArchivedSystem, PitrListResult, RecoveryWindow
from canvasback.model.wal import Lsn

app = typer.Typer()
_WIDTH = 36
"""Letters that the picture is wide."""


@app.command("list")
def list_(repo: Repo = None, as_json: AsJson = False) -> None:
    """List the base backups of PostgreSQL servers, and what can be recovered from each."""

    def work() -> PitrListResult:
        settings = read_settings()
        return canvasback.pitr_list(settings.find_repository(repo), stores=settings.stores())

    run_command(work, _text, as_json=as_json)


def _text(result: PitrListResult) -> str:
    if not result.systems:
        return f"{result.repository} has no log of a PostgreSQL server; canvasback pitr run archives one"
    lines: list[str] = []
    for system in result.systems:
        lines += ["", *_system(system)] if lines else _system(system)
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


def _system(system: ArchivedSystem) -> list[str]:
    version = f", PostgreSQL {system.postgres}" if system.postgres else ""
    timelines = f"timeline{'s' if len(system.timelines) > 1 else ''} {', '.join(map(str, system.timelines))}"
    bases = f"{many(len(system.windows), 'base backup')} ({size(sum(one.bytes for one in system.windows))})"
    log = f"{many(system.segments, 'segment')} of {timelines} ({size(system.bytes)})"
    lines = [f"system {system.system}{version}: {log}, {bases}"]
    if system.windows:
        begin = min(Lsn.parse(one.begin).position for one in system.windows)
        end = max(Lsn.parse(one.end).position for one in system.windows)
        rows = [("BASE BACKUP", "KIND", "RECOVERS", "", "UP TO (UTC)")]
        rows += [
            (
                one.base,
                "incremental" if one.parent else "full",
                _bar(one, begin, end),
                _snapshots(one),
                in_utc(one.last_time) if one.last_time is not None else "",
            )
            for one in system.windows
        ]
        lines.append(table(rows))
    if system.end:
        when = f", written {in_utc(system.written.replace(microsecond=0))} UTC" if system.written is not None else ""
        lines.append(f"archived to {system.end}{when}")
    return lines + [f"gap: {gap}" for gap in system.gaps]


def _bar(window: RecoveryWindow, begin: int, end: int) -> str:
    """What a base backup recovers of all that can be, from left to right."""
    if not window.usable:
        return "nothing yet".ljust(_WIDTH)
    span = max(end - begin, 1)
    first = (Lsn.parse(window.begin).position - begin) * (_WIDTH - 1) // span
    last = (Lsn.parse(window.end).position - begin) * (_WIDTH - 1) // span
    return (" " * first + "|" + "=" * max(last - first - 1, 0) + ("|" if last > first else "")).ljust(_WIDTH)


def _snapshots(window: RecoveryWindow) -> str:
    if window.first_snapshot is None:
        return ""
    if window.first_snapshot == window.last_snapshot:
        return f"snapshot {window.first_snapshot}"
    return f"snapshots {window.first_snapshot} to {window.last_snapshot}"
