"""What DuckLake's own maintenance made its catalog forget, said before somebody relies on it."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.reading.deletes import forgotten_deletes
from canvasback.catalog.reading.table_states import forgotten, table_states
from canvasback.model.finding import Finding


def by_its_log(image: Image) -> str:
    """What else brings a snapshot of the past back as it was: a sentence, for catalogs that have a log to recover."""
    if image.stored_by != "postgres":
        return ""
    return " So does an archive of PostgreSQL's log: run pitr target, which says whether it reaches the snapshot."


def forgotten_findings(image: Image, snapshot: int) -> list[Finding]:
    """What a catalog can no longer tell of a snapshot, table by table."""
    lost, back = forgotten(image, snapshot), forgotten_deletes(image, snapshot)
    if not lost and not back:
        return []
    states = table_states(image, snapshot)
    return [
        Finding(
            "rows-forgotten",
            "warning",
            state.name,
            f"after snapshot {snapshot} DuckLake flushed or rewrote its rows, and forgot those that had been deleted "
            "by then: some rows of that snapshot may be missing",
            "A point that was made before has them all: run list, and name it." + by_its_log(image),
        )
        for state in states
        if state.table_id in lost
    ] + [
        Finding(
            "deletes-forgotten",
            "warning",
            state.name,
            f"after snapshot {snapshot} DuckLake wrote deletion vectors, which say nothing of when rows were deleted: "
            f"up to {back[state.table_id]} rows that were deleted by then may be shown again",
            "A point that was made at that very snapshot has them as they were: run list, and name it."
            + by_its_log(image),
        )
        for state in states
        if state.table_id in back
    ]
