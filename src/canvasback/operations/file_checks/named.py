"""The files that a catalog names, each with what the catalog promises of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from canvasback.catalog.files import KINDS, files_select
from canvasback.catalog.image import Image
from canvasback.model.finding import FindingKind
from canvasback.model.relation import literal
from canvasback.operations.damage import DamagedFile

_BATCH = 4096


class NamedFile(msgspec.Struct, frozen=True):
    """A file that the catalog names.

    Attributes:
        file_kind: ``data`` or ``delete``.
        file_id: Its id.
        table_id: Its table.
        place: Its absolute path or URL.
        size: Its bytes.
        footer_size: The length of its Parquet footer; None where the catalog does not say.
        rows: Its rows, or the places that it deletes.
        key: Its encryption key as base64; None where it is plain.
        parquet: Whether it is Parquet.
        mapped: Whether its columns are found by name rather than by field id.
        of_rows: Of a file of deletes, the rows of its data file.
        of_name: Of a file of deletes, the name of its data file, without folders.
    """

    file_kind: Literal["data", "delete"]
    file_id: int
    table_id: int
    place: str
    size: int
    footer_size: int | None
    rows: int
    key: str | None
    parquet: bool
    mapped: bool
    of_rows: int | None
    of_name: str | None

    @property
    def id(self) -> tuple[str, int]:
        """What tells it from all others of its lake."""
        return self.file_kind, self.file_id

    def damaged(self, kind: FindingKind, message: str, *, lost: bool = True) -> DamagedFile:
        """What is wrong with it; see `DamagedFile`."""
        return DamagedFile(kind, self.file_kind, self.file_id, self.table_id, self.place, message, lost)


def list_named(image: Image, root: str, tables: frozenset[int] | None, files: str | None) -> int:
    """Fill ``memory.named`` with the files to look at; answer how many there are.

    Args:
        image: The catalog in DuckDB's dialect.
        root: The data path as an absolute folder or URL that ends in a slash.
        tables: Only those of these tables; None for all.
        files: Only those of a SELECT of ``file_kind`` and ``file_id``; None for all.
    """
    selects = [_select(image, kind, root) for kind, (table, _) in KINDS.items() if table in image.tables]
    where = "true" if tables is None else f"table_id IN ({', '.join(map(str, sorted(tables))) or 'NULL'})"
    if files is not None:
        where += f" AND (file_kind, file_id) IN (SELECT (file_kind, file_id) FROM ({files}))"
    image.connection.execute(
        f"CREATE OR REPLACE TABLE memory.named AS SELECT * FROM ({' UNION ALL '.join(selects)}) WHERE {where}"
    )
    [(count,)] = image.rows("SELECT count(*) FROM memory.named")
    return int(count)


def named_files(image: Image, where: str = "true") -> Iterator[NamedFile]:
    """The files of ``memory.named`` by place."""
    cursor = image.connection.cursor()
    cursor.execute(f"FROM memory.named WHERE {where} ORDER BY place, file_kind, file_id")
    while rows := cursor.fetchmany(_BATCH):
        for row in rows:
            yield NamedFile(*row)


def _select(image: Image, kind: str, root: str) -> str:
    table, key = KINDS[kind]
    data = kind == "data"
    mapped = "x.mapping_id IS NOT NULL" if image.has(table, "mapping_id") else "false"
    join = (
        "" if data else f"LEFT JOIN ({image.tables['ducklake_data_file'].select}) d ON d.data_file_id = x.data_file_id"
    )
    of = "NULL::BIGINT AS of_rows, NULL::VARCHAR AS of_name" if data else "d.record_count AS of_rows, regexp_extract(d.path, '[^/]*$') AS of_name"
    return f"""
        SELECT {literal(kind)} AS file_kind, x.{key} AS file_id, x.table_id,
            CASE WHEN f.elsewhere THEN f.path ELSE {literal(root)} || f.path END AS place,
            x.file_size_bytes AS size, x.footer_size, x.{"record_count" if data else "delete_count"} AS rows,
            x.encryption_key AS key, lower(x.{"file_format" if data else "format"}) = 'parquet' AS parquet,
            {mapped} AS mapped, {of}
        FROM ({image.tables[table].select}) x JOIN ({files_select(image, kind, root)}) f ON f.file_id = x.{key} {join}
    """
