"""What a lake's tables hold at one snapshot, in numbers, and how two such states differ."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class TableState(msgspec.Struct, frozen=True, kw_only=True):
    """A table at one snapshot.

    Attributes:
        schema: The name of its schema.
        table: Its name.
        table_id: Its ``table_id``, which a rename does not change.
        uuid: Its ``table_uuid``.
        rows: Its live rows.
        rows_exact: Whether that number is known; where it is not, ``rows`` is one that can be.
        files: Live data files; files of deletes are not counted.
        bytes: Bytes of them.
        fewest: The fewest rows that it can have.
        most: The most rows that it can have; None where nobody knows.
    """

    schema: str
    table: str
    table_id: int
    uuid: str
    rows: int
    rows_exact: bool
    files: int
    bytes: int
    fewest: int
    most: int | None

    @property
    def name(self) -> str:
        """Schema and table with a dot between."""
        return f"{self.schema}.{self.table}"


class TablePair(msgspec.Struct, frozen=True):
    """A table at two snapshots.

    Attributes:
        before: At the older one; None where it did not exist yet.
        after: At the newer one; None where it exists no more.
    """

    before: TableState | None
    after: TableState | None

    @property
    def table(self) -> TableState:
        """The newer side, or the older one of a table that is gone."""
        state = self.after or self.before
        assert state is not None
        return state


def pair_states(before: Iterable[TableState], after: Iterable[TableState]) -> list[TablePair]:
    """Bring two states of one lake together, table by table, ordered by name.

    A table is the same on both sides if its ``table_id`` and its ``table_uuid`` are: ids are given out again after
    a lake went back in time.
    """
    older = {(state.table_id, state.uuid): state for state in before}
    pairs = [TablePair(older.pop((state.table_id, state.uuid), None), state) for state in after]
    pairs += [TablePair(state, None) for state in older.values()]
    return sorted(pairs, key=_place)


def differing(pairs: Iterable[TablePair]) -> list[TablePair]:
    """The pairs whose two sides differ in anything that the states tell."""
    return [pair for pair in pairs if pair.before != pair.after]


def _place(pair: TablePair) -> tuple[str, str, bool]:
    return pair.table.schema, pair.table.table, pair.after is not None
