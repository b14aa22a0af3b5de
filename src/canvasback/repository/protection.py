"""Locks against deletion of what a repository holds, where its marker says that there are any.

The lock of a manifest is the promise: until it ends, all that the point names is locked, at least. So that is locked
first. Leases are never locked, for they have to go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import duckdb
import msgspec

from canvasback.errors import ObjectMissingError
from canvasback.model.lock import Lock, Retention
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import Appending, one_row
from canvasback.storage.owner import owner_of
from canvasback.storage.parallel import Stop, each
from canvasback.storage.run import Run
from canvasback.storage.store import Locks, Store

_BATCH = 4096
_LOCKS = {"name": "VARCHAR", "until": "BIGINT"}


class Protection(msgspec.Struct, frozen=True):
    """How the objects of a repository are locked.

    Attributes:
        lock: What the marker says.
        store: The repository.
        locks: Its store's.
    """

    lock: Lock
    store: Store
    locks: Locks

    def extend(self, names: Iterable[str], retention: Retention, run: Run) -> None:
        """Lock objects at least so long."""

        def extend(name: str, _: Stop) -> None:
            self.locks.extend(name, retention)
            run.progress.advance(files=1)

        with run.in_parallel(names, each(extend), self.store) as extended:
            for _ in extended:
                pass

    def look(self, connection: duckdb.DuckDBPyConnection, names: str, run: Run) -> OwnTable:
        """Ask until when objects are locked.

        Args:
            connection: Holds the answer.
            names: A SELECT of the ``name`` of each.
            run: Says how many to ask at a time, and is told.

        Returns:
            A table of ``name`` and ``until``, in whole seconds since 1970; that is null where there is no lock. What is
            not there is not in it.
        """

        def ask(name: str, _: Stop) -> tuple[str, int | None] | None:
            try:
                found = self.locks.find(name)
            except ObjectMissingError:
                return None
            finally:
                run.progress.advance(files=1)
            return name, int(found.until.timestamp()) if found is not None else None

        (count,) = one_row(connection, f"SELECT count(*) FROM ({names})")
        run.progress.begin("looking for locks", files=int(count))
        table = OwnTable(connection, "locks", _LOCKS)
        with (
            Appending(connection, table, _LOCKS) as rows,
            run.in_parallel(names_of(connection, names), each(ask), self.store) as answers,
        ):
            for answer in answers:
                if answer is not None:
                    rows.add(answer)
        run.progress.end()
        return table


def names_of(connection: duckdb.DuckDBPyConnection, names: str) -> Iterator[str]:
    """The ``name`` of each row of a SELECT, a few thousands at a time."""
    cursor = connection.cursor()
    cursor.execute(f"SELECT name FROM ({names})")
    while rows := cursor.fetchmany(_BATCH):
        yield from (str(name) for (name,) in rows)


def protection_of(store: Store) -> Protection | None:
    """How the objects of an opened repository are locked; None where they are not, or its place has no locks."""
    owner = owner_of(store)
    if owner is None or owner.lock is None or store.locks is None:
        return None
    return Protection(owner.lock, store, store.locks)


def protect(store: Store, name: str, now: datetime) -> None:
    """Lock an object for as long as the repository's marker says, if it does."""
    protection = protection_of(store)
    if protection is not None:
        protection.locks.extend(name, protection.lock.begin(now))
