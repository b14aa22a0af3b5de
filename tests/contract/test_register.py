"""The register in every store: of writers that race, one makes each number, and no change is lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from canvasback.model.clock import now
from canvasback.model.register import Register
from canvasback.repository import layout
from canvasback.repository.register import change_register, find_register
from canvasback.storage.store import Store
from tests.contract.test_store import store

__all__ = ["store"]

POINT = "20261122T120000000Z-s7"
WRITERS, CHANGES = 4, 5


def test_no_change_is_lost_and_each_number_has_one(store: Store) -> None:
    start = threading.Barrier(WRITERS)

    def write(writer: int) -> list[Register]:
        start.wait()
        return [
            change_register(store, now, lambda register, n=change: register.tag(POINT, [f"w{writer}.{n}"]))  # type: ignore[misc]
            for change in range(CHANGES)
        ]

    with ThreadPoolExecutor(WRITERS) as pool:
        made = [register for registers in pool.map(write, range(WRITERS)) for register in registers]
    found = find_register(store)
    assert found.newest is not None
    assert found.newest.number == WRITERS * CHANGES
    assert len(found.register.marks(POINT).tags) == WRITERS * CHANGES
    # Each change was of another register: they came one after the other.
    assert sorted(len(register.marks(POINT).tags) for register in made) == list(range(1, WRITERS * CHANGES + 1))
    assert len([stat.name for stat in store.list(layout.REGISTER)]) == WRITERS * CHANGES


def test_of_two_that_create_one_number_one_wins(store: Store) -> None:
    for number in range(1, 6):
        found = find_register(store)
        start = threading.Barrier(2)

        def replace(name: str) -> bool:
            start.wait()  # noqa: B023 - both threads end in this round
            return found.replace(found.register.tag(POINT, [name]), now())  # noqa: B023 - likewise

        with ThreadPoolExecutor(2) as pool:
            won = list(pool.map(replace, [f"a{number}", f"b{number}"]))
        assert sorted(won) == [False, True]
        newest = find_register(store).newest
        assert newest is not None
        assert newest.number == number
        assert f"{'ab'[won.index(True)]}{number}" in newest.points[POINT].tags
