"""``pitr forget``: base backups that are not needed any more, and the log before them."""

from __future__ import annotations

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
    Repo,
    System,
)
from canvasback.cli.settings import read_settings
from canvasback.cli.text.table import table
from canvasback.model.moment import in_utc
from canvasback.model.plurals import many
from canvasback.model.results.pitr_forget import PitrForgetResult
from canvasback.model.retention import Policy

app = typer.Typer()


@app.command()
def forget(
    repo: Repo = None,
    keep_last: KeepLast = 0,
    keep_hourly: KeepHourly = 0,
    keep_daily: KeepDaily = 0,
    keep_weekly: KeepWeekly = 0,
    keep_monthly: KeepMonthly = 0,
    keep_yearly: KeepYearly = 0,
    keep_within: KeepWithin = "",
    system: System = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Delete base backups that a policy does not keep, and the log before the oldest that stays."""
    given = Policy(
        keep_last=keep_last,
        keep_hourly=keep_hourly,
        keep_daily=keep_daily,
        keep_weekly=keep_weekly,
        keep_monthly=keep_monthly,
        keep_yearly=keep_yearly,
        keep_within=keep_within,
    )

    def work() -> PitrForgetResult:
        settings = read_settings()
        return canvasback.pitr_forget(
            settings.find_repository(repo), policy=given, system=system, dry_run=dry_run, stores=settings.stores()
        )

    run_command(work, _text, as_json=as_json)


def _text(result: PitrForgetResult) -> str:
    rows = [("BASE BACKUP", "MADE (UTC)", "KIND", "", "REASONS")]
    rows += [
        (
            one.base,
            in_utc(one.ended),
            "incremental" if one.parent else "full",
            "keep" if one.reasons else "delete",
            ", ".join(one.reasons),
        )
        for one in result.bases
    ]
    lines = [table(rows), "", *(f"  - {step}" for step in result.steps)]
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    if result.locked:
        lines.append(f"{many(result.locked, 'object')} locked against deletion; run it again when the locks have ended")
    return "\n".join(lines)
