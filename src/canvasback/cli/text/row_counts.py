"""Numbers of rows, as text: what is not known is a range, or no number at all."""

from __future__ import annotations


def count(rows: int | None, fewest: int, most: int | None) -> str:
    """A number of rows; None where nothing is known of it.

    Args:
        rows: The number.
        fewest: The fewest that it can be.
        most: The most that it can be; None where nobody knows.
    """
    if rows is None:
        return "?"
    if most is None:
        return f"{fewest:,} or more"
    return f"{rows:,}" if fewest == most else f"{fewest:,} to {most:,}"


def counted(rows: int, fewest: int, most: int | None) -> str:
    """The same, with the noun."""
    return f"{count(rows, fewest, most)} {'row' if fewest == most == 1 else 'rows'}"
