"""``mirror``: a second place for a repository."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, DryRun, Jobs, LimitRate, LockDays, LockIt, Quiet
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.size import size
from canvasback.model.plurals import many
from canvasback.model.results.mirror import MirrorResult

app = typer.Typer()


@app.command()
def mirror(
    repo: Annotated[str, typer.Argument(metavar="REPO", help="The repository, a folder or a URL.")],
    to: Annotated[str, typer.Option("--to", metavar="REPO2", help="The second place; it is made if there is none.")],
    points: Annotated[
        list[str] | None,
        typer.Argument(metavar="[POINT]...", help="Ids, unique beginnings of ids, or latest; all points by default."),
    ] = None,
    lock: LockIt = None,
    lock_days: LockDays = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Let a second place hold a repository's points too, copying only what it lacks."""

    def work() -> MirrorResult:
        return canvasback.mirror(
            repo,
            to,
            points=points or (),
            lock=lock,
            lock_days=lock_days,
            dry_run=dry_run,
            jobs=jobs,
            stores=read_settings().stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: MirrorResult) -> str:
    head = "would mirror" if result.dry_run else "mirrored"
    lines = [f"{head} {result.repository} to {result.target}", *(f"  - {step}" for step in result.steps)]
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    else:
        copied = f"{many(result.copied_objects, 'object')} ({size(result.copied_bytes)}) copied"
        kept = f", {result.kept_objects:,} had arrived before" if result.kept_objects else ""
        lines.append(f"{many(len(result.points), 'point')} published, {copied}{kept}, in {result.seconds:.2f} s")
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])
