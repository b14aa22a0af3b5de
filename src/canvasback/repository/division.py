"""How a table is divided into chunks, and which of them the point before has already. Nothing is written.

Ranges are dyadic: [i * 2**k, (i + 1) * 2**k), the widest that hold at most so many rows. So the ranges
follow from the rows alone, a change moves few borders, and unchanged ranges keep their chunks.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import msgspec

from canvasback.model.manifest import Chunk, StoredTable
from canvasback.model.relation import Relation, identifier
from canvasback.repository.ranges import TOP, WHOLE, Range, dyadic, first_shift
from canvasback.repository.rows import one_row
from canvasback.repository.variants import Form, forms_of


class Division(msgspec.Struct, frozen=True):
    """A relation, divided.

    Attributes:
        relation: The rows.
        key: The BIGINT column that divides them; None keeps them in one chunk.
        forms: How its variants are stored, by column; see `canvasback.repository.variants`.
        ranges: How many rows each range has, and their fingerprint; by rising key.
        same: The chunks of the point before whose rows did not change.
        held: What the point before says of the table, where nothing of it changed.
    """

    relation: Relation
    key: str | None
    forms: dict[str, Form]
    ranges: dict[Range, tuple[int, str]]
    same: dict[Range, Chunk]
    held: StoredTable | None

    @property
    def fresh(self) -> list[Range]:
        """The ranges whose chunks have to be written."""
        return [range_ for range_ in self.ranges if range_ not in self.same]

    @property
    def rows(self) -> int:
        """How many rows the relation has."""
        return sum(rows for rows, _ in self.ranges.values())


def divide(
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    key: str | None,
    limit: int,
    before: StoredTable | None = None,
    chunks: Sequence[Chunk] = (),
    epoch: int = 0,
) -> Division:
    """Divide a relation, and find the ranges whose rows are those of a chunk that is there.

    Args:
        connection: Where the relation can be selected from.
        relation: The rows.
        key: The BIGINT column that divides them; None keeps them in one chunk.
        limit: The most rows of a chunk, unless one key has more.
        before: The table in the point before. Its fingerprints count where the same DuckDB release made them.
        chunks: Its chunks.
        epoch: That of the key by which new chunks are encrypted: none by another key is gone on with.

    Raises:
        RefusedError: It has values that cannot be stored (``unknown-type``).
    """
    forms = forms_of(connection, relation)
    shape = (relation.columns, forms, epoch)
    alike = before is not None and (before.columns, before.forms, before.key) == shape
    hashed_alike = alike and before is not None and before.hasher == duckdb.__version__
    known = {(c.lower, c.upper, c.rows, c.fingerprint): c for c in chunks if hashed_alike}
    ranges = ranges_of(connection, relation, key, limit)
    same = {range_: known[found] for range_, counted in ranges.items() if (found := (*range_, *counted)) in known}
    whole = alike and len(same) == len(ranges) and tuple(same.values()) == tuple(chunks)
    held = before if whole and before is not None and before.primary_key == relation.primary_key else None
    return Division(relation, key, forms, ranges, same, held)


def ranges_of(
    connection: duckdb.DuckDBPyConnection, relation: Relation, key: str | None, limit: int
) -> dict[Range, tuple[int, str]]:
    """The ranges that hold at most ``limit`` rows each, with their row counts and fingerprints."""
    name = identifier(key) if key else "NULL"
    usual = f"FILTER ({name} >= 0 AND {name} < {TOP})"
    rows, low, high = one_row(
        connection, f"SELECT count(*), min({name}) {usual}, max({name}) {usual} FROM ({relation.select})"
    )
    if rows == 0:
        return {}
    if key is None or rows <= limit:
        return {WHOLE: _buckets(connection, relation, "0")[0]}
    shift = first_shift(rows, low, high, limit)
    while True:
        bucket = f"CASE WHEN {name} >= 0 AND {name} < {TOP} THEN {name} >> {shift} ELSE -1 END"
        buckets = _buckets(connection, relation, bucket)
        if shift == 0 or all(found[0] <= limit for found in buckets.values()):
            return dyadic(buckets, shift, limit)
        shift = max(0, shift - 4)


def _buckets(connection: duckdb.DuckDBPyConnection, relation: Relation, bucket: str) -> dict[int, tuple[int, str]]:
    columns = ", ".join(identifier(c.name) for c in relation.columns)
    found = connection.execute(
        f"SELECT {bucket}, count(*), sum(hash({columns})) FROM ({relation.select}) GROUP BY 1"
    ).fetchall()
    return {int(bucket): (int(rows), f"{int(total):x}") for bucket, rows, total in found}
