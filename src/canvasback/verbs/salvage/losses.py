"""What no file in storage can tell of."""

from __future__ import annotations

from canvasback.model.results.salvage import SalvageLoss
from canvasback.verbs.salvage.evidence import Evidence
from canvasback.verbs.salvage.replay import Outcome

_ANYWHERE = {
    "inlined-rows": "rows that commits after {head} kept in the catalog itself (inlined), updates of them and deletes "
    "that were inlined: no file has them, and row ids that their tables gave out later are lower than they were",
    "whole-file-deletes": "deletes of all rows of a file, TRUNCATE, DROP TABLE and DROP SCHEMA after {head}: DuckLake "
    "notes them in the catalog only, so such rows and tables are shown again",
    "definitions": "empty tables and schemas, views, macros, comments, default values, NOT NULL, sort orders, options, "
    "changes of names and partitioning that no later file shows, and the authors and messages of commits after {head}",
}


def losses(outcome: Outcome, files: list[Evidence], generated: dict[str, str], head: int) -> tuple[SalvageLoss, ...]:
    """What cannot be recovered, or not surely, table by table; what may be of any table comes last.

    Args:
        outcome: What was made of the files.
        files: All unknown files.
        generated: Names that were made up for tables, with their folders.
        head: The newest snapshot that the catalog knew.
    """
    found = [
        SalvageLoss(
            table=table,
            kind="row-ids",
            message="files of it were begun in the same millisecond, or stand in for others, or came after some that "
            "are gone: their rows are all there, but the row ids may be others than they were",
        )
        for table in sorted(outcome.unordered)
    ]
    found += [
        SalvageLoss(
            table=table.table,
            kind="definitions",
            message="the catalog did not know it: 128-bit integers are floating-point numbers now, times with seconds "
            "have microseconds, and its default values and NOT NULL are gone",
        )
        for table in outcome.tables
        if table.created
    ]
    found += [
        SalvageLoss(
            table=table,
            kind="contradiction",
            message="files that it has been compacted into, or from, are gone, so that what these files changed cannot "
            f"be told: {', '.join(names)}; rows may be missing, shown as they were before, or shown although they were "
            "deleted",
        )
        for table, names in sorted(outcome.doubtful.items())
    ]
    found += [
        SalvageLoss(
            table=table,
            kind="missing-file",
            message=f"{name} is gone or not readable, and no other file has its rows: the table is not readable until "
            "heal puts it back, or leaves it out",
        )
        for table, name in outcome.missing
    ]
    for name, folder in generated.items():
        found.append(
            SalvageLoss(
                table=name, kind="name", message=f"its name is not known: it is called so for what lies in {folder}"
            )
        )
    for file in files:
        if file.kind == "encrypted":
            found.append(
                SalvageLoss(
                    table="", kind="encrypted-file", message=f"{file.name} is encrypted, and its key was in the catalog"
                )
            )
        elif file.kind == "unreadable":
            found.append(SalvageLoss(table="", kind="unreadable-file", message=f"{file.name} {file.reason}"))
    found += [
        SalvageLoss(table="", kind=kind, message=message.format(head=f"snapshot {head}"))
        for kind, message in _ANYWHERE.items()
    ]
    return tuple(found)
