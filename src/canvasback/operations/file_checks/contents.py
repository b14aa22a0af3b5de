"""The bytes of files against the checksums that a repository has of them."""

from __future__ import annotations

from collections.abc import Iterator

from canvasback.catalog.image import Image
from canvasback.errors import CanvasbackError
from canvasback.model.progress import Progress
from canvasback.operations.damage import DamagedFile
from canvasback.operations.file_checks.kinds import CORRUPT, UNREADABLE
from canvasback.operations.file_checks.named import NamedFile, named_files
from canvasback.operations.parallel import Stop, each, in_parallel
from canvasback.storage.checksums import hash_stream
from canvasback.storage.locations import Stores


def check_contents(image: Image, stores: Stores, where: str, jobs: int, progress: Progress) -> Iterator[DamagedFile]:
    """Hash the files of ``memory.named`` of which ``memory.held`` has a checksum.

    Args:
        image: The catalog, whose connection has both.
        stores: Reaches the files.
        where: Which of them, as a condition.
        jobs: How many are read at a time.
        progress: Told about every file.
    """
    known = f"({where}) AND place IN (SELECT place FROM memory.held)"
    [(count, bytes_)] = image.rows(f"SELECT count(*), sum(size)::BIGINT FROM memory.named WHERE {known}")
    progress.begin("reading files", files=count, bytes_=bytes_ or 0)

    def work(file: NamedFile, stop: Stop) -> DamagedFile | None:
        with image.connection.cursor() as cursor:
            rows = cursor.execute("SELECT checksum FROM memory.held WHERE place = $1", [file.place]).fetchall()
        found = _check(file, {checksum for (checksum,) in rows}, stores, stop)
        progress.advance(files=1, bytes_=file.size)
        return found

    with in_parallel(named_files(image, known), each(work), jobs, lambda file: file.size) as checked:
        yield from (found for found in checked if found is not None)
    progress.end()


def _check(file: NamedFile, checksums: set[str], stores: Stores, stop: Stop) -> DamagedFile | None:
    store, name = stores.locate(file.place)
    for checksum in checksums:
        algorithm, _, digest = checksum.partition(":")
        try:
            with store.open(name, vouch=False) as stream:
                if hash_stream(stop.guard(stream), algorithm)[1] == digest:
                    return None
        except CanvasbackError as error:
            return file.damaged(UNREADABLE, f"cannot be read: {error.message}")
        except OSError as error:
            return file.damaged(UNREADABLE, f"cannot be read: {error.strerror or error}")
    return file.damaged(CORRUPT, "does not have the bytes that were saved")
