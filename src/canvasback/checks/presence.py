"""Are the files there, and as long as the catalog says?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from canvasback.checks.kinds import MISSING, SIZE, UNREADABLE
from canvasback.checks.wanted import WantedFile, WantedFiles
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.errors import CanvasbackError, ObjectMissingError, StorageError
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows
from canvasback.storage.locations import is_remote
from canvasback.storage.parallel import each
from canvasback.storage.run import Run
from canvasback.storage.store import Store

_LISTED = {"name": "VARCHAR", "size": "BIGINT"}
_BATCH = 4096


def note_present(wanted: WantedFiles, root: str, run: Run) -> list[DamagedFile]:
    """Note of wanted files the size of each that is there.

    A bucket is listed once where that may be done; what a listing does not have is asked for by name.

    Returns:
        The files of which storage does not say whether they are there.
    """
    run.progress.begin("looking for files", files=wanted.count)
    listed = root if is_remote(root) and _list(wanted, root, run) else None
    unsure = _ask(wanted, root, run, listed)
    run.progress.end()
    return unsure


def absent_or_other(wanted: WantedFiles, unsure: set[tuple[str, int]], *, sizes: bool) -> Iterator[DamagedFile]:
    """The files that are missing, and those of another size if that is asked for."""
    where = "p.size IS NULL" + (" OR p.size <> w.size" if sizes else "")
    for file in wanted.each(where):
        if (file.kind, file.id) not in unsure:
            yield file.damaged(MISSING, "is missing") if file.found is None else wrong_size(file)


def wrong_size(file: WantedFile) -> DamagedFile:
    """What there is to say of a file of another size."""
    return file.damaged(SIZE, f"has {file.found} bytes, and the catalog says {file.size}")


def _list(wanted: WantedFiles, root: str, run: Run) -> bool:
    """Note what one listing has, and answer whether it has everything; it may be refused, or break off."""
    listed = OwnTable(wanted.image.connection, "listed", _LISTED)
    batch: list[tuple[str, int]] = []
    whole = True
    try:
        for stat in run.stores.open(root).list(""):
            batch.append((stat.name, stat.size))
            if len(batch) >= _BATCH:
                insert_rows(wanted.image.connection, str(listed), _LISTED, batch)
                run.progress.advance(files=len(batch))
                batch.clear()
    except StorageError:
        whole = False
    insert_rows(wanted.image.connection, str(listed), _LISTED, batch)
    wanted.note_listed(listed)
    listed.drop()
    return whole


def _ask(wanted: WantedFiles, root: str, run: Run, listed: str | None) -> list[DamagedFile]:
    """Ask for each file that no listing had; below ``listed`` one had all that is there."""
    unsure: list[DamagedFile] = []

    def size_of(numbered: tuple[int, WantedFile]) -> tuple[int, int | None, DamagedFile | None]:
        number, file = numbered
        try:
            store, name = run.stores.locate(file.place)
            stat = store.stat(name)
            if stat is None and is_remote(file.place) and not (listed and file.place.startswith(listed)):
                _refuse_hidden(store, name)
        except (CanvasbackError, OSError) as error:
            return number, None, file.damaged(UNREADABLE, f"cannot be asked for: {error}")
        return number, None if stat is None else stat.size, None

    rows: list[tuple[int, int]] = []
    files = wanted.not_found()
    with run.in_parallel(files, each(lambda file, _: size_of(file)), run.stores.open(root), batch=32) as answers:
        for number, size, trouble in answers:
            if trouble is not None:
                unsure.append(trouble)
            elif size is not None:
                rows.append((number, size))
            run.progress.advance(files=1)
    for start in range(0, len(rows), _BATCH):
        wanted.note_found(rows[start : start + _BATCH])
    return unsure


def _refuse_hidden(store: Store, name: str) -> None:
    """See that an object is gone, and not only hidden from us: `Store.stat` takes the one for the other.

    Raises:
        AccessDeniedError: It may not be read, if it is there.
    """
    with contextlib.suppress(ObjectMissingError):
        store.read(name, 0, 1)
