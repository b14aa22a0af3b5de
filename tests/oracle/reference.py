"""An independent reader of DuckLake 1.0 in a DuckDB file, where no extension is on pip that could be asked.

Written from the specification and the extension's source, not from canvasback: tests prove it against `expected.json`
before they believe it. It knows what the fixtures have: files of several snapshots, deletes in files (of several
snapshots, too) and inlined, inlined rows of each schema version, columns by field id with their defaults, encryption.
It refuses what it does not know: name mappings and deletion vectors.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

Json = dict[str, Any]

_SNAPSHOT_ID = 2147483539
"""The field id of `_ducklake_internal_snapshot_id`, the column of merged and flushed files."""

_TYPES = {
    "boolean": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "float32": "FLOAT", "float64": "DOUBLE", "varchar": "VARCHAR", "blob": "BLOB", "date": "DATE", "time": "TIME",
    "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMPTZ", "uuid": "UUID",
}  # fmt: skip


class _Column(NamedTuple):
    id: int
    name: str
    type: str
    default: str | None


def read_snapshots(catalog: Path, data: Path) -> Json:
    """Fingerprint every table at every snapshot, in the shape of expected.json.

    Args:
        catalog: The catalog's file; only read.
        data: What its data path means.
    """
    with duckdb.connect(str(catalog), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        reader = _Reader(connection, data)
        snapshots = connection.execute("SELECT snapshot_id FROM ducklake_snapshot ORDER BY 1").fetchall()
        return {str(snapshot): reader.tables(snapshot) for (snapshot,) in snapshots}


class _Reader:
    def __init__(self, connection: duckdb.DuckDBPyConnection, data: Path) -> None:
        self._connection = connection
        self._data = data
        self._names = {
            row[0] for row in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
        }
        mapped = connection.execute("SELECT count(*) FROM ducklake_data_file WHERE mapping_id IS NOT NULL").fetchall()
        assert mapped == [(0,)]

    def tables(self, snapshot: int) -> Json:
        """The tables at a snapshot."""
        found = self._connection.execute(
            "SELECT s.schema_name, t.table_name, t.table_id, s.path || t.path FROM ducklake_table t "
            "JOIN ducklake_schema s USING (schema_id) "
            f"WHERE {_at(snapshot, 't')} AND {_at(snapshot, 's')} ORDER BY 1, 2"
        ).fetchall()
        return {
            f"{schema}.{table}": self._fingerprint(table_id, self._data / path, snapshot)
            for schema, table, table_id, path in found
        }

    def _fingerprint(self, table_id: int, folder: Path, snapshot: int) -> Json:
        columns = self._columns(table_id, snapshot)
        parts = [*self._files(table_id, folder, columns, snapshot), *self._inlined(table_id, columns, snapshot)]
        rows: list[str] = []
        for part in parts:
            rows += [str(row) for (row,) in self._connection.execute(f"SELECT t::VARCHAR FROM ({part}) t").fetchall()]
        return {"rows": len(rows), "md5": hashlib.md5("\n".join(sorted(rows)).encode()).hexdigest()}

    def _columns(self, table_id: int, snapshot: int) -> list[_Column]:
        rows = self._connection.execute(
            "SELECT column_id, column_name, column_type, initial_default, parent_column FROM ducklake_column c "
            f"WHERE table_id = {table_id} AND {_at(snapshot, 'c')} ORDER BY column_order"
        ).fetchall()

        def spelled(id_: int, type_: str) -> str:
            children = [(name, spelled(child, of)) for child, name, of, _, parent in rows if parent == id_]
            match type_:
                case "list":
                    return f"{children[0][1]}[]"
                case "struct":
                    return f"STRUCT({', '.join(f'{_quoted(name)} {of}' for name, of in children)})"
                case "map":
                    return f"MAP({children[0][1]}, {children[1][1]})"
            return type_.upper() if type_.startswith("decimal") else _TYPES[type_]

        return [
            _Column(id_, name, spelled(id_, type_), default) for id_, name, type_, default, parent in rows if not parent
        ]

    def _files(self, table_id: int, folder: Path, columns: list[_Column], snapshot: int) -> list[str]:
        """A SELECT of what is left of each data file."""
        found = self._connection.execute(
            "SELECT data_file_id, path, encryption_key FROM ducklake_data_file f "
            f"WHERE table_id = {table_id} AND {_at(snapshot, 'f')} ORDER BY 1"
        ).fetchall()
        shown = ", ".join(_quoted(column.name) for column in columns)
        fields = [(column.id, column.name, column.type, column.default) for column in columns]
        fields.append((_SNAPSHOT_ID, "its snapshot", "BIGINT", None))
        schema = ", ".join(
            f"{id_}: {{name: {_literal(name)}, type: {_literal(type_)}, default_value: {_literal(default)}}}"
            for id_, name, type_, default in fields
        )
        selects = []
        for file_id, path, key in found:
            deleted = " UNION ALL ".join(self._deletes(table_id, folder, file_id, snapshot))
            source = self._parquet(folder / path, key, f", file_row_number = true, schema = MAP {{{schema}}}")
            but = f" AND file_row_number NOT IN ({deleted})" if deleted else ""
            selects.append(f'SELECT {shown} FROM {source} WHERE coalesce("its snapshot", 0) <= {snapshot}{but}')
        return selects

    def _deletes(self, table_id: int, folder: Path, file_id: int, snapshot: int) -> list[str]:
        """SELECTs of the positions in a data file that are deleted."""
        selects = []
        found = self._connection.execute(
            "SELECT path, encryption_key, format, partial_max FROM ducklake_delete_file d "
            f"WHERE data_file_id = {file_id} AND {_at(snapshot, 'd')}"
        ).fetchall()
        assert len(found) <= 1
        for path, key, format_, partial in found:
            assert format_ == "parquet"
            kept = "" if partial is None else f" WHERE _ducklake_internal_snapshot_id <= {snapshot}"
            selects.append(f"SELECT pos FROM {self._parquet(folder / path, key)}{kept}")
        table = f"ducklake_inlined_delete_{table_id}"
        if table in self._names:
            selects.append(f"SELECT row_id FROM {table} WHERE file_id = {file_id} AND begin_snapshot <= {snapshot}")
        return selects

    def _inlined(self, table_id: int, columns: list[_Column], snapshot: int) -> list[str]:
        """A SELECT of the inlined rows of each version of the table."""
        selects = []
        found = self._connection.execute(
            "SELECT i.table_name, min(v.begin_snapshot) FROM ducklake_inlined_data_tables i "
            "JOIN ducklake_schema_versions v USING (schema_version) "
            f"WHERE i.table_id = {table_id} AND v.table_id = {table_id} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        for name, since in found:
            names = {column.id: column.name for column in self._columns(table_id, since)}
            shown = ", ".join(
                f"{_quoted(names[c.id]) if c.id in names else f'CAST({_literal(c.default)} AS {c.type})'} "
                f"AS {_quoted(c.name)}"
                for c in columns
            )
            selects.append(f"SELECT {shown} FROM {_quoted(name)} i WHERE {_at(snapshot, 'i')}")
        return selects

    def _parquet(self, path: Path, key: str | None, options: str = "") -> str:
        if key is not None:
            options += f", encryption_config = {{footer_key_value: from_base64({_literal(key)})}}"
        return f"read_parquet({_literal(str(path))}{options})"


def _at(snapshot: int, alias: str) -> str:
    return (
        f"{alias}.begin_snapshot <= {snapshot} AND ({alias}.end_snapshot IS NULL OR {alias}.end_snapshot > {snapshot})"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"
