"""The commands that write to a lake."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Annotated

import msgspec
import typer

import canvasback
from canvasback.cli.options import (
    AsJson,
    AtSnapshot,
    AtTime,
    DataPath,
    DryRun,
    Jobs,
    Lake,
    LimitRate,
    Quiet,
    Repo,
    SomePoint,
)
from canvasback.cli.progress import progress_for
from canvasback.cli.running import run_command
from canvasback.cli.settings import read_settings
from canvasback.errors import UsageError
from canvasback.model.level import RestoreLevel


def restore(
    to: Annotated[str, typer.Option("--to", metavar="LAKE", help="The catalog to write; absent or empty.")],
    point: SomePoint = None,
    repo: Repo = None,
    at_snapshot: AtSnapshot = None,
    at_time: AtTime = None,
    table: Annotated[
        str | None,
        typer.Option("--table", help="Bring this table, or all of this schema, back into the live lake."),
    ] = None,
    as_name: Annotated[str | None, typer.Option("--as", help="Another name for that table.")] = None,
    data_path: Annotated[
        str | None,
        typer.Option("--data-path", help="Put all files here; with --table, where the lake's data path is."),
    ] = None,
    relative: Annotated[
        bool, typer.Option("--relative", help="Let the catalog name the folder of --data-path relatively, as given.")
    ] = False,
    level: Annotated[RestoreLevel | None, typer.Option(help="What counts as damaged; exists by default.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Move a catalog that is there aside first.")] = False,
    shares_files: Annotated[
        bool,
        typer.Option("--shares-files", help="Share the files with the lake's catalog that is alive elsewhere."),
    ] = False,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Bring a point back as a lake, or a table of it into a live lake."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        named = settings.lake(to)
        if table is not None:
            _refuse_together(
                "--table",
                {
                    "--level": level is not None,
                    "--replace": replace,
                    "--shares-files": shares_files,
                    "--relative": relative,
                },
            )
            return canvasback.restore_tables(
                named.lake,
                settings.find_repository(repo, named),
                table,
                point,
                as_name=as_name,
                at_snapshot=at_snapshot,
                at_time=at_time,
                data_path=named.find_data_path(data_path),
                dry_run=dry_run,
                jobs=jobs,
                stores=settings.stores(limit_rate),
                progress=progress_for(quiet=quiet),
            )
        _refuse_together("no --table", {"--as": as_name is not None})
        return canvasback.restore(
            named.lake,
            settings.find_repository(repo, named),
            point,
            at_snapshot=at_snapshot,
            at_time=at_time,
            data_path=data_path,
            relative=relative,
            level=level or RestoreLevel.EXISTS,
            replace=replace,
            shares_files=shares_files,
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, as_json=as_json)


def rewind(
    lake: Lake,
    repo: Repo = None,
    to_snapshot: Annotated[
        int | None, typer.Option("--to-snapshot", min=0, help="The snapshot that becomes the newest one.")
    ] = None,
    to_time: Annotated[
        str | None, typer.Option("--to-time", help="The same by a time as it is printed, or '2 hours ago'.")
    ] = None,
    safety_point: Annotated[
        bool, typer.Option("--safety-point/--no-safety-point", help="Make a point of the lake as it is first.")
    ] = True,
    keep_files: Annotated[
        bool, typer.Option("--keep-files", help="Do not schedule the files of undone commits for deletion.")
    ] = False,
    data_path: DataPath = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take a live lake back to one of its snapshots, in place."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        named = settings.lake(lake)
        repository = None
        if safety_point:
            with contextlib.suppress(UsageError) if dry_run else contextlib.nullcontext():
                repository = settings.find_repository(repo, named)
        return canvasback.rewind(
            named.lake,
            repository,
            to_snapshot=to_snapshot,
            to_time=to_time,
            safety_point=safety_point,
            keep_files=keep_files,
            data_path=named.find_data_path(data_path),
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, as_json=as_json)


def repoint(
    lake: Lake,
    data_path: Annotated[str, typer.Option("--data-path", help="Where the lake's files are now.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="First see that every file is there with its size; refuse otherwise.")
    ] = False,
    keep_elsewhere: Annotated[
        bool, typer.Option("--keep-elsewhere", help="Leave files outside of the data path where they are.")
    ] = False,
    relative: Annotated[
        bool | None,
        typer.Option("--relative/--absolute", help="How the catalog names the folder; as it is given by default."),
    ] = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Point a live catalog at another data path, which holds its files already."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        return canvasback.repoint(
            settings.lake(lake).lake,
            data_path,
            verify=verify,
            keep_elsewhere=keep_elsewhere,
            relative=relative,
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, as_json=as_json)


def _refuse_together(one: str, others: Mapping[str, bool]) -> None:
    for other, given in others.items():
        if given:
            raise UsageError(
                "options-together",
                f"{other} makes no sense with {one}",
                hint="A table goes into the lake that --to names: leave the option out, or restore the whole point.",
            )
