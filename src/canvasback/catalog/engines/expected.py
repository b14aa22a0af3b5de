"""What a catalog must still be, for statements that were made from a reading of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from canvasback.errors import LockedError


class Expected(msgspec.Struct, frozen=True):
    """A query of whole numbers and the only row of its answer.

    Attributes:
        query: SQL that all engines understand, with tables by their plain names.
        row: The answer.
    """

    query: str
    row: tuple[int, ...]

    def check(self, found: Sequence[Sequence[Any]], where: str) -> None:
        """Compare with an answer.

        Raises:
            LockedError: It is another one (``catalog-changed``).
        """
        if [tuple(row) for row in found] != [self.row]:
            raise changed(where)


def changed(where: str) -> LockedError:
    """What to say where a catalog is not what it was."""
    return LockedError(
        "catalog-changed",
        f"somebody changed the catalog {where} meanwhile, so nothing was done to it",
        hint="Stop those who write to the lake, and run the command again: it makes a new plan.",
    )
