"""The files that the snapshots of a lake need, with what the catalog says of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS, named_files
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.model.finding import FindingKind
from canvasback.model.relation import Relation, literal

_BATCH = 4096


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


def note_wanted(image: Image, root: str, tables: Collection[int] | None, files: str | None) -> int:
    """Fill ``memory.wanted`` with the files of the tables, or some of them, and answer how many there are.

    ``memory.siblings`` gets the names of all data files of the tables that have delete files among them.
    """
    selects = [_select(image, kind, root) for kind, (table, _) in KINDS.items() if table in image.tables]
    chosen = "true" if tables is None else f"list_contains({sorted(tables)}::BIGINT[], table_id)"
    if files is not None:
        chosen += f" AND (kind, id) IN (SELECT (file_kind, file_id) FROM ({files}))"
    image.connection.execute(
        f"CREATE OR REPLACE TABLE memory.wanted AS SELECT row_number() OVER (ORDER BY kind, id) AS number, * "
        f"FROM ({' UNION ALL '.join(selects)}) WHERE {chosen} ORDER BY number"
    )
    image.connection.execute(
        "CREATE OR REPLACE TABLE memory.siblings AS SELECT table_id, parse_filename(path) AS name FROM "
        f"({image.tables['ducklake_data_file'].select}) x "
        "WHERE table_id IN (SELECT table_id FROM memory.wanted WHERE kind = 'delete')"
    )
    found = image.connection.execute("SELECT count(*) FROM memory.wanted").fetchone()
    return int(found[0]) if found else 0


def note_held(image: Image, held: Relation | None) -> None:
    """Fill ``memory.held`` with the checksums of the wanted files that a repository holds.

    Args:
        image: The catalog, after `note_wanted`.
        held: Files of a point, with the columns ``kind``, ``file_id``, ``path`` and ``checksum``.
    """
    select = (
        "SELECT 0::BIGINT AS number, '' AS checksum LIMIT 0"
        if held is None
        else f"SELECT w.number, any_value(h.checksum) AS checksum FROM memory.wanted w JOIN ({held.select}) h "
        "ON h.kind = w.kind AND h.file_id = w.id AND h.path = w.path WHERE h.checksum IS NOT NULL GROUP BY ALL"
    )
    image.connection.execute(f"CREATE OR REPLACE TABLE memory.held AS {select}")


def wanted_files(image: Image, where: str = "true") -> Iterator[WantedFile]:
    """The files for which a condition on ``w`` (``memory.wanted``) and ``p`` (``memory.present``) holds."""
    cursor = image.connection.cursor()
    with cursor:
        cursor.execute(
            "SELECT w.kind, w.id, w.table_id, w.place, w.size, w.footer_size, w.rows, w.key, w.mapped, w.parquet, "
            "w.target_id, w.target_name, w.target_rows, w.row_id_start, w.next_row_id, p.size, h.checksum "
            "FROM memory.wanted w LEFT JOIN memory.present p USING (number) LEFT JOIN memory.held h USING (number) "
            f"WHERE {where} ORDER BY number"
        )
        while rows := cursor.fetchmany(_BATCH):
            for row in rows:
                yield WantedFile(*row)


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
