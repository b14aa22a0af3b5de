"""What the judge has asked before: a table whose answers rest on the same is not asked again.

Many tests bring the same lake back, by other ways and into other engines, to moments between which most of its tables
did not change. To ask all of a table takes some hundred times as long as to look whether all that its answers rest on
is the same: the rows of the catalog that speak of it, with how the newest snapshot sees them, its inlined rows, and the
content of its files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb

__all__ = ["BESIDES", "OF_ALL", "OF_TABLES", "states"]

OF_TABLES = (
    "ducklake_column",
    "ducklake_column_mapping",
    "ducklake_column_tag",
    "ducklake_data_file",
    "ducklake_delete_file",
    "ducklake_file_column_statistics",
    "ducklake_file_column_stats",
    "ducklake_file_partition_value",
    "ducklake_file_variant_stats",
    "ducklake_inlined_data_tables",
    "ducklake_partition_column",
    "ducklake_partition_info",
    "ducklake_schema_versions",
    "ducklake_sort_expression",
    "ducklake_sort_info",
    "ducklake_table",
    "ducklake_table_column_stats",
    "ducklake_table_stats",
)
"""The tables of a catalog with a `table_id`, in any version."""
OF_ALL = ("ducklake_metadata", "ducklake_name_mapping", "ducklake_schema")
"""Those that say something of all tables."""
BESIDES = {
    "ducklake_files_scheduled_for_deletion",
    "ducklake_macro",
    "ducklake_macro_impl",
    "ducklake_macro_parameters",
    "ducklake_snapshot",
    "ducklake_snapshot_changes",
    "ducklake_tag",
    "ducklake_view",
}
"""Those on which no answer of a table rests: of snapshots, it is the newest that is asked."""

_PLACES = {"path", "path_is_relative", "footer_size"}
"""Where a file is says nothing of its content, which is looked at itself."""


def states(connection: duckdb.DuckDBPyConnection, lake: str) -> dict[tuple[str, str], str]:
    """For each table of an attached lake a text that is the same only where all is on which its answers rest.

    It is all read from the catalog itself: the extension, which will be asked, has not looked into anything by then.

    Args:
        connection: Has the lake attached.
        lake: The name under which it is.

    Returns:
        By schema and table; nothing of those of which it cannot be said.
    """
    try:
        [(head,)] = connection.execute(f"SELECT id FROM ducklake_current_snapshot({_literal(lake)})").fetchall()
        rows = {name: _rows(connection, lake, name, head) for name in (*OF_TABLES, *OF_ALL)}
        tables = connection.execute(
            "SELECT s.schema_name, t.table_name, t.table_id, d.value, s.path, s.path_is_relative, t.path, "
            f"t.path_is_relative FROM {_held(lake, 'ducklake_table')} t JOIN {_held(lake, 'ducklake_schema')} s "
            f"USING (schema_id), {_held(lake, 'ducklake_metadata')} d "
            f"WHERE {_seen('t', head)} AND {_seen('s', head)} AND d.key = 'data_path'"
        ).fetchall()
        return {
            (schema, table): _state(connection, lake, id_, head, rows, _joined(data_path, *folders))
            for schema, table, id_, data_path, *folders in tables
        }
    except (duckdb.Error, OSError):  # then it is asked, and what is wrong with it will be said
        return {}


def _joined(folder: str, *parts: str | bool) -> str:
    """Where something is, by the paths that lead there, each with whether it is relative to the one before."""
    for path, relative in zip(parts[::2], parts[1::2], strict=True):
        folder = f"{folder}{path}" if relative else str(path)
    return folder


def _rows(connection: duckdb.DuckDBPyConnection, lake: str, name: str, head: int) -> list[tuple[object, str]]:
    """The rows of a table of the catalog: of which table of the lake each speaks, if of one, and what it says."""
    try:
        cursor = connection.execute(f"SELECT * FROM {_held(lake, name)}")
    except duckdb.CatalogException:  # not every version has it
        return []
    names = [column for column, *_ in cursor.description or ()]
    found: list[tuple[object, str]] = []
    for values in cursor.fetchall():
        row = {column: value for column, value in zip(names, values, strict=True) if column not in _PLACES}
        if name == "ducklake_metadata" and row["key"] == "data_path":
            continue
        limits = [row[column] for column in ("begin_snapshot", "end_snapshot") if column in row]
        seen = [limit is None or limit > head for limit in limits]
        found.append((row.get("table_id"), f"{name} {seen} {row}"))
    return found


def _state(
    connection: duckdb.DuckDBPyConnection,
    lake: str,
    table: int,
    head: int,
    rows: dict[str, list[tuple[object, str]]],
    folder: str,
) -> str:
    said = [row for held in rows.values() for of, row in held if of in {table, None}]
    inlined = connection.execute(
        f"SELECT table_name FROM {_held(lake, 'ducklake_inlined_data_tables')} WHERE table_id = {table}"
    ).fetchall()
    for held in (f"ducklake_inlined_delete_{table}", *(name for (name,) in inlined)):
        said += _inlined(connection, lake, held, head)
    for kind in ("data", "delete"):
        files = connection.execute(
            f"SELECT {kind}_file_id, path, path_is_relative FROM {_held(lake, f'ducklake_{kind}_file')} f "
            f"WHERE table_id = {table} AND {_seen('f', head)}"
        ).fetchall()
        said += [
            f"{kind} file {id_}: {_digest(Path(_joined(folder, path, relative)).read_bytes())}"
            for id_, path, relative in files
        ]
    return _digest("\n".join([_engine(connection, lake), *sorted(said)]).encode())


def _engine(connection: duckdb.DuckDBPyConnection, lake: str) -> str:
    [(path,)] = connection.execute("SELECT path FROM duckdb_databases() WHERE database_name = ?", [lake]).fetchall()
    start = str(path).partition(":")[0]
    return start if start in {"sqlite", "postgres"} else "duckdb"


def _inlined(connection: duckdb.DuckDBPyConnection, lake: str, name: str, head: int) -> list[str]:
    try:
        rows = connection.execute(
            f"SELECT CAST(t AS VARCHAR), begin_snapshot <= {head}, "
            f"{'true' if 'delete' in name else f'end_snapshot > {head}'} FROM {_held(lake, name)} t"
        ).fetchall()
    except duckdb.CatalogException:
        return [f"no {name}"]
    return [f"{name} {row}" for row in rows]


def _digest(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def _held(lake: str, name: str) -> str:
    return f'"__ducklake_metadata_{lake}"."{name}"'


def _seen(alias: str, head: int) -> str:
    return f"{alias}.begin_snapshot <= {head} AND ({alias}.end_snapshot IS NULL OR {alias}.end_snapshot > {head})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
