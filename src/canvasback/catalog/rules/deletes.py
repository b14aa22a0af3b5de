"""Rules about which snapshot deleted which rows."""

from __future__ import annotations

from collections.abc import Iterator

from canvasback.catalog.image import Image
from canvasback.catalog.reading.deletes import DeletingCommits, folded_files
from canvasback.catalog.rules.rule import Fault, rule


@rule(
    "deletes-too-early",
    "warning",
    explanation="A delete file says of rows that an older snapshot deleted them than the one that did. The snapshots "
    "between show the rows as deleted though they were there. This is DuckLake's own fault, and nothing is wrong with "
    "the newest snapshot.",
    example="With DuckLake 1.0, a transaction deleted from a data file that had a delete file, and others committed "
    "before it did: it notes the snapshot after the one at which it began.",
    cure="Read the snapshots between from a point that was made when one of them was the newest. restore, attach and "
    "rewind put the right number in wherever the catalog proves it, and say where it does not.",
)
def early_deletes(image: Image) -> Iterator[Fault]:
    """Look for numbers that are provably too low, where the catalog alone tells."""
    files = folded_files(image, "f.partial_max IS NOT NULL")
    commits = DeletingCommits(image) if files else None
    for file in files:
        if commits is None or file.newest is None:
            continue
        span = commits.newest_of(file)
        if span.first > file.newest:
            by = f"snapshot {span.first}" if span.known else f"one of snapshots {span.first} to {span.last}"
            message = f"says that snapshot {file.newest} deleted rows that {by} deleted"
            yield Fault(f"delete file {file.file_id}", message, file.table_id)


RULES = (early_deletes,)
