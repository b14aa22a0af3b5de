"""Files that can be read to their last row, whatever is wrong with them: nothing of them is lost yet."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.checks.damaged_files import DamagedFiles
from canvasback.checks.kinds import MISSING, ROWS, UNREADABLE
from canvasback.checks.notes import Notes
from canvasback.checks.rows import read_rows
from canvasback.checks.wanted import WantedFile, WantedFiles
from canvasback.model.relation import literal
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows
from canvasback.storage.parallel import Stop
from canvasback.storage.run import Run
from canvasback.storage.temporary import temporary_folder

_COLUMNS = {"file_kind": "VARCHAR", "file_id": "BIGINT"}


class WholeFiles(OwnTable):
    """A table of ``file_kind`` and ``file_id``: those lost files of which every row can be read.

    Args:
        image: The catalog in DuckDB's dialect.
        damaged: The lost ones are among them.
        root: The data path as an absolute folder or URL that ends in a slash.
        run: Reaches the files.
        look: Whether to look at all; else there are none.
    """

    def __init__(self, image: Image, damaged: DamagedFiles, root: str, run: Run, *, look: bool) -> None:
        super().__init__(image.connection, "whole", _COLUMNS)
        if not look:
            return
        hopeless = ", ".join(literal(kind.code) for kind in (MISSING, UNREADABLE, ROWS))
        lost = f"SELECT file_kind, file_id FROM {damaged} WHERE lost AND code NOT IN ({hopeless})"
        wanted = WantedFiles(image, root, files=lost)
        if wanted.count:
            insert_rows(image.connection, str(self), _COLUMNS, _read_to_the_end(wanted, root, run))
        wanted.drop()


def _read_to_the_end(wanted: WantedFiles, root: str, run: Run) -> list[tuple[str, int]]:
    """Kind and id of those files of which every row can be read."""
    notes = Notes(wanted)

    def work(batch: list[WantedFile], stop: Stop) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        with wanted.image.connection.cursor() as cursor, temporary_folder() as folder:
            for file in batch:
                damage = read_rows(cursor, notes, file, run.stores, folder, stop) if file.parquet else None
                if file.parquet and (damage is None or damage.kind not in {ROWS, UNREADABLE}):
                    found.append((file.kind, file.id))
        return found

    files = iter(list(wanted.each()))
    with run.in_parallel(files, work, run.stores.open(root), size=lambda file: file.size, batch=16) as whole:
        found = list(whole)
    notes.drop()
    return found
