"""Numbers of bytes, for people."""

from __future__ import annotations

_STEP = 1024


def size(bytes_: int) -> str:
    """A number of bytes in the unit that leaves it short."""
    value = float(bytes_)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < _STEP or unit == "TiB":
            return f"{bytes_} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= _STEP
    raise AssertionError  # the loop ends at the last unit
