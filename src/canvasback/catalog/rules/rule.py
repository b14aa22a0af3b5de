"""A rule: something that is true of every catalog that DuckLake wrote, and what can be done where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.writing.edits import Edit
from canvasback.model.finding import FindingKind, Severity

RESTORE = "Restore the catalog from a point that was made before: run list, and restore --replace."
"""The cure of what only a person, or a backup, can put right."""


NEVER = 2**63 - 1
"""The end of what does not end, for comparisons."""


class Fault(msgspec.Struct, frozen=True):
    """One place where a catalog breaks a rule.

    Attributes:
        where: The row or table of the catalog, in words: ``data file 12``, ``snapshot 7``.
        message: What is wrong with it; lower case, no full stop.
        table_id: The lake's table that suffers; None where it is no single one.
        ids: What the rule's repair needs to know of it.
    """

    where: str
    message: str
    table_id: int | None = None
    ids: tuple[int | str, ...] = ()


class Repair(msgspec.Struct, frozen=True):
    """How what breaks a rule is mended, where that provably changes nothing that a reader could have seen.

    Attributes:
        words: What is done to each fault, and why that is safe; lower case, no full stop.
        edits: What becomes of the catalog's tables, for faults that the rule found in this very image.
        next_row_id: Whether it wants to know of each fault's table the lowest row id that no row of it has: ``ids``
            hold it then. Only the files tell.
    """

    words: str
    edits: Callable[[Image, Sequence[Fault]], list[Edit]]
    next_row_id: bool = False


class Rule(msgspec.Struct, frozen=True):
    """A rule.

    Attributes:
        kind: What there is to say of all its faults.
        find: Looks for faults in a catalog that has the types of a catalog in DuckDB.
        repair: How they are mended; None where that needs a person, or a backup.
    """

    kind: FindingKind
    find: Callable[[Image], Iterable[Fault]]
    repair: Repair | None = None


def rule(
    code: str, severity: Severity, *, explanation: str, example: str, cure: str, repair: Repair | None = None
) -> Callable[[Callable[[Image], Iterable[Fault]]], Rule]:
    """Make a rule of the function that finds its faults; see `FindingKind` for the texts."""
    return lambda find: Rule(FindingKind(code, severity, explanation, example, cure), find, repair)


def listed(ids: Iterable[object]) -> str:
    """Numbers as SQL wants them after IN."""
    return ", ".join(str(id_) for id_ in ids) or "NULL"
