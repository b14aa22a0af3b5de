"""What the catalog knows at its head, as far as salvage builds on it: tables, columns, and which rows are where."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import duckdb
import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import prefixes_select
from canvasback.catalog.reading.inlined import inlined_tables, own_column
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.spec import LOCAL_ROW_IDS, ROW_ID_FIELD
from canvasback.parquet.footers import field_ids_in
from canvasback.repository.copy_names import Copies
from canvasback.storage.store import Store
from canvasback.verbs.salvage.evidence import deleted_positions, row_ids
from canvasback.verbs.salvage.known_files import KnownFiles

_ENCRYPTED = "encryption_key IS NOT NULL"


def past(ids: Iterable[int]) -> int:
    """The lowest row id that is past all that DuckLake counted."""
    return max((id_ for id_ in ids if id_ < LOCAL_ROW_IDS), default=-1) + 1


class Holder(msgspec.Struct):
    """A data file whose rows are shown, or a table of inlined rows.

    Attributes:
        id: The ``data_file_id``; of inlined rows none.
        name: The file's name in its folder, or the inlined table's.
        rows: How many there are, deleted ones included.
        start: The first row id, where they count up from it.
        ids: Row ids by position, where they stand in the file.
        deleted: The positions that are deleted.
        delete_id: The file of deletes that says so.
        missing: Whether the file is gone, or not readable.
        path: The file on this machine.
        inlined: Whether it is a table of inlined rows.
    """

    id: int
    name: str
    rows: int
    start: int | None
    ids: list[int] | None = None
    deleted: set[int] = set()
    delete_id: int | None = None
    missing: bool = False
    path: str = ""
    inlined: bool = False

    def live(self) -> set[int]:
        """The row ids that are shown."""
        return self.at(position for position in range(self.rows) if position not in self.deleted)

    def at(self, positions: Iterable[int]) -> set[int]:
        """The row ids at positions."""
        if self.ids is not None:
            return {self.ids[position] for position in positions if position < len(self.ids)}
        return {self.start + position for position in positions} if self.start is not None else set()


class LakeTable(msgspec.Struct):
    """A table, as it is at a moment of the replay.

    Attributes:
        id: Its ``table_id``.
        schema: Its schema's name.
        name: Its name.
        folder: Its folder below the data path; None where it is elsewhere.
        columns: Name, type and parent of its columns, by id.
        last_column: The highest column id that it ever had.
        next_row_id: The next row id.
        partitioning: The id, columns and transforms of its partitioning, if it has one.
        holders: Its files by name.
        gone: Names of files that the catalog knows, and that are shown no more.
        inlined: Its inlined rows.
        created: Whether the catalog does not know it.
        touched: Whether it changes.
        files: How many data files were adopted.
        rows: Their rows.
    """

    id: int
    schema: str
    name: str
    folder: str | None
    columns: dict[int, tuple[str, str, int | None]]
    last_column: int
    next_row_id: int = 0
    partitioning: tuple[int, list[tuple[int, str]]] | None = None
    holders: dict[str, Holder] = {}
    gone: set[str] = set()
    inlined: list[Holder] = []
    created: bool = False
    touched: bool = False
    files: int = 0
    rows: int = 0

    @property
    def full_name(self) -> str:
        """Schema and table with a dot between."""
        return f"{self.schema}.{self.name}"


def known_tables(
    image: Image, root: str, store: Store, wanted: set[str], copies: Copies | None = None
) -> list[LakeTable]:
    """The tables of the head, with their rows where unknown files lie in their folders.

    Args:
        image: The catalog in DuckDB's dialect.
        root: The data path as an absolute folder or URL that ends in a slash.
        store: Holds the data path.
        wanted: The folders of unknown files.
        copies: Copies of the data path's files are put there before anybody reads the catalog.
    """
    files = KnownFiles(image, root, store, copies)
    head = image.head()[0]
    rows = image.rows(
        f"SELECT t.table_id, s.schema_name, t.table_name, p.prefix, p.absolute FROM {{ducklake_table}} t "
        f"JOIN {{ducklake_schema}} s ON s.schema_id = t.schema_id AND {visible('s', head)} "
        f"JOIN ({prefixes_select(image)}) p ON p.table_id = t.table_id WHERE {visible('t', head)} ORDER BY 1"
    )
    return [_table(image, root, files, head, wanted, *row) for row in rows]


def _table(
    image: Image, root: str, files: KnownFiles, head: int, wanted: set[str], id_: int, schema: str, name: str,
    prefix: str, absolute: bool,  # noqa: FBT001
) -> LakeTable:  # fmt: skip
    folder: str | None = prefix
    if absolute:
        folder = prefix[len(root) :] if prefix.startswith(root) else None
    columns = {
        int(column): (str(called), str(type_), parent)
        for column, called, type_, parent in image.rows(
            "SELECT column_id, column_name, column_type, parent_column FROM {ducklake_column} c "
            f"WHERE table_id = {id_} AND {visible('c', head)} ORDER BY column_order"
        )
    }
    [(last,)] = image.rows(f"SELECT coalesce(max(column_id), 0) FROM {{ducklake_column}} c WHERE table_id = {id_}")
    stats = image.rows(f"SELECT next_row_id FROM {{ducklake_table_stats}} s WHERE table_id = {id_}")
    table = LakeTable(id_, schema, name, folder, columns, int(last), int(stats[0][0]) if stats else 0)
    table.partitioning = _partitioning(image, id_, head)
    if folder is not None and folder in wanted:
        _holders(image, files, head, table)
        _inlined(image, head, table)
    return table


def _partitioning(image: Image, table_id: int, head: int) -> tuple[int, list[tuple[int, str]]] | None:
    if "ducklake_partition_info" not in image.tables:
        return None
    rows = image.rows(
        f"SELECT i.partition_id, c.column_id, c.transform FROM {{ducklake_partition_info}} i "
        f"JOIN {{ducklake_partition_column}} c ON c.partition_id = i.partition_id "
        f"WHERE i.table_id = {table_id} AND {visible('i', head)} ORDER BY i.partition_id, c.partition_key_index"
    )
    return (int(rows[-1][0]), [(int(c), str(t)) for p, c, t in rows if p == rows[-1][0]]) if rows else None


def _holders(image: Image, files: KnownFiles, head: int, table: LakeTable) -> None:
    for id_, path, rows, start, seen, encrypted in image.rows(
        f"SELECT data_file_id, path, record_count, row_id_start, {visible('f', head)}, {_ENCRYPTED} "
        f"FROM {{ducklake_data_file}} f WHERE table_id = {table.id}"
    ):
        name = str(path).rpartition("/")[2]
        if not seen:
            table.gone.add(name)
            continue
        holder = Holder(int(id_), name, int(rows), start)
        found = files.find("data", int(id_))
        holder.missing = found is None
        if found is not None and not encrypted:  # unknown ones cannot be read then
            _read_ids(image.connection, found.local(), holder)
        table.holders[name] = holder
    by_id = {holder.id: holder for holder in table.holders.values()}
    for delete_id, data_id, encrypted in image.rows(
        f"SELECT delete_file_id, data_file_id, {_ENCRYPTED} FROM {{ducklake_delete_file}} f "
        f"WHERE table_id = {table.id} AND {visible('f', head)} ORDER BY 1"
    ):
        found, of = files.find("delete", int(delete_id)), by_id.get(data_id)
        if of is None:
            continue
        of.delete_id = int(delete_id)
        if found is not None and not encrypted:
            with contextlib.suppress(duckdb.Error):  # a later file of deletes says more, and check says that it is bad
                of.deleted = set().union(*deleted_positions(image.connection, found.local()).values())


def _read_ids(connection: duckdb.DuckDBPyConnection, path: str, holder: Holder) -> None:
    holder.path = path
    try:
        if ROW_ID_FIELD in field_ids_in(connection, [path]).get(path, []):
            holder.ids = row_ids(connection, path)
    except duckdb.Error:
        holder.missing, holder.path = True, ""


def _inlined(image: Image, head: int, table: LakeTable) -> None:
    for name, table_id, _ in inlined_tables(image):
        if table_id != table.id:
            continue
        row, begin, end = (own_column(image, name, c) for c in ("row_id", "begin_snapshot", "end_snapshot"))
        ids = [
            int(id_)
            for (id_,) in image.rows(
                f"SELECT {row} FROM {{{name}}} i WHERE {begin} <= {head} AND {end} IS NULL ORDER BY 1"
            )
        ]
        if ids:
            table.inlined.append(Holder(-1, name, len(ids), None, ids, inlined=True))
