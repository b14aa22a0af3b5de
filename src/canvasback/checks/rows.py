"""Every row of a file: can it be decoded, and is it what footer and catalog say?"""

from __future__ import annotations

import os
from typing import Any

import duckdb

from canvasback.catalog.spec import LOCAL_ROW_IDS, ROW_ID, SNAPSHOT_ID
from canvasback.checks.footers import delete_fault
from canvasback.checks.kinds import DELETES, HIDING_STATISTICS, ROW_COUNT, ROW_ID_TAKEN, ROW_IDS, ROWS, UNREADABLE
from canvasback.checks.notes import Notes, before, group_of
from canvasback.checks.wanted import WantedFile
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.errors import CanvasbackError
from canvasback.model.plurals import many
from canvasback.model.relation import identifier
from canvasback.parquet.encryption import read_call
from canvasback.parquet.footers import schemas
from canvasback.repository.own_table import OwnTable
from canvasback.storage.locations import Stores, is_remote
from canvasback.storage.parallel import Stop

_PIECE = 1024 * 1024


def read_rows(
    connection: duckdb.DuckDBPyConnection, notes: Notes, file: WantedFile, stores: Stores, folder: str, stop: Stop
) -> DamagedFile | None:
    """Read a file whose footer is sound.

    Args:
        connection: A cursor of the image's connection that no other thread uses.
        notes: What the catalog says of its rows.
        file: The file.
        stores: How to reach it.
        folder: Where a remote file is put as long as it is read.
        stop: Tells that nobody waits any more.
    """
    path = file.place
    try:
        if is_remote(path):
            path = os.path.join(folder, f"{file.kind}-{file.id}.parquet")
            store, name = stores.locate(file.place)
            with store.open(name) as source, open(path, "wb") as target:
                guarded = stop.guard(source)
                while piece := guarded.read(_PIECE):
                    target.write(piece)
        return _read(connection, notes, file, path)
    except (CanvasbackError, OSError) as error:
        return file.damaged(UNREADABLE, f"cannot be read: {error}")
    except duckdb.Error as error:
        kind, _, reason = str(error).splitlines()[0].replace(path, file.place).partition(":")
        # The message may quote the statement, and with it a key.
        said = kind if file.key is not None else f"{kind}:{reason}"
        return file.damaged(ROWS, f"has rows that cannot be read: {said}")
    finally:
        if path != file.place and os.path.exists(path):
            os.unlink(path)


def _read(connection: duckdb.DuckDBPyConnection, notes: Notes, file: WantedFile, path: str) -> DamagedFile | None:
    call = read_call(path, file.key)
    columns = [row[0] for row in connection.execute(f"DESCRIBE FROM {call}").fetchall()]
    bounded = file.kind == "data" and file.key is None and not file.mapped
    bounds = _bounds(connection, notes, file, path) if bounded else []
    parts = ["count(*)", "bit_xor(hash(COLUMNS(*)))"]
    own: list[str] = []
    if file.kind == "delete":
        own = ["count(DISTINCT pos)", "min(pos)", "max(pos)", "count(DISTINCT file_path)", "max(file_path)"]
    elif ROW_ID in columns:
        own = [
            f"count({ROW_ID}) - count(DISTINCT {_version(columns)})",
            f"max({ROW_ID}) FILTER ({ROW_ID} < {LOCAL_ROW_IDS})",
        ]
    for name, known, *_ in bounds:
        column = identifier(name)
        some = f" FILTER (NOT isnan({column}))" if known == "number" else ""
        nans = f"count_if(isnan({column}))" if known == "number" else "0"
        own += [f"min({column}){some}::VARCHAR", f"max({column}){some}::VARCHAR", f"count(*) - count({column})", nans]
    found = connection.execute(f"SELECT {', '.join(own + parts)} FROM {call}").fetchall()[0]
    rows = found[len(own)]
    if rows != file.rows:
        return file.damaged(ROW_COUNT, f"has {many(rows, 'row')}, and the catalog says {file.rows}")
    if file.kind == "delete":
        return _deletes(connection, notes.siblings, file, rows, found)
    start = 2 if ROW_ID in columns else 0
    if start and found[0]:
        return file.damaged(ROW_IDS, f"has {many(found[0], 'row')} with row ids that others have")
    for number, bound in enumerate(bounds):
        said = _hidden(connection, bound, found[start + 4 * number : start + 4 * number + 4])
        if said:
            return file.damaged(HIDING_STATISTICS, said, lost=False)
    return _taken(file, found[1] if start else _last_row_id(file))


def _last_row_id(file: WantedFile) -> int | None:
    """That of a file whose rows have the ids from its first on."""
    return None if file.row_id_start is None or not file.rows else file.row_id_start + file.rows - 1


def _taken(file: WantedFile, highest: int | None) -> DamagedFile | None:
    if highest is None or file.next_row_id is None or highest < file.next_row_id:
        return None
    message = f"{highest} is the id of a row, and the next is {file.next_row_id}"
    return file.damaged(ROW_ID_TAKEN, message, lost=False)


def _version(columns: list[str]) -> str:
    """What tells two rows apart that a file has: several versions of one row may be in it, each of another snapshot.

    Source: the extension's flush of inlined updates, which writes them with `WRITE_ROW_ID_AND_SNAPSHOT_ID`.
    """
    return f"{ROW_ID}::HUGEINT * {2**63} + {SNAPSHOT_ID}" if SNAPSHOT_ID in columns else ROW_ID


def _deletes(
    connection: duckdb.DuckDBPyConnection, siblings: OwnTable, file: WantedFile, rows: int, found: tuple[Any, ...]
) -> DamagedFile | None:
    distinct, first, last, files, target = found[:5]
    if distinct != rows:
        return file.damaged(DELETES, f"deletes {many(distinct, 'row')}, {rows - distinct} of them twice")
    if first is not None and first < 0:
        return file.damaged(DELETES, f"deletes row {first}")
    if files > 1:
        return file.damaged(DELETES, f"deletes rows of {files} data files")
    sibling = connection.execute(
        f"SELECT name FROM {siblings} WHERE table_id = $1 AND name = parse_filename($2)", [file.table_id, target]
    ).fetchone()
    fault = delete_fault(file, {"last_pos": last, "target": sibling[0] if sibling else None})
    return file.damaged(DELETES, fault) if fault else None


def _bounds(connection: duckdb.DuckDBPyConnection, notes: Notes, file: WantedFile, path: str) -> list[tuple[Any, ...]]:
    """Name, group of types, and the catalog's bounds of the file's columns that are nested in no other."""
    return connection.execute(
        f"""
        SELECT l.name, l.known, s.low, s.high, s.nulls, s.no_nan
        FROM (
            SELECT name, any_value(field_id) AS id, any_value({group_of("duckdb_type")}) AS known
            FROM {schemas([path])} WHERE num_children IS NULL GROUP BY ALL HAVING count(*) = 1
        ) l
        JOIN {notes.columns} c ON c.table_id = {file.table_id} AND c.column_id = l.id AND c.top
        JOIN {notes.statistics} s ON s.data_file_id = {file.id} AND s.column_id = l.id
        WHERE l.known IS NOT NULL
        """
    ).fetchall()


def _hidden(connection: duckdb.DuckDBPyConnection, bound: tuple[Any, ...], found: tuple[Any, ...]) -> str:
    name, known, low, high, nulls, no_nan = bound
    lowest, highest, without, nans = found
    if nulls == 0 and without:
        return f"{name} has {without} NULL values, and the catalog says none"
    if no_nan and nans:
        return f"{name} has {nans} NaN values, and the catalog says none"
    checked = connection.execute(
        f"SELECT {before('$1', '$2', '$5')}, {before('$4', '$3', '$5')}", [lowest, low, highest, high, known]
    ).fetchone()
    if checked and checked[0]:
        return f"{name} has {lowest}, and the catalog says from {low}"
    return f"{name} has {highest}, and the catalog says to {high}" if checked and checked[1] else ""
