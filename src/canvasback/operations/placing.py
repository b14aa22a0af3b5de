"""Putting a point's files where a lake expects them: what is there and whole stays, nothing is overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import msgspec

from canvasback.errors import CorruptError, ObjectExistsError, StorageError
from canvasback.model.finding import Finding, Findings
from canvasback.model.manifest import Manifest
from canvasback.model.progress import Progress
from canvasback.model.relation import literal
from canvasback.operations.copying import hash_stream
from canvasback.operations.parallel import Stop, each, in_parallel
from canvasback.repository import layout
from canvasback.repository.filelist import files_relation, refuse_unsafe_names
from canvasback.repository.rows import create_table, insert_rows, one_row
from canvasback.storage.local import LocalStore
from canvasback.storage.staging import sweep
from canvasback.storage.store import Store

_BATCH = 4096
_CURE = "Another point may hold it: run list, and restore with --level checksum to try that point's copy."


class Placement(msgspec.Struct, frozen=True):
    """One file and its place.

    Attributes:
        target: Its absolute path.
        name: The repository's object that holds it.
        size: Its bytes.
        blake3: Their BLAKE3.
        modified_ns: Its time of modification.
        elsewhere: Whether the place is outside of the data path.
        damaged: Whether something else is there, to be moved aside.
    """

    target: str
    name: str
    size: int
    blake3: str
    modified_ns: int
    elsewhere: bool
    damaged: bool = False


_TODO = {
    "target": "VARCHAR",
    "name": "VARCHAR",
    "size": "BIGINT",
    "blake3": "VARCHAR",
    "modified_ns": "BIGINT",
    "elsewhere": "BOOLEAN",
    "damaged": "BOOLEAN",
}
"""The columns of ``memory.todo``: the fields of a `Placement`."""


class FilePlan(msgspec.Struct):
    """What is to be done with a point's files.

    Attributes:
        root: The data path, absolute.
        moving: Whether the files go to another data path than the original.
        kept: Files that are there and whole.
        wanted: Files to put there.
        wanted_bytes: Bytes of them.
        damaged: Files to move aside.
        elsewhere: Files outside of the data path.
        placed: Files that were put there.
        placed_bytes: Bytes of them.
    """

    root: str
    moving: bool
    kept: int = 0
    wanted: int = 0
    wanted_bytes: int = 0
    damaged: int = 0
    elsewhere: int = 0
    placed: int = 0
    placed_bytes: int = 0


def plan_files(
    connection: duckdb.DuckDBPyConnection,
    store: Store,
    manifest: Manifest,
    root: str,
    level: str,
    jobs: int,
    progress: Progress,
    findings: Findings,
    *,
    moving: bool,
) -> FilePlan:
    """Look at every place, and note in ``memory.todo`` what is to be done. Changes nothing.

    Raises:
        RefusedError: A path of the point leads out of its place (``unsafe-name``).
    """
    plan = FilePlan(root, moving)
    _list_places(connection, store, manifest, root, moving=moving)
    _report_absent(connection, findings)
    create_table(connection, "memory.todo", _TODO)
    files, bytes_ = one_row(
        connection,
        "SELECT count(*), coalesce(sum(size), 0) FROM (SELECT DISTINCT target, size FROM memory.places)",
    )
    progress.begin("looking at the data path", files=files, bytes_=bytes_ if level == "checksum" else None)
    todo: list[Placement] = []

    def look(place: Placement, stop: Stop) -> tuple[Placement, str]:
        return place, _state(place, level, stop, progress)

    sizes = (lambda p: p.size) if level == "checksum" else (lambda _: 0)
    with in_parallel(_places(connection), each(look), jobs, sizes) as looked:
        for place, state in looked:
            plan.elsewhere += place.elsewhere
            if state == "whole":
                plan.kept += 1
                continue
            if state == "other" and place.elsewhere and not moving:
                findings.add(
                    Finding(
                        "elsewhere-damaged",
                        "error",
                        place.target,
                        "a file outside of the data path is not what was saved, and is left alone",
                        f"Move it away yourself and restore again; the saved one is {place.name} in the repository.",
                    )
                )
                continue
            plan.wanted += 1
            plan.wanted_bytes += place.size
            plan.damaged += state == "other"
            todo.append(msgspec.structs.replace(place, damaged=state == "other"))
            if len(todo) >= _BATCH:
                insert_rows(connection, "memory.todo", _TODO, [msgspec.structs.astuple(place) for place in todo])
                todo = []
    insert_rows(connection, "memory.todo", _TODO, [msgspec.structs.astuple(place) for place in todo])
    progress.end()
    return plan


def execute_files(
    connection: duckdb.DuckDBPyConnection,
    store: Store,
    plan: FilePlan,
    jobs: int,
    progress: Progress,
    findings: Findings,
    moment: datetime,
) -> None:
    """Put every file of the plan in its place. One that cannot be had is a finding; a full disk ends it all."""
    target = LocalStore("/")
    suffix = f".damaged-{moment:%Y%m%dT%H%M%S%fZ}"
    for (folder,) in _stream(connection, "SELECT DISTINCT regexp_replace(target, '[^/]*$', '') FROM memory.places"):
        sweep(folder)
    progress.begin("restoring files", files=plan.wanted, bytes_=plan.wanted_bytes)

    def put(place: Placement, stop: Stop) -> tuple[Placement, Finding | None]:
        finding = _put(store, target, place, suffix, stop)
        progress.advance(files=1, bytes_=place.size)
        return place, finding

    todo = (Placement(*row) for row in _stream(connection, "FROM memory.todo"))
    with in_parallel(todo, each(put), jobs, lambda place: place.size) as done:
        for place, finding in done:
            if finding is not None:
                findings.add(finding)
            else:
                plan.placed += 1
                plan.placed_bytes += place.size
    target.sync()
    progress.end()


def _put(store: Store, target: LocalStore, place: Placement, suffix: str, stop: Stop) -> Finding | None:
    aside = suffix if place.damaged else ""
    try:
        with store.open(place.name) as source:
            target.place_new(
                _name(place),
                stop.guard(source),
                place.size,
                place.blake3,
                modified_ns=place.modified_ns,
                aside=aside,
            )
    except ObjectExistsError:
        return Finding("file-appeared", "error", place.target, "something appeared there meanwhile, and stays", _CURE)
    except CorruptError as error:
        return Finding("object-corrupt", "error", place.target, f"not restored: {error.message}", _CURE)
    except StorageError as error:
        if error.code != "object-missing":
            raise
        return Finding("object-missing", "error", place.target, f"not restored: {error.message}", _CURE)
    return None


def _list_places(
    connection: duckdb.DuckDBPyConnection, store: Store, manifest: Manifest, root: str, *, moving: bool
) -> None:
    """Fill ``memory.places``: every file of the point with the object that holds it and its place."""
    # A file that the point does not hold must not be looked for at its old place by a lake that moved:
    # DuckLake's cleanup would delete it there.
    absent = f"{literal(root)} || 'external/absent/' || kind || '-' || file_id || '.parquet'"
    outside = (
        f"CASE WHEN blake3 IS NULL THEN {absent} ELSE {literal(root)} || name END"
        if moving
        else f"CASE WHEN path[1] = '/' THEN path ELSE {literal(manifest.relative_to)} || path END"
    )
    files = files_relation(connection, store, manifest)
    connection.execute(
        "CREATE TABLE memory.places AS SELECT kind, file_id, "
        f"CASE WHEN elsewhere THEN {outside} ELSE {literal(root)} || path END AS target, "
        "name, size, blake3, coalesce(modified_ns, 0) AS modified_ns, elsewhere FROM "
        f"(SELECT *, coalesce(object, {literal(layout.DATA)} || path) AS name FROM ({files.select}))"
    )
    # A legitimate odd path has an object of its own; what is left could lead anywhere.
    refuse_unsafe_names(
        connection,
        "FROM memory.places",
        also="ends_with(target, '/') OR list_contains(string_split(target, '/'), '..')",
    )


def _report_absent(connection: duckdb.DuckDBPyConnection, findings: Findings) -> None:
    for (target,) in connection.execute(
        "SELECT DISTINCT target FROM memory.places WHERE blake3 IS NULL ORDER BY ALL"
    ).fetchall():
        if not os.path.exists(target):
            findings.add(
                Finding(
                    "file-absent",
                    "error",
                    target,
                    "the point does not hold this file: it could not be read when the backup ran",
                    "An older point may hold it; tables and snapshots that need it cannot be read without.",
                )
            )


def _places(connection: duckdb.DuckDBPyConnection) -> Iterator[Placement]:
    sql = (
        "SELECT DISTINCT target, name, size, blake3, modified_ns, elsewhere FROM memory.places WHERE blake3 IS NOT NULL"
    )
    return (Placement(*row) for row in _stream(connection, sql))


def _state(place: Placement, level: str, stop: Stop, progress: Progress) -> str:
    """``whole``, ``absent``, or ``other`` where something else is there."""
    target = LocalStore("/")
    name = _name(place)
    found = target.stat(name)
    if found is None:
        return "absent"
    same = found.size == place.size
    if same and level == "checksum":
        with target.open(name) as stream:
            same = hash_stream(stop.guard(stream))[1] == place.blake3
    progress.advance(files=1, bytes_=place.size if level == "checksum" else 0)
    return "whole" if same else "other"


def _name(place: Placement) -> str:
    return "/".join(part for part in place.target.split("/") if part not in {"", "."})


def _stream(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.execute(sql)
    while rows := cursor.fetchmany(_BATCH):
        yield from rows
