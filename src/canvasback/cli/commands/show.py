"""``show``: what a point holds."""

from __future__ import annotations

from datetime import datetime

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, Point, Repo
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.size import size
from canvasback.cli.text.table import table
from canvasback.model.holding import StorageKind
from canvasback.model.moment import spelled
from canvasback.model.plurals import either, many
from canvasback.model.register import held_words
from canvasback.model.results.listing import ShowResult

app = typer.Typer()


@app.command()
def show(point: Point = "latest", repo: Repo = None, as_json: AsJson = False) -> None:
    """Show what a point holds, and what its backup found."""

    def work() -> ShowResult:
        settings = read_settings()
        return canvasback.show(settings.find_repository(repo), point, stores=settings.stores())

    # What it prints was found by a backup long ago; to have shown it is success.
    run_command(work, _text, as_json=as_json, needs_attention=lambda _: False)


def _text(result: ShowResult) -> str:
    p = result.point
    lines = [
        f"point {p.point}",
        f"  made       {_time(p.created)}",
        f"  snapshot   {p.snapshot_id}, committed {_time(p.snapshot_time)}, on timeline {p.timeline}",
        f"  snapshots  {p.snapshots:,} can be travelled to",
        f"  files      {p.files:,} ({size(p.bytes)}), of which {p.new_files:,} {_came(result)} for it",
        f"  catalog    DuckLake {result.ducklake_version} in {result.engine}"
        + (", encrypted files" if result.encrypted else ""),
        f"  data path  {result.data_path} (found at {result.data_root})",
        "",
    ]
    marks = [
        ("tags", ", ".join(p.tags)),
        ("note", p.note),
        ("held", held_words(p.held_until).removeprefix("held ") if p.held else ""),
        ("forgotten", f"since {_time(p.forgotten)}" if p.forgotten else ""),
    ]
    lines[-1:-1] = [f"  {name:<10} {said}" for name, said in marks if said]
    if result.absent:
        lines.insert(-1, f"  absent     {many(result.absent, 'file')} could not be saved")
    rows = [("SCHEMA", "TABLE", "ROWS", "FILES", "SIZE")]
    rows += [
        (t.schema, t.table, "?" if t.rows is None else f"{t.rows:,}", f"{t.files:,}", size(t.bytes))
        for t in result.tables
    ]
    lines.append(table(rows) if result.tables else "the lake has no tables at that snapshot")
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


def _came(result: ShowResult) -> str:
    """How the point came by its new files."""
    was = either(result.point.new_files, "was", "were")
    if result.storage == StorageKind.COPY:
        return f"{was} copied"
    place = result.storage_url
    return f"{was} pinned at {place}" if result.storage == StorageKind.VERSIONS else f"had arrived at {place}"


def _time(time: datetime | None) -> str:
    return spelled(time) if time else "?"
