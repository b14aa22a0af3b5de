"""Where each file of a point belongs, as a table to plan by."""

from __future__ import annotations

import duckdb

from canvasback.model.manifest import Manifest
from canvasback.model.relation import literal
from canvasback.repository import layout
from canvasback.repository.filelist import CHECKSUM, files_relation, refuse_unsafe_names
from canvasback.repository.own_table import OwnTable
from canvasback.storage.keyring import keyring_of
from canvasback.storage.store import Store


def name_from_outside(store: Store) -> str:
    """An SQL expression of where below a new data path a file from outside of the old one is put.

    It is that of its object, unless that tells nothing: DuckLake reads values of partitions from ``key=value``.

    Args:
        store: The repository.
    """
    if keyring_of(store) is None:
        return "name"
    parts = "string_split(path, '/')"
    shown = f"list_append(list_filter({parts}[:-2], lambda part: contains(part, '=')), {parts}[-1])"
    return f"{literal(layout.EXTERNAL)} || md5(path) || '/' || array_to_string({shown}, '/')"


def list_places(
    connection: duckdb.DuckDBPyConnection,
    store: Store,
    manifest: Manifest,
    root: str,
    *,
    moving: bool,
    wanted: str | None = None,
) -> OwnTable:
    """The files of the point with the objects that hold them and their places.

    Args:
        connection: Where the point can be read.
        store: The repository.
        manifest: The point.
        root: The data path.
        moving: Whether it is another than the lake had.
        wanted: A SELECT of ``kind`` and ``file_id`` of the files; None for all.

    Returns:
        A table of ``kind``, ``file_id``, ``target`` (the absolute place), ``name`` (the object's), ``size``,
        ``checksum`` (NULL where the point does not hold the file), ``etag``, ``modified_ns`` and ``elsewhere``.

    Raises:
        RefusedError: A path of the point leads out of its place (``unsafe-name``).
    """
    files = f"({files_relation(connection, store, manifest).select})"
    if wanted:
        files += f" JOIN ({wanted}) USING (kind, file_id)"
    # A file that the point does not hold must not be looked for at its old place by a lake that moved:
    # DuckLake's cleanup would delete it there.
    absent = f"{literal(root)} || 'external/absent/' || kind || '-' || file_id || '.parquet'"
    outside = (
        f"CASE WHEN checksum IS NULL THEN {absent} ELSE {literal(root)} || {name_from_outside(store)} END"
        if moving
        else "CASE WHEN path[1] = '/' OR regexp_matches(path, '^[a-z0-9]+://') THEN path "
        f"ELSE {literal(manifest.relative_to)} || path END"
    )
    places = OwnTable(
        connection,
        "places",
        "SELECT kind, file_id, "
        f"CASE WHEN elsewhere THEN {outside} ELSE {literal(root)} || path END AS target, "
        "name, size, checksum, etag, coalesce(modified_ns, 0) AS modified_ns, elsewhere FROM "
        f"(SELECT kind, file_id, path, elsewhere, size, modified_ns, {CHECKSUM} AS checksum, "
        f"coalesce(etag, '') AS etag, coalesce(object, {literal(layout.DATA)} || path) AS name FROM {files})",
    )
    # A legitimate odd path has an object of its own; what is left could lead anywhere. One that the point does not hold
    # leads nowhere: nothing is written there.
    refuse_unsafe_names(
        connection,
        f"FROM {places}",
        also="checksum IS NOT NULL AND (ends_with(target, '/') OR list_contains(string_split(target, '/'), '..'))",
    )
    return places
