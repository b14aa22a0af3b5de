"""A rewind as text: what is lost, before what is done."""

from __future__ import annotations

from datetime import UTC

from canvasback.model.moment import spelled
from canvasback.model.rewinding import AbandonedCommit, RewindResult, RewoundTable

_SHOWN = 20


def rewind_text(result: RewindResult) -> list[str]:
    """All of it but the findings."""
    if result.from_snapshot == result.snapshot_id:
        return [f"{result.lake} is not changed: {step}" for step in result.steps]
    head = "would take" if result.dry_run else "took"
    lines = [f"{head} {result.lake} back to snapshot {result.snapshot_id} of {spelled(result.snapshot_time)}"]
    if result.commits:
        count = len(result.commits)
        lines.append(f"  {count:,} commit{'s are' if count != 1 else ' is'} undone:")
        lines += [f"    {_commit(commit)}" for commit in result.commits[:_SHOWN]]
        lines += [f"    … and {count - _SHOWN:,} more; --json shows them"] if count > _SHOWN else []
        lines.append("  tables:" if result.tables else "  no table changes")
        lines += [f"    {_table(table)}" for table in result.tables]
    lines += [f"  - {step}" for step in result.steps]
    if result.safety_point:
        lines.append(f"what the lake was before is in point {result.safety_point}")
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    return lines


def _commit(commit: AbandonedCommit) -> str:
    said = ": ".join(part for part in (commit.author, commit.message) if part)
    # To the millisecond, as commits of one job follow each other fast.
    moment = f"{commit.time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]
    return f"{commit.snapshot_id}  {moment} UTC  {commit.changes}" + (f"  ({said})" if said else "")


def _table(table: RewoundTable) -> str:
    name = f"{table.schema}.{table.table}"
    about = "" if table.exact else "about "
    if table.change == "goes":
        return f"{name} goes, with {about}{table.rows_now:,} rows"
    if table.change == "returns":
        return f"{name} comes back, with {about}{table.rows_then:,} rows"
    renamed = f", and is called {table.name_then} again" if table.name_then else ""
    if table.rows_now == table.rows_then:
        return f"{name} keeps {about}{table.rows_now:,} rows, of which some or its columns differ{renamed}"
    return f"{name} has {about}{table.rows_then:,} rows instead of {table.rows_now:,}{renamed}"
