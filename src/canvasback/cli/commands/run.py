"""``run``: a batch job, and a point after it."""

from __future__ import annotations

import time
from typing import Annotated

import typer

import canvasback
from canvasback.cli.batch import BatchCommand, run_batch
from canvasback.cli.commands.backup import backup_text
from canvasback.cli.exit_codes import WITH_FINDINGS, exit_code_of, has_findings
from canvasback.cli.options import Also, AsJson, DataPath, Jobs, Lake, LimitRate, NoteIt, Quiet, Repo, TagIt, WitnessOf
from canvasback.cli.output import show_answer
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.model.lake import parse_lake
from canvasback.model.register import check_note, check_tags
from canvasback.model.results.run import RunResult
from canvasback.storage.locations import folder_url

app = typer.Typer()


@app.command(cls=BatchCommand)
def run(
    lake: Lake,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="The batch job and its arguments.")],
    repo: Repo = None,
    also: Also = None,
    data_path: DataPath = None,
    tag: TagIt = None,
    note: NoteIt = "",
    witness: WitnessOf = None,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run a batch job, and make a point after it, whether it succeeded or not."""
    ended: list[int] = []

    def work() -> int:
        settings = read_settings()
        named = settings.lake(lake)
        repository, stores = settings.find_repository(repo, named), settings.stores(limit_rate)
        # What makes no sense is found out before the job runs.
        second = named.find_also(also)
        parse_lake(named.lake), folder_url(repository), folder_url(repository if second is None else second)
        check_tags(tag or ())
        check_note(note)
        began = time.monotonic()
        ended.append(run_batch(command))
        seconds = round(time.monotonic() - began, 3)
        made = canvasback.backup(
            named.lake,
            repository,
            data_path=named.find_data_path(data_path),
            jobs=jobs,
            also=second,
            witness=settings.find_witness(witness),
            tags=tag or (),
            note=note,
            stores=stores,
            progress=progress_for(quiet=quiet),
        )
        show_answer(RunResult(exit_code=ended[0], seconds=seconds, backup=made), _text, as_json=as_json, to_stderr=True)
        return WITH_FINDINGS if has_findings(made) else 0

    code = exit_code_of(work, as_json=as_json)
    raise typer.Exit(ended[0] if ended and ended[0] else code)


def _text(result: RunResult) -> str:
    job = f"the command ended with exit code {result.exit_code} after {result.seconds:.2f} s"
    return f"{job}\n{backup_text(result.backup)}"
