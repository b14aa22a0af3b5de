"""Whether a data path is empty where a lake's files should be: so a disk looks that is not mounted."""

from __future__ import annotations

import os

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.checks.damaged_files import DamagedFiles
from canvasback.checks.kinds import MISSING
from canvasback.model.relation import literal
from canvasback.repository.rows import one_row
from canvasback.storage.locations import Stores, is_remote


def is_empty(image: Image, damaged: DamagedFiles, root: str, stores: Stores) -> bool:
    """Whether the catalog names files below the data path, and neither one of them nor a folder of theirs is there.

    Where a single file was all, and is lost, its folder is still there; but a bucket has no folders.

    Args:
        image: The catalog in DuckDB's dialect.
        damaged: What is wrong with its files, all of them.
        root: The data path as an absolute folder or URL that ends in a slash.
        stores: How to reach it.

    Raises:
        StorageError: The data path cannot be listed.
    """
    missing = f"{damaged} WHERE code = {literal(MISSING.code)} AND starts_with(place, {literal(root)})"
    [gone] = one_row(image.connection, f"SELECT count(*) FROM {missing}")
    if not gone:
        return False
    [named] = one_row(image.connection, f"SELECT count(*) FROM ({named_files(image, root)}) WHERE NOT elsewhere")
    if named != gone:
        return False
    folders = {
        folder
        for (folder,) in image.connection.execute(
            f"SELECT DISTINCT regexp_replace(place, '[^/]*$', '') FROM {missing}"
        ).fetchall()
    }
    if is_remote(root):
        return not any(root + stat.name[: stat.name.rfind("/") + 1] in folders for stat in stores.open(root).list(""))
    return not any(os.path.isdir(folder) for folder in folders)
