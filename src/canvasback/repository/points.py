"""Manifests: published last and create-only, found by id, prefix or ``latest``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
from blake3 import blake3

from canvasback.errors import (
    AccessDeniedError,
    CorruptError,
    LakeError,
    ObjectExistsError,
    ObjectMissingError,
    UsageError,
)
from canvasback.model.engine import ENGINES
from canvasback.model.manifest import Manifest, StoredTable
from canvasback.repository import layout
from canvasback.repository.leases import find_newest, latest_of
from canvasback.repository.owner import Owner, owner_of
from canvasback.storage.store import Store

_BLANK = "0" * 64
_TABLES = "ducklake_"
"""How the names of a catalog's tables begin; no engine reads others."""

_LISTS = frozenset({"data", "delete"})
_NEEDED = frozenset({"ducklake_metadata", "ducklake_snapshot"})
"""Tables without which nothing can be said of a point."""

_HINT = "Use another point: run list, and verify --all. Other points do not depend on this one."


def list_points(store: Store) -> list[str]:
    """The ids of all points, oldest first."""
    ids = (layout.parse_point_name(stat.name) for stat in store.list(layout.POINTS))
    return sorted(id_ for id_ in ids if id_ is not None)


def find_point(store: Store, wanted: str) -> str:
    """The id that ``latest``, an id or a unique prefix of one means.

    Raises:
        UsageError: There is no such point (``unknown-point``), or several (``ambiguous-point``).
    """
    if layout.parse_point_name(layout.point_name(wanted)) and store.stat(layout.point_name(wanted)) is not None:
        return wanted  # nothing is listed for a whole id
    try:
        ids = list_points(store)
    except AccessDeniedError:
        latest = _known_to_leases(store) if wanted == "latest" else ""
        if not latest:
            raise
        return latest
    if not ids:
        raise UsageError(
            "no-points", f"the repository {store.url} holds no recovery point yet", hint="Run backup first."
        )
    if wanted == "latest":
        return ids[-1]
    found = [id_ for id_ in ids if id_.startswith(wanted)] if wanted else []
    if wanted in found or len(found) == 1:
        return wanted if wanted in found else found[0]
    if found:
        raise UsageError(
            "ambiguous-point",
            f"{wanted!r} begins the ids of {len(found)} points, {found[0]} to {found[-1]}",
            hint="Give more of the id.",
        )
    raise UsageError(
        "unknown-point",
        f"there is no point {wanted!r} in {store.url}",
        hint="Run list to see the points; a unique beginning of an id will do.",
    )


def read_point(store: Store, id_: str) -> Manifest:
    """A manifest, checked against its own checksum, and against what the repository says that it is.

    A checksum finds damage; who forges a manifest makes it fit. So what becomes a part of SQL or of a path is read as
    strictly as if it came from a stranger.

    Raises:
        CorruptError: It is missing, not readable, not what was written, or of another repository
            (``manifest-corrupt``), or of a newer format (``format-too-new``).
    """
    name = layout.point_name(id_)
    try:
        return _parse(store, id_, store.get(name))
    except ObjectMissingError as error:
        raise CorruptError("manifest-corrupt", f"the manifest {store.url}{name} is missing", hint=_HINT) from error


def copy_point(store: Store, origin: Store, id_: str) -> None:
    """Publish a point as another store has it, byte for byte. All that it names must be durable by now.

    Raises:
        CorruptError: It is not whole there, see `read_point`.
        ObjectExistsError: There is one of that id already.
    """
    name = layout.point_name(id_)
    content = origin.get(name)
    _parse(origin, id_, content)
    store.put_new(name, content)


def _parse(store: Store, id_: str, content: bytes) -> Manifest:
    name = layout.point_name(id_)
    try:
        check_format(content, f"{store.url}{name}")
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptError(
            "manifest-corrupt", f"the manifest {store.url}{name} cannot be read: {error}", hint=_HINT
        ) from error
    except LakeError as error:  # of the columns' types
        raise CorruptError(
            "manifest-corrupt", f"the manifest {store.url}{name} cannot be read: {error.message}", hint=_HINT
        ) from error
    if _checksum(content, manifest.self) != manifest.self or manifest.id != id_:
        raise CorruptError("manifest-corrupt", f"the manifest {store.url}{name} is not what was written", hint=_HINT)
    doubt = _doubt(manifest, owner_of(store))
    if doubt:
        raise CorruptError("manifest-corrupt", f"the manifest {store.url}{name} {doubt}", hint=_HINT)
    return manifest


def newest_points(store: Store, known: str | None) -> Iterator[str]:
    """The ids of points, newest first, listed only where what the leases know is not enough.

    Args:
        store: The repository.
        known: The newest point as the leases know it; empty where there is none, None if they do not know.
    """
    if known == "":
        return
    if known and store.stat(layout.point_name(known)) is not None:
        yield known
    yield from (id_ for id_ in reversed(list_points(store)) if id_ != known)


def publish_point(
    store: Store, manifest: Manifest, latest: str | None, announce: Callable[[str], None] = lambda _: None
) -> Manifest:
    """Write a manifest: the commit of a backup. All that it names must be durable by now.

    Args:
        store: The repository.
        manifest: The manifest; its id and checksum are filled in here.
        latest: The newest point's id; the new one sorts after it even if the clock went back.
        announce: Told the id before it is written.

    Returns:
        The manifest as it was written.
    """
    created = manifest.created
    before = layout.point_time(latest) if latest is not None else None
    if before is not None:
        created = max(created, before + timedelta(milliseconds=1))
    while True:
        id_ = layout.point_id(created, manifest.snapshot_id)
        blank = msgspec.structs.replace(manifest, self=_BLANK, id=id_)
        checksum = blake3(msgspec.json.encode(blank)).hexdigest()
        finished = msgspec.structs.replace(blank, self=checksum)
        announce(id_)
        try:
            store.put_new(layout.point_name(id_), msgspec.json.encode(finished))
        except ObjectExistsError:
            created += timedelta(milliseconds=1)
        else:
            return finished


def check_format(content: bytes, where: str) -> None:
    """See that a JSON object is of a format that this release reads.

    Raises:
        CorruptError: It is newer (``format-too-new``).
        msgspec.DecodeError: It is no JSON object with a format.
    """
    found = msgspec.json.decode(content, type=_Versioned).format
    if found > layout.FORMAT:
        raise CorruptError(
            "format-too-new",
            f"{where} has repository format {found}, and this release reads up to {layout.FORMAT}",
            hint="Install a newer release of Canvasback.",
        )


def _known_to_leases(store: Store) -> str:
    lease = find_newest(store)[1]
    return (latest_of(store, lease) or "") if lease is not None else ""


class _Versioned(msgspec.Struct):
    format: int


def _doubt(manifest: Manifest, owner: Owner | None) -> str | None:
    """Why a manifest that was read is not believed; None where it is."""
    names = [table.name for table in manifest.tables]
    lists = [table.name for table in manifest.files]
    doubts = {
        "is of another repository": owner is not None and manifest.repository_id != owner.repository_id,
        "is of another lake": owner is not None and manifest.lake_id != owner.lake_id,
        "tells of an engine that does not exist": manifest.catalog.engine not in ENGINES,
        "names tables that no catalog has": not all(name.startswith(_TABLES) for name in names),
        "names lists of files that no point has": not set(lists) <= _LISTS,
        "names a table twice": any(len(set(some)) < len(some) for some in (names, lists)),
        "lacks a table that every catalog has": not set(names) >= _NEEDED,
        "has a table that cannot be": not all(map(_can_be, (*manifest.tables, *manifest.files))),
        "is of no time": not all(map(_is_time, (manifest.created, manifest.snapshot_time))),
    }
    return next((doubt for doubt, doubtful in doubts.items() if doubtful), None)


def _can_be(table: StoredTable) -> bool:
    columns = {column.name for column in table.columns}
    return len(columns) == len(table.columns) > 0 and columns.issuperset(table.primary_key)


def _is_time(time: datetime) -> bool:
    """Whether it is one in UTC, too."""
    try:
        time.astimezone(UTC)
    except OverflowError:
        return False
    return True


def _checksum(content: bytes, recorded: str) -> str:
    return blake3(content.replace(recorded.encode(), _BLANK.encode(), 1)).hexdigest()
