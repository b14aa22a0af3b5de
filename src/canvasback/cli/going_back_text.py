"""What rewind and restore --table say, as text: what is lost, before what is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from canvasback.cli.commits_text import commit_lines
from canvasback.cli.counts_text import counted
from canvasback.cli.text import findings_lines, size
from canvasback.model.moment import spelled
from canvasback.model.plurals import many
from canvasback.model.results.rewind import RewindResult, RewoundTable
from canvasback.model.results.table_restore import TableRestoreResult


def _rewind(result: RewindResult) -> str:
    return "\n".join([*_rewind_lines(result), *findings_lines(result.findings, result.finding_counts)])


def _rewind_lines(result: RewindResult) -> list[str]:
    if result.from_snapshot == result.snapshot_id:
        return [f"{result.lake} is not changed: {step}" for step in result.steps]
    head = "would take" if result.dry_run else "took"
    lines = [f"{head} {result.lake} back to snapshot {result.snapshot_id} of {spelled(result.snapshot_time)}"]
    undone = len(result.commits)
    lines += ["", f"{many(undone, 'commit')} {'is' if undone == 1 else 'are'} undone:"]
    lines += commit_lines(result.commits, {t.table_id: f"{t.schema}.{t.table}" for t in result.tables})
    lines += ["", *(_rewound(table) for table in result.tables)] if result.tables else ["", "no table changes"]
    lines += ["", *(f"  - {step}" for step in result.steps)]
    if result.safety_point:
        lines.append(f"what the lake was before is in point {result.safety_point}")
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    return lines


def _rewound(table: RewoundTable) -> str:
    name = f"{table.schema}.{table.table}"
    then = counted(table.rows_then, table.then_fewest, table.then_most)
    if table.change == "goes":
        return f"{name} goes, with {many(table.rows_now, 'row')}"
    if table.change == "returns":
        return f"{name} comes back, with {then}"
    renamed = f", and is called {table.name_then} again" if table.name_then else ""
    if table.rows_now == table.rows_then and table.then_fewest == table.then_most:
        return f"{name} keeps {then}, but some of them, or its columns, differ{renamed}"
    return f"{name} has {then} instead of {table.rows_now:,}{renamed}"


def _restore_tables(result: TableRestoreResult) -> str:
    head = "would bring back" if result.dry_run else "brought back"
    lines = [f"{head} from {result.point}, as of snapshot {result.snapshot_id}, into {result.lake}:"]
    for table in result.tables:
        named = f" as {table.restored_as}" if table.restored_as != table.table else ""
        rows = counted(table.rows, table.fewest, table.most)
        lines.append(f"    {table.table}{named}: {rows}, {many(table.files, 'file')} ({size(table.bytes)})")
    lines += [f"  - {step}" for step in result.steps]
    lines.append(
        "nothing was changed (--dry-run)"
        if result.dry_run
        else f"the lake has it from snapshot {result.new_snapshot_id} on, in {result.seconds:.2f} s"
    )
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


FORMATS: dict[type, Callable[[Any], str]] = {RewindResult: _rewind, TableRestoreResult: _restore_tables}
