"""Stores that tell when an object was written by a clock that is moved on, as if the time had really passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec

from canvasback.storage.store import Stat, Store
from tests.interrupted import Clock


class StoreTimes:
    """The times of the objects of some stores.

    Args:
        clock: Tells the time of the runs.
        ahead: How far the stores' own clock is ahead of it.
    """

    def __init__(self, clock: Clock, ahead: timedelta) -> None:
        self._clock = clock
        self._ahead = ahead
        self._stores: dict[str, Store] = {}
        self._written: dict[tuple[str, str], int] = {}

    def tell(self, store: Store) -> None:
        """Tell the times of the objects of this one."""
        self._stores[store.url] = store

    def move_on(self, **time: float) -> None:
        """Let time go by. What was written by now is older then."""
        for store in self._stores.values():
            for _ in store.list(""):
                pass
        self._clock.wait(**time)

    @contextmanager
    def told(self, kind: type) -> Iterator[None]:
        """Let the stores of a class tell these times."""
        originals = {name: getattr(kind, name) for name in ("stat", "list", "place_new", "move_aside", "delete")}

        def stat(store: Store, name: str) -> Stat | None:
            found: Stat | None = originals["stat"](store, name)
            return None if found is None else self._shown(store, found)

        def list_(store: Store, prefix: str) -> Iterator[Stat]:
            return (self._shown(store, found) for found in originals["list"](store, prefix))

        def gone(name: str) -> Callable[..., object]:
            def call(store: Store, object_: str, *args: object, **options: object) -> object:
                self._written.pop((store.url, object_), None)
                return originals[name](store, object_, *args, **options)

            return call

        changed = {"stat": stat, "list": list_} | {name: gone(name) for name in ("place_new", "move_aside", "delete")}
        for name, method in changed.items():
            setattr(kind, name, method)
        try:
            yield
        finally:
            for name, original in originals.items():
                setattr(kind, name, original)

    def _shown(self, store: Store, found: Stat) -> Stat:
        """With the time when it was seen first; between two looks before time moves on none is missed."""
        if store.url not in self._stores:
            return found
        now = int((self._clock() + self._ahead).timestamp() * 1_000_000_000)
        return msgspec.structs.replace(found, modified_ns=self._written.setdefault((store.url, found.name), now))
