"""The commands. Each is one call of the library; see `canvasback` for the functions."""

from __future__ import annotations

import enum
import errno
import sys
from collections.abc import Callable
from typing import Annotated

import duckdb
import msgspec
import typer

import canvasback
from canvasback.cli.output import show_error, show_result
from canvasback.cli.progress import progress_for
from canvasback.cli.settings import read_settings
from canvasback.errors import CanvasbackError, LakeError, NoSpaceError, StorageError

_INTERRUPTED = 130

app = typer.Typer(
    name="canvasback",
    help="Backup and recovery for DuckLake.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Repo = Annotated[
    str | None, typer.Option("--repo", "-r", help="The repository; else CANVASBACK_REPO, else canvasback.toml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="How many files are worked on at a time.")]
Point = Annotated[str, typer.Argument(help="An id, a unique beginning of one, or latest.")]
Lake = Annotated[str, typer.Argument(help="As in ATTACH: ducklake:main.ducklake, or a name from canvasback.toml.")]
LimitRate = Annotated[str | None, typer.Option("--limit-rate", help="Copy at most so many bytes per second: 50M, 1G.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]


class VerifyLevel(enum.StrEnum):
    """How deeply verify looks."""

    exists = "exists"
    checksum = "checksum"
    rows = "rows"


class RestoreLevel(enum.StrEnum):
    """What restore takes for damaged."""

    exists = "exists"
    checksum = "checksum"


@app.command()
def init(
    repository: Annotated[str, typer.Argument(metavar="REPO", help="An absent or empty folder, or a URL.")],
    lake: Annotated[str, typer.Option("--lake", help="The lake that the repository is for.")],
    as_json: AsJson = False,
) -> None:
    """Create a repository for a lake."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        return canvasback.init(repository, settings.lake(lake).lake, stores=settings.stores())

    _run(work, as_json=as_json)


@app.command()
def backup(
    lake: Lake,
    repo: Repo = None,
    data_path: Annotated[
        str | None,
        typer.Option("--data-path", help="Where the data path is, if the catalog's spelling does not lead there."),
    ] = None,
    jobs: Jobs = None,
    recheck: Annotated[
        int | None,
        typer.Option("--recheck", min=0, help="At how many files that are held already to look again."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compare everything with the repository, and mend what is damaged there.")
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
            data_path=data_path or named.data_path,
            jobs=jobs,
            recheck=recheck,
            full=full,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    _run(work, as_json=as_json)


@app.command("list")
def list_(repo: Repo = None, as_json: AsJson = False) -> None:
    """List the recovery points."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        return canvasback.list_points(settings.find_repository(repo), stores=settings.stores())

    _run(work, as_json=as_json)


@app.command()
def show(point: Point = "latest", repo: Repo = None, as_json: AsJson = False) -> None:
    """Show what a point holds, and what its backup found."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        return canvasback.show(settings.find_repository(repo), point, stores=settings.stores())

    _run(work, as_json=as_json)


@app.command()
def verify(
    point: Point = "latest",
    repo: Repo = None,
    all_points: Annotated[bool, typer.Option("--all", help="Verify every point.")] = False,
    level: Annotated[VerifyLevel, typer.Option(help="How deeply to look.")] = VerifyLevel.exists,
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
            level=level.value,
            jobs=jobs,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )

    _run(work, as_json=as_json)


@app.command()
def restore(
    to: Annotated[str, typer.Option("--to", metavar="LAKE", help="The catalog to write; absent or empty.")],
    point: Point = "latest",
    repo: Repo = None,
    data_path: Annotated[
        str | None, typer.Option("--data-path", help="Put all files here, and point the catalog here.")
    ] = None,
    level: Annotated[RestoreLevel, typer.Option(help="What counts as damaged.")] = RestoreLevel.exists,
    replace: Annotated[bool, typer.Option("--replace", help="Move a catalog that is there aside first.")] = False,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    limit_rate: LimitRate = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Bring a point back as a lake."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        named = settings.lake(to)
        return canvasback.restore(
            settings.find_repository(repo, named),
            named.lake,
            point,
            data_path=data_path,
            level=level.value,
            replace=replace,
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(limit_rate),
            progress=progress_for(quiet=quiet),
        )

    _run(work, as_json=as_json)


@app.command()
def attach(
    point: Point = "latest",
    repo: Repo = None,
    out: Annotated[str | None, typer.Option("--out", help="The file to make; <point>.ducklake if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a point readable where it lies."""

    def work() -> msgspec.Struct:
        settings = read_settings()
        return canvasback.attach(settings.find_repository(repo), point, out=out, stores=settings.stores())

    _run(work, as_json=as_json)


@app.command()
def repoint(
    lake: Lake,
    data_path: Annotated[str, typer.Option("--data-path", help="Where the lake's files are now.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="First see that every file is there with its size; refuse otherwise.")
    ] = False,
    keep_elsewhere: Annotated[
        bool, typer.Option("--keep-elsewhere", help="Leave files outside of the data path where they are.")
    ] = False,
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
            dry_run=dry_run,
            jobs=jobs,
            stores=settings.stores(),
            progress=progress_for(quiet=quiet),
        )

    _run(work, as_json=as_json)


def _run(work: Callable[[], msgspec.Struct], *, as_json: bool) -> None:
    """Do the work, print its answer, and leave with the exit code that design.md gives it."""
    try:
        code = show_result(work(), as_json=as_json)
    except CanvasbackError as error:
        code = show_error(error, as_json=as_json)
    except OSError as error:
        code = show_error(_unforeseen(error), as_json=as_json)
    except duckdb.Error as error:
        code = show_error(_unexpected(error), as_json=as_json)
    except KeyboardInterrupt:
        print("interrupted; what was copied is kept, and the next run goes on from there", file=sys.stderr)
        code = _INTERRUPTED
    raise typer.Exit(code)


def _unforeseen(error: OSError) -> CanvasbackError:
    where = error.filename or "a file"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoSpaceError(str(where))
    return StorageError(
        f"cannot work with {where}: {error.strerror or error}",
        hint="See whether the disk, the mount and the permissions are as they should be, and run it again.",
    )


def _unexpected(error: duckdb.Error) -> CanvasbackError:
    """What the engines and the operations could not foresee of a catalog or of a damaged point."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "No space left" in reason:
        return NoSpaceError("a temporary file")
    return LakeError(
        "unexpected-catalog",
        f"DuckDB cannot work with what it was given: {reason}",
        hint="The catalog or the point may be damaged: run verify --all --level checksum, and report this message.",
    )


def _version(value: bool) -> None:
    if value:
        print(canvasback.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Backup and recovery for DuckLake."""


def main() -> None:
    """The console script."""
    app()
