"""Covers canvasback.repository.leases, with a clock that the test winds and processes that really die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from canvasback.errors import AccessDeniedError, LockedError, ObjectExistsError, ObjectMissingError, StorageError
from canvasback.repository import layout
from canvasback.repository.lease import Lease
from canvasback.repository.leases import LIFETIME, HeldLease, begin_leases, find_newest, hold_lease
from canvasback.storage.local.process import Process, this_process
from canvasback.storage.local.store import LocalStore
from canvasback.storage.numbered import needed
from canvasback.storage.store import Stat

SECOND = timedelta(seconds=1)
ELSEWHERE = Process("other-machine", "other-boot pid:[1]", 4242, "99")


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def take(store: LocalStore, clock: Callable[[], datetime]) -> HeldLease:
    return HeldLease(store, "backup", clock)


def leases(store: LocalStore) -> list[str]:
    return [stat.name for stat in store.list(layout.LEASES)]


def numbers(store: LocalStore) -> set[int]:
    return {int(name.removeprefix(layout.LEASES).removesuffix(".json")) for name in leases(store)}


def leave(store: LocalStore, process: Process, expires: datetime, number: int = 1, **more: object) -> None:
    lease = Lease("token", "watch", process, expires, **more)  # type: ignore[arg-type]
    store.put_new(layout.lease_name(number), msgspec.json.encode(lease))


def is_locked(store: LocalStore, clock: Callable[[], datetime]) -> LockedError:
    before = leases(store)
    with pytest.raises(LockedError) as refused:
        take(store, clock)
    assert refused.value.code == "repository-locked"
    assert refused.value.exit_code == 5
    assert leases(store) == before
    return refused.value


def is_lost(lease: HeldLease) -> None:
    with pytest.raises(LockedError) as lost:
        lease.check()
    assert lost.value.code == "lease-lost"


def test_one_holds_it(store: LocalStore, clock: Clock) -> None:
    lease = take(store, clock)
    lease.check()
    assert f"backup by process {os.getpid()}" in is_locked(store, clock).message
    lease.release()
    take(store, clock).check()


def test_of_many_one_gets_it(store: LocalStore, clock: Clock) -> None:
    barrier = threading.Barrier(16)

    def attempt(_: int) -> HeldLease | None:
        barrier.wait()
        try:
            return take(store, clock)
        except LockedError:
            return None

    for _ in range(5):
        with ThreadPoolExecutor(16) as pool:
            held = [lease for lease in pool.map(attempt, range(16)) if lease is not None]
        assert len(held) == 1
        held[0].check()
        held[0].release()


def test_it_expires(store: LocalStore, clock: Clock) -> None:
    lease = take(store, clock)
    clock.go(LIFETIME - SECOND)
    lease.check()
    clock.go(SECOND)
    is_lost(lease)


def test_renewal_puts_the_end_off(store: LocalStore, clock: Clock) -> None:
    lease = take(store, clock)
    for _ in range(10):
        clock.go(LIFETIME - SECOND)
        lease.renew()
        lease.check()
        is_locked(store, clock)
    lease.release()
    take(store, clock).check()


def test_what_expired_is_not_renewed(store: LocalStore, clock: Clock) -> None:
    lease = take(store, clock)
    clock.go(LIFETIME)
    lease.renew()
    is_lost(lease)
    clock.go(-LIFETIME)  # even if the clock is set back
    is_lost(lease)


def test_who_was_held_up_loses_it_to_the_next(store: LocalStore, clock: Clock) -> None:
    slow = take(store, clock)
    clock.go(LIFETIME + 11 * SECOND)
    fast = take(store, clock)
    fast.check()
    is_lost(slow)
    slow.renew()
    is_lost(slow)
    slow.release()
    fast.check()
    is_locked(store, clock)


def test_a_live_lease_of_another_machine_is_respected(store: LocalStore, clock: Clock) -> None:
    leave(store, ELSEWHERE, clock.now + LIFETIME)
    error = is_locked(store, clock)
    assert "watch by process 4242 on other-machine" in error.message
    clock.go(LIFETIME + 9 * SECOND)  # its clock may be behind ours
    is_locked(store, clock)
    clock.go(2 * SECOND)
    take(store, clock).check()


def test_a_process_of_an_unknown_machine_is_not_taken_for_dead(store: LocalStore, clock: Clock) -> None:
    leave(store, Process("somewhere", "", 2**22 + 1, ""), clock.now + LIFETIME)
    is_locked(store, clock)


def test_the_lease_of_another_process_with_the_same_id_is_void(store: LocalStore, clock: Clock) -> None:
    us = this_process()
    leave(store, msgspec.structs.replace(us, started="1"), clock.now + LIFETIME)
    take(store, clock).check()


def test_the_newest_is_found_without_a_listing(store: LocalStore, clock: Clock) -> None:
    for number in range(1, 40):
        assert find_newest(store)[0] == number - 1
        leave(store, ELSEWHERE, clock.now - timedelta(hours=1), number)
    assert find_newest(store)[0] == 39


@pytest.mark.parametrize("last", [1, 2, 3, 7, 8, 12, 63, 64, 1000, 65_535, 1_234_567])
def test_few_are_needed_to_find_it(store: LocalStore, clock: Clock, last: int) -> None:
    for number in needed(last):
        leave(store, ELSEWHERE, clock.now, number)
    assert find_newest(store)[0] == last
    assert len(needed(last)) <= 2 * last.bit_length()
    assert needed(last + 1) <= needed(last) | {last + 1}  # what is not needed now never will be


def test_old_ones_go_and_the_newest_is_still_found(store: LocalStore, clock: Clock) -> None:
    for _ in range(100):
        lease = take(store, clock)
        clock.go(LIFETIME / 2)
        lease.renew()
        lease.release()
        clock.go(timedelta(minutes=7))
        newest = find_newest(store)[0]
        assert newest == max(numbers(store))
    assert newest == 300
    assert len(leases(store)) < 40


def test_who_may_not_delete_leaves_them_and_goes_on(tmp_path: Path, clock: Clock) -> None:
    class Guarded(LocalStore):
        def delete(self, name: str) -> None:
            raise AccessDeniedError(name)

    for count in range(1, 20):
        store = Guarded(tmp_path)
        lease = take(store, clock)
        lease.release()
        clock.go(timedelta(hours=1))
        assert find_newest(store)[0] == count * 2


def test_who_may_not_list_is_told_no_for_what_is_not_there(tmp_path: Path, clock: Clock) -> None:
    class Unlisted(LocalStore):
        def get(self, name: str) -> bytes:
            try:
                return super().get(name)
            except ObjectMissingError:
                raise AccessDeniedError(name) from None

        def list(self, prefix: str) -> Iterator[Stat]:
            raise AccessDeniedError(prefix)

    for _ in range(5):
        lease = take(Unlisted(tmp_path), clock)
        lease.check()
        with pytest.raises(LockedError):
            take(Unlisted(tmp_path), clock)
        lease.release()


def test_leases_know_the_newest_point(store: LocalStore, clock: Clock) -> None:
    lease = take(store, clock)
    assert lease.latest is None
    lease.announce("first")
    store.put_new(layout.point_name("first"), b"{}")
    lease.published()
    lease.release()
    assert take(store, clock).latest == "first"


@pytest.mark.parametrize("got_there", [True, False])
def test_a_point_counts_if_its_run_died_after_it_was_published(
    store: LocalStore, clock: Clock, *, got_there: bool
) -> None:
    lease = take(store, clock)
    lease.announce("first")
    store.put_new(layout.point_name("first"), b"{}")
    lease.published()
    lease.announce("second")
    if got_there:
        store.put_new(layout.point_name("second"), b"{}")
    clock.go(LIFETIME * 2)  # and was never heard of again
    assert take(store, clock).latest == ("second" if got_there else "first")


def test_an_announcement_needs_the_lease(store: LocalStore, clock: Clock) -> None:
    slow = take(store, clock)
    clock.go(LIFETIME * 2)
    with pytest.raises(LockedError):
        slow.announce("point")


def test_the_first_lease_is_nobodys(store: LocalStore, clock: Clock) -> None:
    begin_leases(store, clock.now)
    assert numbers(store) == {1}
    lease = take(store, clock)
    lease.check()
    assert lease.latest == ""  # there are no points, and nobody has to list to know
    with pytest.raises(ObjectExistsError):
        begin_leases(store, clock.now)


def test_a_store_that_overwrites_is_refused(tmp_path: Path, clock: Clock) -> None:
    class Careless(LocalStore):
        def put_new(self, name: str, content: bytes) -> None:
            self.delete(name)
            super().put_new(name, content)

    with pytest.raises(StorageError) as refused:
        begin_leases(Careless(tmp_path), clock.now)
    assert refused.value.code == "no-conditional-writes"


@pytest.mark.parametrize("name", ["leases/README.txt", "leases/.DS_Store", "leases/1.json.bak"])
def test_what_is_no_lease_is_no_lease(store: LocalStore, clock: Clock, name: str) -> None:
    store.put_new(name, b"a stray file")
    lease = take(store, clock)
    lease.check()
    is_locked(store, clock)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"token":', b"\0" * 200])
def test_a_lease_that_cannot_be_read_blocks_nobody_for_ever(store: LocalStore, clock: Clock, content: bytes) -> None:
    store.put_new(layout.lease_name(1), content)
    take(store, clock).check()
    assert numbers(store) == {1, 2}


def test_a_lease_taken_between_our_look_and_our_move(tmp_path: Path, clock: Clock) -> None:
    """A run looks, is held up, and another run takes the lease and renews it: the first must not hold it too."""
    rival: list[HeldLease] = []

    class HeldUp(LocalStore):
        def put_new(self, name: str, content: bytes) -> None:
            if not rival:
                rival.append(take(LocalStore(tmp_path), clock))
                clock.go(LIFETIME / 3)
                rival[0].renew()
            super().put_new(name, content)

    with pytest.raises(LockedError) as refused:
        HeldLease(HeldUp(tmp_path), "backup", clock).check()
    assert refused.value.code == "repository-locked"
    rival[0].check()


def test_who_slept_while_it_looked_gives_way(tmp_path: Path, clock: Clock) -> None:
    """While a run looks for the newest lease, others come and go for long, and old leases are removed."""
    LocalStore(tmp_path).put_new(layout.lease_name(1), b"{}")
    LocalStore(tmp_path).put_new(layout.lease_name(2), b"{}")
    LocalStore(tmp_path).put_new(layout.lease_name(3), b"{}")
    rival: list[HeldLease] = []

    class Sleepy(LocalStore):
        def get(self, name: str) -> bytes:
            if name == layout.lease_name(4) and not rival:
                for number in range(4, 9):
                    leave(LocalStore(tmp_path), ELSEWHERE, clock.now - timedelta(hours=1), number)
                rival.append(take(LocalStore(tmp_path), clock))
                LocalStore(tmp_path).delete(layout.lease_name(4))
                raise ObjectMissingError(name)
            return super().get(name)

    with pytest.raises(LockedError):
        HeldLease(Sleepy(tmp_path), "backup", clock)
    rival[0].check()


_HOLDER = """
import sys
from datetime import UTC, datetime
from canvasback.repository.leases import HeldLease
from canvasback.storage.local.store import LocalStore
from canvasback.storage.local.process import Process, this_process
lease = HeldLease(LocalStore(sys.argv[1]), "backup", lambda: datetime.now(UTC))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lease until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def real_time() -> datetime:
    return datetime.now(UTC)


def test_a_live_process_keeps_its_lease(store: LocalStore, holder: subprocess.Popen[str]) -> None:
    assert f"process {holder.pid}" in is_locked(store, real_time).message


def test_a_stopped_process_keeps_its_lease(store: LocalStore, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGSTOP)
    is_locked(store, real_time)


def test_a_dead_process_lets_go_at_once(store: LocalStore, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    take(store, real_time).check()


def test_a_zombie_is_dead(store: LocalStore, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked for its status
    take(store, real_time).check()


def test_a_block_holds_it_and_lets_go(store: LocalStore) -> None:
    with hold_lease(store, "backup", real_time) as lease:
        lease.check()
        is_locked(store, real_time)
    with pytest.raises(ZeroDivisionError), hold_lease(store, "backup", real_time):
        raise ZeroDivisionError
    take(store, real_time).check()
    assert not [thread for thread in threading.enumerate() if thread.name == "canvasback-lease"]


def test_release_after_a_loss_leaves_the_lease_of_the_next(store: LocalStore, clock: Clock) -> None:
    slow = take(store, clock)
    clock.go(LIFETIME * 2)
    fast = take(store, clock)
    slow.release()
    fast.check()
    is_locked(store, clock)


class Broken(LocalStore):
    """A store that can be away for a while."""

    away = False

    def put_new(self, name: str, content: bytes) -> None:
        if self.away:
            raise StorageError("nobody answers")
        super().put_new(name, content)


def test_what_could_not_be_given_back_is_not_in_our_own_way(tmp_path: Path, clock: Clock) -> None:
    store = Broken(tmp_path)
    with hold_lease(store, "backup", clock):
        store.away = True
    store.away = False
    number, lease = find_newest(store)
    assert lease is not None
    assert lease.held
    with hold_lease(store, "backup", clock) as held:
        held.check()
        is_locked(store, clock)  # what is held, is
    assert find_newest(store)[0] > number


def test_who_did_not_get_it_holds_nothing(tmp_path: Path, clock: Clock) -> None:
    store = Broken(tmp_path)
    store.away = True
    with pytest.raises(StorageError):
        take(store, clock)
    store.away = False
    take(store, clock).check()
