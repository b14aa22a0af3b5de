"""Ranges of keys: dyadic, [i * 2**k, (i + 1) * 2**k), so that a change moves few borders."""

from __future__ import annotations

from collections.abc import Iterable

WHOLE = (None, None)
REST = (-1, 0)
"""The range of rows whose key is NULL, negative or at or past `TOP`, which DuckLake never writes."""

TOP = 1 << 62

Range = tuple[int | None, int | None]


def in_ranges(column: str, ranges: Iterable[Range]) -> str:
    """A condition that a column, quoted where need be, lies in one of the ranges."""
    parts = []
    for range_ in ranges:
        lower, upper = range_
        if lower is None:
            return "true"
        if range_ == REST:
            parts.append(f"({column} IS NULL OR {column} < 0 OR {column} >= {TOP})")
        else:
            parts.append(f"({column} >= {lower} AND {column} < {upper})")
    return " OR ".join(parts) or "false"


def first_shift(rows: int, low: int | None, high: int | None, limit: int) -> int:
    """Buckets so wide that a chunk takes about sixteen, if the rows are spread evenly."""
    span = (high or 0) - (low or 0) + 1
    per_bucket = max(1, span * limit // (16 * rows))
    return per_bucket.bit_length() - 1


def dyadic(buckets: dict[int, tuple[int, str]], shift: int, limit: int) -> dict[Range, tuple[int, str]]:
    """Join neighbouring buckets into the widest dyadic ranges that hold at most ``limit`` rows."""
    ranges: dict[Range, tuple[int, str]] = {}
    if -1 in buckets:
        ranges[REST] = buckets[-1]
    present = sorted(bucket for bucket in buckets if bucket >= 0)
    if not present:
        return ranges

    def visit(items: list[int], level: int) -> None:
        rows = sum(buckets[item][0] for item in items)
        if rows <= limit or level == 0:
            index = items[0] >> level
            width = shift + level
            ranges[index << width, (index + 1) << width] = (
                rows,
                f"{sum(int(buckets[item][1], 16) for item in items):x}",
            )
            return
        half = 1 << (level - 1)
        upper = ((items[0] >> level) << level) + half
        for part in ([i for i in items if i < upper], [i for i in items if i >= upper]):
            if part:
                visit(part, level - 1)

    visit(present, present[-1].bit_length())
    return ranges
