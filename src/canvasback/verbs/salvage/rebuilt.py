"""What is made of files, commit by commit: tables, columns, files and deletes that become part of the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from canvasback.catalog.dialects import is_old
from canvasback.catalog.image import Image
from canvasback.catalog.reading.inlined import own_column
from canvasback.catalog.writing.file_commit import MESSAGE, DataFile, DeleteFile, FileCommits
from canvasback.model.results.salvage import SalvagedCommit, Sureness
from canvasback.parquet.statistics import column_stats
from canvasback.verbs.salvage.delete_chains import Chains
from canvasback.verbs.salvage.evidence import Evidence, row_ids, snapshot_ids
from canvasback.verbs.salvage.evolution import columns_of, evolve, fits, partitioning_of
from canvasback.verbs.salvage.folders import TableFolders
from canvasback.verbs.salvage.known_tables import Holder, LakeTable


class Rebuilt:
    """Writes down what becomes of files, for whoever decides about them.

    Args:
        image: The catalog in DuckDB's dialect.
        table_folders: The tables, and what folders are whose.
        files: What is unknown, the oldest first.
    """

    def __init__(self, image: Image, table_folders: TableFolders, files: list[Evidence]) -> None:
        self._image = image
        self._connection = image.connection
        self._table_folders = table_folders
        self._file_commits = FileCommits(image)
        table_folders.file_commits = self._file_commits
        self._filled: dict[int, LakeTable] = {}
        self._chains = Chains(image.connection, [f for f in files if f.kind == "delete"])
        self._done: set[str] = set()
        self._left: dict[str, str] = {}
        self._commits: list[SalvagedCommit] = []
        self._ids: dict[str, list[int]] = {}
        self._unordered: set[str] = set()
        self._doubtful: dict[str, list[str]] = {}

    def _row_ids(self, file: Evidence) -> list[int]:
        if file.name not in self._ids:
            self._ids[file.name] = row_ids(self._connection, file.path)
        return self._ids[file.name]

    def _leave(self, file: Evidence, reason: str) -> None:
        self._done.add(file.name)
        self._left[file.name] = reason

    def _doubt(self, file: Evidence, reason: str) -> None:
        """Leave a file whose changes are lost with it."""
        for table in self._table_folders.candidates(file):
            self._doubtful.setdefault(table.full_name, []).append(file.name)
        self._leave(file, reason)

    def _flushed(self, table: LakeTable, ids: set[int], held: list[Holder]) -> None:
        """Note what a flush of inlined rows does to the next row id: DuckLake 0.3 counts the rows once more."""
        if not is_old(self._image.record.version):
            return
        table.next_row_id += len(ids)
        if ids != {id_ for holder in held for id_ in holder.live()} or not all(holder.inlined for holder in held):
            self._unordered.add(table.full_name)  # merged since, with others

    def _begin(self, file: Evidence, deletes: Sequence[Evidence] = ()) -> None:
        # 1.0 overlooks a delete whose snapshot, as the file says, is past the one that is read
        # (`DuckLakeDeleteData::Filter`): earlier commits that left no files must not make the numbers lower.
        newest = [max(snapshot_ids(self._connection, d.path), default=0) for d in deletes if d.snapshot_ids]
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=file.moment)
        self._file_commits.begin(moment, max(newest, default=0))
        self._touched: dict[str, None] = {}

    def _commit(self, files: list[Evidence], what: list[str], sureness: Sureness, why: str) -> None:
        self._done |= {file.name for file in files}
        self._file_commits.commit(MESSAGE + ", ".join(dict.fromkeys(what)))
        self._commits.append(
            SalvagedCommit(
                snapshot_id=self._file_commits.snapshot,
                time=self._file_commits.time,
                tables=tuple(self._touched),
                what=tuple(dict.fromkeys(what)),
                files=len(files),
                rows=sum(file.rows for file in files if file.kind == "data"),
                sureness=sureness,
                why=why,
            )
        )

    def _table(self, file: Evidence, what: list[str], *, whole: bool) -> LakeTable:
        """The table of a file, with the columns that it has; made, if need be."""
        table = self._table_folders.table(file)
        if table is not None:
            change = evolve(table, file, whole=whole)
            if change.another:
                self._file_commits.drop_table(table.id, [holder.id for holder in table.holders.values()])
                self._end(table, table.inlined, {id_ for holder in table.inlined for id_ in holder.live()})
                self._touched[table.full_name] = None
                what.append("drop table")
                table = self._table_folders.create(file, table)
                self._create_columns(table, file, what)
            for id_ in change.ended:
                self._file_commits.end_column(table.id, id_)
                table.columns.pop(id_, None)
            for column in change.added:
                self._file_commits.add_column(table.id, column)
                table.columns[column.id] = (column.name, column.type, column.parent)
                table.last_column = max(table.last_column, column.id)
            what.extend(["alter"] if change.words else [])
        else:
            table = self._table_folders.create(file, None)
            self._create_columns(table, file, what)
        if file.partition and not fits(table, file):
            columns = partitioning_of(file)
            if columns is not None:
                table.partitioning = self._file_commits.partition(table.id, columns), columns
                what.append("alter")
        table.touched = True
        self._touched[table.full_name] = None
        return table

    def _create_columns(self, table: LakeTable, file: Evidence, what: list[str]) -> None:
        for column in columns_of(file):
            self._file_commits.add_column(table.id, column)
            table.columns[column.id] = (column.name, column.type, column.parent)
            table.last_column = max(table.last_column, column.id)
        what.append("create table")

    def _add_file(self, table: LakeTable, file: Evidence, start: int | None, ids: list[int] | None) -> None:
        stats = column_stats(
            self._connection, file.path, file.fields, {id_: column[1] for id_, column in table.columns.items()}
        )
        partition = table.partitioning if file.partition and fits(table, file) else None
        path, relative = self._table_folders.spelled(table, file)
        id_ = self._file_commits.add_file(
            table.id,
            DataFile(
                path, relative, file.rows, file.size, file.footer, start, partition[0] if partition else None,
                tuple(value for _, value in file.partition), stats,
            ),
        )  # fmt: skip
        table.holders[file.basename] = Holder(id_, file.basename, file.rows, start, ids, path=file.path)
        table.files += 1
        table.rows += file.rows
        self._filled[table.id] = table

    def _apply(self, table: LakeTable, file: Evidence) -> None:
        """Let a file of deletes take effect."""
        holder = table.holders[self._chains.base(file)]
        positions = self._chains.positions(file)
        if holder.delete_id is not None:
            self._file_commits.end_one("ducklake_delete_file", holder.delete_id)
        path, relative = self._table_folders.spelled(table, file)
        holder.delete_id = self._file_commits.add_delete(
            table.id, holder.id, DeleteFile(path, relative, len(positions), file.size, file.footer)
        )
        holder.deleted = holder.deleted | positions
        table.touched = True
        self._touched[table.full_name] = None
        self._done.add(file.name)

    def _end(self, table: LakeTable, holders: list[Holder], ids: set[int]) -> None:
        for holder in holders:
            if holder.inlined:
                row, end = (own_column(self._image, holder.name, c) for c in ("row_id", "end_snapshot"))
                gone = holder.live() & ids
                self._file_commits.end_inlined(table.id, holder.name, row, end, gone)
                holder.ids = [id_ for id_ in holder.ids or [] if id_ not in gone]
                holder.rows = len(holder.ids)
                continue
            self._file_commits.end_one("ducklake_data_file", holder.id)
            if holder.delete_id is not None:
                self._file_commits.end_one("ducklake_delete_file", holder.delete_id)
            table.holders.pop(holder.name, None)
            table.gone.add(holder.name)
