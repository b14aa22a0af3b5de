"""init: create a repository for a lake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from canvasback.catalog.engines import open_engine
from canvasback.datapath.data_root import refuse_nesting
from canvasback.datapath.opened_lake import open_lake
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from canvasback.model.results.init import InitResult
from canvasback.repository.repository import create_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.transfer.identity import lake_id


@translates_errors
def init(
    lake: str, repository: str, *, stores: Stores | None = None, clock: Callable[[], datetime] = now
) -> InitResult:
    """Create a repository for a lake in an absent or empty folder.

    Args:
        lake: The lake, as in ATTACH.
        repository: The folder, or a URL in an object store.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Raises:
        RefusedError: There is something in the folder already, or it lies in the lake's data path.
        LakeError: The lake cannot be read, so it cannot be told which one it is.
    """
    name = parse_lake(lake)
    run = Run.begin(stores=stores, clock=clock)
    store = run.stores.open(repository)
    with open_lake(open_engine(name, run.stores), name, may_be_incomplete=True) as live:
        id_ = lake_id(live.stored)
        refuse_nesting(store.url, live.root())
    created = create_repository(store, id_, run.now())
    return InitResult(repository=created.store.url, repository_id=created.marker.repository_id, lake_id=id_)
