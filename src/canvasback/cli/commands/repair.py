"""``repair``: what a repository lost, from another place of it."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, DryRun, Jobs, LimitRate, Quiet
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.size import size
from canvasback.model.level import RepairLevel
from canvasback.model.plurals import many
from canvasback.model.results.repair import RepairResult

app = typer.Typer()


@app.command()
def repair(
    repo: Annotated[str, typer.Argument(metavar="REPO", help="The repository, a folder or a URL.")],
    source: Annotated[str, typer.Option("--from", metavar="REPO2", help="A mirror of it, or what it is a mirror of.")],
    level: Annotated[RepairLevel, typer.Option(help="How deeply to look for damage.")] = RepairLevel.EXISTS,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Put back what a repository lost, from another place of it."""

    def work() -> RepairResult:
        return canvasback.repair(
            repo,
            source,
            level=level,
            dry_run=dry_run,
            jobs=jobs,
            stores=read_settings().stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: RepairResult) -> str:
    head = "would repair" if result.dry_run else "repaired"
    lines = [
        f"{head} {result.repository}, looking at {many(result.objects, 'object')} at level {result.level}",
        *(f"  - {step}" for step in result.steps),
    ]
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    else:
        put = f"{many(result.repaired_objects, 'object')} ({size(result.repaired_bytes)}) put in place"
        lines.append(f"{put}, {many(len(result.points), 'point')} published again, in {result.seconds:.2f} s")
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])
