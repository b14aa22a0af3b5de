"""backup_attached: make a point of a lake from inside of the application that has it attached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import duckdb

from canvasback.catalog.engines.attached import AttachedLake
from canvasback.model.clock import now
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.backup import BackupResult
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.transfer.new_point import carry_out
from canvasback.transfer.planned_point import Request


@translates_errors
def backup_attached(
    connection: duckdb.DuckDBPyConnection,
    alias: str,
    repository: str,
    *,
    metadata_schema: str | None = None,
    data_path: str | None = None,
    recheck: int | None = None,
    full: bool = False,
    only_new: bool = False,
    also: str | None = None,
    witness: str | None = None,
    tags: Sequence[str] = (),
    note: str = "",
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> BackupResult:
    """Make a recovery point of a lake that this very process has attached; see `canvasback.backup`.

    A catalog in DuckDB is read through the application's connection, in a transaction of its own; one in another
    engine as any other reader reads it. What the application has not committed is not in the point.

    Args:
        connection: The application's connection of DuckDB.
        alias: The name under which the lake is attached in it.
        repository: The repository, a folder or a URL.
        metadata_schema: The schema that holds the catalog, where its database has several catalogs.
        data_path: See `canvasback.backup`.
        recheck: See `canvasback.backup`.
        full: See `canvasback.backup`.
        only_new: See `canvasback.backup`.
        also: See `canvasback.backup`.
        witness: See `canvasback.backup`.
        tags: See `canvasback.backup`.
        note: See `canvasback.backup`.
        dry_run: See `canvasback.backup`.
        jobs: See `canvasback.backup`.
        stores: See `canvasback.backup`.
        progress: Told how the work goes on.
        clock: Tells the time.

    Returns:
        What was done, or would be. With findings the point is made all the same, of all that could be read.

    Raises:
        UsageError: The connection has no lake of that name (``not-attached``).
        CanvasbackError: No point was made; every older one is as it was.
    """
    attached = AttachedLake(connection, alias, metadata_schema or "")
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    request = Request(
        lake=attached.name,
        engine=attached.engine(),
        repository=open_repository(run.stores, repository),
        run=run,
        data_path=data_path,
        recheck=recheck,
        full=full,
        only_new=only_new,
    )
    return carry_out(request, dry_run=dry_run, also=also, witness=witness, tags=tuple(tags), note=note)
