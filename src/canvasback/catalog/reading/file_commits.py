"""When the files of a lake were committed."""

from __future__ import annotations

from canvasback.catalog.image import Image


def file_commits(image: Image) -> str:
    """A SELECT of the commits that a catalog knows: ``time``, and the ids of files ``first`` to before ``next``.

    Each commit gives out ids for the files of all kinds that it adds, a merge too, whose files begin at an older
    snapshot. Those of commits that the catalog does not know any more count as those of the next one that it knows.

    Args:
        image: The catalog.
    """
    return (
        "SELECT CAST(snapshot_time AS TIMESTAMPTZ) AS time, "
        "coalesce(lag(next_file_id) OVER (ORDER BY snapshot_id), 0) AS first, next_file_id AS next "
        f"FROM ({image.tables['ducklake_snapshot'].select}) s"
    )
