"""The files of tables that come back into a live lake: each is copied to a name that nothing has."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.writing.edits import Value
from canvasback.catalog.writing.new_tables import NewFile, NewTable
from canvasback.catalog.writing.rewind import Cut, FileKey, numbered_past, straddling
from canvasback.datapath.file_sources import FileSource, PointFiles
from canvasback.errors import CorruptError, RefusedError
from canvasback.model.finding import Findings
from canvasback.model.manifest import Manifest
from canvasback.model.plans.files import PlannedFiles
from canvasback.model.plurals import many
from canvasback.model.relation import literal
from canvasback.parquet.cut import cut_files, refuse_uncuttable
from canvasback.parquet.deletes_at import DeletesThen, deletes_then, late_of
from canvasback.parquet.new_file import put_parquet
from canvasback.repository.own_table import OwnTable
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder
from canvasback.transfer.destinations import list_places
from canvasback.transfer.place import Placer
from canvasback.transfer.placement import planned_files
from canvasback.verbs.table_restore.inlined_rows import InlinedFile, write_inlined_rows


class TableFiles:
    """Plans where the files of some tables of a point go, and puts them there.

    Args:
        run: Opens the places, and is told about every file.
        source: The point's image, with the types that a catalog in DuckDB has.
        snapshot: The snapshot as of which.
        store: The repository.
        manifest: The point.

    Attributes:
        planned: Files to copy.
        straddlers: Kind and id of the files of which only a part is needed.
        deletes: What the delete files among them say of the snapshot.
    """

    def __init__(self, run: Run, source: Image, snapshot: int, store: Store, manifest: Manifest) -> None:
        self._run = run
        self._source = source
        self._snapshot = snapshot
        self._store = store
        self._manifest = manifest
        self._folders: dict[int, str] = {}
        self._places: OwnTable
        self._cutting: OwnTable
        self.planned = PlannedFiles()
        self.straddlers: list[tuple[str, int]] = []
        self.deletes = DeletesThen()

    def look(self, tables: Sequence[NewTable], folders: Mapping[int, str], head: int) -> None:
        """Note what goes where. Changes nothing.

        A lake that was taken back counts anew: rows with numbers of snapshots that are yet to come would not be there
        before these are, and deletes with such numbers would not hold.

        Args:
            tables: The tables.
            folders: The new folder of each, absolute, by its old id.
            head: The lake's newest snapshot.

        Raises:
            RefusedError: The point lacks files of a table (``table-files-absent``), or one cannot be cut
                (``cannot-cut``); inlined rows of an encrypted lake would lie in a file that is not
                (``cannot-encrypt``), or a file cannot hold them, see `write_inlined_rows`.
        """
        self._folders = dict(folders)
        connection, at = self._source.connection, self._snapshot
        ids = ", ".join(map(str, folders))
        wanted = " UNION ALL ".join(
            f"SELECT {literal(kind)} AS kind, {key} AS file_id, table_id FROM ({self._source.tables[table].select}) x "
            f"WHERE table_id IN ({ids}) AND {visible('x', at)}"
            + (f" AND data_file_id IN (SELECT data_file_id FROM ({self._source.tables['ducklake_data_file'].select}) y "
               f"WHERE {visible('y', at)})" if kind == "delete" else "")
            for kind, (table, key) in KINDS.items()
            if table in self._source.tables
        )  # fmt: skip
        chosen = OwnTable(connection, "chosen", wanted)
        places = self._places = list_places(
            connection,
            self._store,
            self._manifest,
            self._manifest.data_root,
            moving=False,
            wanted=f"SELECT kind, file_id FROM {chosen}",
        )
        absent = connection.execute(f"SELECT target FROM {places} WHERE checksum IS NULL ORDER BY ALL").fetchall()
        if absent:
            raise RefusedError(
                "table-files-absent",
                f"the point does not hold {many(len(absent), 'file')} of it, the first: {absent[0][0]}",
                hint="An older point may hold them: run list, and name it.",
            )
        connection.execute(f"ALTER TABLE {places} ADD COLUMN table_id BIGINT")
        to = OwnTable(connection, "folders", {"table_id": "BIGINT", "folder": "VARCHAR"})
        connection.executemany(f"INSERT INTO {to} VALUES (?, ?)", [list(f) for f in self._folders.items()])
        # DuckLake looks for partitions in all folders of a path. A copy gets a name that nothing has.
        connection.execute(
            f"UPDATE {places} p SET table_id = w.table_id, target = f.folder "
            "|| coalesce(array_to_string(regexp_extract_all(p.target, '[^/=]+=[^/]*/'), ''), '') "
            "|| 'ducklake-' || uuidv7()::VARCHAR "
            "|| regexp_extract(p.target, '(-delete)?[.][a-z]+$') "
            f"FROM {chosen} w JOIN {to} f USING (table_id) "
            "WHERE w.kind = p.kind AND w.file_id = p.file_id"
        )
        needed = {tuple(row) for row in connection.execute(f"SELECT kind, file_id FROM {chosen}").fetchall()}
        found = [*straddling(self._source, at), *numbered_past(self._source, at, head + 1)]
        self.straddlers = sorted(needed & set(found))
        cut = ", ".join(f"({literal(kind)}, {file_id})" for kind, file_id in self.straddlers) or "('', -1)"
        among = f"(kind, file_id) IN (SELECT * FROM (VALUES {cut}) v(kind, file_id))"
        self._cutting = OwnTable(connection, "cutting", f"FROM {places} WHERE {among}")
        connection.execute(f"DELETE FROM {places} WHERE {among}")
        self.planned = planned_files(connection, places, by="name, size, checksum")  # the targets are new each time
        refuse_uncuttable(self._source, self.straddlers)
        sources = PointFiles(self._source, self._store, self._manifest)
        self.deletes = deletes_then(self._source, at, late_of(self.straddlers), sources)
        self._source.deletes[at] = self.deletes.rows
        for table in tables:
            with temporary_folder() as folder:
                self._write_inlined(table, os.path.join(folder, "rows.parquet"))

    def copy(self, tables: Sequence[NewTable], root: str) -> list[NewTable]:
        """Copy the files: until a commit names them nobody knows of them.

        Args:
            tables: The tables.
            root: The lake's data path.

        Returns:
            The tables with their files.

        Raises:
            CorruptError: Some could not be restored (``table-incomplete``).
        """
        connection = self._source.connection
        findings = Findings()
        placer = Placer(self._run, connection, self._store, findings)
        placer.execute(placer.plan_new(root, self._places), self._run.now())
        if findings.kept:
            raise CorruptError(
                "table-incomplete",
                f"{many(sum(findings.counts.values()), 'file')} could not be restored, the first: "
                f"{findings.kept[0].where} {findings.kept[0].message}",
                hint="The lake was not changed. Run verify to see what is damaged, and try another point.",
            )
        rows = connection.execute(f"SELECT kind, file_id, name, target FROM {self._cutting} ORDER BY ALL").fetchall()
        cutting = [FileSource(kind, id_, self._store, name, place) for kind, id_, name, place in rows]
        cuts = cut_files(
            self._source,
            self._snapshot,
            cutting,
            self._run,
            self.deletes.commits,
            numbered=False,  # the table is new to the lake, and all of it of one snapshot
        )
        changed = {(cut.kind, cut.file_id): cut for cut in cuts}
        placed = connection.execute(
            f"SELECT table_id, kind, file_id, target FROM {self._places} UNION ALL "
            f"SELECT table_id, kind, file_id, target FROM {self._cutting} ORDER BY ALL"
        ).fetchall()
        found = [
            self._with_files(table, [row[1:] for row in placed if row[0] == table.source.table_id], changed)
            for table in tables
        ]
        self._run.stores.sync()
        return found

    def _with_files(
        self,
        table: NewTable,
        placed: list[tuple[str, int, str]],
        cuts: Mapping[FileKey, Cut],
    ) -> NewTable:
        folder = self._folders[table.source.table_id]
        files = []
        for kind, file_id, target in placed:
            cut = cuts.get((kind, file_id))
            path = target.rpartition("/")[0] + "/" + cut.name if cut else target
            changes, stats = (cut.described(), cut.stats) if cut else ({}, ())
            files.append(NewFile(kind, file_id, path.removeprefix(folder), changes, stats))
        rows_file, rows_stats = self._inlined(table)
        return msgspec.structs.replace(table, files=tuple(files), rows_file=rows_file, rows_stats=rows_stats)

    def _inlined(self, table: NewTable) -> tuple[dict[str, Value] | None, tuple[dict[str, Value], ...]]:
        """Write the inlined rows to a file of the new table."""
        with temporary_folder() as folder:
            local = os.path.join(folder, "rows.parquet")
            written = self._write_inlined(table, local)
            if written is None:
                return None, ()
            put = put_parquet(self._run.stores, local, self._folders[table.source.table_id])
        row: dict[str, Value] = {
            "path": put.name,
            "path_is_relative": True,
            "file_format": "parquet",
            "record_count": written.rows,
            "file_size_bytes": put.bytes,
            "footer_size": put.footer_bytes,
            "row_id_start": written.first,
        }
        return row, written.stats

    def _write_inlined(self, table: NewTable, path: str) -> InlinedFile | None:
        source = table.source
        written = write_inlined_rows(self._source, source.table_id, str(source), self._snapshot, path)
        if written is not None and self._source.encrypted:
            raise RefusedError(
                "cannot-encrypt",
                f"{written.rows} rows of {source} are inlined in the catalog of an encrypted lake, and "
                "would lie in a file that is not",
                hint="Attach the point with --at-snapshot, and copy the table with SQL.",
            )
        return written
