"""What an unknown file tells of itself: its footer, its name and its folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal
from urllib.parse import unquote

import duckdb
import msgspec

from canvasback.catalog.spec import ROW_ID, ROW_ID_FIELD, SNAPSHOT_ID, SNAPSHOT_ID_FIELD
from canvasback.datapath.damaged_file import is_aside
from canvasback.datapath.unknown_files import UnknownFile
from canvasback.model.progress import Progress
from canvasback.model.relation import file_literal
from canvasback.parquet.fields import FILE_PATH, POSITION, RESERVED, Field, fields_of
from canvasback.parquet.file_end import ENCRYPTED, LAST, PLAIN, footer_size
from canvasback.parquet.footers import Node, nodes_in, totals_in
from canvasback.storage.store import Store

_UUID7 = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_HIVE = re.compile(r"([^/=]+)=([^/]*)/")
_NULL = "__HIVE_DEFAULT_PARTITION__"
_DUCKDB = re.compile(r"DuckDB version v(\d+)\.(\d+)")

Kind = Literal["data", "delete", "encrypted", "unreadable", "foreign"]


class Evidence(msgspec.Struct):
    """A file, and what it tells.

    Attributes:
        name: Its path below the data path.
        size: Its bytes.
        moment: When its writer began it, microseconds since 1970: from its name, else when it was last written.
        kind: What it is.
        folder: Its folder without those of partitions; ends in a slash or is empty.
        partition: Keys and values of the folders of partitions.
        path: A local file with its content.
        reason: Why it is of no use, if so.
        fields: Its columns, without DuckLake's own.
        rows: Its rows.
        footer: The length of its footer.
        row_ids: Whether it has a column of row ids.
        snapshot_ids: Whether it has a column of snapshot ids.
        writer: The program that wrote it, in its own words.
        bases: Of a file of deletes, the names of the data files whose rows it deletes.
    """

    name: str
    size: int
    moment: int
    kind: Kind
    folder: str
    partition: tuple[tuple[str, str | None], ...]
    path: str = ""
    reason: str = ""
    fields: list[Field] = []
    rows: int = 0
    footer: int = 0
    row_ids: bool = False
    snapshot_ids: bool = False
    writer: str = ""
    bases: tuple[str, ...] = ()

    @property
    def recent(self) -> bool:
        """Whether a DuckLake of 0.4 or later wrote it, which came with DuckDB 1.5."""
        version = _DUCKDB.match(self.writer)
        recent = version is not None and (int(version[1]), int(version[2])) >= (1, 5)
        return recent or (self.kind == "delete" and self.snapshot_ids)

    @property
    def basename(self) -> str:
        """The name in its folder."""
        return self.name.rpartition("/")[2]


def gather(
    connection: duckdb.DuckDBPyConnection, store: Store, files: Iterable[UnknownFile], progress: Progress
) -> list[Evidence]:
    """Look into each file, whatever its name is, but for those that we moved aside ourselves; the oldest first."""
    progress.begin("reading unknown files")
    found = []
    for file in files:
        found.append(_look(connection, store, file))
        progress.advance(files=1)
    progress.end()
    return sorted(found, key=lambda e: (e.moment, e.name))


def row_ids(connection: duckdb.DuckDBPyConnection, path: str) -> list[int]:
    """The row ids of a file that has them, by position."""
    return _column(connection, path, ROW_ID)


def snapshot_ids(connection: duckdb.DuckDBPyConnection, path: str) -> list[int]:
    """The snapshot ids of a file that has them, by position."""
    return _column(connection, path, SNAPSHOT_ID)


def deleted_positions(connection: duckdb.DuckDBPyConnection, path: str) -> dict[str, set[int]]:
    """The positions that a file of deletes holds, by the name of the data file in its folder."""
    rows = connection.execute(f"SELECT file_path, pos FROM read_parquet({file_literal(path)})").fetchall()
    found: dict[str, set[int]] = {}
    for named, position in rows:
        found.setdefault(str(named).rpartition("/")[2], set()).add(int(position))
    return found


def _column(connection: duckdb.DuckDBPyConnection, path: str, name: str) -> list[int]:
    source = f"read_parquet({file_literal(path)}, file_row_number = true)"
    rows = connection.execute(f"SELECT {name} FROM {source} ORDER BY file_row_number").fetchall()
    return [int(value) for (value,) in rows]


def _look(connection: duckdb.DuckDBPyConnection, store: Store, file: UnknownFile) -> Evidence:
    folder = file.name[: file.name.rfind("/") + 1]
    parts = tuple((unquote(key), None if value == _NULL else unquote(value)) for key, value in _HIVE.findall(folder))
    found = Evidence(file.name, file.size, _moment(file), "foreign", _HIVE.sub("", folder), parts)
    if is_aside(file.name):
        found.reason = "was moved aside because it was damaged"
        return found
    if file.size < LAST + 4:
        found.kind, found.reason = "unreadable", f"has {file.size} bytes only: what wrote it did not come to its end"
        return found
    head, tail = store.read(file.name, 0, 4), store.read(file.name, file.size - LAST, LAST)
    if ENCRYPTED in {head, tail[-4:]}:
        found.kind, found.reason = "encrypted", "is encrypted, and its key was in the lost part of the catalog"
        return found
    if tail[-4:] != PLAIN:
        started = head == PLAIN
        found.kind = "unreadable" if started else "foreign"
        found.reason = "is not whole: its end is missing" if started else "is no Parquet file"
        return found
    found.footer = footer_size(tail)
    try:
        [found.path] = store.local_paths([file.name])
        _read(connection, found)
        if found.kind == "delete":
            found.bases = tuple(deleted_positions(connection, found.path))
        elif found.row_ids:
            row_ids(connection, found.path)
    except duckdb.Error as error:
        found.kind, found.reason = "unreadable", f"is not readable as Parquet: {str(error).splitlines()[0][:200]}"
    return found


def _read(connection: duckdb.DuckDBPyConnection, found: Evidence) -> None:
    nodes = nodes_in(connection, found.path)
    found.rows, found.writer = totals_in(connection, [found.path])[found.path]
    ids = {node.id for node in nodes}
    every = fields_of(nodes)
    found.fields = [field for field in every if field.id < RESERVED]
    found.row_ids, found.snapshot_ids = ROW_ID_FIELD in ids, SNAPSHOT_ID_FIELD in ids
    if {FILE_PATH, POSITION} <= ids:
        found.kind = "delete"
    elif found.fields and len([f for f in found.fields if f.parent is None]) >= sum(1 for _ in _top(nodes)) - 2:
        found.kind = "data"
    else:
        found.reason = "has columns without field ids: DuckLake did not write it"


def _top(nodes: list[Node]) -> Iterator[Node]:
    """The columns of the first level."""
    skip = 0
    for node in nodes[1:]:
        if skip:
            skip += (node.children or 0) - 1
            continue
        yield node
        skip = node.children or 0


def _moment(file: UnknownFile) -> int:
    found = _UUID7.search(file.name.rpartition("/")[2])
    if found is not None:
        return int(found[1] + found[2], 16) * 1000
    return file.modified_ns // 1000


def histogram(values: Iterable[Any]) -> list[tuple[Any, int]]:
    """Runs of equal values, with their lengths."""
    runs: list[tuple[Any, int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1] = (value, runs[-1][1] + 1)
        else:
            runs.append((value, 1))
    return runs
