"""The files that the snapshots of a lake need, with what the catalog says of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS, named_files
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.model.finding import FindingKind
from canvasback.model.relation import Relation, literal
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows, one_row

_BATCH = 4096
_FOUND = {"number": "BIGINT", "size": "BIGINT"}
_HELD = {"number": "BIGINT", "checksum": "VARCHAR"}


class WantedFile(msgspec.Struct, frozen=True):
    """A file of a lake.

    Attributes:
        kind: ``data`` or ``delete``.
        id: Its id in the catalog.
        table_id: Its table.
        place: Its absolute path or URL.
        size: Bytes that the catalog promises.
        footer_size: Bytes of its footer; None where the catalog does not say.
        rows: Rows that the catalog promises.
        key: Its encryption key as base64; None where it is not encrypted.
        mapped: Whether its columns are found by name.
        parquet: Whether it is Parquet.
        target_id: The data file whose rows a delete file deletes.
        target_name: That file's name, without folders.
        target_rows: The rows of that file.
        row_id_start: The row id of its first row, or of another; None where the catalog does not say.
        next_row_id: The row id that its table gives out next; None where the catalog does not say.
        found: Bytes that storage has of it; None where it is not there.
        checksum: What a repository holds of it; None where it holds none, or is not asked.
    """

    kind: Literal["data", "delete"]
    id: int
    table_id: int
    place: str
    size: int
    footer_size: int | None
    rows: int
    key: str | None
    mapped: bool
    parquet: bool
    target_id: int | None
    target_name: str | None
    target_rows: int | None
    row_id_start: int | None = None
    next_row_id: int | None = None
    found: int | None = None
    checksum: str | None = None

    def damaged(self, kind: FindingKind, message: str, *, lost: bool = True) -> DamagedFile:
        """What is wrong with it."""
        return DamagedFile(kind, self.kind, self.id, self.table_id, self.place, message, lost)


class WantedFiles:
    """The files that the snapshots of a lake need, or some of them, in tables of their own until they are dropped.

    Attributes:
        image: The catalog.
        count: How many there are.

    Args:
        image: See above; with the types of one in DuckDB.
        root: The data path as an absolute folder or URL that ends in a slash.
        tables: Ids of the tables whose files are wanted; None for all.
        files: A SELECT of ``file_kind`` and ``file_id``: only those; None for all.
        held: What a repository holds of them, with the columns ``kind``, ``file_id``, ``path`` and ``checksum``.
    """

    def __init__(
        self,
        image: Image,
        root: str,
        *,
        tables: Collection[int] | None = None,
        files: str | None = None,
        held: Relation | None = None,
    ) -> None:
        self.image = image
        self._connection = image.connection
        selects = [_select(image, kind, root) for kind, (table, _) in KINDS.items() if table in image.tables]
        chosen = "true" if tables is None else f"list_contains({sorted(tables)}::BIGINT[], table_id)"
        if files is not None:
            chosen += f" AND (kind, id) IN (SELECT (file_kind, file_id) FROM ({files}))"
        self._files = OwnTable(
            self._connection,
            "wanted",
            "SELECT row_number() OVER (ORDER BY kind, id) AS number, * "
            f"FROM ({' UNION ALL '.join(selects)}) WHERE {chosen} ORDER BY number",
        )
        self._found = OwnTable(self._connection, "found", _FOUND)
        self._held = OwnTable(self._connection, "held", _HELD if held is None else self._held_select(held))
        self.count = int(one_row(self._connection, f"SELECT count(*) FROM {self._files}")[0])

    def ids(self, kind: Literal["data", "delete"]) -> str:
        """A SELECT of the ids of those of a kind."""
        return f"SELECT id FROM {self._files} WHERE kind = {literal(kind)}"

    def table_ids(self, kind: Literal["data", "delete"] | None = None) -> str:
        """A SELECT of the ids of the tables that have files, or files of a kind, among them."""
        return f"SELECT table_id FROM {self._files}" + ("" if kind is None else f" WHERE kind = {literal(kind)}")

    def each(self, where: str = "true") -> Iterator[WantedFile]:
        """Those for which a condition holds on the file ``w`` and on ``p.size``, which is what storage has of it."""
        return (file for _, file in self._numbered(where))

    def not_found(self) -> Iterator[tuple[int, WantedFile]]:
        """Those that were not found in storage, with numbers to note them by."""
        return self._numbered("p.size IS NULL")

    def note_found(self, sizes: Sequence[tuple[int, int]]) -> None:
        """Note the numbers of files that storage has, and its sizes of them."""
        insert_rows(self._connection, str(self._found), _FOUND, sizes)

    def note_listed(self, listed: OwnTable) -> None:
        """Note what a listing of the data path has: ``name`` and ``size``."""
        self._connection.execute(
            f"INSERT INTO {self._found} SELECT w.number, s.size FROM {self._files} w "
            f"JOIN {listed} s ON s.name = w.path AND NOT w.elsewhere"
        )

    def not_held(self) -> int:
        """How many of them the repository does not hold."""
        return int(
            one_row(self._connection, f"SELECT count(*) FROM {self._files} ANTI JOIN {self._held} USING (number)")[0]
        )

    def drop(self) -> None:
        """Let go of them."""
        for table in (self._files, self._found, self._held):
            table.drop()

    def _held_select(self, held: Relation) -> str:
        return (
            f"SELECT w.number, any_value(h.checksum) AS checksum FROM {self._files} w JOIN ({held.select}) h "
            "ON h.kind = w.kind AND h.file_id = w.id AND h.path = w.path WHERE h.checksum IS NOT NULL GROUP BY ALL"
        )

    def _numbered(self, where: str) -> Iterator[tuple[int, WantedFile]]:
        cursor = self._connection.cursor()
        with cursor:
            cursor.execute(
                "SELECT number, w.kind, w.id, w.table_id, w.place, w.size, w.footer_size, w.rows, w.key, w.mapped, "
                "w.parquet, w.target_id, w.target_name, w.target_rows, w.row_id_start, w.next_row_id, p.size, "
                f"h.checksum FROM {self._files} w LEFT JOIN {self._found} p USING (number) "
                f"LEFT JOIN {self._held} h USING (number) WHERE {where} ORDER BY number"
            )
            while rows := cursor.fetchmany(_BATCH):
                for number, *row in rows:
                    yield number, WantedFile(*row)


def _select(image: Image, kind: str, root: str) -> str:
    table, key = KINDS[kind]
    data = kind == "data"
    mapped = "x.mapping_id IS NOT NULL" if data and image.has(table, "mapping_id") else "false"
    target = (
        "NULL::BIGINT AS target_id, NULL::VARCHAR AS target_name, NULL::BIGINT AS target_rows"
        if data
        else "x.data_file_id AS target_id, regexp_extract(d.path, '[^/]*$') AS target_name, "
        "d.record_count AS target_rows"
    )
    join = (
        ""
        if data
        else f"LEFT JOIN (SELECT data_file_id, any_value(path) AS path, any_value(record_count) AS record_count "
        f"FROM ({image.tables['ducklake_data_file'].select}) GROUP BY ALL) d ON d.data_file_id = x.data_file_id"
    )
    return f"""
        SELECT {literal(kind)} AS kind, x.{key} AS id, x.table_id,
            f.place, f.path, f.elsewhere,
            x.file_size_bytes AS size, x.footer_size, x.{"record_count" if data else "delete_count"} AS rows,
            x.encryption_key AS key, {mapped} AS mapped,
            lower(x.{"file_format" if data else "format"}) = 'parquet' AS parquet, {target},
            {"x.row_id_start" if data else "NULL::BIGINT"} AS row_id_start, n.next_row_id
        FROM ({image.tables[table].select}) x JOIN ({named_files(image, root, kind)}) f ON f.file_id = x.{key} {join}
        LEFT JOIN (SELECT table_id, max(next_row_id) AS next_row_id
            FROM ({image.tables["ducklake_table_stats"].select}) GROUP BY table_id) n ON n.table_id = x.table_id
    """
