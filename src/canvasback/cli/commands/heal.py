"""``heal``: what a live lake lost, put back."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, CheckDepth, DataPath, DryRun, Jobs, Lake, LimitRate, Quiet, Repo
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.shown import SHOWN, left_out
from canvasback.model.level import CheckLevel
from canvasback.model.plurals import many
from canvasback.model.results.heal import HealResult, Loss

app = typer.Typer()


@app.command()
def heal(
    lake: Lake,
    repo: Repo = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="URL|versions|soft-deleted|replica|aws-backup",
            help="A replica of the data path, what its bucket keeps by itself, or what AWS Backup saved, for what the "
            "repository lacks.",
        ),
    ] = None,
    recovery_point: Annotated[
        str | None,
        typer.Option("--recovery-point", metavar="ARN", help="Take this one of AWS Backup's recovery points."),
    ] = None,
    scratch: Annotated[
        str | None,
        typer.Option("--scratch", metavar="URL", help="A bucket that AWS Backup restores into first."),
    ] = None,
    restore_role: Annotated[
        str | None,
        typer.Option("--restore-role", metavar="ARN", help="The role that AWS Backup restores as."),
    ] = None,
    level: CheckDepth = CheckLevel.FOOTERS,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="Make one commit that leaves out what cannot be healed."),
    ] = False,
    data_path: DataPath = None,
    dry_run: DryRun = False,
    manifest: Annotated[
        str | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="Change nothing; write what a bucket has of the lost files to FILE, for the service to bring back.",
        ),
    ] = None,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Put back what a live lake lost, and mend what is provably wrong in its catalog."""

    def work() -> HealResult:
        settings = read_settings()
        named = settings.lake(lake)
        return canvasback.heal(
            named.lake,
            settings.look_for_repository(repo, named),
            source=source,
            recovery_point=recovery_point,
            scratch=scratch,
            restore_role=restore_role,
            level=level,
            accept_loss=accept_loss,
            data_path=named.find_data_path(data_path),
            dry_run=dry_run,
            manifest=manifest,
            jobs=jobs,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: HealResult) -> str:
    head = "would heal" if result.dry_run else "healed"
    lines = [f"{head} {result.lake}, looking at level {result.level}", *(f"  - {step}" for step in result.steps)]
    if result.healed:
        lines += ["", *_healed_lines(result)]
    if result.losses:
        lines += ["", f"cannot be healed: {many(result.lost_files, 'file')}", *_loss_lines(result)]
    lines.append("")
    if result.safety_point:
        lines.append(f"what the catalog was before is in point {result.safety_point}")
    if result.accepted_snapshot is not None:
        lines.append(f"snapshot {result.accepted_snapshot} leaves out what is lost; older snapshots still need it")
    if result.manifest_files is not None:
        lines.append(f"{many(result.manifest_files, 'file')} listed for the service to bring back")
    lines.append("nothing was changed (--dry-run)" if result.dry_run else f"done in {result.seconds:.2f} s")
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


def _healed_lines(result: HealResult) -> list[str]:
    lines = [f"  {file.place}: {file.code}, from {file.source}" for file in result.healed[:SHOWN]]
    return lines + left_out(result.healed_files)


def _loss_lines(result: HealResult) -> list[str]:
    lines = [f"  {loss.table}: {_lost(loss)}; {loss.place} {loss.reason}" for loss in result.losses[:SHOWN]]
    return lines + left_out(result.lost_files)


def _lost(loss: Loss) -> str:
    seen = f"of snapshots {loss.begin_snapshot} to " + (
        "now" if loss.end_snapshot is None else str(loss.end_snapshot - 1)
    )
    if loss.kind == "data":
        return f"{many(loss.rows, 'row')} {seen}"
    return f"the deletes of {many(loss.rows, 'row')} {seen}"
