"""A merged file that is lost, written anew from the files that DuckLake merged into it, while they still exist.

DuckLake schedules the sources of a merge for deletion at the very time of the merge's commit, and up to 0.3 it notes
after how many rows of the merged file the rows of each snapshot end. So the sources are known, and their rows, one
file after the other, must end at just those numbers. The new file has the lost one's name, because deletes are told by
name and place; only its size and the length of its footer are others, and are noted in the catalog.
Source: the extension's `WriteCompactedFiles` and `GetCompactionChanges`, 0.3.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import accumulate

import duckdb
import msgspec

from canvasback.catalog.connections import connect
from canvasback.catalog.image import Image
from canvasback.catalog.reading.file_commits import file_commits
from canvasback.catalog.reading.files import prefixes_select
from canvasback.catalog.spec import SNAPSHOT_ID, SNAPSHOT_ID_FIELD
from canvasback.catalog.writing.edits import Edit
from canvasback.checks.damaged_files import DamagedFiles
from canvasback.checks.known_copies import KnownCopies
from canvasback.errors import CanvasbackError
from canvasback.model.relation import file_literal
from canvasback.parquet.file_end import footer_bytes
from canvasback.parquet.footers import totals_in
from canvasback.parquet.schema import field_ids, geography, has_geometries, knows_geometries, write_parquet
from canvasback.storage.checksums import hash_stream
from canvasback.storage.locations import Stores
from canvasback.storage.temporary import temporary_folder

_SCHEDULED = "ducklake_files_scheduled_for_deletion"
_PIECE = 1 << 20


class Merged(msgspec.Struct, frozen=True):
    """A lost file that can be written anew.

    Attributes:
        file_id: Its ``data_file_id``.
        table_id: Its table.
        code: What is wrong with it.
        place: Its absolute path or URL.
        rows: Its rows.
        splits: Snapshot and number of rows up to its last one, for each snapshot.
        sources: The files that were merged into it, in order.
    """

    file_id: int
    table_id: int
    code: str
    place: str
    rows: int
    splits: tuple[tuple[int, int], ...]
    sources: tuple[str, ...]


def find_merged(image: Image, damaged: DamagedFiles, copies: KnownCopies, root: str) -> list[Merged]:
    """The lost files of which DuckLake's schedule still names the sources, whether those are there or not.

    Args:
        image: The catalog in DuckDB's dialect.
        damaged: What is wrong with its files.
        copies: Which of them have one.
        root: The data path.
    """
    if not image.has("ducklake_data_file", "partial_file_info") or not image.has(_SCHEDULED, "schedule_start"):
        return []
    rows = image.rows(
        f"""
        SELECT f.data_file_id, f.table_id, d.code, d.place, f.record_count, f.partial_file_info,
            list(x.path ORDER BY x.data_file_id)
        FROM {damaged} d
        JOIN {{ducklake_data_file}} f ON d.file_kind = 'data' AND d.file_id = f.data_file_id
        JOIN ({prefixes_select(image)}) p ON p.table_id = f.table_id AND NOT p.absolute
        JOIN ({file_commits(image)}) s ON s.first <= f.data_file_id AND f.data_file_id < s.next
        JOIN {{{_SCHEDULED}}} x ON CAST(x.schedule_start AS TIMESTAMPTZ) = s.time
            AND starts_with(x.path, p.prefix) AND x.path NOT LIKE '%-delete.parquet'
        WHERE d.lost AND {copies.unsourced} AND f.partial_file_info LIKE '%|%' AND f.encryption_key IS NULL
        GROUP BY ALL ORDER BY 1
        """
    )
    return [
        Merged(id_, table_id, code, place, count, _splits(info), tuple(root + path for path in paths))
        for id_, table_id, code, place, count, info, paths in rows
    ]


def has_sources(merged: Merged, stores: Stores) -> bool:
    """Whether all that was merged into a file is still there."""
    try:
        for place in merged.sources:
            store, name = stores.locate(place)
            if store.stat(name) is None:
                return False
    except CanvasbackError:
        return False
    return True


def without_copy(merged: Sequence[Merged], copies: KnownCopies) -> str:
    """A condition on rows ``d`` of `DamagedFiles`: neither a copy was found, nor what was merged into the file."""
    ids = ", ".join(str(file.file_id) for file in merged)
    others = f"NOT (d.file_kind = 'data' AND d.file_id IN ({ids}))" if ids else "true"
    return f"{copies.unsourced} AND {others}"


def write_merged(merged: Merged, stores: Stores, suffix: str) -> Edit | None:
    """Write a lost file anew, if its sources prove to be what it was made of.

    Args:
        merged: The file.
        stores: Reaches it and its sources.
        suffix: At the end of the name to which what is there in its place is moved.

    Returns:
        What the catalog has to say of the new file; None where it cannot be written.
    """
    with (
        temporary_folder() as folder,
        connect(folder, memory=None, ordered=True, reach=()) as connection,
    ):
        try:
            paths = [
                _fetch(stores, source, os.path.join(folder, f"{n}.parquet")) for n, source in enumerate(merged.sources)
            ]
            new = os.path.join(folder, "new.parquet")
            if not _write(connection, merged, paths, new):
                return None
            size = os.path.getsize(new)
            with open(new, "rb") as file:
                checksum = f"blake3:{hash_stream(file)[1]}"
            target, name = stores.locate(merged.place)
            aside = suffix if target.stat(name) is not None else ""
            with open(new, "rb") as file:
                target.place_new(name, file, size, checksum, aside=aside)
        except (CanvasbackError, duckdb.Error, OSError):
            return None  # a source is gone or damaged too: the file stays lost, and is listed as such
        changes = {"file_size_bytes": str(size), "footer_size": str(footer_bytes(new))}
        return Edit("ducklake_data_file", where=f"data_file_id = {merged.file_id}", changes=changes)


def _write(connection: duckdb.DuckDBPyConnection, merged: Merged, paths: list[str], new: str) -> bool:
    fields = field_ids(connection, paths[0])
    if any(field_ids(connection, path) != fields for path in paths) or SNAPSHOT_ID in fields:
        return False
    if has_geometries(connection, paths[0]) and not knows_geometries(connection):
        return False
    totals = totals_in(connection, paths)
    ends = list(accumulate(totals[path].rows for path in paths))
    bounds = [end for _, end in merged.splits]
    if not set(bounds) <= set(ends) or ends[-1] != merged.rows or bounds[-1] != merged.rows:
        return False
    of = [next(snapshot for snapshot, bound in merged.splits if end <= bound) for end in ends]
    selects = " UNION ALL ".join(
        f"SELECT * EXCLUDE (file_row_number), {snapshot}::BIGINT AS {SNAPSHOT_ID}, {n} AS file_number, "
        f"file_row_number FROM read_parquet({file_literal(path)}, file_row_number = true, hive_partitioning = false)"
        for n, (path, snapshot) in enumerate(zip(paths, of, strict=True))
    )
    select = f"SELECT * EXCLUDE (file_number, file_row_number) FROM ({selects}) ORDER BY file_number, file_row_number"
    noted = next((note for path in paths if (note := geography(connection, path)) is not None), None)
    write_parquet(connection, select, new, {**fields, SNAPSHOT_ID: str(SNAPSHOT_ID_FIELD)}, noted)
    return True


def _fetch(stores: Stores, place: str, path: str) -> str:
    store, name = stores.locate(place)
    with store.open(name) as source, open(path, "wb") as copy:
        while piece := source.read(_PIECE):
            copy.write(piece)
    return path


def _splits(info: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(at), int(rows)) for at, rows in (part.split(":") for part in info.split("|")))
