"""Which files an image names, and where they are.

A path is joined from file, table, schema and data path; an absolute one at any level cuts the chain.
Source: the specification's page on paths.
"""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.spec import FILE_STATISTICS
from canvasback.model.relation import literal

KINDS = {"data": ("ducklake_data_file", "data_file_id"), "delete": ("ducklake_delete_file", "delete_file_id")}
"""The kinds of files, with the table that names them and its key."""


def statistics_table(image: Image) -> str:
    """The table of column statistics of files, whose name changed with 0.3."""
    return next((name for name in FILE_STATISTICS if name in image.tables), FILE_STATISTICS[0])


def named_files(image: Image, data_root: str, kind: str | None = None) -> str:
    """A SELECT of all files that any snapshot of the image can need. What one snapshot sees, `shown_files` tells.

    Its columns are ``kind``, ``data`` or ``delete``; ``file_id``; ``table_id``; ``path``, below the data path, or
    absolute where ``elsewhere`` is true; ``place``, which is absolute in any case; and ``expected``, the size in bytes
    that the catalog promises. A path that names a place below ``data_root`` absolutely counts as below the data path.

    Args:
        image: The image.
        data_root: The data path as an absolute folder or URL that ends in a slash.
        kind: The files of this kind only; None for those of all kinds that the catalog has a table of.
    """
    kinds = [kind] if kind is not None else [known for known, (table, _) in KINDS.items() if table in image.tables]
    return " UNION ALL ".join(_named(image, data_root, each) for each in kinds)


def _named(image: Image, data_root: str, kind: str) -> str:
    table, key = KINDS[kind]
    root = literal(data_root)
    return f"""
        SELECT {literal(kind)} AS kind, file_id, table_id,
            CASE WHEN inside THEN relative ELSE spelled END AS path,
            NOT inside AS elsewhere,
            CASE WHEN inside THEN {root} || relative ELSE spelled END AS place, expected
        FROM (
            SELECT file_id, table_id, expected, spelled,
                CASE WHEN NOT absolute THEN spelled ELSE substr(spelled, length({root}) + 1) END AS relative,
                (NOT absolute OR starts_with(spelled, {root}))
                    AND NOT (contains(relative, '..') AND list_contains(string_split(relative, '/'), '..')) AS inside
            FROM (
                SELECT f.{key} AS file_id, table_id, f.file_size_bytes AS expected,
                    (NOT coalesce(f.path_is_relative, true) OR coalesce(p.absolute, false)) AS absolute,
                    CASE WHEN coalesce(f.path_is_relative, true) THEN coalesce(p.prefix, '') ELSE '' END
                        || coalesce(f.path, '') AS whole,
                    CASE WHEN starts_with(whole, 'file://') THEN substr(whole, 8) ELSE whole END AS spelled
                FROM ({image.tables[table].select}) f LEFT JOIN ({prefixes_select(image)}) p USING (table_id)
            )
        )
    """


def named_bytes(image: Image) -> int:
    """How many bytes the files have that an image names."""
    tables = [image.tables[table].select for table, _ in KINDS.values() if table in image.tables]
    sizes = " UNION ALL ".join(f"SELECT file_size_bytes FROM ({select})" for select in tables)
    [(found,)] = image.connection.execute(f"SELECT coalesce(sum(file_size_bytes), 0) FROM ({sizes})").fetchall()
    return int(found)


def prefixes_select(image: Image) -> str:
    """A SELECT of each table's folder: ``table_id``, ``prefix`` (ends in a slash or is empty), ``absolute``."""
    if not image.has("ducklake_table", "path"):  # DuckLake 0.1 keeps all files in one folder
        return (
            f"SELECT DISTINCT table_id, '' AS prefix, false AS absolute FROM ({image.tables['ducklake_table'].select})"
        )
    own = "regexp_replace(coalesce({0}.path, ''), '([^/])$', '\\1/')"
    return f"""
        SELECT t.table_id,
            CASE WHEN t.relative THEN coalesce(s.path, '') ELSE '' END || t.path AS prefix,
            NOT t.relative OR NOT coalesce(s.relative, true) AS absolute
        FROM ({_newest(image, "ducklake_table", "table_id", own.format("x"), "x.schema_id")}) t
        LEFT JOIN ({_newest(image, "ducklake_schema", "schema_id", own.format("x"), "NULL")}) s
            ON s.schema_id = t.parent
    """


def _newest(image: Image, table: str, key: str, path: str, parent: str) -> str:
    """One row per table or schema: a rename makes a second row of the same id, with the same path."""
    return f"""
        SELECT x.{key}, arg_max({path}, x.begin_snapshot) AS path,
            arg_max(coalesce(x.path_is_relative, true), x.begin_snapshot) AS relative,
            arg_max({parent}, x.begin_snapshot) AS parent
        FROM ({image.tables[table].select}) x GROUP BY x.{key}
    """
