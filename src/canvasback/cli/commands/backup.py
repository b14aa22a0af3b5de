"""``backup``: make a recovery point."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import (
    Also,
    AsJson,
    DataPath,
    DryRun,
    Jobs,
    Lake,
    LimitRate,
    NoteIt,
    Quiet,
    Repo,
    TagIt,
    WitnessOf,
)
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.size import size
from canvasback.model.holding import StorageKind
from canvasback.model.plans.mirror import points_in_words
from canvasback.model.plurals import either, many
from canvasback.model.results.backup import BackupResult
from canvasback.model.results.mirror import MirrorResult

app = typer.Typer()


@app.command()
def backup(
    lake: Lake,
    repo: Repo = None,
    also: Also = None,
    data_path: DataPath = None,
    jobs: Jobs = None,
    recheck: Annotated[
        int | None,
        typer.Option("--recheck", min=0, help="At how many files that are held already to look again."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compare everything with the repository, and mend what is damaged there.")
    ] = False,
    only_new: Annotated[
        bool, typer.Option("--only-new", help="Make no point where the newest one holds all that there is.")
    ] = False,
    tag: TagIt = None,
    note: NoteIt = "",
    witness: WitnessOf = None,
    dry_run: DryRun = False,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make a recovery point, copying only what the repository lacks."""

    def work() -> BackupResult:
        settings = read_settings()
        named = settings.lake(lake)
        return canvasback.backup(
            named.lake,
            settings.find_repository(repo, named),
            data_path=named.find_data_path(data_path),
            jobs=jobs,
            recheck=recheck,
            full=full,
            witness=settings.find_witness(witness),
            only_new=only_new,
            also=named.find_also(also),
            tags=tag or (),
            note=note,
            dry_run=dry_run,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, backup_text, as_json=as_json)


def backup_text(result: BackupResult) -> str:
    """The point, and what was copied for it."""
    if result.dry_run:
        lines = [
            "what a backup would do:",
            *(f"  - {step}" for step in result.steps),
            *_foretold(result.also),
            "",
            "nothing was changed (--dry-run)",
        ]
        return "\n".join([*lines, *_findings(result)])
    if not result.made:
        nothing = f"nothing new since point {result.point} of snapshot {result.snapshot_id}"
        return "\n".join([nothing, *_marks(result), *_brought(result.also), *_findings(result)])
    return "\n".join([
        f"point {result.point}",
        f"  snapshot   {result.snapshot_id}",
        f"  files      {result.files:,} ({size(result.bytes)})",
        _kept(result),
        f"  reused     {result.reused_files:,}",
        f"  catalog    {size(result.catalog_bytes)} written",
        f"  took       {result.seconds:.2f} s",
        *_marks(result),
        *_brought(result.also),
        *_findings(result),
    ])  # fmt: skip


def _kept(result: BackupResult) -> str:
    """What became of the new files."""
    if result.storage == StorageKind.COPY:
        return f"  copied     {result.new_files:,} ({size(result.new_bytes)})"
    did = "pinned " if result.storage == StorageKind.VERSIONS else "arrived"
    copied = f", and {size(result.new_bytes)} copied from elsewhere" if result.new_bytes else ""
    return f"  {did}    {result.new_files:,} in {result.storage_url}{copied}"


def _marks(result: BackupResult) -> list[str]:
    tags = [f"  tags       {', '.join(result.tags)}"] if result.tags else []
    return [*tags, f"  note       {result.note}"] if result.note else tags


def _foretold(also: MirrorResult | None) -> list[str]:
    """What would come to the second place."""
    if also is None or also.findings:
        return []
    steps = [f"the same point is published in {also.target}, with what that lacks from {also.repository}"]
    if also.points:
        steps.append(f"so {either(len(also.points), 'is', 'are')} {points_in_words(also.points)} that it lacks")
    return [f"  - {step}" for step in steps]


def _brought(also: MirrorResult | None) -> list[str]:
    if also is None:
        return []
    if also.points:
        copied = f"{many(also.copied_objects, 'object')} ({size(also.copied_bytes)}) copied, in {also.seconds:.2f} s"
        did = f"{many(len(also.points), 'point')} published, {copied}"
    else:
        did = "no point published" if also.findings else "has all points"
    return [f"  also       {also.target}: {did}"]


def _findings(result: BackupResult) -> list[str]:
    there = findings_lines(result.also.findings, result.also.finding_counts) if result.also is not None else []
    return [*findings_lines(result.findings, result.finding_counts), *there]
