"""``rewind``: a live lake back to one of its snapshots."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, DataPath, DryRun, Jobs, Lake, LimitRate, Quiet, Repo
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.commits import commit_lines
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.row_counts import counted
from canvasback.errors import UsageError
from canvasback.model.moment import spelled
from canvasback.model.plurals import many
from canvasback.model.results.rewind import RewindResult, RewoundTable

app = typer.Typer()


@app.command()
def rewind(
    lake: Lake,
    repo: Repo = None,
    to_snapshot: Annotated[
        int | None, typer.Option("--to-snapshot", min=0, help="The snapshot that becomes the newest one.")
    ] = None,
    to_time: Annotated[
        str | None, typer.Option("--to-time", help="The same by a time as it is printed, or '2 hours ago'.")
    ] = None,
    safety_point: Annotated[
        bool, typer.Option("--safety-point/--no-safety-point", help="Make a point of the lake as it is first.")
    ] = True,
    keep_files: Annotated[
        bool, typer.Option("--keep-files", help="Do not schedule the files of undone commits for deletion.")
    ] = False,
    data_path: DataPath = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take a live lake back to one of its snapshots, in place."""

    def work() -> RewindResult:
        settings = read_settings()
        named = settings.lake(lake)
        repository = None
        if safety_point:
            with contextlib.suppress(UsageError) if dry_run else contextlib.nullcontext():
                repository = settings.find_repository(repo, named)
        return canvasback.rewind(
            named.lake,
            repository,
            to_snapshot=to_snapshot,
            to_time=to_time,
            safety_point=safety_point,
            keep_files=keep_files,
            data_path=named.find_data_path(data_path),
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: RewindResult) -> str:
    return "\n".join([*_rewind_lines(result), *findings_lines(result.findings, result.finding_counts)])


def _rewind_lines(result: RewindResult) -> list[str]:
    if result.from_snapshot == result.snapshot_id:
        return [f"{result.lake} is not changed: {step}" for step in result.steps]
    head = "would take" if result.dry_run else "took"
    lines = [f"{head} {result.lake} back to snapshot {result.snapshot_id} of {spelled(result.snapshot_time)}"]
    undone = len(result.commits)
    lines += ["", f"{many(undone, 'commit')} {'is' if undone == 1 else 'are'} undone:"]
    lines += commit_lines(result.commits, {t.table_id: f"{t.schema}.{t.table}" for t in result.tables})
    lines += ["", *(_rewound(table) for table in result.tables)] if result.tables else ["", "no table changes"]
    lines += ["", *(f"  - {step}" for step in result.steps)]
    if result.safety_point:
        lines.append(f"what the lake was before is in point {result.safety_point}")
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    return lines


def _rewound(table: RewoundTable) -> str:
    name = f"{table.schema}.{table.table}"
    then = counted(table.rows_then, table.then_fewest, table.then_most)
    if table.change == "goes":
        return f"{name} goes, with {many(table.rows_now, 'row')}"
    if table.change == "returns":
        return f"{name} comes back, with {then}"
    renamed = f", and is called {table.name_then} again" if table.name_then else ""
    if table.rows_now == table.rows_then and table.then_fewest == table.then_most:
        return f"{name} keeps {then}, but some of them, or its columns, differ{renamed}"
    return f"{name} has {then} instead of {table.rows_now:,}{renamed}"
