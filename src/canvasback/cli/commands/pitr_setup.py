"""``pitr setup``: whether a server's log can be archived, and what is missing."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Bindir, Lake, Slot
from canvasback.cli.settings import read_settings
from canvasback.cli.text.table import table
from canvasback.model.results.pitr_setup import PitrSetupResult

app = typer.Typer()


@app.command()
def setup(
    lake: Lake,
    slot: Slot = "canvasback",
    synchronous: Annotated[
        bool, typer.Option("--synchronous", help="Commits are to wait until the log is received.")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Run the SQL that is missing; takes a superuser.")] = False,
    bindir: Bindir = None,
    as_json: AsJson = False,
) -> None:
    """See whether the log of the catalog's server can be archived, and set right what is missing."""

    def work() -> PitrSetupResult:
        named = read_settings().lake(lake)
        return canvasback.pitr_setup(named.lake, slot=slot, synchronous=synchronous, apply=apply, bindir=bindir)

    run_command(work, _text, as_json=as_json)


def _text(result: PitrSetupResult) -> str:
    rows = [("", "FOUND", "WANTED", ""), *((one.name, one.found, one.wanted, one.state) for one in result.items)]
    lines = [f"PostgreSQL {result.postgres}, system {result.system}", "", table(rows), ""]
    lines += [f"ran  {sql}" for sql in result.applied]
    for one in result.items:
        if one.state != "ok" and one.sql not in result.applied:
            lines += [f"{one.state}: {one.name}: {one.why}", *([f"  {one.sql};"] if one.sql else [])]
            lines += ["  and restart the server"] if one.restart else []
    if result.restart:
        lines.append("restart the server: what was set counts from then on")
    lines.append("ready: canvasback pitr run" if result.ready else "not ready")
    return "\n".join(lines)
