"""Leases: at most one run writes to a repository at a time, and a run that died does not block it for ever.

Leases are numbered objects that are created, never changed. Who made the highest number holds the repository
until that lease expires or a higher one gives it up. To renew is to create the next number; of two runs that
try, one wins. Leases also say which point is the newest, so that nobody has to list the repository to know.

The highest number is found without a listing, see `canvasback.storage.numbered`: the numbers that this takes are
kept, and all others go once they are old.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from canvasback.errors import (
    AccessDeniedError,
    LockedError,
    NoSpaceError,
    ObjectExistsError,
    ObjectMissingError,
    StorageError,
)
from canvasback.repository import layout
from canvasback.repository.lease import Lease, decode_lease
from canvasback.storage import numbered
from canvasback.storage.bucket.service import no_conditional_writes
from canvasback.storage.local.process import is_dead, this_process
from canvasback.storage.store import Store

LIFETIME = timedelta(seconds=60)
_SKEW = timedelta(seconds=10)
"""How far two machines' clocks may differ: a lease of another is respected this much longer."""

_LOOK = 2.0
"""Seconds between two looks at a lease whose holder may be gone."""

_SETTLED = timedelta(minutes=10)
"""How long after its end a lease may be removed: longer than anybody takes to find the highest number."""

_TIDIED = 32
"""How many old leases a run looks at."""

_UNPUBLISHED = 100
"""How many points that may still come a lease knows: there is one where a run dies in one certain instant."""

_UNANNOUNCED = {"mirror", "repair"}
"""What publishes points that others made, many at once, and announces none."""

_HELD_HERE: set[str] = set()
"""The tokens of the leases that this process holds, or is about to."""

_HINT = "Wait until the other run has ended; the lease of a run that died on another machine expires in a minute."


class HeldLease:
    """The right to write to a repository. `check` it before what cannot be undone.

    Attributes:
        latest: The newest point's id as the leases know it; empty where there is none, None if they do not know.
        unpublished: Points that runs before announced and did not publish, though they may still do so. Who makes sure
            that they cannot takes them out.
        overtaken: See `Lease`.
    """

    def __init__(self, store: Store, operation: str, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._operation = operation
        self._clock = clock
        self._token = secrets.token_hex(8)
        self._process = this_process()
        self._lock = threading.Lock()
        self._lost = False
        self.latest: str | None = None
        self.unpublished: tuple[str, ...] = ()
        self.overtaken: datetime | None = None
        self._publishing = ""
        self._kept_from = 1
        self._kept: tuple[int, ...] = ()
        _HELD_HERE.add(self._token)
        try:
            self._number, self._expires = self._acquire()
        except BaseException:
            _HELD_HERE.discard(self._token)
            raise
        self._first = self._number

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
            with contextlib.suppress(StorageError):  # it is tried again before it expires
                self._go_on()

    def announce(self, point: str) -> None:
        """Note that a point of that id is about to be published.

        Raises:
            LockedError: See `check`.
            StorageError: It could not be noted.
        """
        self.check()
        with self._lock:
            self._publishing = point
            self._go_on()
        self.check()

    def _go_on(self) -> None:
        """Create the next number. Who was held up until after the end may have made one that is long past."""
        ends = self._expires
        try:
            self._number, self._expires = self._create(self._number + 1)
        except ObjectExistsError:
            self._lost = True
        else:
            self._lost = self._clock() >= ends

    def published(self) -> None:
        """Note that the announced point is there."""
        with self._lock:
            self.latest, self._publishing = self._publishing, ""

    def release(self) -> None:
        """Give it up. Where that cannot be noted, others wait until it expires, and this process does not."""
        try:
            with self._lock, contextlib.suppress(StorageError):
                self._note_end()
        finally:
            _HELD_HERE.discard(self._token)

    def _note_end(self) -> None:
        if self._lost:
            return
        if self._publishing:  # it failed, and what was sent may still arrive
            self.unpublished = _newest_of((*self.unpublished, self._publishing))
        try:
            self._tidy()
            self._create(self._number + 1, held=False)
        except NoSpaceError:
            # Without ours the last one that was given up is the newest again.
            for number in range(self._number, self._first - 1, -1):
                self._store.delete(layout.lease_name(number))

    def _acquire(self) -> tuple[int, datetime]:
        last, holder = find_newest(self._store)
        while True:
            if holder is not None:
                if self._in_use(holder):
                    raise self._locked(holder)
                self._kept_from, self._kept = holder.kept_from, holder.kept
                self.latest = latest_of(self._store, holder)
                late = () if holder.publishing in {"", self.latest} else (holder.publishing,)
                self.unpublished = _newest_of((*holder.unpublished, *late))
                silent = holder.held and holder.operation in _UNANNOUNCED and not is_dead(holder.process)
                self.overtaken = holder.expires if silent else holder.overtaken
            try:
                held = self._create(last + 1)
            except ObjectExistsError as error:
                raise self._locked(_read(self._store, layout.lease_name(last + 1))) from error
            # Who was held up while it looked for the highest number may have found one that is long gone.
            last, holder = find_newest(self._store)
            if last == held[0] or holder is None or holder.token == self._token:
                return held

    def _in_use(self, lease: Lease) -> bool:
        left = lease.expires - self._clock()
        if not lease.held or left <= -_SKEW:
            return False
        if left > LIFETIME + _SKEW and self._is_left(lease):
            return False
        ours = lease.process.boot != "" and lease.process == this_process()
        return lease.token in _HELD_HERE if ours else not is_dead(lease.process)

    def _is_left(self, lease: Lease) -> bool:
        """Whether nobody renews a lease that ends later than any can: it is of a clock that is far ahead.

        Its holder may be at work all the same. So it is given as much time to renew it as a lease lasts.
        """
        if is_dead(lease.process):
            return True
        ends = time.monotonic() + (LIFETIME + _SKEW).total_seconds()
        while time.monotonic() < ends:
            time.sleep(min(_LOOK, max(0.0, ends - time.monotonic())))
            newest = find_newest(self._store)[1]
            if newest is None or newest.token != lease.token or newest.expires != lease.expires:
                return False
        return True

    def _create(self, number: int, *, held: bool = True) -> tuple[int, datetime]:
        expires = self._clock() + (LIFETIME if held else timedelta())
        lease = Lease(
            self._token,
            self._operation,
            self._process,
            expires,
            held,
            self.latest,
            self._publishing if held else "",
            self._kept_from,
            self._kept,
            self.unpublished,
            self.overtaken,
        )
        self._store.put_new(layout.lease_name(number), msgspec.json.encode(lease))
        return number, expires

    def _tidy(self) -> None:
        """Remove old leases that nobody needs to find the highest number; a few at every run."""
        keep = numbered.needed(self._number + 1)
        try:
            for number in set(self._kept) - keep:
                self._store.delete(layout.lease_name(number))
            self._kept = tuple(number for number in self._kept if number in keep)
            for number in range(self._kept_from, min(self._kept_from + _TIDIED, self._number)):
                if number in keep:
                    self._kept += (number,)
                else:
                    lease = _read(self._store, layout.lease_name(number))
                    if lease is not None and lease.expires - self._clock() > -_SETTLED:
                        return
                    self._store.delete(layout.lease_name(number))
                self._kept_from = number + 1
        except AccessDeniedError:
            return  # who may not delete leaves a little litter

    def _locked(self, holder: Lease | None) -> LockedError:
        who = f"{holder.operation} by process {holder.process.pid} on {holder.process.host}" if holder else "a run"
        return LockedError("repository-locked", f"another run is writing to {self._store.url}: {who}", hint=_HINT)


def _newest_of(unpublished: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(unpublished)))[-_UNPUBLISHED:]


def find_newest(store: Store) -> tuple[int, Lease | None]:
    """The lease of the highest number: 0 and None where there is none; None where its content cannot be read."""
    number, content = numbered.find_newest(store, layout.lease_name)
    return number, decode_lease(content)


def latest_of(store: Store, lease: Lease) -> str | None:
    """The newest point as a lease knows it: the one that was being published counts if it got there."""
    if lease.publishing and store.stat(layout.point_name(lease.publishing)) is not None:
        return lease.publishing
    return lease.latest


def begin_leases(store: Store, clock_now: datetime) -> None:
    """Write the first lease of a new repository, which nobody holds, and see that the store refuses a second.

    Raises:
        StorageError: It overwrites (``no-conditional-writes``).
    """
    first, second = (
        msgspec.json.encode(Lease(secrets.token_hex(8), "init", this_process(), clock_now, held=False, latest=""))
        for _ in range(2)
    )
    store.put_new(layout.lease_name(1), first)
    with contextlib.suppress(ObjectExistsError):
        store.put_new(layout.lease_name(1), second)
        raise no_conditional_writes(store.url)


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
        return decode_lease(store.get(name))
    except ObjectMissingError:
        return None
