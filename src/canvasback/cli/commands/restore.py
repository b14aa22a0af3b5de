"""``restore``: a point as a lake, or tables of it into a live lake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import (
    AsJson,
    AtSnapshot,
    AtTime,
    DryRun,
    Jobs,
    LimitRate,
    Quiet,
    Repo,
    SomePoint,
    WitnessOf,
)
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.row_counts import counted
from canvasback.cli.text.size import size
from canvasback.errors import UsageError
from canvasback.model.level import RestoreLevel
from canvasback.model.plurals import many
from canvasback.model.results.restore import RestoreResult
from canvasback.model.results.table_restore import TableRestoreResult

app = typer.Typer()


@app.command()
def restore(
    to: Annotated[str, typer.Option("--to", metavar="LAKE", help="The catalog to write; absent or empty.")],
    point: SomePoint = None,
    repo: Repo = None,
    at_snapshot: AtSnapshot = None,
    at_time: AtTime = None,
    table: Annotated[
        str | None,
        typer.Option("--table", help="Bring this table, or all of this schema, back into the live lake."),
    ] = None,
    as_name: Annotated[str | None, typer.Option("--as", help="Another name for that table.")] = None,
    data_path: Annotated[
        str | None,
        typer.Option("--data-path", help="Put all files here; with --table, where the lake's data path is."),
    ] = None,
    relative: Annotated[
        bool, typer.Option("--relative", help="Let the catalog name the folder of --data-path relatively, as given.")
    ] = False,
    level: Annotated[RestoreLevel | None, typer.Option(help="What counts as damaged; exists by default.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Move a catalog that is there aside first.")] = False,
    shares_files: Annotated[
        bool,
        typer.Option("--shares-files", help="Share the files with the lake's catalog that is alive elsewhere."),
    ] = False,
    witness: WitnessOf = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Bring a point back as a lake, or a table of it into a live lake."""

    def work() -> RestoreResult | TableRestoreResult:
        settings = read_settings()
        named = settings.lake(to)
        if table is not None:
            _refuse_together(
                "--table",
                {
                    "--level": level is not None,
                    "--replace": replace,
                    "--shares-files": shares_files,
                    "--relative": relative,
                    "--witness": witness is not None,
                },
            )
            return canvasback.restore_tables(
                named.lake,
                settings.find_repository(repo, named),
                table,
                point,
                as_name=as_name,
                at_snapshot=at_snapshot,
                at_time=at_time,
                data_path=named.find_data_path(data_path),
                dry_run=dry_run,
                jobs=jobs,
                stores=settings.stores(limit_rate),
                progress=progress_for(quiet=quiet),
            )
        _refuse_together("no --table", {"--as": as_name is not None})
        return canvasback.restore(
            named.lake,
            settings.find_repository(repo, named),
            point,
            at_snapshot=at_snapshot,
            at_time=at_time,
            data_path=data_path,
            relative=relative,
            level=level or RestoreLevel.EXISTS,
            replace=replace,
            shares_files=shares_files,
            witness=settings.find_witness(witness),
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _refuse_together(one: str, others: Mapping[str, bool]) -> None:
    for other, given in others.items():
        if given:
            raise UsageError(
                "options-together",
                f"{other} makes no sense with {one}",
                hint="A table goes into the lake that --to names: leave the option out, or restore the whole point.",
            )


def _text(result: RestoreResult | TableRestoreResult) -> str:
    return _lake_text(result) if isinstance(result, RestoreResult) else _tables_text(result)


def _lake_text(result: RestoreResult) -> str:
    head = "would restore" if result.dry_run else "restored"
    lines = [f"{head} {result.point} to {result.lake}", *(f"  - {step}" for step in (*result.steps, *result.remarks))]
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    else:
        lines.append(
            f"{many(result.restored_files, 'file')} ({size(result.restored_bytes)}) put in place, "
            f"{result.kept_files:,} {'was' if result.kept_files == 1 else 'were'} "
            f"there, in {result.seconds:.2f} s"
        )
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


def _tables_text(result: TableRestoreResult) -> str:
    head = "would bring back" if result.dry_run else "brought back"
    lines = [f"{head} from {result.point}, as of snapshot {result.snapshot_id}, into {result.lake}:"]
    for table in result.tables:
        named = f" as {table.restored_as}" if table.restored_as != table.table else ""
        rows = counted(table.rows, table.fewest, table.most)
        lines.append(f"    {table.table}{named}: {rows}, {many(table.files, 'file')} ({size(table.bytes)})")
    lines += [f"  - {step}" for step in result.steps]
    lines.append(
        "nothing was changed (--dry-run)"
        if result.dry_run
        else f"the lake has it from snapshot {result.new_snapshot_id} on, in {result.seconds:.2f} s"
    )
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])
