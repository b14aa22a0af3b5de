"""Adding tables of one catalog to another: as new tables, in a new commit.

What the tables are comes along: columns with their ids, partitioning, sort order, comments, options, statistics, row
ids. Ids that count for the whole lake are given out anew, and the files are others, so that nothing of what the lake
has is shared, or deleted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from canvasback.catalog.image import Image
from canvasback.catalog.reading.inlined import own_column
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.spec import FILE_STATISTICS
from canvasback.catalog.writing.commit import NewCommits, Row
from canvasback.catalog.writing.edits import Edit
from canvasback.catalog.writing.new_tables import NewFile, NewTable, Schema
from canvasback.catalog.writing.table_statistics import Replaced, column_statistics
from canvasback.model.relation import identifier


def table_commit_edits(
    source: Image,
    snapshot: int,
    target: Image,
    tables: Iterable[NewTable],
    schemas: Iterable[Schema],
    moment: datetime,
    message: str,
) -> list[Edit]:
    """What adds tables, as they were at a snapshot of one catalog, to another.

    Args:
        source: The catalog from which they come, with the types that a catalog in DuckDB has.
        snapshot: The snapshot.
        target: The catalog to which they go, likewise; of the same lake.
        tables: The tables.
        schemas: The schemas that the target lacks.
        moment: The time of the commit.
        message: Why it is made.
    """
    commit = _TableCommit(source, snapshot, target, moment)
    for schema in schemas:
        commit.add_schema(schema)
    for table in tables:
        commit.add(table)
    return commit.finish(message)


class _TableCommit:
    def __init__(self, source: Image, snapshot: int, target: Image, moment: datetime) -> None:
        self._source = source
        self._snapshot = snapshot
        self._target = target
        self._commit = NewCommits(target)
        self._commit.begin(moment)
        head = self._commit.head
        rows = target.rows(f"SELECT schema_name, schema_id FROM {{ducklake_schema}} s WHERE {visible('s', head)}")
        self._schemas = {str(name).lower(): int(id_) for name, id_ in rows}
        self._created: list[Edit] = []

    def add_schema(self, schema: Schema) -> None:
        id_ = self._schemas[schema.name.lower()] = self._commit.catalog_id()
        self._commit.note(f"created_schema:{identifier(schema.name)}")
        self._commit.add(
            "ducklake_schema",
            {
                "schema_id": id_,
                "schema_uuid": schema.uuid,
                "begin_snapshot": self._commit.snapshot,
                "schema_name": schema.name,
                "path": schema.folder,
                "path_is_relative": True,
            },
        )

    def add(self, table: NewTable) -> None:
        old, new = table.source.table_id, self._commit.catalog_id()
        self._commit.add(
            "ducklake_table",
            {
                "table_id": new,
                "table_uuid": table.uuid,
                "begin_snapshot": self._commit.snapshot,
                "schema_id": self._schemas[table.schema.lower()],
                "table_name": table.name,
                "path": table.folder,
                "path_is_relative": True,
            },
        )
        self._columns(old, new)
        self._tags(old, new)
        partitions = self._partitions(old, new)
        self._sorting(old, new)
        files = self._files(table, new, partitions, self._mappings(old, new))
        self._rows_file(table, new)
        self._inlined_deletes(old, new, files)
        self._statistics(table, new)
        for row in self._read("ducklake_metadata", f"scope = 'table' AND scope_id = {old}", "scope"):
            self._commit.add("ducklake_metadata", {**row, "scope_id": new})
        self._commit.reshape(new)
        self._commit.note(f"created_table:{identifier(table.schema)}.{identifier(table.name)}")
        if files or table.rows_file:
            self._commit.note(f"inserted_into_table:{new}")

    def finish(self, message: str) -> list[Edit]:
        self._commit.commit(message)
        return [*self._created, *self._commit.edits()]

    def _columns(self, old: int, new: int) -> None:
        rows = self._read("ducklake_column", f"table_id = {old} AND {visible('x', self._snapshot)}")
        # The next column gets the highest id and one: not an id that files have data of a dropped column under.
        gone = self._read("ducklake_column", f"table_id = {old}")
        last = max(gone, key=lambda row: (row["column_id"], row["begin_snapshot"]))
        for row in rows:
            self._commit.add("ducklake_column", {**self._defaults(row), "table_id": new, **self._commit.now()})
        if all(row["column_id"] < last["column_id"] for row in rows):
            self._commit.add(
                "ducklake_column", {**self._defaults(last), "table_id": new, "parent_column": None, **self._past()}
            )

    def _tags(self, old: int, new: int) -> None:
        for name, key in (("ducklake_tag", "object_id"), ("ducklake_column_tag", "table_id")):
            seen: dict[object, Row] = {}
            for row in self._read(name, f"{key} = {old} AND {visible('x', self._snapshot)}"):
                # 0.3 ends older ones again with each new one: of several only the last is shown.
                of = (row.get("column_id"), row["key"])
                if of not in seen or row["begin_snapshot"] > seen[of]["begin_snapshot"]:
                    seen[of] = row
            for row in seen.values():
                self._commit.add(name, {**row, key: new, **self._commit.now()})

    def _partitions(self, old: int, new: int) -> dict[int, int]:
        ids: dict[int, int] = {}
        for row in self._read("ducklake_partition_info", f"table_id = {old} AND begin_snapshot <= {self._snapshot}"):
            ids[row["partition_id"]] = self._commit.catalog_id()
            shown = row["end_snapshot"] is None or row["end_snapshot"] > self._snapshot
            times = self._commit.now() if shown else self._past()
            self._commit.add(
                "ducklake_partition_info",
                {**row, "partition_id": ids[row["partition_id"]], "table_id": new, **times},
            )
        for row in self._read("ducklake_partition_column", f"table_id = {old}"):
            if row["partition_id"] in ids:
                row["partition_id"] = ids[row["partition_id"]]
                self._commit.add("ducklake_partition_column", {**row, "table_id": new})
        return ids

    def _sorting(self, old: int, new: int) -> None:
        for row in self._read("ducklake_sort_info", f"table_id = {old} AND {visible('x', self._snapshot)}"):
            sort_id = self._commit.catalog_id()
            for part in self._read("ducklake_sort_expression", f"sort_id = {row['sort_id']}"):
                self._commit.add("ducklake_sort_expression", {**part, "sort_id": sort_id, "table_id": new})
            self._commit.add("ducklake_sort_info", {**row, "sort_id": sort_id, "table_id": new, **self._commit.now()})

    def _mappings(self, old: int, new: int) -> dict[int | None, int]:
        ids: dict[int | None, int] = {}  # the first one is 0
        for row in self._read("ducklake_column_mapping", f"table_id = {old}"):
            ids[row["mapping_id"]] = self._commit.file_id()
            self._commit.add("ducklake_column_mapping", {**row, "mapping_id": ids[row["mapping_id"]], "table_id": new})
            for part in self._read("ducklake_name_mapping", f"mapping_id = {row['mapping_id']}"):
                self._commit.add("ducklake_name_mapping", {**part, "mapping_id": ids[row["mapping_id"]]})
        return ids

    def _files(
        self, table: NewTable, new: int, partitions: Mapping[int, int], mappings: Mapping[int | None, int]
    ) -> dict[int, int]:
        ids: dict[int, int] = {}
        placed = {(file.kind, file.file_id): file for file in table.files}
        whole = {"partial_max": None, "partial_file_info": None}
        for row in self._read("ducklake_data_file", _among("data_file_id", placed, "data")):
            file = placed["data", row["data_file_id"]]
            ids[row["data_file_id"]] = self._commit.file_id()
            self._commit.add(
                "ducklake_data_file",
                {
                    **row,
                    **file.changes,
                    **whole,
                    "data_file_id": ids[row["data_file_id"]],
                    "table_id": new,
                    "path": file.path,
                    "path_is_relative": True,
                    "partition_id": partitions.get(row["partition_id"]),
                    "mapping_id": mappings.get(row.get("mapping_id")),
                    **self._commit.now(),
                },
            )
        for row in self._read("ducklake_delete_file", _among("delete_file_id", placed, "delete")):
            file = placed["delete", row["delete_file_id"]]
            self._commit.add(
                "ducklake_delete_file",
                {
                    **row,
                    **file.changes,
                    **whole,
                    "delete_file_id": self._commit.file_id(),
                    "table_id": new,
                    "data_file_id": ids[row["data_file_id"]],
                    "path": file.path,
                    "path_is_relative": True,
                    **self._commit.now(),
                },
            )
        wanted = _among("data_file_id", placed, "data")
        for name in ("ducklake_file_partition_value", "ducklake_file_variant_stats", *FILE_STATISTICS):
            for row in self._read(name, wanted):
                id_ = ids[row["data_file_id"]]
                if name not in FILE_STATISTICS:
                    self._commit.add(name, {**row, "data_file_id": id_, "table_id": new})
                elif not placed["data", row["data_file_id"]].stats:
                    self._commit.add_statistics(new, id_, [row])
        for file in table.files:
            if file.stats:
                self._commit.add_statistics(new, ids[file.file_id], file.stats)
        return ids

    def _rows_file(self, table: NewTable, new: int) -> None:
        if table.rows_file is not None:
            id_ = self._commit.file_id()
            self._commit.add(
                "ducklake_data_file", {**table.rows_file, "data_file_id": id_, "table_id": new, **self._commit.now()}
            )
            self._commit.add_statistics(new, id_, table.rows_stats)

    def _inlined_deletes(self, old: int, new: int, files: Mapping[int, int]) -> None:
        name = f"ducklake_inlined_delete_{old}"
        if name not in self._source.tables:
            return
        begin = own_column(self._source, name, "begin_snapshot")
        rows = [
            {**row, "file_id": files[row["file_id"]], begin: self._commit.snapshot}
            for row in self._read(name, f"{begin} <= {self._snapshot}")
            if row["file_id"] in files
        ]
        if rows:
            columns = dict.fromkeys(rows[0], "BIGINT")
            self._created.append(Edit(f"ducklake_inlined_delete_{new}", create=columns, rows=tuple(rows)))

    def _statistics(self, table: NewTable, new: int) -> None:
        old = table.source.table_id
        counted = self._read("ducklake_table_stats", f"table_id = {old}")
        if not counted:
            return
        files = [row for row in self._commit.added("ducklake_data_file") if row["table_id"] == new]
        self._commit.add(
            "ducklake_table_stats",
            {
                **counted[0],
                "table_id": new,
                "record_count": sum(row["record_count"] for row in files),
                "file_size_bytes": sum(row["file_size_bytes"] for row in files),
            },
        )
        replaced = [Replaced(old, file.file_id, tuple(file.stats)) for file in table.files if file.stats]
        for row in column_statistics(self._source, self._snapshot, [old], replaced):
            self._commit.add("ducklake_table_column_stats", {**row, "table_id": new})

    def _defaults(self, row: Row) -> Row:
        """What later versions say of a default that earlier ones could only mean."""
        added = "default_value_type" not in row and self._target.has("ducklake_column", "default_value_type")
        return {**row, "default_value_type": "literal"} if added else row

    def _read(self, name: str, where: str, needs: str | None = None) -> list[Row]:
        relation = self._source.tables.get(name)
        if relation is None or (needs is not None and not relation.has(needs)):
            return []
        names = [column.name for column in relation.columns]
        shown = ", ".join(
            f"CAST({identifier(c.name)} AS VARCHAR)" if c.type not in _PLAIN else identifier(c.name)
            for c in relation.columns
        )
        rows = self._source.rows(f"SELECT {shown} FROM {{{name}}} x WHERE {where} ORDER BY ALL")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _past(self) -> Row:
        """For what no snapshot shows, but files or ids still speak of."""
        return {"begin_snapshot": self._commit.head, "end_snapshot": self._commit.snapshot}


_PLAIN = frozenset({"BIGINT", "VARCHAR", "BOOLEAN", "INTEGER"})


def _among(key: str, placed: Mapping[tuple[str, int], NewFile], kind: str) -> str:
    ids = ", ".join(str(file_id) for of, file_id in placed if of == kind)
    return f"{key} IN ({ids})" if ids else "false"
