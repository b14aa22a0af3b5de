"""What a prune rests on: leases that know who may still come, a register that knows who may still delete."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pytest
from blake3 import blake3

from canvasback.errors import LockedError, RefusedError
from canvasback.model.plans.prune import PrunePlan
from canvasback.model.register import Register, Sweep
from canvasback.repository import layout
from canvasback.repository.at_risk import is_at_risk, refuse_at_risk, with_a_gap
from canvasback.repository.lease import Lease
from canvasback.repository.leases import LIFETIME, HeldLease, find_newest, hold_lease
from canvasback.repository.old_leases import old_leases
from canvasback.repository.register import change_register, find_register
from canvasback.repository.withdrawn import is_withdrawn, withdraw_point
from canvasback.storage.local.process import Process
from canvasback.storage.local.store import LocalStore
from canvasback.storage.numbered import needed
from canvasback.storage.store import Stat

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
P, Q = "20261122T120000000Z-s7", "20261122T130000000Z-s8"
ELSEWHERE = Process("other-machine", "other-boot pid:[1]", 4242, "99")
LEFT = "left, as a run may be going to need it"
PLAN = PrunePlan(
    repository="/r/",
    grace="7d",
    points=0,
    objects=0,
    bytes=0,
    fingerprint="",
    waiting=0,
    waiting_bytes=0,
    leases=0,
)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def left(store: LocalStore, operation: str, publishing: str = "") -> None:
    """Leave the lease of a run that was held up, on another machine, until it ended."""
    lease = Lease("token", operation, ELSEWHERE, NOON, latest=P, publishing=publishing)
    store.put_new(layout.lease_name(find_newest(store)[0] + 1), msgspec.json.encode(lease))


def later() -> datetime:
    return NOON + timedelta(minutes=5)


def test_a_point_that_may_still_come_is_known_until_its_name_is_taken(store: LocalStore) -> None:
    left(store, "backup", publishing=Q)
    for _ in range(3):  # whoever comes between carries it on
        with hold_lease(store, "backup", later) as lease:
            assert (lease.latest, lease.unpublished) == (P, (Q,))
    with hold_lease(store, "prune", later) as lease:
        lease.unpublished = ()
    with hold_lease(store, "backup", later) as lease:
        assert lease.unpublished == ()


def test_a_point_that_came_is_the_newest_one(store: LocalStore) -> None:
    left(store, "backup", publishing=Q)
    store.put_new(layout.point_name(Q), b"{}")
    with hold_lease(store, "backup", later) as lease:
        assert (lease.latest, lease.unpublished) == (Q, ())


def test_a_point_whose_publication_failed_may_still_arrive(store: LocalStore) -> None:
    with hold_lease(store, "backup", later) as lease:
        lease.announce(Q)  # and then writing the manifest fails
    with hold_lease(store, "backup", later) as lease:
        assert lease.unpublished == (Q,)


def test_a_mirror_that_was_held_up_is_remembered(store: LocalStore) -> None:
    left(store, "mirror")
    for _ in range(2):
        with hold_lease(store, "backup", later) as lease:
            assert lease.overtaken == NOON
    with hold_lease(store, "mirror", later):
        pass
    with hold_lease(store, "backup", later) as lease:
        assert lease.overtaken == NOON  # that one gave its lease up


def test_a_lease_that_is_renewed_after_its_end_is_lost(tmp_path: Path) -> None:
    """It may have made a number that others had made and removed long ago."""
    now = [NOON]

    class HeldUp(LocalStore):
        def put_new(self, name: str, content: bytes) -> None:
            if now[0] > NOON:
                now[0] += LIFETIME
            super().put_new(name, content)

    lease = HeldLease(HeldUp(tmp_path), "backup", lambda: now[0])
    now[0] += LIFETIME / 2
    lease.renew()
    with pytest.raises(LockedError) as caught:
        lease.check()
    assert caught.value.code == "lease-lost"


def test_a_name_is_taken_once_and_for_all(store: LocalStore) -> None:
    assert withdraw_point(store, Q)
    assert withdraw_point(store, Q)  # by a prune that died then
    assert is_withdrawn(store, Q)
    store.put_new(layout.point_name(P), b"{}")
    assert not withdraw_point(store, P)
    assert not is_withdrawn(store, P)
    assert not is_withdrawn(store, "20261122T140000000Z-s9")


def test_points_that_are_pruned_do_not_come_back() -> None:
    sweep = Sweep("a", NOON + timedelta(days=7), 5)
    register = Register().forget([P], NOON, "by name")
    assert register.overdue(NOON) == {P}
    assert register.overdue(NOON - timedelta(seconds=1)) == set()
    pruned = register.prune([P, Q], sweep, NOON)
    assert (pruned.marks(P).pruning, pruned.marks(Q).pruning) == (True, False)
    assert pruned == pruned.prune([P], sweep, NOON)
    assert pruned.overdue(NOON - timedelta(days=99)) == {P}  # with whatever grace: it has begun
    with pytest.raises(RefusedError):
        pruned.unforget([P])
    assert pruned.without([P, Q]).points == {}
    assert register.without([P]) == register  # it is not being pruned
    withdrawn = Register().withdraw([Q], NOON)
    assert (withdrawn.overdue(NOON - timedelta(seconds=1)), withdrawn.overdue(NOON)) == (set(), {Q})
    assert withdrawn.withdraw([Q], NOON + timedelta(days=1)) == withdrawn
    with pytest.raises(RefusedError):
        withdrawn.unforget([Q])


def test_a_mirror_remembers_what_it_pruned_as_long_as_it_could_come_again() -> None:
    sweep = Sweep("a", NOON + timedelta(days=7), 5)
    pruned = Register().mirror_of([P, Q], [P, Q], []).forget([P, Q], NOON, "by name").prune([P, Q], sweep, NOON)
    pruned = pruned.without([P, Q])
    assert pruned.forgotten() == {P, Q}
    assert pruned.mirror_of([P, Q], [], []) == pruned
    assert pruned.mirror_of([P], [], []).forgotten() == {P}
    assert pruned.mirror_of([P, Q], [], [P]).forgotten() == {Q}
    assert pruned.mirror_of([], [Q], [Q]).forgotten() == {Q}  # it is still being pruned


def test_a_mirror_does_not_remember_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canvasback.model.register.REMEMBERED", 1)
    pruned = Register().mirror_of([], [], []).forget([P, Q], NOON, "by name")
    pruned = pruned.prune([P, Q], Sweep("a", NOON + timedelta(days=7), 5), NOON)
    assert pruned.without([P, Q]).forgotten() == {Q}


def test_sweeps_put_objects_at_risk_until_they_end(store: LocalStore) -> None:
    ours, other = Sweep("a", NOON + timedelta(days=7), 5), Sweep("b", NOON + timedelta(days=1), 9)
    both = Register().prune([], other, NOON).prune([], ours, NOON)
    assert (both.at_risk_ns(NOON), both.at_risk_ns(other.until), both.at_risk_ns(ours.until)) == (9, 5, 0)
    assert both.swept("a").sweeps == (other,)
    assert both.prune([], ours, other.until).sweeps == (ours,)  # the other one is over
    change_register(store, lambda: NOON, lambda _: both)
    assert find_register(store).register == both
    with pytest.raises(LockedError) as caught:
        refuse_at_risk(store, NOON)
    assert caught.value.code == "prune-unfinished"
    refuse_at_risk(store, ours.until)
    assert [is_at_risk(Stat("x", 1, time), 5) for time in (0, 4, 5, 6)] == [True, True, False, False]
    assert not is_at_risk(None, 5)
    assert not is_at_risk(Stat("x", 1, 4), 0)


def test_a_chunk_with_a_gap_has_the_same_rows_and_another_name(tmp_path: Path) -> None:
    path, again = tmp_path / "chunk.parquet", tmp_path / "again.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT range AS i, 'odd ☂' AS s FROM range(5000)) TO '{path}' (PARQUET_VERSION v2)")
        content = path.read_bytes()
        others = {blake3(with_a_gap(content)).hexdigest() for _ in range(3)}
        again.write_bytes(with_a_gap(content))
        rows = [connection.execute(f"FROM '{file}' ORDER BY ALL").fetchall() for file in (path, again)]
    assert rows[0] == rows[1]
    assert len({blake3(content).hexdigest(), *others}) == 4


def test_old_leases_that_help_nobody(store: LocalStore) -> None:
    for number in range(1, 21):
        store.put_new(layout.lease_name(number), b"{}")
        if number != 18:
            os.utime(Path(store.url, layout.lease_name(number)), ns=(100, 100))
    store.put_new(layout.LEASES + "note.txt", b"somebody's")
    gone = {int(name[-15:-5]) for name in old_leases(store, 200)}
    assert gone == set(range(1, 20)) - needed(20) - {18}
    assert old_leases(store, 100) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ["nothing is to be deleted"]),
        ({"points": 1}, ["1 point that was forgotten more than 7d ago is deleted, and cannot be brought back"]),
        ({"points": 2}, ["2 points that were forgotten more than 7d ago are deleted, and cannot be brought back"]),
        ({"objects": 3, "bytes": 30}, ["3 objects (30 bytes) that no other point names: deleted"]),
        ({"leases": 1}, ["1 old lease: deleted"]),
        (
            {"waiting": 1, "waiting_bytes": 5},
            [f"1 object (5 bytes) that no point names and that is younger than 7d: {LEFT}"],
        ),
    ],
)
def test_the_plan_in_words(changed: dict[str, int], said: list[str]) -> None:
    assert list(msgspec.structs.replace(PLAN, **changed).steps) == said
