"""``forget``: points that are not needed any more."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import (
    AsJson,
    DryRun,
    KeepDaily,
    KeepHourly,
    KeepLast,
    KeepMonthly,
    KeepWeekly,
    KeepWithin,
    KeepYearly,
    Quiet,
    Repo,
    SomePoints,
)
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.shown import SHOWN
from canvasback.cli.text.size import size
from canvasback.cli.text.table import table
from canvasback.errors import UsageError
from canvasback.model.moment import in_utc
from canvasback.model.plurals import many
from canvasback.model.results.forget import ForgetResult
from canvasback.model.retention import Policy

app = typer.Typer()


@app.command()
def forget(
    points: SomePoints = None,
    repo: Repo = None,
    keep_last: KeepLast = 0,
    keep_hourly: KeepHourly = 0,
    keep_daily: KeepDaily = 0,
    keep_weekly: KeepWeekly = 0,
    keep_monthly: KeepMonthly = 0,
    keep_yearly: KeepYearly = 0,
    keep_within: KeepWithin = "",
    keep_tag: Annotated[
        list[str] | None,
        typer.Option("--keep-tag", help="Keep those with this tag, and not those with others; may be given again."),
    ] = None,
    keep_snapshot_span: Annotated[
        bool, typer.Option("--keep-snapshot-span", help="Keep what it takes to reach every snapshot.")
    ] = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Hide points that a policy does not keep, or that are named."""
    given = Policy(
        keep_last=keep_last,
        keep_hourly=keep_hourly,
        keep_daily=keep_daily,
        keep_weekly=keep_weekly,
        keep_monthly=keep_monthly,
        keep_yearly=keep_yearly,
        keep_within=keep_within,
        keep_tag=tuple(keep_tag or ()),
        keep_snapshot_span=keep_snapshot_span,
    )

    def work() -> ForgetResult:
        if points and given != Policy():
            raise UsageError(
                "options-together",
                "points are named, and a policy is given",
                hint="Name the points to forget, or say which ones to keep.",
            )
        settings = read_settings()
        return canvasback.forget(
            settings.find_repository(repo),
            points=points or (),
            policy=given if given != Policy() else settings.retention,
            dry_run=dry_run,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: ForgetResult) -> str:
    if not result.points:
        return f"there is nothing to forget in {result.repository}"
    rows = [("POINT", "MADE (UTC)", "SNAPSHOT", "", "REASONS")]
    rows += [
        (
            point.point,
            in_utc(point.created),
            str(point.snapshot_id),
            "keep" if point.kept else "forget",
            ", ".join(point.reasons) if point.kept else "",
        )
        for point in result.points
    ]
    gone = many(len(result.forgotten), "point")
    return "\n".join([
        table(rows),
        "",
        f"would forget {gone}" if result.dry_run else f"forgot {gone}",
        *(_consequences(result) if result.forgotten else []),
        *_freed(result),
        *_next(result),
        *findings_lines(result.findings, result.finding_counts),
    ])  # fmt: skip


def _consequences(result: ForgetResult) -> list[str]:
    """What cannot be restored any more, by name."""
    timelines: dict[int, list[str]] = {}
    for one in result.unreachable:
        timelines.setdefault(one.timeline, []).append(
            str(one.first) if one.first == one.last else f"{one.first}-{one.last}"
        )
    lines = [
        f"  snapshots that no other point holds, on timeline {timeline}: {_some(ranges)}"
        for timeline, ranges in timelines.items()
    ]
    if not lines:
        lines = ["  every snapshot is held by another point"]
    if result.lost_tables:
        lines.append(f"  tables of which no other point knows: {_some(result.lost_tables)}")
    return lines


def _next(result: ForgetResult) -> list[str]:
    if result.dry_run:
        return ["nothing was changed (--dry-run)"]
    return ["  unforget brings back what was forgotten, until a prune deletes it"] if result.forgotten else []


def _freed(result: ForgetResult) -> list[str]:
    if result.freed_objects is None or result.freed_bytes is None:
        return ["  what a prune would then free is not known: a point that stays cannot be read"]
    return [f"  a prune would then free {many(result.freed_objects, 'object')} ({size(result.freed_bytes)})"]


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN:,} more; --json shows them" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
