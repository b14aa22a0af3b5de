"""Two catalogs over one data path: the cleanup of either deletes what the other wrote since."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Sequence

import duckdb

from canvasback.catalog.engines import Engine, open_engine
from canvasback.catalog.image import Image
from canvasback.datapath.opened_lake import OpenedLake, open_lake
from canvasback.errors import CanvasbackError, RefusedError
from canvasback.model.finding import Finding
from canvasback.model.lake import LakeName
from canvasback.model.manifest import Manifest
from canvasback.model.origin import Origin, server_of, with_credentials
from canvasback.repository.points import find_point, read_point
from canvasback.storage.locations import is_remote
from canvasback.storage.store import Store

_CURE = (
    "See that nobody uses the old catalog any more: if somebody does, each of the two deletes, as orphans, the files "
    "that the other writes from now on. For a trial, restore with --data-path, which gives the lake files of its own."
)

_GONE = frozenset({"catalog-missing", "not-a-ducklake", "not-a-duckdb-file", "not-a-sqlite-file"})
"""Errors that say that there is no catalog any more."""


def origin_of(lake: LakeName, image: Image) -> Origin | None:
    """Where a catalog is that was read, for its point; None where nobody else could find it."""
    target: str | None
    if lake.kind.served:
        target = server_of(lake.target)
    elif lake.target == ":memory:":
        target = None
    else:
        target = os.path.realpath(lake.target) if lake.is_file else lake.shown_target
    return (
        None
        if target is None or "***" in target
        else Origin(lake.engine, target, image.record.schema, socket.gethostname())
    )


def find_sharing(store: Store, manifest: Manifest, lake: LakeName, engine: Engine) -> Finding | None:
    """See `find_alive`: of a point, whose catalog may have moved since, and of the newest one.

    Args:
        store: The repository.
        manifest: The point, whose data path is kept.
        lake: The catalog that is to be written.
        engine: Writes it.
    """
    origins = [manifest.origin]
    with contextlib.suppress(CanvasbackError):  # what is wrong with a point, verify tells
        origins.append(read_point(store, find_point(store, "latest")).origin)
    return find_alive(origins, manifest, lake, engine)


def find_alive(origins: Sequence[Origin | None], manifest: Manifest, lake: LakeName, engine: Engine) -> Finding | None:
    """Look whether the catalog of a point is alive elsewhere than where the point comes back.

    Args:
        origins: Where it was, as points tell.
        manifest: The point, whose data path is kept.
        lake: The catalog that is to be written.
        engine: Writes it.

    Returns:
        A finding where that cannot be told. Points of older releases do not tell where the catalog was.

    Raises:
        RefusedError: It is (``shares-files``).
    """
    unknown: Finding | None = None
    for origin in dict.fromkeys(origins):
        if origin is not None:
            unknown = _look(origin, manifest, lake, engine) or unknown
    return unknown


def _look(origin: Origin, manifest: Manifest, lake: LakeName, engine: Engine) -> Finding | None:
    """See whether a catalog answers there that has the same files; a finding if that cannot be told."""
    there = origin.lake
    if there.kind.served:
        target = with_credentials(there.target, lake.target if lake.kind.served else "")
        there = LakeName(there.engine, target, there.schema)
    try:
        old = open_engine(there)
        if there.engine == lake.engine and old.place() == engine.place():
            return None  # it is the old place, and what is there is moved aside
        with open_lake(old, there, may_be_incomplete=True) as found:
            alive = _has_files_of(found, manifest)
    except CanvasbackError as error:
        if error.code not in _GONE:
            return _unknown(origin, error.message)
        if origin.host == socket.gethostname() or not origin.local:
            return None
        return _unknown(origin, f"there is none on this machine, and the point was made on {origin.host}")
    except (OSError, duckdb.Error) as error:
        return _unknown(origin, str(error).splitlines()[0])
    if not alive:
        return None
    raise RefusedError(
        "shares-files",
        f"the catalog of this lake is alive at {origin.lake}, with the same data path {manifest.data_root}: the "
        "cleanup of each of the two would delete the files that the other writes from now on",
        hint="Add --data-path for a lake with files of its own, as a trial wants it. To bring the lake back in its "
        "place, restore to where the catalog is, with --replace. If nobody uses the old catalog any more, move it "
        "away, or add --shares-files.",
    )


def _has_files_of(found: OpenedLake, manifest: Manifest) -> bool:
    if manifest.lake_id not in found.image.schema_uuids().values():
        return False
    if found.image.data_path == manifest.data_path:
        return True
    return same_place(found.root(manifest.data_root), manifest.data_root)


def same_place(one: str, other: str) -> bool:
    """Whether two data paths are one."""
    return one == other if is_remote(one) or is_remote(other) else os.path.realpath(one) == os.path.realpath(other)


def _unknown(origin: Origin, reason: str) -> Finding:
    return Finding(
        "shares-files-unknown",
        "warning",
        str(origin.lake),
        f"whether a catalog there still uses the same data path cannot be told: {reason}",
        _CURE,
    )
