"""The commands about damage of a live lake: see it, heal it, win back what no catalog remembers."""

from __future__ import annotations

import contextlib
import os
from typing import Annotated

import msgspec
import typer

import canvasback
from canvasback.cli.options import AsJson, DataPath, DryRun, Jobs, Lake, LimitRate, Quiet, Repo
from canvasback.cli.progress import progress_for
from canvasback.cli.running import run_command
from canvasback.cli.settings import LakeSettings, Settings, read_settings
from canvasback.errors import AccessDeniedError, RefusedError, StorageError, UsageError
from canvasback.model.level import CheckLevel
from canvasback.storage.locations import refuse_url

Level = Annotated[CheckLevel, typer.Option(help="How deeply to look.")]


def check(
    lake: Lake,
    repo: Repo = None,
    level: Level = CheckLevel.FOOTERS,
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

    def work() -> msgspec.Struct:
        settings = read_settings()
        named = settings.lake(lake)
        if html is not None:
            _refuse_page(html)
        result = canvasback.check(
            named.lake,
            _repository(settings, repo, named),
            level=level,
            table=table,
            data_path=named.find_data_path(data_path),
            jobs=jobs,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )
        if html is not None:
            from canvasback.cli.check_page import check_page  # noqa: PLC0415 - jinja2 is slow to load

            _write(html, check_page(result))
        return result

    run_command(work, as_json=as_json)


def heal(
    lake: Lake,
    repo: Repo = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="A replica of the data path, for what the repository lacks."),
    ] = None,
    level: Level = CheckLevel.FOOTERS,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="Make one commit that leaves out what cannot be healed."),
    ] = False,
    data_path: DataPath = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Put back what a live lake lost, and mend what is provably wrong in its catalog."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        named = settings.lake(lake)
        return canvasback.heal(
            named.lake,
            _repository(settings, repo, named),
            source=source,
            level=level,
            accept_loss=accept_loss,
            data_path=named.find_data_path(data_path),
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, as_json=as_json)


def salvage(
    lake: Lake,
    repo: Repo = None,
    new_catalog: Annotated[
        bool, typer.Option("--new-catalog", help="The catalog is lost: make it from a point, or from the files alone.")
    ] = False,
    data_path: DataPath = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Win back commits that the catalog does not know, or a catalog that is lost."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        named = settings.lake(lake)
        return canvasback.salvage(
            named.lake,
            _repository(settings, repo, named),
            new_catalog=new_catalog,
            data_path=named.find_data_path(data_path),
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, as_json=as_json)


def _repository(settings: Settings, repo: str | None, named: LakeSettings) -> str | None:
    """The repository, which is welcome and not always needed."""
    if repo is not None:
        return settings.find_repository(repo, named)
    with contextlib.suppress(UsageError):
        return settings.find_repository(repo, named)
    return None


def _refuse_page(path: str) -> None:
    """See that the page can be written, before the lake is looked at: that may take an hour."""
    refuse_url(path)
    if os.path.lexists(path):
        raise RefusedError(
            "target-not-empty",
            f"there is something at {path} already",
            hint="Name another file for the page: nothing is overwritten.",
        )
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise StorageError(f"there is no folder {folder} to write {path} to", hint="Make the folder, or name another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise AccessDeniedError(path)


def _write(path: str, page: str) -> None:
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        error.filename = path  # a full disk says so in our words, but not where
        raise
