"""Adopting files into a catalog: what its tables get, commit by commit, so that DuckLake sees the files' rows again.

Rows are made as DuckLake's own commits make them; which columns they have is for the catalog's version to say.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from canvasback.catalog.writing.commit import NewCommits
from canvasback.catalog.writing.edits import Edit, Value, edited
from canvasback.catalog.writing.moment_statistics import newest_statistics
from canvasback.model.relation import identifier

MESSAGE = "salvaged: "
"""How the message of an adopting commit begins."""

_KEYS = {"ducklake_data_file": "data_file_id", "ducklake_delete_file": "delete_file_id", "ducklake_table": "table_id",
         "ducklake_partition_info": "partition_id"}  # fmt: skip

_OF_TABLE = ("ducklake_column", "ducklake_column_tag", "ducklake_delete_file", "ducklake_partition_info",
             "ducklake_sort_info")  # fmt: skip
"""What ends with a table, besides its data files and tags."""


class ColumnStats(msgspec.Struct, frozen=True):
    """What DuckLake notes of a column of a file."""

    column_id: int
    bytes: int
    values: int | None
    nulls: int | None
    low: str | None
    high: str | None
    nan: bool | None

    def row(self) -> dict[str, Value]:
        """The same as a row of ``ducklake_file_column_stats``, without the file and its table."""
        return {
            "column_id": self.column_id,
            "column_size_bytes": self.bytes,
            "value_count": self.values,
            "null_count": self.nulls,
            "min_value": self.low,
            "max_value": self.high,
            "contains_nan": self.nan,
        }


class NewColumn(msgspec.Struct, frozen=True):
    """A column, or a part of a nested one."""

    id: int
    name: str
    type: str
    parent: int | None
    order: int


class DataFile(msgspec.Struct, frozen=True):
    """A data file that is to be adopted.

    Attributes:
        path: As the catalog is to spell it.
        relative: Whether that is below the table's folder.
        rows: How many it holds.
        bytes: Its size.
        footer: The length of its footer.
        row_id_start: The first of its row ids; None where they stand in the file alone.
        partition_id: The partitioning by which it was written.
        partition: The values of that.
        stats: Of its columns.
    """

    path: str
    relative: bool
    rows: int
    bytes: int
    footer: int
    row_id_start: int | None
    partition_id: int | None
    partition: tuple[str | None, ...]
    stats: Sequence[ColumnStats]


class DeleteFile(msgspec.Struct, frozen=True):
    """A file of deletes that is to be adopted."""

    path: str
    relative: bool
    deletes: int
    bytes: int
    footer: int


class FileCommits(NewCommits):
    """Collects the rows of new commits that adopt files."""

    def create_schema(self, name: str, folder: str) -> int:
        """Make a schema."""
        id_ = self.catalog_id()
        row = {"schema_id": id_, "schema_uuid": str(uuid.uuid4()), "schema_name": name, "path": folder}
        self.add("ducklake_schema", {**row, "path_is_relative": True, **self.now()})
        self.note(f"created_schema:{identifier(name)}")
        return id_

    def create_table(self, schema_id: int, schema: str, name: str, folder: str, uuid_: str = "") -> int:
        """Make a table."""
        id_ = self.catalog_id()
        row = {"table_id": id_, "table_uuid": uuid_ or str(uuid.uuid4()), "schema_id": schema_id, "table_name": name}
        self.add("ducklake_table", {**row, "path": folder, "path_is_relative": True, **self.now()})
        self.note(f"created_table:{identifier(schema)}.{identifier(name)}")
        self.reshape(id_)
        return id_

    def drop_table(self, table_id: int, files: Iterable[int]) -> None:
        """End a table with all that is of it."""
        self.end_one("ducklake_table", table_id)
        for id_ in files:
            self.end_one("ducklake_data_file", id_)
        for name in _OF_TABLE:
            if name in self.image.tables:
                self._end(name, "table_id", str(table_id))
        if "ducklake_tag" in self.image.tables:
            self._end("ducklake_tag", "object_id", str(table_id))
        self.note(f"dropped_table:{table_id}")

    def add_column(self, table_id: int, column: NewColumn) -> None:
        """Give a table a column."""
        self.add(
            "ducklake_column",
            {
                "column_id": column.id,
                "table_id": table_id,
                "column_order": column.order,
                "column_name": column.name,
                "column_type": column.type,
                "default_value": "NULL" if self.image.has("ducklake_column", "default_value_type") else None,
                "default_value_type": "literal",
                "nulls_allowed": True,
                "parent_column": column.parent,
                **self.now(),
            },
        )
        self._note_altered(table_id)

    def end_column(self, table_id: int, column_id: int) -> None:
        """Drop a column, or end what it was before a change."""
        self._end("ducklake_column", "column_id", str(column_id), table_id)
        self._note_altered(table_id)

    def partition(self, table_id: int, columns: Sequence[tuple[int, str]]) -> int:
        """Partition a table by columns and transforms; the partitioning that it had ends."""
        self._end("ducklake_partition_info", "table_id", str(table_id))
        id_ = self.catalog_id()
        self.add("ducklake_partition_info", {"partition_id": id_, "table_id": table_id, **self.now()})
        for index, (column, transform) in enumerate(columns):
            row = {"partition_id": id_, "table_id": table_id, "partition_key_index": index, "column_id": column}
            self.add("ducklake_partition_column", {**row, "transform": transform})
        self._note_altered(table_id)
        return id_

    def add_file(self, table_id: int, file: DataFile) -> int:
        """Adopt a data file."""
        id_ = self.file_id()
        self.add(
            "ducklake_data_file",
            {
                "data_file_id": id_,
                "table_id": table_id,
                "path": file.path,
                "path_is_relative": file.relative,
                "file_format": "parquet",
                "record_count": file.rows,
                "file_size_bytes": file.bytes,
                "footer_size": file.footer,
                "row_id_start": file.row_id_start,
                "partition_id": file.partition_id,
                **self.now(),
            },
        )
        self.add_statistics(table_id, id_, map(ColumnStats.row, file.stats))
        if file.partition_id is not None:
            for index, value in enumerate(file.partition):
                row = {"data_file_id": id_, "table_id": table_id, "partition_key_index": index}
                self.add("ducklake_file_partition_value", {**row, "partition_value": value})
        self.note(f"inserted_into_table:{table_id}")
        return id_

    def add_delete(self, table_id: int, data_file_id: int, file: DeleteFile) -> int:
        """Adopt a file of deletes of a data file's rows."""
        id_ = self.file_id()
        self.add(
            "ducklake_delete_file",
            {
                "delete_file_id": id_,
                "table_id": table_id,
                "data_file_id": data_file_id,
                "path": file.path,
                "path_is_relative": file.relative,
                "format": "parquet",
                "delete_count": file.deletes,
                "file_size_bytes": file.bytes,
                "footer_size": file.footer,
                **self.now(),
            },
        )
        self.note(f"deleted_from_table:{table_id}")
        return id_

    def end_one(self, table: str, id_: int) -> None:
        """End a data file, a file of deletes, a table or a partitioning."""
        self._end(table, _KEYS[table], str(id_))

    def end_inlined(self, table_id: int, name: str, column: str, end: str, rows: Iterable[int]) -> None:
        """End inlined rows, which a file holds now."""
        ids = ", ".join(map(str, sorted(rows)))
        self.end(name, f"{column} IN ({ids}) AND {end} IS NULL", end)
        self.note(f"deleted_from_table:{table_id}")

    def finish(self, next_row_ids: Mapping[int, int]) -> list[Edit]:
        """All edits of the catalog.

        Args:
            next_row_ids: The next row id of each table whose rows are others now.
        """
        edits = self.edits()
        return edits + newest_statistics(edited(self.image, edits), next_row_ids)

    def _end(self, table: str, key: str, id_: str, table_id: int | None = None) -> None:
        of_table = f" AND table_id = {table_id}" if table_id is not None else ""
        self.end(table, f"{key} = {id_}{of_table} AND end_snapshot IS NULL")
        for row in self.added(table):
            same = str(row[key]) == id_ and (table_id is None or row["table_id"] == table_id)
            if same and row["end_snapshot"] is None:
                row["end_snapshot"] = self.snapshot

    def _note_altered(self, table_id: int) -> None:
        if self.reshape(table_id):
            self.note(f"altered_table:{table_id}")
