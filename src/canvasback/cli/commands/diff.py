"""``diff``: what changed between two moments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, LiveLake, Repo
from canvasback.cli.settings import read_settings
from canvasback.cli.text.commits import commit_lines
from canvasback.cli.text.row_counts import count
from canvasback.cli.text.sides import side_line
from canvasback.cli.text.size import size
from canvasback.cli.text.table import table
from canvasback.model.plurals import either, many
from canvasback.model.results.diff import Change, DiffResult, ObjectDifference, TableDifference

app = typer.Typer()

_MOMENT = "A point, latest, a snapshot's number, a time like 2026-11-24T12:30:00Z or '2 hours ago', or now with --lake."


@app.command()
def diff(
    a: Annotated[str, typer.Argument(help=_MOMENT)],
    b: Annotated[str, typer.Argument(help="The same; the newer one.")],
    repo: Repo = None,
    lake: LiveLake = None,
    as_json: AsJson = False,
) -> None:
    """Tell what changed from one moment of a lake to another."""

    def work() -> DiffResult:
        settings = read_settings()
        repository, live = settings.find_places(repo, lake)
        return canvasback.diff(a, b, lake=live, repository=repository, stores=settings.stores())

    run_command(work, _text, as_json=as_json)


def _text(result: DiffResult) -> str:
    lines = [f"from  {side_line(result.before)}", f"to    {side_line(result.after)}"]
    if not result.ancestor:
        lines.append("note  as far as can be told, the lake was taken back and written again in between")
    if not result.tables and not result.objects:
        lines += ["", f"nothing changed: {_all_are(result.totals.unchanged)}"]
        return "\n".join(lines + list(_commits(result)))
    if result.tables:
        rows: list[tuple[str, ...]] = [("TABLE", "CHANGE", "ROWS", "ADDED", "REMOVED", "FILES", "SIZE")]
        rows += [_row(one) for one in result.tables]
        lines += ["", table(rows)]
    for one in result.tables:
        lines += [f"  {one.schema}.{one.table}: {_change(change)}" for change in one.changes]
    lines += [_object(one) for one in result.objects]
    return "\n".join([*lines, "", *_totals(result), *_commits(result)])


def _all_are(tables: int) -> str:
    return either(tables, "the one table is as it was", f"all {tables:,} tables are as they were")


def _row(one: TableDifference) -> tuple[str, ...]:
    name = f"{one.schema}.{one.table}"
    if "renamed" in one.kinds:
        name = f"{one.old_schema}.{one.old_table} → {name}"
    before = count(one.rows_before, one.before_fewest, one.before_most)
    after = count(one.rows_after, one.after_fewest, one.after_most)
    told = _told(one)
    about = "" if one.exact else "about "
    return (
        name,
        ", ".join(one.kinds),
        f"{before} → {after}" if before != after else after,
        (f"{about}+{one.rows_added:,}" if one.rows_added or about else "") if told else "?",
        (f"{about}-{one.rows_removed:,}" if one.rows_removed or about else "") if told else "?",
        _both(f"{one.files_added:,}" if one.files_added else "", f"{one.files_removed:,}" if one.files_removed else ""),
        _both(size(one.bytes_added) if one.files_added else "", size(one.bytes_removed) if one.files_removed else ""),
    )


def _told(one: TableDifference) -> bool:
    """Whether it is known how many rows a table had on either side."""
    return one.before_fewest == one.before_most and one.after_fewest == one.after_most


def _both(added: str, removed: str) -> str:
    return " ".join(part for part in (f"+{added}" if added else "", f"-{removed}" if removed else "") if part)


def _change(change: Change) -> str:
    before, after = change.before or "none", change.after or "none"
    if change.part != "column":
        return f"{change.part} {before} → {after}"
    said = {
        "added": f"column {change.name} {after} added",
        "dropped": f"column {change.name} {before} dropped",
        "renamed": f"column {before} renamed to {change.name}",
        "type": f"column {change.name} {before} → {after}",
        "nullable": f"column {change.name} {after}",
    }
    return said.get(change.change, f"{change.change} of column {change.name} {before} → {after}")


def _object(one: ObjectDifference) -> str:
    name = f"{one.schema}.{one.name}" if one.schema else one.name
    return f"  {one.kind} {name} {one.change}" + (f" from {one.old_name}" if one.old_name else "")


def _totals(result: DiffResult) -> Iterator[str]:
    totals = result.totals
    counts = [(totals.created, "created"), (totals.dropped, "dropped"), (totals.renamed, "renamed")]
    counts += [(totals.altered, "altered"), (totals.data, "with other data"), (totals.unchanged, "unchanged")]
    yield "tables  " + ", ".join(f"{count:,} {what}" for count, what in counts if count)
    about = "" if totals.exact else "about "
    unknown = not all(_told(one) for one in result.tables)
    if unknown:
        yield "rows    not known of all tables"
    else:
        yield f"rows    {about}{totals.rows_added:,} added, {about}{totals.rows_removed:,} removed"
    yield (
        f"files   {totals.files_added:,} added ({size(totals.bytes_added)}), "
        f"{totals.files_removed:,} removed ({size(totals.bytes_removed)})"
    )
    if about and not unknown:
        yield "about   where rows of several snapshots are in one file, the catalog alone cannot tell all numbers"


def _commits(result: DiffResult) -> Iterator[str]:
    if result.commits:
        names = {one.table_id: f"{one.schema}.{one.table}" for one in result.tables}
        yield ""
        yield from commit_lines(result.commits, names)
    missing = result.commits_missing
    if missing:
        yield f"{many(missing, 'commit')} in between {either(missing, 'was', 'were')} expired"
