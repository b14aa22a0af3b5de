"""What a heal that died left half-written beside the lake's files."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.storage.local.staging import sweep
from canvasback.storage.locations import is_remote


def sweep_folders(image: Image, root: str) -> None:
    """Remove from the folders of a lake's files what nobody is going to finish. Buckets have no such litter.

    Args:
        image: The catalog.
        root: The data path.
    """
    cursor = image.connection.cursor()
    cursor.execute(f"SELECT DISTINCT regexp_replace(place, '[^/]*$', '') FROM ({named_files(image, root)})")
    while found := cursor.fetchone():
        if not is_remote(found[0]):
            sweep(found[0])
