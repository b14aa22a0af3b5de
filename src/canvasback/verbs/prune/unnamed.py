"""The objects of a repository that no point names, found by a listing and kept where memory does not matter."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from itertools import islice

import duckdb
import msgspec

from canvasback.model.progress import Progress
from canvasback.repository import layout
from canvasback.repository.own_table import OwnTable
from canvasback.repository.protection import Protection
from canvasback.repository.rows import insert_rows, one_row
from canvasback.storage.run import Run
from canvasback.storage.store import Stat, Store

_BATCH = 4096
_LISTED = {"name": "VARCHAR", "bytes": "BIGINT", "state": "VARCHAR"}


class State(enum.StrEnum):
    """Whether an object can go."""

    GOES = "goes"
    YOUNG = "young"
    LOCKED = "locked"


class Amount(msgspec.Struct, frozen=True):
    """Objects, their bytes, and a number that stands for which they are."""

    count: int
    bytes: int
    fingerprint: str


class UnnamedObjects:
    """What was listed, without that which somebody said that a point names.

    Args:
        connection: Holds the names.
        store: The repository.
        before_ns: What was last written later is young: it stays, whoever names it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: Store, before_ns: int) -> None:
        self._connection = connection
        self._store = store
        self._before_ns = before_ns
        self._listed = OwnTable(connection, "listed", _LISTED)

    def look(self, progress: Progress) -> None:
        """List all copies and chunks."""
        progress.begin("listing the repository")
        for prefix in (layout.DATA, layout.EXTERNAL, layout.CATALOG):
            for batch in _in_batches(self._store.list(prefix)):
                rows = [(stat.name, stat.size, self._state(stat)) for stat in batch]
                insert_rows(self._connection, str(self._listed), _LISTED, rows)
                progress.advance(files=len(batch))
        progress.end()

    def keep(self, named: str) -> None:
        """Leave out what points name.

        Args:
            named: A SELECT of the ``name`` of objects.
        """
        self._connection.execute(f"DELETE FROM {self._listed} WHERE name IN (SELECT name FROM ({named}))")

    def leave_locked(self, protection: Protection, run: Run) -> None:
        """Find out what of that which would go is locked: it stays."""
        going = f"SELECT name FROM {self._listed} WHERE state = '{State.GOES}'"
        locks = protection.look(self._connection, going, run)
        self._connection.execute(
            f"UPDATE {self._listed} SET state = '{State.LOCKED}' "
            f"WHERE name IN (SELECT name FROM {locks} WHERE until > {int(run.now().timestamp())})"
        )
        locks.drop()

    def amount(self, state: State) -> Amount:
        """How much there is of what is in a state."""
        count, bytes_, which = one_row(
            self._connection,
            f"SELECT count(*), coalesce(sum(bytes), 0)::BIGINT, coalesce(bit_xor(hash(name, bytes)), 0) "
            f"FROM {self._listed} WHERE state = '{state}'",
        )
        return Amount(count, bytes_, f"{which:016x}")

    def take(self, most: int) -> list[tuple[str, int]]:
        """The names and bytes of some that go; they are left out from then on."""
        taken = self._connection.execute(
            f"DELETE FROM {self._listed} WHERE name IN "
            f"(SELECT name FROM {self._listed} WHERE state = '{State.GOES}' ORDER BY name LIMIT {most}) "
            "RETURNING name, bytes"
        ).fetchall()
        return [(str(name), int(bytes_)) for name, bytes_ in taken]

    def _state(self, stat: Stat) -> State:
        return State.YOUNG if stat.modified_ns >= self._before_ns else State.GOES


def _in_batches(stats: Iterator[Stat]) -> Iterator[list[Stat]]:
    while batch := list(islice(stats, _BATCH)):
        yield batch
