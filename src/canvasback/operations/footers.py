"""Parquet footers against the catalog: row counts and field ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from canvasback.catalog.image import Image
from canvasback.model.finding import Finding, Findings
from canvasback.model.manifest import Manifest
from canvasback.model.progress import Progress
from canvasback.model.relation import file_literal, literal
from canvasback.repository import layout
from canvasback.repository.filelist import files_relation
from canvasback.storage.store import Store

_BATCH = 256
_RESERVED = 2_147_483_000
"""Field ids from here on are DuckLake's own columns: row ids, snapshot ids, positions."""

_CURE = "The lake's own file was like that when it was saved, unless verify --level checksum says otherwise."

Row = tuple[str, str, int, int, str | None, bool]


def check_rows(image: Image, store: Store, manifest: Manifest, findings: Findings, progress: Progress) -> None:
    """Compare every Parquet file of a point with its row in the catalog.

    Files that hold deleted positions in another format than Parquet are passed over. The fields of encrypted
    files and of files that were added with a name mapping have no ids to compare.
    """
    rows = _expected(image, store, manifest)
    columns = _columns(image)
    progress.begin("reading footers", files=len(rows))
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        _check_batch(image.connection, [row for row in batch if row[4] is None], columns, findings)
        for row in batch:
            if row[4] is not None:
                _check_encrypted(image.connection, row, findings)
        progress.advance(files=len(batch))
    progress.end()


def _expected(image: Image, store: Store, manifest: Manifest) -> list[Row]:
    """Url, kind, table id, rows, encryption key and whether a mapping is used, of every Parquet file."""
    files = files_relation(image.connection, store, manifest).select
    mapped = "d.mapping_id IS NOT NULL" if image.has("ducklake_data_file", "mapping_id") else "false"
    url = f"{literal(store.url)} || coalesce(f.object, {literal(layout.DATA)} || f.path)"
    return image.rows(
        f"""
        SELECT DISTINCT {url}, f.kind, d.table_id, d.record_count, d.encryption_key, {mapped}
        FROM ({files}) f JOIN {{ducklake_data_file}} d ON f.kind = 'data' AND f.file_id = d.data_file_id
        WHERE f.blake3 IS NOT NULL AND lower(d.file_format) = 'parquet'
        UNION ALL
        SELECT DISTINCT {url}, f.kind, d.table_id, d.delete_count, d.encryption_key, false
        FROM ({files}) f JOIN {{ducklake_delete_file}} d ON f.kind = 'delete' AND f.file_id = d.delete_file_id
        WHERE f.blake3 IS NOT NULL AND lower(d.format) = 'parquet'
        ORDER BY ALL
        """
    )


def _columns(image: Image) -> dict[int, int]:
    """The highest column id that each table ever had."""
    return dict(image.rows("SELECT table_id, max(column_id) FROM {ducklake_column} c GROUP BY table_id"))


def _check_batch(
    connection: duckdb.DuckDBPyConnection, rows: Sequence[Row], columns: dict[int, int], findings: Findings
) -> None:
    if not rows:
        return
    try:
        counts, fields = _footers(connection, [row[0] for row in rows])
    except duckdb.Error as error:
        if len(rows) > 1:  # one bad file spoils the query: find out which
            for row in rows:
                _check_batch(connection, [row], columns, findings)
            return
        message = f"is not readable as Parquet: {str(error).splitlines()[0]}"
        findings.add(Finding("not-parquet", "error", rows[0][0], message, _CURE))
        return
    for url, kind, table_id, expected, _, mapped in rows:
        _compare_count(url, expected, counts[url], findings)
        strange = [id_ for id_ in fields.get(url, []) if columns.get(table_id, 0) < id_ < _RESERVED]
        if kind == "data" and not mapped and strange:
            message = f"has fields with the ids {strange[:5]}, which its table never had"
            findings.add(Finding("field-ids", "error", url, message, _CURE))


def _footers(connection: duckdb.DuckDBPyConnection, urls: list[str]) -> tuple[dict[str, int], dict[str, list[int]]]:
    names = "[" + ", ".join(file_literal(url) for url in urls) + "]"
    counts: list[tuple[Any, ...]] = connection.execute(
        f"SELECT file_name, num_rows FROM parquet_file_metadata({names})"
    ).fetchall()
    fields: list[tuple[Any, ...]] = connection.execute(
        f"SELECT file_name, list(field_id) FROM parquet_schema({names}) WHERE field_id IS NOT NULL GROUP BY ALL"
    ).fetchall()
    return dict(counts), dict(fields)


def _check_encrypted(connection: duckdb.DuckDBPyConnection, row: Row, findings: Findings) -> None:
    url, _, _, expected, key, _ = row
    try:
        found = connection.execute(
            f"SELECT count(*) FROM read_parquet({file_literal(url)}, "
            f"encryption_config = {{footer_key_value: from_base64({literal(key or '')})}})"
        ).fetchone()
    except duckdb.Error as error:
        # DuckDB's message may quote the statement, and with it the key: keep its first words only.
        message = f"cannot be decrypted with the catalog's key: {str(error).splitlines()[0].partition(':')[0]}"
        findings.add(Finding("not-parquet", "error", url, message, _CURE))
        return
    _compare_count(url, expected, found[0] if found else 0, findings)


def _compare_count(url: str, expected: int, found: int, findings: Findings) -> None:
    if expected != found:
        message = f"has {found} rows, and the catalog says {expected}"
        findings.add(Finding("row-count", "error", url, message, _CURE))
