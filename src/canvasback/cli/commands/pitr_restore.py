"""``pitr restore``: a catalog in PostgreSQL as of an exact commit."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import (
    AsJson,
    BarmanServer,
    Bindir,
    DryRun,
    Jobs,
    Lake,
    LimitRate,
    Quiet,
    Repo,
    Stanza,
    System,
)
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.size import size
from canvasback.model.level import CheckLevel
from canvasback.model.plurals import many
from canvasback.model.results.pitr_restore import PitrRestoreResult

app = typer.Typer()


@app.command()
def restore(
    lake: Lake,
    repo: Repo = None,
    to_snapshot: Annotated[
        int | None, typer.Option("--to-snapshot", min=0, help="The snapshot that is to be the newest one.")
    ] = None,
    to_time: Annotated[
        str | None, typer.Option("--to-time", help="The newest that had committed then: a time, or '2 hours ago'.")
    ] = None,
    latest: Annotated[bool, typer.Option("--latest", help="All that there is.")] = False,
    pgdata: Annotated[str | None, typer.Option("--pgdata", help="The new cluster's folder; absent or empty.")] = None,
    export: Annotated[
        str | None, typer.Option("--export", help="A lake to write the catalog to, of any engine: as in ATTACH.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move a catalog aside first that is where --export says.")
    ] = False,
    data_path: Annotated[
        str | None,
        typer.Option("--data-path", help="Where the data path is, if the catalog's spelling does not lead there."),
    ] = None,
    level: Annotated[CheckLevel, typer.Option(help="How deeply to look for damaged files.")] = CheckLevel.EXISTS,
    system: System = None,
    stanza: Stanza = None,
    barman_server: BarmanServer = None,
    bindir: Bindir = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Recover a catalog to an exact commit as a new cluster, prove it, and put its files back."""

    def work() -> PitrRestoreResult:
        settings = read_settings()
        named = settings.lake(lake)
        return canvasback.pitr_restore(
            named.lake,
            settings.find_repository(repo, named),
            pgdata=pgdata,
            to_snapshot=to_snapshot,
            to_time=to_time,
            latest=latest,
            export=settings.lake(export).lake if export is not None else None,
            replace=replace,
            data_path=named.find_data_path(data_path),
            level=level,
            system=system,
            stanza=stanza,
            barman_server=barman_server,
            bindir=bindir,
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: PitrRestoreResult) -> str:
    which = f"snapshot {result.snapshot_id}" if result.snapshot_id is not None else "all that there is"
    head = "would recover" if result.dry_run else "recovered"
    lines = [f"{head} {result.lake} to {which}", *(f"  - {step}" for step in (*result.steps, *result.remarks))]
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    else:
        lost = f", {many(result.lost_files, 'file')} missing still" if result.lost_files else ""
        lines.append(
            f"the catalog was there after {result.recovery_seconds:.1f} s; {many(result.returned_files, 'file')} "
            f"({size(result.returned_bytes)}) put back{lost}, in {result.seconds:.1f} s"
        )
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])
