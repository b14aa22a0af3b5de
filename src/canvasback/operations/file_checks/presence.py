"""Is every file there, with its size?"""

from __future__ import annotations

from collections.abc import Iterator

from canvasback.catalog.image import Image
from canvasback.errors import AccessDeniedError, CanvasbackError
from canvasback.model.progress import Progress
from canvasback.model.relation import literal
from canvasback.operations.damage import DamagedFile
from canvasback.operations.file_checks.kinds import MISSING, SIZE, UNREADABLE
from canvasback.operations.file_checks.named import NamedFile, named_files
from canvasback.operations.parallel import Stop, each, in_parallel
from canvasback.operations.unknown_files import list_data_path
from canvasback.storage.locations import Stores


def list_root(image: Image, root: str, stores: Stores, progress: Progress) -> bool:
    """Fill ``memory.listed`` with what is in the data path; False where it may not be listed, or is not there."""
    try:
        list_data_path(image, stores.open(root), progress)
    except AccessDeniedError:
        image.connection.execute("DELETE FROM memory.listed")
        return False
    return True


def check_presence(
    image: Image, root: str, stores: Stores, jobs: int, progress: Progress, *, listed: bool
) -> Iterator[DamagedFile]:
    """Compare names and sizes of ``memory.named`` with the listing, or ask for each file.

    Args:
        image: The catalog, whose connection has ``memory.named``.
        root: The data path.
        stores: Reaches it, and places elsewhere.
        jobs: How many files are asked for at a time.
        progress: Told how the work goes on.
        listed: Whether ``memory.listed`` has what is in the data path.
    """
    where = "true"
    if listed:
        image.connection.execute(
            "CREATE OR REPLACE TABLE memory.suspects AS SELECT n.file_kind, n.file_id FROM memory.named n "
            f"LEFT JOIN memory.listed l ON n.place = {literal(root)} || l.name WHERE l.size IS DISTINCT FROM n.size"
        )
        where = "(file_kind, file_id) IN (SELECT (file_kind, file_id) FROM memory.suspects)"
    progress.begin("looking for files")

    def look(file: NamedFile, _: Stop) -> DamagedFile | None:
        found = _look(file, stores)
        progress.advance(files=1)
        return found

    with in_parallel(named_files(image, where), each(look), jobs, lambda _: 0) as looked:
        yield from (found for found in looked if found is not None)
    progress.end()


def _look(file: NamedFile, stores: Stores) -> DamagedFile | None:
    """Ask for one file. What a listing lacks is asked for as well: a name with odd parts may be another there."""
    try:
        store, name = stores.locate(file.place)
        stat = store.stat(name)
        if stat is None:
            return file.damaged(MISSING, "is not there")
        if stat.size != file.size:
            return file.damaged(SIZE, f"has {stat.size} bytes, and the catalog says {file.size}")
    except CanvasbackError as error:
        return file.damaged(UNREADABLE, f"cannot be read: {error.message}")
    except OSError as error:
        return file.damaged(UNREADABLE, f"cannot be read: {error.strerror or error}")
    return None
