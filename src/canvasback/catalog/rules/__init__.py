"""What `check` asks of a catalog: every rule, in the order in which faults are reported."""

from __future__ import annotations

from collections.abc import Iterator

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


def check_catalog(image: Image) -> Iterator[tuple[Rule, Fault]]:
    """Where a catalog breaks rules.

    Args:
        image: The catalog in DuckDB's dialect.
    """
    for rule in RULES:
        for fault in rule.find(image):
            yield rule, fault
