"""Files that can be read to their last row, whatever is wrong with them: nothing of them is lost yet."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.checks.kinds import MISSING, ROWS, UNREADABLE
from canvasback.checks.notes import note_columns, note_statistics
from canvasback.checks.rows import read_rows
from canvasback.checks.wanted import WantedFile, note_held, note_wanted, wanted_files
from canvasback.model.relation import literal
from canvasback.repository.rows import create_table, insert_rows
from canvasback.storage.parallel import Stop
from canvasback.storage.run import Run
from canvasback.storage.temporary import temporary_folder

_WHOLE = {"file_kind": "VARCHAR", "file_id": "BIGINT"}


def note_whole(image: Image, root: str, run: Run, *, look: bool) -> None:
    """Fill ``memory.whole`` with those lost files of ``memory.damaged`` of which every row can be read.

    Args:
        image: The catalog in DuckDB's dialect.
        root: The data path as an absolute folder or URL that ends in a slash.
        run: Reaches the files.
        look: Whether to look at all; else there are none.
    """
    create_table(image.connection, "memory.whole", _WHOLE)
    hopeless = ", ".join(literal(kind.code) for kind in (MISSING, UNREADABLE, ROWS))
    lost = f"SELECT file_kind, file_id FROM memory.damaged WHERE lost AND code NOT IN ({hopeless})"
    if not look or not note_wanted(image, root, None, lost):
        return
    note_held(image, None)
    note_columns(image)
    note_statistics(image)

    def work(batch: list[WantedFile], stop: Stop) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        with image.connection.cursor() as cursor, temporary_folder() as folder:
            for file in batch:
                damage = read_rows(cursor, file, run.stores, folder, stop) if file.parquet else None
                if file.parquet and (damage is None or damage.kind not in {ROWS, UNREADABLE}):
                    found.append((file.kind, file.id))
        return found

    files = iter(list(wanted_files(image)))
    with run.in_parallel(files, work, run.stores.open(root), size=lambda file: file.size, batch=16) as whole:
        insert_rows(image.connection, "memory.whole", _WHOLE, list(whole))
