"""``lock``: what kept points need is locked for longer."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, DryRun, Jobs, Quiet, Repo
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.model.lock import MOST_DAYS
from canvasback.model.plurals import many
from canvasback.model.results.lock import LockResult

app = typer.Typer()


@app.command()
def lock(
    repo: Repo = None,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=MOST_DAYS, help="For so many days, not for the repository's own."),
    ] = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Lock for longer what points need that are not forgotten, before its locks end."""

    def work() -> LockResult:
        settings = read_settings()
        return canvasback.lock(
            settings.find_repository(repo),
            days=days,
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: LockResult) -> str:
    head = "would lock" if result.dry_run else "locked"
    lines = [f"{head} {result.repository}", *(f"  - {step}" for step in result.steps)]
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    else:
        lines.append(
            f"{many(result.objects, 'object')} and {many(result.points, 'point')} locked for longer, "
            f"in {result.seconds:.2f} s"
        )
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])
