"""Which folder is whose, and which tables there are."""

from __future__ import annotations

import re

from canvasback.catalog.image import Image
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.writing.file_commit import FileCommits
from canvasback.verbs.salvage.evidence import Evidence
from canvasback.verbs.salvage.known_tables import LakeTable

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class TableFolders:
    """The tables of the lake by their folders.

    Args:
        image: The catalog in DuckDB's dialect.
        tables: Its tables.
    """

    file_commits: FileCommits

    def __init__(self, image: Image, tables: list[LakeTable]) -> None:
        head = image.head()[0]
        located = image.has("ducklake_schema", "path")
        path = "coalesce(path, '')" if located else "''"
        rows = image.rows(
            f"SELECT schema_id, schema_name, {path} FROM {{ducklake_schema}} s WHERE {visible('s', head)} ORDER BY 1"
        )
        self._foldered = located
        self._schemas = {f"{str(folder).rstrip('/')}/".lstrip("/"): (int(id_), str(name)) for id_, name, folder in rows}
        self._tables = tables
        self._generated: dict[str, str] = {}

    @property
    def touched(self) -> list[LakeTable]:
        """The tables that change."""
        return [table for table in self._tables if table.touched]

    @property
    def generated(self) -> dict[str, str]:
        """Names that had to be made up, with the folders that they are for."""
        return self._generated

    def missing(self) -> list[tuple[str, str]]:
        """Tables and files of theirs that are shown, and that are gone."""
        return [(t.full_name, h.name) for t in self._tables for h in t.holders.values() if h.missing]

    def owns(self, file: Evidence) -> bool:
        """Whether a file lies where a table's files lie."""
        if self.table(file) is not None:
            return True
        levels = {1, 2} if "" in self._schemas else {2}
        return self._foldered and file.kind == "data" and file.folder.count("/") in levels and "//" not in file.folder

    def table(self, file: Evidence) -> LakeTable | None:
        """The table whose file it is, as far as tables are known."""
        found = self.candidates(file)
        return found[0] if len(found) == 1 else None

    def candidates(self, file: Evidence) -> list[LakeTable]:
        """The tables whose file it can be."""
        found = [table for table in self._tables if table.folder == file.folder]
        if len(found) > 1:  # 0.1 has all files in one folder
            ids = {(field.id, field.name) for field in file.fields if field.parent is None}
            alike = [t for t in found if {(id_, c[0]) for id_, c in t.columns.items() if c[2] is None} == ids]
            named = [t for t in found if any(base in t.holders or base in t.gone for base in file.bases)]
            return alike if file.kind == "data" else named or found
        return found

    def create(self, file: Evidence, instead_of: LakeTable | None) -> LakeTable:
        """A new table for a file, with a schema if need be."""
        *above, name = file.folder.rstrip("/").split("/")
        folder = "/".join(above) + "/" if above else ""
        schema_id, schema = self._schema(folder)
        called = instead_of.name if instead_of else self._name(name, file.folder, schema)
        id_ = self.file_commits.create_table(
            schema_id, schema, called, name + "/", name if _UUID.fullmatch(name) else ""
        )
        table = LakeTable(id_, schema, called, file.folder, {}, 0, created=True)
        if instead_of is not None:
            self._tables.remove(instead_of)
        self._tables.append(table)
        return table

    def spelled(self, table: LakeTable, file: Evidence) -> tuple[str, bool]:
        """How the catalog is to spell a file's path, and whether that is below the table's folder."""
        return file.name[len(table.folder or "") :], True

    def _schema(self, folder: str) -> tuple[int, str]:
        if folder in self._schemas:
            return self._schemas[folder]
        name = self._name(folder.rstrip("/"), folder, "")
        self._schemas[folder] = self.file_commits.create_schema(name, folder), name
        return self._schemas[folder]

    def _name(self, name: str, folder: str, schema: str) -> str:
        taken = {t.name.lower() for t in self._tables if t.schema == schema}
        called = f"salvaged_{len(self._generated) + 1}" if _UUID.fullmatch(name) else name
        while called.lower() in taken:
            called += "_salvaged"
        if called != name:
            self._generated[called] = folder
        return called
