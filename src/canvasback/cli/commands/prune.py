"""``prune``: what no point names is deleted."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, DryRun, Jobs, Quiet, Repo
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.size import size
from canvasback.model.plurals import many
from canvasback.model.results.prune import PruneResult

app = typer.Typer()


@app.command()
def prune(
    repo: Repo = None,
    grace: Annotated[
        str, typer.Option("--grace", help="How long a point is forgotten, and an object unneeded, before it goes.")
    ] = "7d",
    dry_run: DryRun = False,
    jobs: Jobs = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Delete what no point names: what was forgotten long enough ago."""

    def work() -> PruneResult:
        settings = read_settings()
        return canvasback.prune(
            settings.find_repository(repo),
            grace=grace,
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: PruneResult) -> str:
    head = "would prune" if result.dry_run else "pruned"
    lines = [f"{head} {result.repository}", *(f"  - {step}" for step in result.steps)]
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    else:
        lines.append(
            f"{many(result.points, 'point')} and {many(result.objects, 'object')} ({size(result.bytes)}) are gone, "
            f"in {result.seconds:.2f} s"
        )
    return "\n".join(lines)
