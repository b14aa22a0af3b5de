"""Objects that a prune may be deleting, or may delete when it goes on: nobody relies on one that is found by its name.

What the point before names is not among them; that is not looked for by its name.
"""

from __future__ import annotations

import os
from datetime import datetime

from canvasback.errors import LockedError
from canvasback.repository.register import find_register
from canvasback.storage.store import Stat, Store

_FOOTER = 8
"""Bytes at the end of a Parquet file: the length of what is before them, and a magic word."""


def is_at_risk(found: Stat | None, at_risk_ns: int) -> bool:
    """Whether an object may be deleted if no point names it.

    Args:
        found: The object.
        at_risk_ns: See `canvasback.model.register.Register.at_risk_ns`.
    """
    return found is not None and found.modified_ns < at_risk_ns


def refuse_at_risk(store: Store, now: datetime) -> None:
    """See that no prune may be deleting what is found in a repository.

    Raises:
        LockedError: One may (``prune-unfinished``).
        CorruptError: The register is damaged, so that nobody knows.
    """
    if find_register(store).register.at_risk_ns(now):
        raise prune_unfinished(store)


def prune_unfinished(store: Store) -> LockedError:
    """What to say where all that is found in a repository would have to be written anew."""
    return LockedError(
        "prune-unfinished",
        f"a prune of {store.url} has not said that it is done: what is there may be going, and cannot be relied on",
        hint="Run prune to its end, and then this again. If it stops at a damaged point, forget that point by its id.",
    )


def with_a_gap(content: bytes) -> bytes:
    """The same Parquet file with other bytes, and so another name: it has some before its footer that nobody reads."""
    footer = int.from_bytes(content[-_FOOTER:-4], "little") + _FOOTER
    return content[:-footer] + os.urandom(16) + content[-footer:]
