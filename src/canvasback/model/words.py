"""Numbers of things, as messages say them."""

from __future__ import annotations


def many(count: int, noun: str) -> str:
    """A number with its noun: ``1 file``, ``1,200 files``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
