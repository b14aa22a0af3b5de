"""What a heal that died left half-written beside the lake's files."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS, files_select
from canvasback.model.relation import literal
from canvasback.storage.local.staging import sweep
from canvasback.storage.locations import is_remote


def sweep_folders(image: Image, root: str) -> None:
    """Remove from the folders of a lake's files what nobody is going to finish. Buckets have no such litter.

    Args:
        image: The catalog.
        root: The data path.
    """
    selects = " UNION ALL ".join(
        f"SELECT CASE WHEN elsewhere THEN path ELSE {literal(root)} || path END AS place "
        f"FROM ({files_select(image, kind, root)})"
        for kind, (table, _) in KINDS.items()
        if table in image.tables
    )
    cursor = image.connection.cursor()
    cursor.execute(f"SELECT DISTINCT regexp_replace(place, '[^/]*$', '') FROM ({selects})")
    while found := cursor.fetchone():
        if not is_remote(found[0]):
            sweep(found[0])
