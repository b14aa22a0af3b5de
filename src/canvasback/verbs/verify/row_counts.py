"""Parquet footers against the catalog: row counts and field ids."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb

from canvasback.catalog.image import Image
from canvasback.errors import ObjectMissingError
from canvasback.model.finding import Finding, Findings
from canvasback.model.manifest import Manifest
from canvasback.model.plurals import many
from canvasback.model.progress import Progress
from canvasback.model.relation import literal
from canvasback.parquet.encryption import UndecipheredError, count_rows
from canvasback.parquet.fields import RESERVED
from canvasback.parquet.file_end import copy_end
from canvasback.parquet.footers import field_ids_in, totals_in
from canvasback.repository import layout
from canvasback.repository.filelist import files_relation
from canvasback.storage.borrowed import is_at_hand
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder

_BATCH = 256
_CURE = "The lake's own file was like that when it was saved, unless verify --level checksum says otherwise."

Row = tuple[str, str, int, int, str | None, bool, int]


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
        with temporary_folder() as folder:
            paths = _at_hand(store, batch, folder)
            check = _Check(image.connection, paths, columns, findings)
            check.batch([row for row in batch if row[4] is None and row[0] in paths])
            for row in batch:
                if row[4] is not None and row[0] in paths:
                    check.encrypted(row)
        progress.advance(files=len(batch))
    progress.end()


def _at_hand(store: Store, rows: Sequence[Row], folder: str) -> dict[str, str]:
    """A local file for each object that can be had; of remote ones a file of the same length with the footer only."""
    near = [row[0] for row in rows if is_at_hand(store, row[0])]
    far = [(number, row) for number, row in enumerate(rows) if not is_at_hand(store, row[0])]

    def fetch(numbered: tuple[int, Row]) -> tuple[str, str] | None:
        number, (name, *_, size) = numbered
        path = os.path.join(folder, f"{number}.parquet")
        try:
            copy_end(store, name, size, path)
        except ObjectMissingError:
            return None  # verify says so itself
        return name, path

    with ThreadPoolExecutor(store.jobs) as pool:
        ends = dict(filter(None, pool.map(fetch, far)))
    return ends | dict(zip(near, store.local_paths(near), strict=True))


def _expected(image: Image, store: Store, manifest: Manifest) -> list[Row]:
    """Object, kind, table id, rows, encryption key, whether a mapping is used, and size, of every Parquet file."""
    files = files_relation(image.connection, store, manifest).select
    mapped = "d.mapping_id IS NOT NULL" if image.has("ducklake_data_file", "mapping_id") else "false"
    name = f"coalesce(f.object, {literal(layout.DATA)} || f.path)"
    held = "coalesce(f.blake3, f.checksum) IS NOT NULL"
    return image.rows(
        f"""
        SELECT DISTINCT {name}, f.kind, d.table_id, d.record_count, d.encryption_key, {mapped}, f.size
        FROM ({files}) f JOIN {{ducklake_data_file}} d ON f.kind = 'data' AND f.file_id = d.data_file_id
        WHERE {held} AND lower(d.file_format) = 'parquet'
        UNION ALL
        SELECT DISTINCT {name}, f.kind, d.table_id, d.delete_count, d.encryption_key, false, f.size
        FROM ({files}) f JOIN {{ducklake_delete_file}} d ON f.kind = 'delete' AND f.file_id = d.delete_file_id
        WHERE {held} AND lower(d.format) = 'parquet'
        ORDER BY ALL
        """
    )


def _columns(image: Image) -> dict[int, int]:
    """The highest column id that each table ever had."""
    return dict(image.rows("SELECT table_id, max(column_id) FROM {ducklake_column} c GROUP BY table_id"))


class _Check:
    """Compares files at hand with what the catalog says of them."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        paths: dict[str, str],
        columns: dict[int, int],
        findings: Findings,
    ) -> None:
        self._connection = connection
        self._paths = paths
        self._columns = columns
        self._findings = findings

    def batch(self, rows: Sequence[Row]) -> None:
        """Compare files that are not encrypted."""
        if not rows:
            return
        try:
            paths = [self._paths[row[0]] for row in rows]
            totals, fields = totals_in(self._connection, paths), field_ids_in(self._connection, paths)
        except duckdb.Error as error:
            if len(rows) > 1:  # one bad file spoils the query: find out which
                for row in rows:
                    self.batch([row])
                return
            message = f"is not readable as Parquet: {self._reason(error, rows[0][0])}"
            self._findings.add(Finding("not-parquet", "error", rows[0][0], message, _CURE))
            return
        for name, kind, table_id, expected, _, mapped, _ in rows:
            path = self._paths[name]
            self._compare_count(name, expected, totals[path].rows)
            strange = [id_ for id_ in fields.get(path, []) if self._columns.get(table_id, 0) < id_ < RESERVED]
            if kind == "data" and not mapped and strange:
                message = f"has fields with the ids {strange[:5]}, which its table never had"
                self._findings.add(Finding("field-ids", "error", name, message, _CURE))

    def encrypted(self, row: Row) -> None:
        """Compare an encrypted file."""
        name, _, _, expected, key, _, _ = row
        try:
            rows = count_rows(self._connection, self._paths[name], key)
        except UndecipheredError as error:
            message = f"cannot be decrypted with the catalog's key: {error}"
            self._findings.add(Finding("not-parquet", "error", name, message, _CURE))
            return
        self._compare_count(name, expected, rows)

    def _compare_count(self, name: str, expected: int, found: int) -> None:
        if expected != found:
            message = f"has {many(found, 'row')}, and the catalog says {expected}"
            self._findings.add(Finding("row-count", "error", name, message, _CURE))

    def _reason(self, error: duckdb.Error, name: str) -> str:
        return str(error).splitlines()[0].replace(self._paths[name], name)
