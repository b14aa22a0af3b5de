"""The commands that look into a lake's history, of its points and of the live lake, and change nothing."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

import canvasback
from canvasback.cli.options import AsJson, Repo
from canvasback.cli.running import run_command
from canvasback.cli.settings import Settings, read_settings
from canvasback.errors import UsageError

LiveLake = Annotated[
    str | None, typer.Option("--lake", help="Look into the live lake: as in ATTACH, or a name from canvasback.toml.")
]
_MOMENT = "A point, latest, a snapshot's number, a time like 2026-11-24T12:30:00Z or '2 hours ago', or now with --lake."


def diff(
    a: Annotated[str, typer.Argument(help=_MOMENT)],
    b: Annotated[str, typer.Argument(help="The same; the newer one.")],
    repo: Repo = None,
    lake: LiveLake = None,
    as_json: AsJson = False,
) -> None:
    """Tell what changed from one moment of a lake to another."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        repository, live = _places(settings, repo, lake)
        return canvasback.diff(a, b, lake=live, repository=repository, stores=settings.stores())

    run_command(work, as_json=as_json)


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

    def work() -> msgspec.Struct:
        settings = read_settings()
        repository, live = _places(settings, repo, lake)
        return canvasback.tables(
            lake=live,
            repository=repository,
            point=point,
            dropped=dropped,
            at_snapshot=at_snapshot,
            at_time=at_time,
            stores=settings.stores(),
        )

    run_command(work, as_json=as_json)


def _places(settings: Settings, repo: str | None, lake: str | None) -> tuple[str | None, str | None]:
    """The repository and the lake. With a lake, a repository is welcome and not needed."""
    if lake is None:
        return settings.find_repository(repo), None
    named = settings.lake(lake)
    try:
        return settings.find_repository(repo, named), named.lake
    except UsageError:
        return None, named.lake
