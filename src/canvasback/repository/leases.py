"""Leases: at most one run writes to a repository at a time, and a run that died does not block it for ever.

A lease is a numbered object that is created, never changed. Who holds the highest number holds the
repository until the lease expires. To renew is to create the next number; of two runs that try, one wins.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from canvasback.errors import LockedError, ObjectExistsError, ObjectMissingError, StorageError
from canvasback.repository import layout
from canvasback.storage.process import Process, is_dead, this_process
from canvasback.storage.store import Store

LIFETIME = timedelta(seconds=60)
_SKEW = timedelta(seconds=10)
"""How far two machines' clocks may differ: a lease of another is respected this much longer."""

_HINT = "Wait until the other run has ended; the lease of a run that died on another machine expires in a minute."


class Lease(msgspec.Struct, frozen=True):
    """The content of a lease object.

    Attributes:
        token: Random; whose lease it is.
        operation: What the holder does.
        process: Who the holder is.
        expires: When it ends unless it is renewed, UTC.
    """

    token: str
    operation: str
    process: Process
    expires: datetime


class HeldLease:
    """The right to write to a repository. `check` it before what cannot be undone."""

    def __init__(self, store: Store, operation: str, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._operation = operation
        self._clock = clock
        self._token = secrets.token_hex(8)
        self._process = this_process()
        self._lock = threading.Lock()
        self._number, self._expires = self._acquire()
        self._lost = False

    def check(self) -> None:
        """See that the lease is still ours.

        Raises:
            LockedError: It expired, and another run may have begun (``lease-lost``).
        """
        with self._lock:
            if self._lost or self._clock() >= self._expires:
                raise LockedError(
                    "lease-lost",
                    f"the run was held up for so long that its lease of {self._store.url} expired",
                    hint="Run it again: what has been copied is kept.",
                )

    def renew(self) -> None:
        """Put the end off. A lease that expired is not renewed: another run may have relied on that."""
        with self._lock:
            if self._lost or self._clock() >= self._expires:
                self._lost = True
                return
            try:
                number, expires = self._create(self._number + 1)
            except ObjectExistsError:
                self._lost = True
                return
            except StorageError:
                return  # try again before it expires
            with contextlib.suppress(StorageError):
                self._store.delete(layout.lease_name(self._number))
            self._number, self._expires = number, expires

    def release(self) -> None:
        """Give it up."""
        with self._lock, contextlib.suppress(StorageError):
            if not self._lost:
                self._store.delete(layout.lease_name(self._number))

    def _acquire(self) -> tuple[int, datetime]:
        listed = ((stat.name, layout.parse_lease_name(stat.name)) for stat in self._store.list(layout.LEASES))
        leases = {name: number for name, number in listed if number is not None}
        for name in leases:
            holder = _read(self._store, name)
            if holder is not None and holder.expires + _SKEW > self._clock() and not is_dead(holder.process):
                raise self._locked(holder)
        number = max(leases.values(), default=0) + 1
        try:
            held = self._create(number)
        except ObjectExistsError as error:
            raise self._locked(_read(self._store, layout.lease_name(number))) from error
        # Another run may have taken a lease after our look, and renewed it under a number above ours.
        for stat in self._store.list(layout.LEASES):
            rival = None if stat.name in leases else _read(self._store, stat.name)
            if rival is not None and rival.token != self._token and not is_dead(rival.process):
                self._store.delete(layout.lease_name(number))
                raise self._locked(rival)
        for name in leases:
            self._store.delete(name)
        return held

    def _create(self, number: int) -> tuple[int, datetime]:
        expires = self._clock() + LIFETIME
        lease = Lease(self._token, self._operation, self._process, expires)
        self._store.put_new(layout.lease_name(number), msgspec.json.encode(lease))
        return number, expires

    def _locked(self, holder: Lease | None) -> LockedError:
        who = f"{holder.operation} by process {holder.process.pid} on {holder.process.host}" if holder else "a run"
        return LockedError("repository-locked", f"another run is writing to {self._store.url}: {who}", hint=_HINT)


@contextlib.contextmanager
def hold_lease(store: Store, operation: str, clock: Callable[[], datetime]) -> Iterator[HeldLease]:
    """Hold the repository for the time of a block, renewing the lease from a thread.

    Raises:
        LockedError: Another run holds it (``repository-locked``).
    """
    lease = HeldLease(store, operation, clock)
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(LIFETIME.total_seconds() / 3):
            lease.renew()

    keeper = threading.Thread(target=keep, name="canvasback-lease", daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        ended.set()
        keeper.join()
        lease.release()


def _read(store: Store, name: str) -> Lease | None:
    try:
        return msgspec.json.decode(store.get(name), type=Lease)
    except (ObjectMissingError, msgspec.DecodeError):
        return None
