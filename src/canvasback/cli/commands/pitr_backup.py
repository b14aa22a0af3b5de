"""``pitr backup``: a base backup by the tool that keeps the archive."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, BarmanServer, DryRun, Lake, Repo, Stanza
from canvasback.cli.settings import read_settings
from canvasback.cli.text.size import size
from canvasback.model.results.pitr_backup import PitrBackupResult

app = typer.Typer()


@app.command()
def backup(
    lake: Lake,
    repo: Repo = None,
    stanza: Stanza = None,
    barman_server: BarmanServer = None,
    full: Annotated[bool, typer.Option("--full", help="Ask pgBackRest for one that rests on no other.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Have pgBackRest or Barman make a base backup of the catalog's server, and note its commits."""

    def work() -> PitrBackupResult:
        settings = read_settings()
        named = settings.lake(lake)
        return canvasback.pitr_backup(
            named.lake,
            settings.find_repository(repo, named),
            stanza=stanza,
            barman_server=barman_server,
            full=full,
            dry_run=dry_run,
            stores=settings.stores(),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: PitrBackupResult) -> str:
    if result.dry_run:
        return "\n".join([*(f"  - {step}" for step in result.steps), "nothing was changed (--dry-run)"])
    taken = f" ({size(result.bytes)})" if result.bytes else ""
    shown = f"; the newest snapshot when it began was {result.snapshot_id}" if result.snapshot_id is not None else ""
    return f"{result.archive} has base backup {result.base}{taken}: recovers any commit after {result.stop}{shown}"
