"""In what order the files of one insert got their row ids, where their names do not tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, permutations

from canvasback.verbs.salvage.evidence import Evidence

_MOST = 6
"""Of how many files all orders are tried."""

Partition = tuple[tuple[str, str | None], ...]


def in_row_order(
    files: Sequence[Evidence], start: int, carriers: Sequence[tuple[Partition, set[int]]]
) -> tuple[list[Evidence], bool]:
    """The files of one insert in the order of their row ids, and whether that is sure.

    The time in a name is exact to a millisecond. Of files of one millisecond, later ones tell: a row keeps its id and,
    as a rule, its partition when it is updated or merged. Where one of them is in another partition, it was moved,
    and the order is not sure.

    Args:
        files: The files by time.
        start: The first row id of the insert.
        carriers: Partition and row ids of later files that have rows of others.
    """
    found: list[Evidence] = []
    sure = True
    for _, same in groupby(files, key=lambda file: file.moment):
        group = list(same)
        if len(group) > 1:
            ranked = sorted(((_score(order, start, carriers), order) for order in _orders(group)), key=lambda r: -r[0])
            every = sum(len(held & set(range(start, start + sum(f.rows for f in group)))) for _, held in carriers)
            sure = sure and len(ranked) > 1 and every == ranked[0][0] > ranked[1][0]
            group = list(ranked[0][1])
        found += group
        start += sum(file.rows for file in group)
    return found, sure


def _orders(group: list[Evidence]) -> Iterator[tuple[Evidence, ...]]:
    return permutations(group) if len(group) <= _MOST else iter([tuple(group)])


def _score(order: Sequence[Evidence], start: int, carriers: Sequence[tuple[Partition, set[int]]]) -> int:
    """How many later rows are in the partition in which this order puts their first version."""
    score = 0
    for file in order:
        ids = range(start, start + file.rows)
        score += sum(1 for partition, held in carriers if partition == file.partition for id_ in held if id_ in ids)
        start += file.rows
    return score
