"""``check``: whether a live lake is sound."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, CheckDepth, DataPath, Jobs, Lake, Quiet, Repo
from canvasback.cli.page_file import write_page
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.shown import SHOWN
from canvasback.cli.text.size import size
from canvasback.cli.text.table import table
from canvasback.cli.text.verdict import verdict
from canvasback.model.level import CheckLevel
from canvasback.model.moment import spelled
from canvasback.model.plurals import many
from canvasback.model.results.check import CheckResult, Stretch, TableHealth
from canvasback.storage.local.new_file import refuse_unwritable

app = typer.Typer()

_SOUND, _WRONG, _LOST = "·", "?", "X"


@app.command()
def check(
    lake: Lake,
    repo: Repo = None,
    level: CheckDepth = CheckLevel.FOOTERS,
    table: Annotated[
        str | None, typer.Option("--table", help="Look only at this table, or at all tables of this schema.")
    ] = None,
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Also write the report as one web page, with a picture."),
    ] = None,
    data_path: DataPath = None,
    jobs: Jobs = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """See whether a live lake is sound, without writing to it."""

    def work() -> CheckResult:
        settings = read_settings()
        named = settings.lake(lake)
        if html is not None:
            refuse_unwritable(html, "page")
        result = canvasback.check(
            named.lake,
            settings.look_for_repository(repo, named),
            level=level,
            table=table,
            data_path=named.find_data_path(data_path),
            jobs=jobs,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )
        if html is not None:
            from canvasback.cli.check_page import check_page  # noqa: PLC0415 - jinja2 is slow to load

            write_page(html, check_page(result))
        return result

    run_command(work, _text, as_json=as_json)


def _text(result: CheckResult) -> str:
    looked = f", {many(result.files, 'file')} ({size(result.bytes)}) looked at" if result.level != "catalog" else ""
    lines = [
        f"{result.lake} at snapshot {result.snapshot_id} of {spelled(result.snapshot_time)}: {verdict(result)}",
        f"  DuckLake {result.ducklake_version} in {result.engine}, data path {result.data_path}",
        f"  level {result.level}{looked}, in {result.seconds:.2f} s; nothing was changed",
    ]
    if result.accepted:
        lines.append(f"  {many(result.accepted, 'lost file')} not counted: that loss was accepted")
    if result.unknown_checksums:
        lines.append(
            f"  {many(result.unknown_checksums, 'file')} the repository has no checksum of: back up, and check again"
        )
    suffering = [health for health in result.tables if health.findings]
    if suffering:
        rows: list[tuple[str, ...]] = [("TABLE", "FILES", "LOST", "ROWS", "ROWS LOST", "OLDEST TO NEWEST FILE")]
        rows += [_row(health) for health in suffering[:SHOWN]]
        lines += ["", table(rows)]
        if any(health.stretches for health in suffering):
            lines.append(f"{_SOUND} sound   {_WRONG} not what the catalog says   {_LOST} lost or unreadable")
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


def _row(health: TableHealth) -> tuple[str, ...]:
    name = f"{health.schema}.{health.table}" + (" (dropped)" if health.dropped else "")
    numbers = (health.files, health.lost, health.rows, health.rows_lost)
    return (name, *(f"{number:,}" for number in numbers), _picture(health.stretches))


def _picture(stretches: tuple[Stretch, ...]) -> str:
    """A table's data files from the oldest to the newest, a letter for each few: sound, wrong or lost."""
    return "".join(_LOST if one.lost else _WRONG if one.wrong else _SOUND for one in stretches)
