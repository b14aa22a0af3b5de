"""``verify``: whether points can still be restored."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Jobs, Point, Quiet, Repo, WitnessOf
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.size import size
from canvasback.model.level import VerifyLevel
from canvasback.model.moment import spelled
from canvasback.model.plurals import many
from canvasback.model.results.verify import ProtectedPoint, VerifyResult

app = typer.Typer()

_OF_WHOLE_POINTS = {"lock-missing", "lock-short", "keys-differ", "rolled-back", "witness-silent", "witness-unreadable"}


@app.command()
def verify(
    point: Point = "latest",
    repo: Repo = None,
    all_points: Annotated[bool, typer.Option("--all", help="Verify every point.")] = False,
    level: Annotated[VerifyLevel, typer.Option(help="How deeply to look.")] = VerifyLevel.EXISTS,
    witness: WitnessOf = None,
    jobs: Jobs = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """See whether points can still be restored."""

    def work() -> VerifyResult:
        settings = read_settings()
        return canvasback.verify(
            settings.find_repository(repo),
            point,
            all_points=all_points,
            level=level,
            witness=settings.find_witness(witness),
            jobs=jobs,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: VerifyResult) -> str:
    read = f", {size(result.bytes)} read" if result.bytes else ""
    verdict = "damaged" if result.finding_counts.keys() - _OF_WHOLE_POINTS else "sound"
    points = result.points[0] if len(result.points) == 1 else many(len(result.points), "point")
    return "\n".join([
        f"{points}: {verdict} at level {result.level} ({many(result.objects, 'object')}{read}, {result.seconds:.2f} s)",
        *_protection(result.protected),
        *findings_lines(result.findings, result.finding_counts),
    ])  # fmt: skip


def _protection(points: tuple[ProtectedPoint, ...]) -> list[str]:
    """Until when points cannot be deleted, in a line or two."""
    ends = sorted(one.until for one in points if one.until is not None)
    lines = []
    if ends:
        last = f", the last {spelled(ends[-1])}" if ends[-1] != ends[0] else ""
        first = "the first until" if last else "until"
        lines.append(f"  protected against deletion: {many(len(ends), 'point')}, {first} {spelled(ends[0])}{last}")
    if len(ends) < len(points):
        lines.append(f"  not protected: {many(len(points) - len(ends), 'point')}")
    return lines
