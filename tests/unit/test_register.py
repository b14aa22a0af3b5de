"""Covers canvasback.model.register and canvasback.repository.register: what is said of points, and how it is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from canvasback.errors import (
    AccessDeniedError,
    CorruptError,
    LockedError,
    ObjectMissingError,
    RefusedError,
    UsageError,
)
from canvasback.model.register import Marks, Register, check_note, check_tags, held_words
from canvasback.repository import layout
from canvasback.repository.points import find_point, list_points, newest_points, publish_point, stored_points
from canvasback.repository.register import (
    ATTEMPTS,
    change_register,
    find_register,
    read_register,
)
from canvasback.storage.local.store import LocalStore
from canvasback.storage.numbered import needed
from canvasback.storage.owner import Owner, note_owner
from tests.unit.test_points import NOON, manifest

P, Q = "20261122T120000000Z-s7", "20261122T130000000Z-s8"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


class Clock:
    """A clock that goes a minute at each look."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


def tag(store: LocalStore, *names: str, clock: Clock | None = None) -> Register:
    return change_register(store, clock or Clock(), lambda register: register.tag(P, names))


def numbers(store: LocalStore) -> set[int]:
    return {int(stat.name[len(layout.REGISTER) :].removesuffix(".json")) for stat in store.list(layout.REGISTER)}


# The value


def test_of_a_point_that_nobody_mentioned_nothing_is_said() -> None:
    assert Register().marks(P) == Marks()
    assert Register().forgotten() == frozenset()


def test_each_change_made_twice_is_made_once() -> None:
    for change in (
        lambda r: r.tag(P, ["b", "a"]),
        lambda r: r.untag(P, ["a"]),
        lambda r: r.note(P, "before the migration"),
        lambda r: r.hold(P, NOON),
        lambda r: r.hold(P, None),
        lambda r: r.release(P),
        lambda r: r.forget([Q], NOON, "keep-last 1"),
        lambda r: r.unforget([Q]),
    ):
        once = change(Register().tag(P, ["c"]))
        assert change(once) == once


def test_what_is_said_no_more_leaves_nothing() -> None:
    said = Register().tag(P, ["a"]).note(P, "text").hold(P, None).forget([Q], NOON, "by name")
    assert said.marks(P) == Marks(tags=("a",), note="text", held=True)
    assert said.untag(P, ["a", "b"]).note(P, "").release(P).unforget([Q]) == Register()


def test_forgotten_since_the_first_time() -> None:
    register = Register().tag(P, ["a"]).forget([P], NOON, "keep-last 1").forget([P, Q], NOON + timedelta(1), "by name")
    assert register.marks(P) == Marks(tags=("a",), forgotten=NOON, reason="keep-last 1")
    assert register.forgotten() == {P, Q}
    assert register.unforget([P]).marks(P) == Marks(tags=("a",))


def test_of_a_forgotten_point_nothing_more_is_said() -> None:
    register = Register().forget([P], NOON, "by name")
    for change in (lambda: register.tag(P, ["a"]), lambda: register.hold(P, None), lambda: register.note(P, "x")):
        with pytest.raises(RefusedError) as refused:
            change()
        assert refused.value.code == "point-forgotten"


def test_what_is_being_deleted_does_not_come_back() -> None:
    register = Register({P: Marks(forgotten=NOON, pruning=True)})
    with pytest.raises(RefusedError) as refused:
        register.unforget([Q, P])
    assert refused.value.code == "point-pruned"


def test_a_hold_ends() -> None:
    assert Marks(held=True).is_held(NOON)
    assert Marks(held=True, held_until=NOON + timedelta(1)).is_held(NOON)
    assert not Marks(held=True, held_until=NOON).is_held(NOON)
    assert (held_words(None), held_words(NOON)) == ("held for ever", "held until 2026-11-22 12:00:00 UTC")


@pytest.mark.parametrize("name", ["a", "release-1.2", "täglich", "2026", "team/batch:nightly", "a" * 64])
def test_tags(name: str) -> None:
    check_tags([name])


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "_a", "a,b", "a\n", "a" * 65, "\x1b[31m"])
def test_what_is_no_tag(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_tags(["good", name])
    assert refused.value.code == "tag-not-understood"


def test_a_note_is_short() -> None:
    check_note("a" * 1000)
    with pytest.raises(UsageError, match="note-too-long"):
        check_note("a" * 1001)


# Where it is kept


def test_a_repository_without_a_register_has_an_empty_one(store: LocalStore) -> None:
    assert find_register(store).register == Register()
    assert read_register(store) == (Register(), ())


def test_what_was_said_is_read(store: LocalStore) -> None:
    tag(store, "a")
    change_register(store, Clock(), lambda register: register.hold(Q, NOON))
    found = find_register(store)
    assert found.register == Register().tag(P, ["a"]).hold(Q, NOON)
    assert found.newest is not None
    assert found.newest.number == 2


def test_a_change_that_changes_nothing_writes_nothing(store: LocalStore) -> None:
    tag(store, "a")
    tag(store, "a")
    assert numbers(store) == {1}


def test_of_two_that_read_the_same_one_wins(store: LocalStore) -> None:
    slow, fast = find_register(store), find_register(store)
    assert fast.replace(Register().tag(P, ["fast"]), NOON)
    assert not slow.replace(Register().tag(P, ["slow"]), NOON)
    assert find_register(store).register.marks(P).tags == ("fast",)


def test_who_loses_makes_the_change_on_what_the_other_made(store: LocalStore) -> None:
    tried = []

    def change(register: Register) -> Register:
        if not tried:
            tag(LocalStore(Path(store.url)), "other")
        tried.append(register)
        return register.tag(P, ["ours"])

    assert change_register(store, Clock(), change).marks(P).tags == ("other", "ours")
    assert len(tried) == 2


def test_a_rival_that_goes_on_from_ours_does_not_undo_it(tmp_path: Path) -> None:
    class Overtaken(LocalStore):
        def put_new(self, name: str, content: bytes) -> None:
            super().put_new(name, content)
            if name == layout.register_name(1):
                tag(LocalStore(tmp_path), "other")

    tried = []

    def change(register: Register) -> Register:
        tried.append(register)
        return register.tag(P, ["ours"])

    change_register(Overtaken(tmp_path), Clock(), change)
    assert len(tried) == 1
    assert find_register(LocalStore(tmp_path)).register.marks(P).tags == ("other", "ours")


def test_who_slept_while_it_looked_tries_again(tmp_path: Path) -> None:
    """While somebody looks for the newest, others make many, and the one that he would make was there and is gone."""
    slept = []

    class Sleepy(LocalStore):
        def get(self, name: str) -> bytes:
            if name == layout.register_name(1) and not slept:
                slept.append(name)
                clock = Clock()
                for number in range(40):
                    tag(LocalStore(tmp_path), f"t{number}", clock=clock)
                    clock.now += timedelta(minutes=20)
                LocalStore(tmp_path).delete(layout.register_name(1))
                raise ObjectMissingError(name)
            return super().get(name)

    tag(Sleepy(tmp_path), "ours")
    tags = find_register(LocalStore(tmp_path)).register.marks(P).tags
    assert len(tags) == 41
    assert "ours" in tags


def test_old_ones_go_when_nobody_can_be_looking_for_them(store: LocalStore) -> None:
    clock = Clock()
    for number in range(1, 30):
        tag(store, f"t{number}", clock=clock)
    assert len(numbers(store)) > len(needed(29)) + 5  # the last ten minutes' are still there
    for number in range(30, 61):
        clock.now += timedelta(minutes=10)
        tag(store, f"t{number}", clock=clock)
        assert number - 1 in numbers(store)  # if the newest is lost, this one counts
    found = find_register(store)
    assert found.newest is not None
    assert numbers(store) == needed(60) | {leaving.number for leaving in found.newest.leaving}
    assert len(found.register.marks(P).tags) == 60


def test_who_may_not_delete_leaves_them_and_goes_on(tmp_path: Path) -> None:
    class Guarded(LocalStore):
        def delete(self, name: str) -> None:
            raise AccessDeniedError(name)

    clock = Clock()
    for number in range(1, 20):
        clock.now += timedelta(minutes=20)
        tag(Guarded(tmp_path), f"t{number}", clock=clock)
    assert numbers(Guarded(tmp_path)) == set(range(1, 20))


def test_who_may_write_and_not_read_is_told(tmp_path: Path) -> None:
    class Blind(LocalStore):
        def get(self, name: str) -> bytes:
            raise AccessDeniedError(name)

    tag(LocalStore(tmp_path), "a")
    with pytest.raises(LockedError) as busy:
        tag(Blind(tmp_path), "b")
    assert busy.value.code == "register-busy"
    assert ATTEMPTS == 100


# Damage


def corrupt(store: LocalStore) -> CorruptError:
    before = numbers(store)
    with pytest.raises(CorruptError) as refused:
        tag(store, "more")
    assert refused.value.hint
    assert numbers(store) == before
    return refused.value


def test_a_flipped_bit_anywhere_is_noticed(store: LocalStore) -> None:
    tag(store, "a")
    path = Path(store.url + layout.register_name(1))
    content = path.read_bytes()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        assert corrupt(store).code in {"register-corrupt", "format-too-new"}, position
    path.write_bytes(content)
    assert find_register(store).register.marks(P).tags == ("a",)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"self":', b"\0" * 200, b"\xff"])
def test_what_is_none_is_noticed(store: LocalStore, content: bytes) -> None:
    store.put_new(layout.register_name(1), content)
    assert corrupt(store).code == "register-corrupt"


def test_one_of_another_repository_or_number_is_noticed(store: LocalStore) -> None:
    note_owner(store, Owner("ours", "lake"))
    tag(store, "a")
    store.put_new(layout.register_name(2), store.get(layout.register_name(1)))
    assert "not what was written" in corrupt(store).message
    store.delete(layout.register_name(2))
    note_owner(store, Owner("theirs", "lake"))
    assert "another repository" in corrupt(store).message


def test_without_the_damaged_one_the_one_before_counts(store: LocalStore) -> None:
    clock = Clock()
    for number in range(1, 40):
        clock.now += timedelta(minutes=20)
        tag(store, f"t{number}", clock=clock)
        newest = Path(store.url + layout.register_name(number))
        content = newest.read_bytes()
        newest.write_bytes(b"damaged")
        corrupt(store)
        newest.unlink()
        assert len(find_register(store).register.marks(P).tags) == number - 1
        newest.write_bytes(content)


def test_an_id_that_leads_elsewhere_is_not_read(store: LocalStore) -> None:
    found = find_register(store)
    found.replace(Register({"../../etc/passwd": Marks(tags=("a",))}), NOON)
    assert corrupt(store).code == "register-corrupt"


# Who looks for points


def two_points(store: LocalStore) -> list[str]:
    first = publish_point(store, manifest(), None).id
    return [first, publish_point(store, manifest(NOON + timedelta(hours=1), 8), first).id]


def test_a_forgotten_point_is_found_by_its_whole_id_only(store: LocalStore) -> None:
    first, second = two_points(store)
    change_register(store, Clock(), lambda register: register.forget([first], NOON, "by name"))
    assert list_points(store) == [second]
    assert stored_points(store) == [first, second]
    assert find_point(store, first) == first
    assert find_point(store, "2026") == second
    with pytest.raises(UsageError, match="unknown-point"):
        find_point(store, first[:-1])
    assert list(newest_points(store, second, {second})) == [first]
    change_register(store, Clock(), lambda register: register.unforget([first]))
    assert list_points(store) == [first, second]


def test_where_the_register_is_damaged_all_points_are_shown(store: LocalStore) -> None:
    first, second = two_points(store)
    change_register(store, Clock(), lambda register: register.forget([first], NOON, "by name"))
    Path(store.url + layout.register_name(1)).write_bytes(b"damaged")
    assert list_points(store) == [first, second]
    register, [finding] = read_register(store)
    assert register == Register()
    assert (finding.code, finding.severity, finding.where) == ("register-corrupt", "error", "register/")


def test_times_are_in_utc(store: LocalStore) -> None:
    change_register(store, Clock(), lambda register: register.hold(P, NOON.astimezone()))
    held = find_register(store).register.marks(P).held_until
    assert held == NOON
    assert msgspec.json.decode(store.get(layout.register_name(1)))["changed"].endswith("Z")
    assert NOON.tzinfo is UTC
