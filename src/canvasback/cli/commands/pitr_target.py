"""``pitr target``: where PostgreSQL has to stop to have a snapshot as its newest one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, BarmanServer, Bindir, Lake, Repo, Stanza
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.model.moment import spelled
from canvasback.model.plurals import many
from canvasback.model.recovery_target import Instruction
from canvasback.model.results.pitr_target import HoldingVault, PitrTargetResult, ReachedArchive

app = typer.Typer()


@app.command()
def target(
    lake: Lake,
    repo: Repo = None,
    to_snapshot: Annotated[
        int | None, typer.Option("--to-snapshot", min=0, help="The snapshot that is to be the newest one.")
    ] = None,
    to_time: Annotated[
        str | None, typer.Option("--to-time", help="The same by a time as it is printed, or '2 hours ago'.")
    ] = None,
    from_wal: Annotated[
        str | None, typer.Option("--from-wal", help="A folder with the archived segments of PostgreSQL's log.")
    ] = None,
    stanza: Stanza = None,
    barman_server: BarmanServer = None,
    backup_dr: Annotated[
        str | None,
        typer.Option(
            "--backup-dr",
            help="Where Google's Backup and DR has backups of the database: PROJECT/LOCATION, or with its NAME behind.",
        ),
    ] = None,
    bindir: Bindir = None,
    as_json: AsJson = False,
) -> None:
    """Say where PostgreSQL has to stop to have a snapshot as its newest one."""

    def work() -> PitrTargetResult:
        settings = read_settings()
        named = settings.lake(lake)
        return canvasback.pitr_target(
            named.lake,
            settings.find_repository(repo, named),
            to_snapshot=to_snapshot,
            to_time=to_time,
            from_wal=from_wal,
            stanza=stanza,
            barman_server=barman_server,
            backup_dr=backup_dr,
            bindir=bindir,
            stores=settings.stores(),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: PitrTargetResult) -> str:
    committed = spelled(result.committed) if result.committed else f"soon after {spelled(result.snapshot_time)}"
    lines = [
        f"snapshot {result.snapshot_id} of {result.lake}",
        f"  committed    {committed}",
        f"  transaction  {result.xid}",
        f"  position     {_position(result)}",
        f"  timeline     {result.timeline} of the cluster {result.system}",
    ]
    if result.others:
        lines.append(f"  others       {many(result.others, 'earlier commit')} made a snapshot of that number")
    if result.archive is not None:
        lines += ["", *_archive_lines(result.archive)]
    lines += ["", "to stop there exactly, tell", *_told(result.instructions)]
    for vault in result.vaults:
        lines += ["", *_vault_lines(vault)]
    if result.services:
        later = spelled(result.service_time)
        lines += ["", f"a service restores to a time: {later} or a later one has the commit", *_told(result.services)]
    if result.services or result.vaults:
        lines += ["  and then take back what came after it", f"    {result.then}"]
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


def _told(instructions: Iterable[Instruction]) -> list[str]:
    return [line for one in instructions for line in (f"  {one.to}", *(f"    {said}" for said in one.lines))]


def _position(result: PitrTargetResult) -> str:
    if result.lsn:
        return result.lsn
    return f"before {result.after}" if result.after else "not known"


def _archive_lines(archive: ReachedArchive) -> list[str]:
    lines = [archive.name]
    if archive.base_ended is not None:
        lines.append(f"  base     {archive.base}, which ended {spelled(archive.base_ended)}")
    lines.append(f"  log      {archive.first_segment or 'none'} to {archive.last_segment or 'nowhere'}")
    if archive.reached is not None:
        lines.append(f"  {'a' if archive.reached else 'no'} recovery reaches the snapshot")
    return lines


def _vault_lines(vault: HoldingVault) -> list[str]:
    last = f", the last of {spelled(vault.last_backup)}" if vault.last_backup is not None else ""
    lines = [
        f"{vault.kind}'s {vault.database}, in Google's Backup and DR",
        f"  backups  {vault.backups:,}{last}",
    ]
    if vault.first is not None:
        until = f", kept until {spelled(vault.first.expires)}" if vault.first.expires is not None else ""
        lines.append(f"  with it  {vault.holding:,}, the first of {spelled(vault.first.captured)}{until}")
    return [*lines, *_told(vault.instructions)]
