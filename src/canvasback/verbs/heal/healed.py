"""What a heal tells of the files that it put back or wrote anew."""

from __future__ import annotations

from collections.abc import Sequence

from canvasback.checks.copies import Healed
from canvasback.checks.diagnosis import Diagnosis
from canvasback.model.results.heal import HealedFile
from canvasback.verbs.heal.merged import Merged

_MERGED = "the files that were merged into it"
"""Where a file comes from that is written anew."""


def told_healed(copied: Healed, merged: Sequence[Merged], diagnosis: Diagnosis, most: int) -> Healed:
    """Those that were copied, and those that were written anew.

    Args:
        copied: The former.
        merged: The latter.
        diagnosis: Knows the tables' names.
        most: How many to tell.
    """
    rewritten = (
        HealedFile(place=file.place, table=diagnosis.name(file.table_id), code=file.code, source=_MERGED)
        for file in merged
    )
    return Healed((*copied.first, *rewritten)[:most], copied.count + len(merged), copied.bytes)
