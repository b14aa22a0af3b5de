"""``protect status``: what a cloud does for a lake's files, and what becomes of them in each disaster."""

from __future__ import annotations

from typing import Annotated

import typer

import canvasback
from canvasback.cli.exit_codes import run_command
from canvasback.cli.options import AsJson, DataPath, Repo
from canvasback.cli.page_file import write_page
from canvasback.cli.settings import read_settings
from canvasback.cli.text.findings import findings_lines
from canvasback.cli.text.protection import DISASTERS, bucket_lines, cover_words, protection_headline, verdict_words
from canvasback.model.moment import spelled
from canvasback.model.plurals import many
from canvasback.model.results.protect_status import ProtectStatusResult
from canvasback.storage.local.new_file import refuse_unwritable

app = typer.Typer()

ProtectedThing = Annotated[
    str, typer.Argument(metavar="LAKE|URL", help="As in ATTACH, or a name from canvasback.toml; or a bucket's URL.")
]


@app.command()
def status(
    lake: ProtectedThing,
    repo: Repo = None,
    sample: Annotated[
        int,
        typer.Option("--sample", min=0, max=1000, help="Look at the copies of so many of the newest and oldest files."),
    ] = 20,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Also write the report as one web page.")
    ] = None,
    data_path: DataPath = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a cloud does for a lake's files by itself, and whether that suffices."""

    def work() -> ProtectStatusResult:
        settings = read_settings()
        named = settings.lake(lake)
        if html is not None:
            refuse_unwritable(html, "page")
        result = canvasback.protect_status(
            named.lake,
            settings.look_for_repository(repo, named),
            data_path=named.find_data_path(data_path),
            sample=sample,
            stores=settings.stores(),
        )
        if html is not None:
            from canvasback.cli.protection_page import protection_page  # noqa: PLC0415 - jinja2 is slow to load

            write_page(html, protection_page(result))
        return result

    run_command(work, _text, as_json=as_json)


def _text(result: ProtectStatusResult) -> str:
    facts = result.facts
    what = f"{result.lake}, data path {result.data_path}" if result.lake else result.data_path
    lines = [f"{what}: {protection_headline(result)}"]
    if facts.files is not None:
        lines.append(f"  {many(facts.files, 'file')} in the data path")
    if facts.repository is not None:
        newest = f", the newest of {spelled(facts.repository.newest)}" if facts.repository.newest is not None else ""
        lines.append(f"  repository {facts.repository.url} with {many(facts.repository.points, 'point')}{newest}")
    if result.bucket is not None:
        lines += ["", *bucket_lines(result.bucket, facts.prefix)]
    for replica in result.replicas:
        if replica.protection is not None:
            lines += ["", f"replica by the rule {replica.rule}", *bucket_lines(replica.protection, facts.prefix)]
    lines += ["", "if"]
    for verdict in result.verdicts:
        lines.append(f"  {DISASTERS[verdict.disaster]:<22}  {verdict_words(verdict)}")
        lines += [f"    {cover_words(cover)}" for cover in verdict.covers]
    cures = list(dict.fromkeys(verdict.cure for verdict in result.verdicts if verdict.cure))
    lines += ["", *(f"  to cover more: {cure}" for cure in cures)] if cures else []
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])
