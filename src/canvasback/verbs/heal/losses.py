"""What cannot be healed: which rows of which table are lost, and to which snapshots."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS
from canvasback.catalog.reading.table_states import shown_files, visible
from canvasback.catalog.writing.loss_commit import Unreadable
from canvasback.checks import WholeFiles
from canvasback.checks.diagnosis import Diagnosis
from canvasback.checks.kinds import UNREADABLE
from canvasback.checks.known_copies import KnownCopies
from canvasback.model.relation import literal
from canvasback.model.results.heal import Loss

_ROWS = {"data": "record_count", "delete": "delete_count"}


class Losses:
    """The lost files that nothing was found for.

    Attributes:
        count: How many there are.
        unsure: Files of the newest snapshot that are no loss yet: storage does not let them be read, or put back.
        whole: Files of the newest snapshot that are no loss either: all their rows can be read.
        rows: Rows of the newest snapshot that are surely lost.
        returning: Deleted rows of the newest snapshot that show again where their files of deletes are left out.

    Args:
        image: The catalog in DuckDB's dialect.
        diagnosis: Knows its damaged files, and the names of its tables.
        copies: Knows which have a copy that could not be put in place.
        whole: Those of which every row can be read.
        where: Which damaged files are meant, beside that they are lost.
    """

    def __init__(self, image: Image, diagnosis: Diagnosis, copies: KnownCopies, whole: WholeFiles, where: str) -> None:
        self._image = image
        self._diagnosis = diagnosis
        self._where = where
        self._head = image.head()[0]
        seen = visible("f", self._head)
        # An outage or a lost permission is no loss, nor is what has a copy that could not be put in place.
        sure = f"(f.code <> {literal(UNREADABLE.code)} AND f.place NOT IN (FROM {copies.unplaced}))"
        # Nor is a file of which every row can be read, whatever is wrong with it.
        readable = f"(f.file_kind, f.file_id) IN (FROM {whole})"
        self._dropped = f"({sure} AND NOT {readable})"
        [(self.count, self.unsure, self.whole, self.rows, self.returning)] = image.rows(
            f"SELECT count(*), count(*) FILTER ({seen} AND NOT {sure} AND NOT {readable}), "
            f"count(*) FILTER ({seen} AND {readable}), "
            f"coalesce(sum(f.shown) FILTER (f.file_kind = 'data' AND {seen} AND {self._dropped}), 0)::BIGINT, "
            f"coalesce(sum(f.rows) FILTER (f.file_kind = 'delete' AND {seen} AND {self._dropped}), 0)::BIGINT "
            f"FROM (SELECT f.*, s.rows - s.deletes AS shown FROM ({self._select()}) f "
            f"LEFT JOIN ({shown_files(image, self._head)}) s USING (file_id)) f"
        )

    def first(self, most: int) -> tuple[Loss, ...]:
        """The first losses, by table."""
        rows = self._image.rows(
            "SELECT place, table_id, file_kind, rows, begin_snapshot, end_snapshot, message "
            f"FROM ({self._select()}) f ORDER BY table_id, file_kind, file_id LIMIT {most}"
        )
        return tuple(
            Loss(
                place=place,
                table=self._diagnosis.name(table_id),
                kind=kind,
                rows=lost,
                begin_snapshot=begin,
                end_snapshot=end,
                reason=reason,
            )
            for place, table_id, kind, lost, begin, end, reason in rows
        )

    def unreadable(self) -> list[Unreadable]:
        """Those that the newest snapshot sees, and that are surely lost."""
        rows = self._image.rows(
            f"SELECT file_kind, file_id, table_id FROM ({self._select()}) f "
            f"WHERE {visible('f', self._head)} AND {self._dropped} ORDER BY ALL"
        )
        return [Unreadable(*row) for row in rows]

    def _select(self) -> str:
        return " UNION ALL ".join(
            f"SELECT d.place, d.table_id, d.file_kind, d.file_id, x.{_ROWS[kind]} AS rows, x.begin_snapshot, "
            f"{self._end(kind)} AS end_snapshot, d.message, d.code "
            f"FROM {self._diagnosis.damaged} d JOIN ({self._image.tables[table].select}) x "
            f"ON d.file_kind = {literal(kind)} AND x.{key} = d.file_id WHERE d.lost AND {self._where}"
            for kind, (table, key) in KINDS.items()
            if table in self._image.tables
        )

    def _end(self, kind: str) -> str:
        """From which snapshot on nobody needs a file. A file of deletes that outlives its data file deletes nothing.

        DuckLake 1.0 ends only the data file where a delete takes all of its rows.
        """
        if kind == "data":
            return "x.end_snapshot"
        files = self._image.tables["ducklake_data_file"].select
        return (
            f"least(x.end_snapshot, (SELECT max(f.end_snapshot) FROM ({files}) f "
            "WHERE f.data_file_id = x.data_file_id))"
        )
