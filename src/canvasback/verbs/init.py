"""init: create a repository for a lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from canvasback.catalog.engines import open_engine
from canvasback.datapath.data_root import refuse_nesting
from canvasback.datapath.opened_lake import open_lake
from canvasback.errors import RefusedError
from canvasback.model.clock import now
from canvasback.model.holding import StorageKind, place_of, storage_kind
from canvasback.model.lake import parse_lake
from canvasback.model.lock import Lock, LockMode
from canvasback.model.results.init import InitResult
from canvasback.model.seal import Seal, no_recipients
from canvasback.repository.recipients import new_passphrase, new_recipient
from canvasback.repository.repository import create_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.transfer.holdings import choose_holding
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
    storage: StorageKind | str = StorageKind.COPY,
    replica_url: str | None = None,
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
        storage: How to have the lake's files. ``copy``: as copies. ``versions``: a point names the version that each
            object of the data path has, which its bucket keeps when the object is overwritten or deleted; no byte is
            copied, and what is lost with the bucket is lost with its versions. ``replica``: a point names what has
            arrived at a replica of the data path, to which the cloud or somebody else copies.
        replica_url: Where the replica is: a folder, or a URL in an object store.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Returns:
        What was made. With findings, it could not be seen whether the lake's bucket keeps versions.

    Raises:
        UsageError: There is no such lock (``lock-not-understood``), or a key is none (``key-not-understood``); there is
            nobody for whom the data could be sealed (``no-recipients``); there is no such storage
            (``storage-not-understood``), or the data path is at a place that keeps none, or none
            that we can name (``no-versions``).
        RefusedError: There is something in the folder already, or it lies in the lake's data path; nothing can be
            locked there (``lock-unsupported``, ``lock-not-enabled``); the lake's bucket keeps no versions
            (``versions-off``), or the replica is none (``no-replica``); or copies are to be sealed where there are none
            (``no-copies``).
        LakeError: The lake cannot be read, so it cannot be told which one it is.
        StorageError: The replica's bucket is not there (``bucket-missing``), or does not answer.
    """
    wanted, kind = Lock.of(lock, lock_days), storage_kind(storage, replica_url)
    name = parse_lake(lake)
    run = Run.begin(stores=stores, clock=clock)
    who = [new_recipient(key, called, run.now()) for called, key in (recipients or {}).items()]
    who += [new_passphrase(passphrase, called, run.now()) for called, passphrase in (passphrases or {}).items()]
    if seal_data and not who:
        raise no_recipients()
    if seal_data and kind is not StorageKind.COPY:
        raise RefusedError(
            "no-copies",
            f"a repository whose storage is {kind} has no copies of data files to be sealed",
            hint="Leave out --seal-data: documents and chunks are sealed all the same. The files are as open as the "
            "place where they are.",
        )
    store = run.stores.open(repository)
    with open_lake(open_engine(name, run.stores), name, may_be_incomplete=True) as live:
        id_ = lake_id(live.stored)
        refuse_nesting(store.url, live.root())
        holding, findings = choose_holding(kind, live.root(), replica_url, store.url, run.stores)
        readable = bool(who) and not seal_data and not live.stored.encrypted and holding is None
    seal = Seal(seal_data) if who else None
    created = create_repository(store, id_, run.now(), wanted, seal, who, holding=holding, stores=run.stores)
    return InitResult(
        repository=created.store.url,
        repository_id=created.marker.repository_id,
        lake_id=id_,
        lock=wanted.mode if wanted is not None else None,
        lock_days=wanted.days if wanted is not None else None,
        sealed_for=tuple(one.name for one in who),
        seals_data=seal_data,
        readable_data=readable,
        storage=kind,
        storage_url=place_of(holding),
        findings=findings,
        finding_counts=Counter(finding.code for finding in findings),
    )
