"""init: create a repository for a lake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from canvasback.catalog.engines import open_engine
from canvasback.datapath.data_root import refuse_nesting
from canvasback.datapath.opened_lake import open_lake
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from canvasback.model.lock import Lock, LockMode
from canvasback.model.results.init import InitResult
from canvasback.model.seal import Seal, no_recipients
from canvasback.repository.recipients import new_passphrase, new_recipient
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
    recipients: Mapping[str, str] | None = None,
    passphrases: Mapping[str, str] | None = None,
    seal_data: bool = False,
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
        recipients: Seal the repository for these public keys of age (``age1…``), by names for them: whoever has the
            secret key of one can open it, and nobody else. Two are advised, for without any all is lost.
        passphrases: The same for passphrases, by names for them.
        seal_data: Seal copies of data files too. Those of an encrypted lake are encrypted anyway; of another lake they
            can be read by whoever reads the repository if this is False. Points with sealed copies cannot be attached.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Raises:
        UsageError: There is no such lock (``lock-not-understood``), or a key is none (``key-not-understood``); or
            there is nobody for whom the data could be sealed (``no-recipients``).
        RefusedError: There is something in the folder already, or it lies in the lake's data path; or nothing can be
            locked there (``lock-unsupported``, ``lock-not-enabled``).
        LakeError: The lake cannot be read, so it cannot be told which one it is.
    """
    wanted = Lock.of(lock, lock_days)
    name = parse_lake(lake)
    run = Run.begin(stores=stores, clock=clock)
    who = [new_recipient(key, called, run.now()) for called, key in (recipients or {}).items()]
    who += [new_passphrase(passphrase, called, run.now()) for called, passphrase in (passphrases or {}).items()]
    if seal_data and not who:
        raise no_recipients()
    store = run.stores.open(repository)
    with open_lake(open_engine(name, run.stores), name, may_be_incomplete=True) as live:
        id_ = lake_id(live.stored)
        refuse_nesting(store.url, live.root())
        readable = bool(who) and not seal_data and not live.stored.encrypted
    created = create_repository(store, id_, run.now(), wanted, Seal(seal_data) if who else None, who)
    return InitResult(
        repository=created.store.url,
        repository_id=created.marker.repository_id,
        lake_id=id_,
        lock=wanted.mode if wanted is not None else None,
        lock_days=wanted.days if wanted is not None else None,
        sealed_for=tuple(one.name for one in who),
        seals_data=seal_data,
        readable_data=readable,
    )
