"""The damaged files of a lake, as a table to report from and to plan by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import duckdb
import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.table_states import shown_files
from canvasback.catalog.writing.loss_commit import accepted_select
from canvasback.checks.kinds import FILE_KINDS
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import Appending, one_row

_BATCH = 4096
_COLUMNS = {
    "code": "VARCHAR",
    "file_kind": "VARCHAR",
    "file_id": "BIGINT",
    "table_id": "BIGINT",
    "place": "VARCHAR",
    "message": "VARCHAR",
    "lost": "BOOLEAN",
}


class DamagedFiles(OwnTable):
    """A table of ``code``, ``file_kind``, ``file_id``, ``table_id``, ``place``, ``message`` and ``lost``.

    What they say is what `DamagedFile` says; ``code`` is that of its kind.

    Args:
        connection: Where it is made, still empty.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(connection, "damaged", _COLUMNS)

    def note(self, found: Iterable[DamagedFile]) -> None:
        """Add files."""
        with Appending(self._connection, self, _COLUMNS) as rows:
            for damaged in found:
                rows.add((damaged.kind.code, *msgspec.structs.astuple(damaged)[1:]))

    def clear(self) -> None:
        """Forget them all."""
        self._connection.execute(f"DELETE FROM {self}")

    def each(self, where: str = "true") -> Iterator[DamagedFile]:
        """The files, those of one table side by side, in the order of their ids."""
        cursor = self._connection.cursor()
        cursor.execute(
            f"SELECT code, file_kind, file_id, table_id, place, message, lost FROM {self} "
            f"WHERE {where} ORDER BY table_id, file_kind, file_id"
        )
        while rows := cursor.fetchmany(_BATCH):
            for code, *row in rows:
                yield DamagedFile(FILE_KINDS[code], *row)

    def ids(self) -> list[tuple[str, int]]:
        """Kind and id of each."""
        return [(file.file_kind, file.file_id) for file in self.each()]

    def counts(self) -> dict[int, tuple[int, int]]:
        """How many are lost, and how many there are, by table."""
        rows = self._connection.execute(
            f"SELECT table_id, count(*) FILTER (lost), count(*) FROM {self} GROUP BY 1"
        ).fetchall()
        return {id_: (int(lost), int(count)) for id_, lost, count in rows}

    def lost_rows(self, image: Image, head: int) -> dict[int, int]:
        """Rows that the newest snapshot shows and that lost data files had, by table.

        Args:
            image: The catalog in DuckDB's dialect, over the same connection.
            head: Its newest snapshot.
        """
        return dict(
            image.rows(
                f"SELECT f.table_id, sum(f.rows - f.deletes)::BIGINT FROM ({shown_files(image, head)}) f "
                f"JOIN {self} l ON l.file_kind = 'data' AND l.file_id = f.file_id AND l.lost GROUP BY 1"
            )
        )

    def forget_accepted(self, image: Image) -> int:
        """Forget those whose loss was accepted, and tell how many there were."""
        known = f"(file_kind, file_id) IN (SELECT (kind, file_id) FROM ({accepted_select(image)})) AND lost"
        [count] = one_row(self._connection, f"SELECT count(*) FROM {self} WHERE {known}")
        self._connection.execute(f"DELETE FROM {self} WHERE {known}")
        return int(count)
