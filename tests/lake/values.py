"""What a catalog and a folder hold, as values that compare: the same before and after, or not."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path, PurePosixPath

import duckdb

Tree = dict[str, str]
"""By path below the folder: the MD5 of a file's content."""

Columns = tuple[tuple[str, str, bool], ...]
Table = tuple[Columns, tuple[str, ...], Counter[tuple[object, ...]]]
Catalog = dict[str, Table]
"""By table: columns (name, type, nullable), primary key, and the rows with how often each occurs."""

PRIMARY_KEYS = {
    "ducklake_snapshot": ("snapshot_id",),
    "ducklake_snapshot_changes": ("snapshot_id",),
    "ducklake_schema": ("schema_id",),
    "ducklake_data_file": ("data_file_id",),
    "ducklake_delete_file": ("delete_file_id",),
}
"""What conflict detection needs, in every version."""

SCHEDULED = "ducklake_files_scheduled_for_deletion"


def literal(text: str) -> str:
    """Quote a string for SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def tree_of(folder: Path) -> Tree:
    """Hash every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def catalog_of(path: Path) -> Catalog:
    """Read every table of a DuckDB catalog.

    A row is its DuckDB hash with the text of each value: the hash tells apart what reads alike inside of
    nested values, the text what is equal but not identical, such as 30 days and one month.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH {literal(str(path))} AS catalog (READ_ONLY)")
        columns: dict[tuple[str, str], list[tuple[str, str, bool]]] = {}
        for schema, table, *column in connection.execute(
            "SELECT schema_name, table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
            "WHERE database_name = 'catalog' ORDER BY schema_name, table_name, column_index"
        ).fetchall():
            columns.setdefault((schema, table), []).append((column[0], column[1], column[2]))
        keys = dict(
            connection.execute(
                "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
                "WHERE database_name = 'catalog' AND constraint_type = 'PRIMARY KEY'"
            ).fetchall()
        )
        found: Catalog = {}
        for (schema, table), described in columns.items():
            names = [quoted(name) for name, _, _ in described]
            # A VARIANT that is equal may be laid out differently, and then has another hash.
            hashed = [
                f"variant_typeof({quoted(name)})" if type_ == "VARIANT" else quoted(name)
                for name, type_, _ in described
            ]
            rows = connection.execute(
                f"SELECT hash({', '.join(hashed)}), {', '.join(f'{name}::VARCHAR' for name in names)} "
                f"FROM catalog.{quoted(schema)}.{quoted(table)}"
            ).fetchall()
            found[table] = (tuple(described), tuple(keys.get(table, ())), Counter(rows))
    return found


def without(catalog: Catalog, *, data_path: bool = True, scheduled: bool = True) -> Catalog:
    """Leave out what a lake that moved must not share with the original: where it is, and what it may delete."""
    trimmed = dict(catalog)
    if data_path:
        columns, key, rows = trimmed["ducklake_metadata"]
        kept = Counter({row: count for row, count in rows.items() if row[1] != "data_path"})
        trimmed["ducklake_metadata"] = (columns, key, kept)
    if scheduled:
        columns, key, _ = trimmed[SCHEDULED]
        trimmed[SCHEDULED] = (columns, key, Counter())
    return trimmed


def data_path_of(catalog: Catalog) -> str:
    """Say what the catalog calls its data path."""
    (value,) = [str(row[2]) for row in catalog["ducklake_metadata"][2] if row[1] == "data_path"]
    return value


def files_named_by(path: Path) -> set[str]:
    """List the paths, relative to the data path, that a DuckDB catalog without absolute paths names.

    Written from the specification's page on paths, not from canvasback.
    """
    with duckdb.connect(str(path), read_only=True) as connection:
        folders = dict.fromkeys(
            (row[0] for row in connection.execute("SELECT table_id FROM ducklake_table").fetchall()), ""
        )
        has_paths = "path" in [row[0] for row in connection.execute("DESCRIBE ducklake_table").fetchall()]
        if has_paths:
            for table_id, schema_path, table_path in connection.execute(
                "SELECT t.table_id, s.path, t.path FROM ducklake_table t JOIN ducklake_schema s USING (schema_id)"
            ).fetchall():
                folders[table_id] = str(PurePosixPath(schema_path) / table_path) + "/"
        named = connection.execute(
            "SELECT table_id, path, path_is_relative FROM ducklake_data_file "
            "UNION ALL SELECT table_id, path, path_is_relative FROM ducklake_delete_file"
        ).fetchall()
    assert all(relative for _, _, relative in named)
    return {folders[table_id] + file for table_id, file, _ in named}
