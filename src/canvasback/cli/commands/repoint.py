"""``repoint``: a live catalog at another data path."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, DryRun, Jobs, Lake, Quiet
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.model.results.repoint import RepointResult

app = typer.Typer()


@app.command()
def repoint(
    lake: Lake,
    data_path: Annotated[str, typer.Option("--data-path", help="Where the lake's files are now.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="First see that every file is there with its size; refuse otherwise.")
    ] = False,
    keep_elsewhere: Annotated[
        bool, typer.Option("--keep-elsewhere", help="Leave files outside of the data path where they are.")
    ] = False,
    relative: Annotated[
        bool | None,
        typer.Option("--relative/--absolute", help="How the catalog names the folder; as it is given by default."),
    ] = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Point a live catalog at another data path, which holds its files already."""

    def work() -> RepointResult:
        settings = read_settings()
        return canvasback.repoint(
            settings.lake(lake).lake,
            data_path,
            verify=verify,
            keep_elsewhere=keep_elsewhere,
            relative=relative,
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: RepointResult) -> str:
    head = "would repoint" if result.dry_run else "repointed"
    lines = [f"{head} {result.lake} to {result.data_path}", *(f"  - {step}" for step in result.steps)]
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])
