"""Where the commits of a catalog are in its server's log is noted in the repository."""

from __future__ import annotations

from datetime import datetime

from canvasback.catalog.image import Image
from canvasback.catalog.reading.commit_positions import commit_positions
from canvasback.model.finding import Finding
from canvasback.repository.commit_map import MOST, last_commit, record_commits
from canvasback.storage.store import Store


def map_commits(image: Image, store: Store, now: datetime, *, full: bool = False) -> tuple[Finding, ...]:
    """Note the commits that are new; nothing where the catalog's server told none.

    Args:
        image: The catalog, as its engine read it.
        store: The repository.
        now: The time.
        full: Whether to rely on nothing that was noted before.

    Returns:
        What is wrong with what was noted before.

    Raises:
        StorageError: It cannot be written.
    """
    if image.commits is None:
        return ()
    return record_commits(store, commit_positions(image, None if full else last_commit(store), MOST), now)
