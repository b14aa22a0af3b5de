"""How much of a long list a text shows; --json shows all of it."""

from __future__ import annotations

SHOWN = 20


def left_out(total: int) -> list[str]:
    """The line that says how many more there are than are shown, if there are any."""
    return [f"  … and {total - SHOWN:,} more; --json shows them"] if total > SHOWN else []
