"""``tables``: what a point or a lake holds, or held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, LiveLake, Repo
from canvasback.cli.settings import read_settings
from canvasback.cli.text.row_counts import count
from canvasback.cli.text.sides import side_line
from canvasback.cli.text.size import size
from canvasback.cli.text.table import table
from canvasback.model.moment import in_utc
from canvasback.model.results.diff import DroppedTable, TablesResult

app = typer.Typer()


@app.command()
def tables(
    point: Annotated[
        str | None, typer.Argument(help="An id, a unique beginning of one, or latest; the newest one if not given.")
    ] = None,
    repo: Repo = None,
    lake: LiveLake = None,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="Also list the tables that are no more, and how to bring them back.")
    ] = False,
    at_snapshot: Annotated[int | None, typer.Option("--at-snapshot", help="As they were at that snapshot.")] = None,
    at_time: Annotated[
        str | None,
        typer.Option("--at-time", help="As they were at that time: 2026-11-24T12:30:00Z, or '2 hours ago'."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the tables of a point or of a lake, with their rows; also those that were dropped."""

    def work() -> TablesResult:
        settings = read_settings()
        repository, live = settings.find_places(repo, lake)
        return canvasback.tables(
            lake=live,
            repository=repository,
            point=point,
            dropped=dropped,
            at_snapshot=at_snapshot,
            at_time=at_time,
            stores=settings.stores(),
        )

    run_command(work, _text, as_json=as_json)


def _text(result: TablesResult) -> str:
    lines = [f"at    {side_line(result.at)}", ""]
    rows = [("SCHEMA", "TABLE", "ROWS", "FILES", "SIZE")]
    rows += [
        (one.schema, one.table, count(one.rows, one.fewest, one.most), f"{one.files:,}", size(one.bytes))
        for one in result.tables
    ]
    lines.append(table(rows) if result.tables else "no tables")
    if result.dropped is not None:
        lines += ["", *_dropped(result.dropped)]
    return "\n".join(lines)


def _dropped(dropped: tuple[DroppedTable, ...]) -> Iterator[str]:
    if not dropped:
        yield "no dropped tables that this catalog still knows"
        return
    rows = [("SCHEMA", "TABLE", "DROPPED BY", "DROPPED (UTC)", "LAST SEEN", "ROWS THEN")]
    for one in dropped:
        time = in_utc(one.dropped_at) if one.dropped_at else "?"
        last = "expired" if one.last_snapshot is None else f"snapshot {one.last_snapshot}"
        rows.append(
            (one.schema, one.table, f"snapshot {one.dropped_by}", time, last, count(one.rows, one.fewest, one.most))
        )
    yield table(rows)
    commands = [one.restore for one in dropped if one.restore]
    if commands:
        yield ""
        yield "to bring back:"
        yield from (f"  {command}" for command in commands)
