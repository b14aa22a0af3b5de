"""The commits that a catalog knows."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.model.commit import CommitSummary


def commits_between(image: Image, after: int, until: int) -> tuple[CommitSummary, ...]:
    """The commits after a snapshot up to another one that an image still knows, oldest first."""
    named = image.has("ducklake_snapshot_changes", "author")
    author, message = ("c.author", "c.commit_message") if named else ("NULL", "NULL")
    rows = image.rows(
        f"SELECT s.snapshot_id, CAST(s.snapshot_time AS TIMESTAMPTZ), coalesce({author}, ''), coalesce({message}, ''), "
        "coalesce(c.changes_made, '') FROM {ducklake_snapshot} s LEFT JOIN {ducklake_snapshot_changes} c "
        f"USING (snapshot_id) WHERE s.snapshot_id > {after} AND s.snapshot_id <= {until} ORDER BY 1"
    )
    return tuple(CommitSummary(*row) for row in rows)
