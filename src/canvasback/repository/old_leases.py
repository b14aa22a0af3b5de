"""Leases that nobody needs any more: runs remove a few at a time, and only those that they come by."""

from __future__ import annotations

import re

from canvasback.repository import layout
from canvasback.repository.leases import find_newest
from canvasback.storage import numbered
from canvasback.storage.store import Store

_NUMBER = re.compile(re.escape(layout.LEASES) + r"([0-9]{10})\.json")


def old_leases(store: Store, before_ns: int) -> list[str]:
    """The names of those that were last written before a time and do not help to find the newest one.

    Args:
        store: The repository.
        before_ns: By the store's clock, in nanoseconds since 1970.
    """
    newest = find_newest(store)[0]
    needed = numbered.needed(newest)
    found = ((_NUMBER.fullmatch(stat.name), stat) for stat in store.list(layout.LEASES))
    return [
        stat.name
        for name, stat in found
        # What is newer than the newest came meanwhile, and may be needed to find a later one.
        if name and int(name[1]) < newest and int(name[1]) not in needed and 0 < stat.modified_ns < before_ns
    ]
