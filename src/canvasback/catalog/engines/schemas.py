"""Which of a database's schemas holds the catalog."""

from __future__ import annotations

from collections.abc import Sequence

from canvasback.errors import LakeError

MARKS = ("ducklake_metadata", "ducklake_snapshot")
"""The tables without which a schema holds no catalog."""


def choose_schema(found: Sequence[str], wanted: str, what: str) -> str:
    """The schema that is meant.

    Args:
        found: The schemas that have the tables of a catalog.
        wanted: The one that the user names; empty for the only one.
        what: The database and its kind, to begin a sentence with.

    Raises:
        LakeError: There is no catalog (``not-a-ducklake``), or several and none was named (``several-catalogs``).
    """
    if wanted in found:
        return wanted
    if wanted or not found:
        where = f"the schema {wanted!r} of it" if wanted else "it"
        raise LakeError(
            "not-a-ducklake",
            f"{what}, but there is no DuckLake catalog in {where}",
            hint="Name what you put after ducklake: in ATTACH, not a database of your own.",
        )
    if len(found) > 1:
        raise LakeError(
            "several-catalogs",
            f"{what}, with {len(found)} DuckLake catalogs, in the schemas {', '.join(found)}",
            hint="Say which one is meant, as in ATTACH: \"ducklake:… (METADATA_SCHEMA 'name')\".",
        )
    return found[0]
