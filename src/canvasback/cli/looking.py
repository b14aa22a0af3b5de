"""The commands that look at a repository, and change nothing."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

import canvasback
from canvasback.cli.options import AsJson, AtSnapshot, AtTime, Jobs, Point, Quiet, Repo, SomePoint
from canvasback.cli.progress import progress_for
from canvasback.cli.running import run_command
from canvasback.cli.settings import read_settings
from canvasback.model.level import VerifyLevel


def list_(repo: Repo = None, as_json: AsJson = False) -> None:
    """List the recovery points."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        return canvasback.list_points(settings.find_repository(repo), stores=settings.stores())

    run_command(work, as_json=as_json)


def show(point: Point = "latest", repo: Repo = None, as_json: AsJson = False) -> None:
    """Show what a point holds, and what its backup found."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        return canvasback.show(settings.find_repository(repo), point, stores=settings.stores())

    run_command(work, as_json=as_json)


def verify(
    point: Point = "latest",
    repo: Repo = None,
    all_points: Annotated[bool, typer.Option("--all", help="Verify every point.")] = False,
    level: Annotated[VerifyLevel, typer.Option(help="How deeply to look.")] = VerifyLevel.EXISTS,
    jobs: Jobs = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """See whether points can still be restored."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        return canvasback.verify(
            settings.find_repository(repo),
            point,
            all_points=all_points,
            level=level,
            jobs=jobs,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )

    run_command(work, as_json=as_json)


def attach(
    point: SomePoint = None,
    repo: Repo = None,
    at_snapshot: AtSnapshot = None,
    at_time: AtTime = None,
    out: Annotated[str | None, typer.Option("--out", help="The file to make; <point>.ducklake if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a point readable where it lies."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        return canvasback.attach(
            settings.find_repository(repo),
            point,
            at_snapshot=at_snapshot,
            at_time=at_time,
            out=out,
            stores=settings.stores(),
        )

    run_command(work, as_json=as_json)
