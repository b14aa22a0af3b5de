"""init: create a repository for a lake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from canvasback.catalog.engines import open_engine
from canvasback.datapath.data_root import refuse_nesting
from canvasback.datapath.opened_lake import open_lake
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from canvasback.model.lock import Lock, LockMode
from canvasback.model.results.init import InitResult
from canvasback.repository.repository import create_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.transfer.identity import lake_id


@translates_errors
def init(
    lake: str,
    repository: str,
    *,
    lock: LockMode | str | None = None,
    lock_days: int | None = None,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> InitResult:
    """Create a repository for a lake in an absent or empty folder.

    Args:
        lake: The lake, as in ATTACH.
        repository: The folder, or a URL in an object store.
        lock: Lock all objects against deletion, in a bucket of S3 that can: ``governance``, which those with a right of
            its own can lift, or ``compliance``, which nobody can. None for no locks.
        lock_days: For how many days.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Raises:
        UsageError: There is no such lock (``lock-not-understood``).
        RefusedError: There is something in the folder already, or it lies in the lake's data path; or nothing can be
            locked there (``lock-unsupported``, ``lock-not-enabled``).
        LakeError: The lake cannot be read, so it cannot be told which one it is.
    """
    wanted = Lock.of(lock, lock_days)
    name = parse_lake(lake)
    run = Run.begin(stores=stores, clock=clock)
    store = run.stores.open(repository)
    with open_lake(open_engine(name, run.stores), name, may_be_incomplete=True) as live:
        id_ = lake_id(live.stored)
        refuse_nesting(store.url, live.root())
    created = create_repository(store, id_, run.now(), wanted)
    return InitResult(
        repository=created.store.url,
        repository_id=created.marker.repository_id,
        lake_id=id_,
        lock=wanted.mode if wanted is not None else None,
        lock_days=wanted.days if wanted is not None else None,
    )
