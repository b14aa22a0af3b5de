"""Are the files there, and as long as the catalog says?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from canvasback.catalog.image import Image
from canvasback.checks.kinds import MISSING, SIZE, UNREADABLE
from canvasback.checks.wanted import WantedFile, wanted_files
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.errors import CanvasbackError, ObjectMissingError, StorageError
from canvasback.repository.rows import create_table, insert_rows
from canvasback.storage.locations import is_remote
from canvasback.storage.parallel import each
from canvasback.storage.run import Run
from canvasback.storage.store import Store

_PRESENT = {"number": "BIGINT", "size": "BIGINT"}
_LISTED = {"path": "VARCHAR", "size": "BIGINT"}
_BATCH = 4096


def note_present(image: Image, root: str, run: Run, files: int) -> list[DamagedFile]:
    """Fill ``memory.present`` with the size of each file that is there.

    A bucket is listed once where that may be done; what a listing does not have is asked for by name.

    Returns:
        The files of which storage does not say whether they are there.
    """
    create_table(image.connection, "memory.present", _PRESENT)
    run.progress.begin("looking for files", files=files)
    listed = root if is_remote(root) and _list(image, root, run) else None
    unsure = _ask(image, root, run, listed)
    run.progress.end()
    return unsure


def absent_or_other(image: Image, unsure: set[tuple[str, int]], *, sizes: bool) -> Iterator[DamagedFile]:
    """The files that are missing, and those of another size if that is asked for."""
    where = "p.size IS NULL" + (" OR p.size <> w.size" if sizes else "")
    for file in wanted_files(image, where):
        if (file.kind, file.id) not in unsure:
            yield file.damaged(MISSING, "is missing") if file.found is None else wrong_size(file)


def wrong_size(file: WantedFile) -> DamagedFile:
    """What there is to say of a file of another size."""
    return file.damaged(SIZE, f"has {file.found} bytes, and the catalog says {file.size}")


def _list(image: Image, root: str, run: Run) -> bool:
    """Note what one listing has, and answer whether it has everything; it may be refused, or break off."""
    create_table(image.connection, "memory.seen", _LISTED)
    batch: list[tuple[str, int]] = []
    whole = True
    try:
        for stat in run.stores.open(root).list(""):
            batch.append((stat.name, stat.size))
            if len(batch) >= _BATCH:
                insert_rows(image.connection, "memory.seen", _LISTED, batch)
                run.progress.advance(files=len(batch))
                batch.clear()
    except StorageError:
        whole = False
    insert_rows(image.connection, "memory.seen", _LISTED, batch)
    image.connection.execute(
        "INSERT INTO memory.present SELECT w.number, s.size FROM memory.wanted w "
        "JOIN memory.seen s ON s.path = w.path AND NOT w.elsewhere"
    )
    image.connection.execute("DROP TABLE memory.seen")
    return whole


def _ask(image: Image, root: str, run: Run, listed: str | None) -> list[DamagedFile]:
    """Ask for each file that no listing had; below ``listed`` one had all that is there."""
    unsure: list[DamagedFile] = []

    def size_of(file: tuple[int, WantedFile]) -> tuple[int, int | None, DamagedFile | None]:
        number, wanted = file
        try:
            store, name = run.stores.locate(wanted.place)
            stat = store.stat(name)
            if stat is None and is_remote(wanted.place) and not (listed and wanted.place.startswith(listed)):
                _refuse_hidden(store, name)
        except (CanvasbackError, OSError) as error:
            return number, None, wanted.damaged(UNREADABLE, f"cannot be asked for: {error}")
        return number, None if stat is None else stat.size, None

    numbered = zip(_numbers(image), wanted_files(image, "p.size IS NULL"), strict=True)
    rows: list[tuple[int, int]] = []
    with run.in_parallel(numbered, each(lambda file, _: size_of(file)), run.stores.open(root), batch=32) as answers:
        for number, size, trouble in answers:
            if trouble is not None:
                unsure.append(trouble)
            elif size is not None:
                rows.append((number, size))
            run.progress.advance(files=1)
    for start in range(0, len(rows), _BATCH):
        insert_rows(image.connection, "memory.present", _PRESENT, rows[start : start + _BATCH])
    return unsure


def _refuse_hidden(store: Store, name: str) -> None:
    """See that an object is gone, and not only hidden from us: `Store.stat` takes the one for the other.

    Raises:
        AccessDeniedError: It may not be read, if it is there.
    """
    with contextlib.suppress(ObjectMissingError):
        store.read(name, 0, 1)


def _numbers(image: Image) -> Iterator[int]:
    cursor = image.connection.cursor()
    with cursor:
        cursor.execute(
            "SELECT number FROM memory.wanted w LEFT JOIN memory.present p USING (number) WHERE p.size IS NULL "
            "ORDER BY number"
        )
        while rows := cursor.fetchmany(_BATCH):
            for (number,) in rows:
                yield number
