"""The commands that fill a repository."""

from __future__ import annotations

import signal
import time
from typing import Annotated

import msgspec
import typer

import canvasback
from canvasback.cli.batch import run_batch
from canvasback.cli.options import AsJson, DataPath, Jobs, Lake, LimitRate, Quiet, Repo
from canvasback.cli.output import show_event, show_result
from canvasback.cli.progress import progress_for
from canvasback.cli.running import INTERRUPTED, exit_code_of, run_command
from canvasback.cli.settings import read_settings
from canvasback.cli.signals import stopped_by_signals
from canvasback.model.lake import parse_lake
from canvasback.model.results.run import RunResult
from canvasback.storage.locations import folder_url


def init(
    repository: Annotated[str, typer.Argument(metavar="REPO", help="An absent or empty folder, or a URL.")],
    lake: Annotated[str, typer.Option("--lake", help="The lake that the repository is for.")],
    as_json: AsJson = False,
) -> None:
    """Create a repository for a lake."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        return canvasback.init(settings.lake(lake).lake, repository, stores=settings.stores())

    run_command(work, as_json=as_json)


def backup(
    lake: Lake,
    repo: Repo = None,
    data_path: DataPath = None,
    jobs: Jobs = None,
    recheck: Annotated[
        int | None,
        typer.Option("--recheck", min=0, help="At how many files that are held already to look again."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compare everything with the repository, and mend what is damaged there.")
    ] = False,
    only_new: Annotated[
        bool, typer.Option("--only-new", help="Make no point where the newest one holds all that there is.")
    ] = False,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make a recovery point, copying only what the repository lacks."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        named = settings.lake(lake)
        return canvasback.backup(
            named.lake,
            settings.find_repository(repo, named),
            data_path=named.find_data_path(data_path),
            jobs=jobs,
            recheck=recheck,
            full=full,
            only_new=only_new,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, as_json=as_json)


def watch(
    lake: Lake,
    repo: Repo = None,
    every: Annotated[
        float, typer.Option("--every", min=0.05, max=86_400, help="Seconds between two looks for commits.")
    ] = 1.0,
    data_path: DataPath = None,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line instead of text.")] = False,
) -> None:
    """Make a point after every commit, until it is stopped."""

    def work() -> int:
        settings = read_settings()
        named = settings.lake(lake)
        with stopped_by_signals() as stop:
            for event in canvasback.watch(
                named.lake,
                settings.find_repository(repo, named),
                every=every,
                stop=stop,
                data_path=named.find_data_path(data_path),
                jobs=jobs,
                stores=settings.stores(limit_rate),
                progress=progress_for(quiet=quiet),
            ):
                show_event(event, as_json=as_json)
        return INTERRUPTED if stop.signal == signal.SIGINT else 0

    raise typer.Exit(exit_code_of(work, as_json=as_json, compact=True))


def run(
    lake: Lake,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="The batch job and its arguments.")],
    repo: Repo = None,
    data_path: DataPath = None,
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
        parse_lake(named.lake), folder_url(repository)  # what makes no sense is found out before the job runs
        began = time.monotonic()
        ended.append(run_batch(command))
        seconds = round(time.monotonic() - began, 3)
        made = canvasback.backup(
            named.lake,
            repository,
            data_path=named.find_data_path(data_path),
            jobs=jobs,
            stores=stores,
            progress=progress_for(quiet=quiet),
        )
        return show_result(RunResult(exit_code=ended[0], seconds=seconds, backup=made), as_json=as_json, to_stderr=True)

    code = exit_code_of(work, as_json=as_json)
    raise typer.Exit(ended[0] if ended and ended[0] else code)
