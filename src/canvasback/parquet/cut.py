"""Cutting files that hold rows of before and after a snapshot.

What merges files puts rows of many snapshots into one. A catalog that goes back to a snapshot in the middle shows the
right ones for a while; but when the ids of the later snapshots are given out again, their rows would rise from the
dead. So such a file is written anew, without them, under a fresh name.

What is flushed in DuckLake 1.0 has all versions of a row side by side, and a file of deletes that names those that went
by their places. A cut of the later ones moves the places of the others, so the deletes are written anew with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from tempfile import gettempdir
from typing import Any, NamedTuple

import duckdb

from canvasback.catalog.connections import connect
from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS, statistics_table
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.spec import ROW_ID, ROW_ID_FIELD, SNAPSHOT_IDS
from canvasback.catalog.writing.edits import Value
from canvasback.catalog.writing.rewind import Cut
from canvasback.datapath.file_sources import FileSource
from canvasback.errors import CanvasbackError, LakeError, RefusedError
from canvasback.model.relation import file_literal, identifier
from canvasback.parquet.new_file import put_parquet
from canvasback.parquet.schema import field_ids, geography, knows_geometries, write_parquet
from canvasback.parquet.statistics import column_stats, fields_in
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.storage.source import UnreadError, open_source
from canvasback.storage.temporary import temporary_folder


def refuse_uncuttable(image: Image, found: Sequence[tuple[str, int]]) -> None:
    """See that files can be cut, before anything is done.

    Raises:
        RefusedError: One is encrypted or of another format than Parquet, or has geometries, which DuckDB knows from
            1.5 on (``cannot-cut``).
    """
    for kind, file_id in found:
        row = _row(image, kind, file_id)
        why = ""
        if row["encryption_key"]:
            why = "is encrypted"
        elif row["format"].lower() != "parquet":
            why = f"is of the format {row['format']}"
        elif kind == "data" and _strange_geometries(image, row["table_id"]):
            why = f"has geometries, which DuckDB {duckdb.__version__} does not know (1.5 does)"
        if why:
            raise RefusedError(
                "cannot-cut",
                f"the file {row['path']} holds rows of before and after that snapshot, and {why}, "
                "so it cannot be written anew without the later ones",
                hint="Read that moment with attach --at-snapshot, which needs no new files; or go back to a snapshot "
                "that is not in the middle of a merged file.",
            )


def _strange_geometries(image: Image, table_id: int) -> bool:
    columns = f"SELECT 1 FROM {{ducklake_column}} c WHERE lower(column_type) = 'geometry' AND table_id = {table_id}"
    return bool(image.rows(columns)) and not knows_geometries(image.connection)


def cut_files(
    image: Image,
    snapshot: int,
    files: Sequence[FileSource],
    run: Run,
    commits: Mapping[int, Mapping[int, int]] = {},
    *,
    numbered: bool = True,
) -> list[Cut]:
    """Write each file anew, into the folder where it is, without what came after a snapshot.

    Args:
        image: The catalog, with the types that a catalog in DuckDB has.
        snapshot: The snapshot.
        files: The files; see `canvasback.catalog.writing.rewind.straddling`.
        run: Opens the places, and is told about every file.
        commits: By delete file, the commit that deleted the rows of a number that is not true; see
            `canvasback.parquet.deletes_at`. The new file has the true ones.
        numbered: Whether the new files say of which snapshots their rows are.

    Raises:
        LakeError: A file is not there or cannot be read (``cut-failed``).
        StorageError: The new file cannot be written.
    """
    cuts = []
    run.progress.begin("cutting files", files=len(files))
    # A connection of its own: the image's does not keep the order of rows, in which row ids are.
    with temporary_folder() as spill, connect(spill, memory=None, ordered=True, reach=[gettempdir()]) as connection:
        connection.execute("CREATE TABLE places (file_id BIGINT, old BIGINT, new BIGINT)")
        for file in sorted(files, key=lambda file: file.kind):  # the deletes after the data that they are of
            with temporary_folder() as folder:
                old, new = os.path.join(folder, "old.parquet"), os.path.join(folder, "new.parquet")
                try:
                    with open_source(file.store, file.object, vouch=True) as (_, source), open(old, "wb") as copy:
                        while content := source.read(1 << 20):
                            copy.write(content)
                    true = commits.get(file.file_id, {}) if file.kind == "delete" else {}
                    written = _cut(connection, image, file, snapshot, old, new, true, numbered=numbered)
                except (UnreadError, duckdb.Error) as error:
                    raise LakeError(
                        "cut-failed",
                        f"a file holds rows of before and after snapshot {snapshot}, and cannot be read: "
                        f"{_reason(error, old, file.place)}",
                        hint="Go back with restore --at-snapshot and another point that has the file, or first put "
                        "the file back where it belongs.",
                    ) from error
                cuts.append(_place(file, new, written, run.stores))
            run.progress.advance(files=1)
    run.stores.sync()
    run.progress.end()
    return cuts


class _Written(NamedTuple):
    rows: int
    latest: int | None
    splits: str
    stats: tuple[dict[str, Value], ...]


def _reason(error: UnreadError | duckdb.Error, copy: str, place: str) -> str:
    if isinstance(error, duckdb.Error):
        return str(error).splitlines()[0].replace(copy, place)
    reason = error.reason
    return reason.message if isinstance(reason, CanvasbackError) else f"{place}: {reason.strerror or reason}"


def _place(file: FileSource, path: str, written: _Written, stores: Stores) -> Cut:
    suffix = "-delete.parquet" if file.kind == "delete" else ".parquet"
    put = put_parquet(stores, path, file.place.rpartition("/")[0] + "/", suffix)
    return Cut(
        file.kind, file.file_id, put.name, written.rows, put.bytes, put.footer_bytes, written.latest, written.splits,
        written.stats,
    )  # fmt: skip


def _cut(
    connection: duckdb.DuckDBPyConnection,
    image: Image,
    file: FileSource,
    snapshot: int,
    old: str,
    new: str,
    true: Mapping[int, int],
    *,
    numbered: bool,
) -> _Written:
    """Write the new file, and tell of which snapshots its rows are."""
    row = _row(image, file.kind, file.file_id)
    source = f"read_parquet({file_literal(old)}, file_row_number = true, hive_partitioning = false)"
    fields = field_ids(connection, old)
    marked = next((name for name in SNAPSHOT_IDS if name in fields), None)
    splits = _splits(row.get("partial_file_info"))
    number = _true_number(marked, true) if marked else "NULL"
    if splits:
        kept = f"file_row_number < {max((rows for at, rows in splits if at <= snapshot), default=0)}"
    elif marked is not None:
        kept = f"{number} <= {snapshot}"
    elif file.kind == "delete" and row.get("partial_max") is None:
        kept = "true"  # only the places in it change
    else:
        raise LakeError(
            "cut-failed",
            f"the file {file.place} does not say which rows are of which snapshot",
            hint="It is not as the catalog says: run verify --level checksum to see whether it is damaged.",
        )
    replaced, added, order = [f"{number} AS {identifier(marked)}"] if true and marked else [], "", ""
    if file.kind == "delete":
        of = f"FROM places WHERE file_id = {row['data_file_id']}"
        if connection.execute(f"SELECT 1 {of} LIMIT 1").fetchall():
            replaced.append(f"(SELECT new {of} AND old = pos) AS pos")
            kept += f" AND pos IN (SELECT old {of})"
            order = " ORDER BY file_row_number"  # of those found in another table nobody promises it
    newest = f"max({number})" if marked and not splits else "NULL"
    rows, last, latest = connection.execute(
        f"SELECT count(*), max(file_row_number), {newest} FROM {source} WHERE {kept}"
    ).fetchall()[0]
    gaps = file.kind == "data" and rows and last != rows - 1
    if gaps:
        connection.execute(
            f"INSERT INTO places SELECT {file.file_id}, file_row_number, "
            f"row_number() OVER (ORDER BY file_row_number) - 1 FROM {source} WHERE {kept}"
        )
    if gaps and ROW_ID not in fields:
        # Row ids are counted from the first row on, so a gap needs them written down.
        added = f", {row['row_id_start']} + file_row_number AS {ROW_ID}"
        fields[ROW_ID] = str(ROW_ID_FIELD)
    left_out = ["file_row_number"]
    if marked and not numbered:
        left_out.append(identifier(marked))
        replaced = [column for column in replaced if not column.endswith(f" AS {identifier(marked)}")]
        fields.pop(marked)
    shown = f"* EXCLUDE ({', '.join(left_out)})" + (f" REPLACE ({', '.join(replaced)})" if replaced else "") + added
    write_parquet(
        connection, f"SELECT {shown} FROM {source} WHERE {kept}{order}", new, fields, geography(connection, old)
    )
    left = [f"{at}:{count}" for at, count in splits if at <= snapshot]
    several = not splits and latest is not None and latest > row["begin_snapshot"]
    if several and file.kind == "delete":
        # To whoever looks at the ids of files, the snapshot to which the lake went back seems to have made it.
        latest = snapshot
    stats = _statistics(connection, image, row, snapshot, new) if file.kind == "data" else ()
    return _Written(int(rows), int(latest) if several else None, "|".join(left) if len(left) > 1 else "", tuple(stats))


def _statistics(
    connection: duckdb.DuckDBPyConnection, image: Image, row: Mapping[str, Any], snapshot: int, new: str
) -> Iterator[dict[str, Value]]:
    """The statistics of a file that was cut: the old ones with the counts and bounds of what is left.

    The box of geometries and what is known of the fields of variants stay: they are no narrower than they must be, and
    no answer but whether to read a file is made of them.
    """
    types = dict(
        image.rows(
            "SELECT column_id, column_type FROM {ducklake_column} c "
            f"WHERE table_id = {row['table_id']} AND {visible('c', snapshot)}"
        )
    )
    found = {one.column_id: one for one in column_stats(connection, new, fields_in(connection, new), types)}
    name = statistics_table(image)
    names = [column.name for column in image.tables[name].columns]
    for values in image.rows(
        f"SELECT * FROM {{{name}}} s WHERE data_file_id = {row['data_file_id']} ORDER BY column_id"
    ):
        told = dict(zip(names, values, strict=True))
        one = found.get(told["column_id"])
        left: dict[str, Value] = {"value_count": None, "null_count": None, "min_value": None, "max_value": None}
        if one is not None:
            left = {
                "column_size_bytes": one.bytes, "value_count": one.values, "null_count": one.nulls,
                "min_value": one.low, "max_value": one.high,
                "contains_nan": one.nan if told["contains_nan"] is not None else None,
            }  # fmt: skip
        yield {**told, **{key: value for key, value in left.items() if key in told}}


def _true_number(marked: str, true: Mapping[int, int]) -> str:
    """An expression: the commit that deleted a row."""
    if not true:
        return identifier(marked)
    cases = " ".join(f"WHEN {number} THEN {commit}::BIGINT" for number, commit in sorted(true.items()))
    return f"CASE {identifier(marked)} {cases} ELSE {identifier(marked)} END"


def _splits(info: Any) -> list[tuple[int, int]]:
    """DuckLake 0.3's ``2:4|6:7``: up to which row a file is of which snapshot and before."""
    if not info or info.startswith("partial_max:"):
        return []
    return [(int(at), int(rows)) for at, rows in (part.split(":") for part in info.split("|"))]


def _row(image: Image, kind: str, file_id: int) -> dict[str, Any]:
    table, key = KINDS[kind]
    names = [column.name for column in image.tables[table].columns]
    [values] = image.rows(f"SELECT * FROM {{{table}}} f WHERE {key} = {file_id}")
    row = dict(zip(names, values, strict=True))
    return {**row, "format": row.get("file_format") or row.get("format") or "parquet"}
