"""Every row of every Parquet file: can it be decoded, and is it what the catalog promises?"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence

import duckdb

from canvasback.catalog.image import Image
from canvasback.errors import CanvasbackError
from canvasback.model.progress import Progress
from canvasback.model.relation import file_literal, identifier, literal
from canvasback.operations.damage import DamagedFile
from canvasback.operations.file_checks.kinds import CORRUPT, KEY, OTHER_FILE, POSITIONS, ROW_COUNT, UNREADABLE
from canvasback.operations.file_checks.named import NamedFile, named_files
from canvasback.operations.parallel import Stop, each, in_parallel
from canvasback.storage.locations import Stores, is_remote

_PIECE = 1 << 20


def check_rows(image: Image, stores: Stores, where: str, jobs: int, progress: Progress) -> Iterator[DamagedFile]:
    """Decode all of the Parquet files of ``memory.named``.

    Args:
        image: The catalog, whose connection has ``memory.named``.
        stores: Reaches the files.
        where: Which of them, as a condition.
        jobs: How many are read at a time.
        progress: Told about every file.
    """
    [(count, bytes_)] = image.rows(f"SELECT count(*), sum(size)::BIGINT FROM memory.named WHERE {where}")
    progress.begin("reading rows", files=count, bytes_=bytes_ or 0)

    def work(file: NamedFile, _: Stop) -> DamagedFile | None:
        found = _check(file, stores)
        progress.advance(files=1, bytes_=file.size)
        return found

    with in_parallel(named_files(image, where), each(work), jobs, lambda file: file.size) as checked:
        yield from (found for found in checked if found is not None)
    progress.end()


def _check(file: NamedFile, stores: Stores) -> DamagedFile | None:
    with tempfile.TemporaryDirectory(prefix="canvasback-") as folder:
        try:
            path = file.place if not is_remote(file.place) else _fetch(file, stores, folder)
        except CanvasbackError as error:
            return file.damaged(UNREADABLE, f"cannot be read: {error.message}")
        with contextlib.closing(duckdb.connect(config={"threads": 1, "memory_limit": "512MB"})) as connection:
            connection.execute("SET enable_progress_bar = false")
            try:
                return _read(connection, file, path)
            except duckdb.Error as error:
                if file.key is not None:
                    # DuckDB's message may quote the statement, and with it the key: keep its first words only.
                    words = str(error).splitlines()[0].partition(":")[0]
                    return file.damaged(KEY, f"cannot be decrypted with the catalog's key: {words}", lost=False)
                return file.damaged(CORRUPT, f"cannot be read: {str(error).splitlines()[0].replace(path, file.place)}")


def _read(connection: duckdb.DuckDBPyConnection, file: NamedFile, path: str) -> DamagedFile | None:
    options = "hive_partitioning = false"
    if file.key is not None:
        options += f", encryption_config = {{footer_key_value: from_base64({literal(file.key)})}}"
    source = f"read_parquet({file_literal(path)}, {options})"
    names = [row[0] for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()]
    # A hash of every value: so none is passed over.
    decoded = " + ".join(f"(hash({identifier(name)}) & 1)" for name in names)
    [(rows, _)] = connection.execute(f"SELECT count(*), sum({decoded}) FROM {source}").fetchall()
    if rows != file.rows:
        return file.damaged(ROW_COUNT, f"has {rows} rows, and the catalog says {file.rows}", lost=False)
    return _check_places(connection, file, source, names) if file.file_kind == "delete" else None


def _check_places(
    connection: duckdb.DuckDBPyConnection, file: NamedFile, source: str, names: Sequence[str]
) -> DamagedFile | None:
    if not {"file_path", "pos"} <= set(names):
        return None  # said by its footer
    several = (
        "count(*) - count(DISTINCT pos)" if "_ducklake_internal_snapshot_id" not in names and len(names) == 2 else "0"
    )
    [(last, twice, paths)] = connection.execute(
        f"SELECT max(pos), {several}, list(DISTINCT regexp_extract(replace(file_path, chr(92), '/'), '[^/]*$')) FROM {source}"
    ).fetchall()
    if twice:
        return file.damaged(POSITIONS, f"names {twice} places twice")
    if last is not None and file.of_rows is not None and not 0 <= last < file.of_rows:
        return file.damaged(POSITIONS, f"deletes the place {last} of a file of {file.of_rows} rows")
    if paths and file.of_name is not None and paths != [file.of_name]:
        return file.damaged(OTHER_FILE, f"says that it is of {', '.join(sorted(paths))}")
    return None


def _fetch(file: NamedFile, stores: Stores, folder: str) -> str:
    path = os.path.join(folder, "file.parquet")
    store, name = stores.locate(file.place)
    with store.open(name) as source, open(path, "wb") as copy:
        while piece := source.read(_PIECE):
            copy.write(piece)
    return path
