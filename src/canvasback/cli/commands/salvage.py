"""``salvage``: commits or a catalog that are lost, won back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, DataPath, DryRun, Jobs, Lake, LimitRate, Quiet, Repo
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.shown import SHOWN, left_out
from canvasback.cli.text.table import table
from canvasback.model.plurals import many
from canvasback.model.results.salvage import SalvageResult

app = typer.Typer()


class Kept(StrEnum):
    """What a bucket keeps that can be read before it is brought back."""

    VERSIONS = "versions"


@app.command()
def salvage(
    lake: Lake,
    repo: Repo = None,
    new_catalog: Annotated[
        bool, typer.Option("--new-catalog", help="The catalog is lost: make it from a point, or from the files alone.")
    ] = False,
    source: Annotated[
        Kept | None, typer.Option("--from", help="Look at deleted files too that the lake's bucket still keeps.")
    ] = None,
    data_path: DataPath = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Win back commits that the catalog does not know, or a catalog that is lost."""

    def work() -> SalvageResult:
        settings = read_settings()
        named = settings.lake(lake)
        return canvasback.salvage(
            named.lake,
            settings.look_for_repository(repo, named),
            new_catalog=new_catalog,
            source="versions" if source is not None else None,
            data_path=named.find_data_path(data_path),
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: SalvageResult) -> str:
    if not result.commits and result.forwarded is None:
        lines = [f"nothing to salvage for {result.lake}", *(f"  - {step}" for step in result.steps)]
        return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])
    head = "would bring" if result.dry_run else "brought"
    lines = [f"{head} {result.lake} from snapshot {result.from_snapshot} to {result.snapshot_id}"]
    lines += [f"  - {step}" for step in result.steps]
    if result.commits:
        rows: list[tuple[str, ...]] = [("TABLE", "FILES", "ROWS", "")]
        rows += [(t.table, f"{t.files:,}", f"{t.rows:,}", "made anew" if t.created else "") for t in result.tables]
        lines += ["", table(rows), "", "what the files cannot tell, and may be lost:"]
        lines += [f"  {loss.table + ': ' if loss.table else ''}{loss.message}" for loss in result.losses]
    if result.left:
        lines += ["", f"left alone: {many(len(result.left), 'file')}"]
        lines += [f"  {file.name}: {file.reason}" for file in result.left[:SHOWN]]
        lines += left_out(len(result.left))
    lines += ["", "nothing was changed (--dry-run)" if result.dry_run else f"done in {result.seconds:.2f} s"]
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])
