"""What `check` asks of a catalog: every rule, in the order in which faults are reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

from canvasback.catalog.connections import one_thread
from canvasback.catalog.image import Image
from canvasback.catalog.rules import (
    deletes,
    duplicates,
    files,
    inlined,
    parents,
    ranges,
    row_ids,
    snapshots,
    statistics,
    table_statistics,
)
from canvasback.catalog.rules.rule import Fault, Rule

RULES: tuple[Rule, ...] = (
    *duplicates.RULES,
    *snapshots.RULES,
    *ranges.RULES,
    *parents.RULES,
    *files.RULES,
    *deletes.RULES,
    *row_ids.RULES,
    *table_statistics.RULES,
    *statistics.RULES,
    *inlined.RULES,
)


_FEW = 100_000
"""A catalog of fewer rows is asked by one thread: it is asked much, and there is little to read."""


def check_catalog(image: Image) -> Iterator[tuple[Rule, Fault]]:
    """Where a catalog breaks rules.

    Args:
        image: The catalog in DuckDB's dialect.
    """
    [(rows,)] = image.connection.execute("SELECT coalesce(sum(estimated_size), 0) FROM duckdb_tables()").fetchall()
    with one_thread(image.connection) if rows < _FEW else nullcontext():
        for rule in RULES:
            for fault in rule.find(image):
                yield rule, fault
