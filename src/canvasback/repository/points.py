"""Manifests: published last and create-only, found by id, prefix or ``latest``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

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
from canvasback.repository.documents import check_format, is_as_stamped, stamped
from canvasback.repository.leases import find_newest, latest_of
from canvasback.repository.register import read_register
from canvasback.storage.owner import Owner, owner_of
from canvasback.storage.store import Store

_TABLES = "ducklake_"
"""How the names of a catalog's tables begin; no engine reads others."""

_NEEDED = frozenset({"ducklake_metadata", "ducklake_snapshot"})
"""Tables without which nothing can be said of a point."""

_HINT = "Use another point: run list, and verify --all. Other points do not depend on this one."


def stored_points(store: Store) -> list[str]:
    """The ids of all points that are there, oldest first, those that are forgotten too."""
    ids = (layout.parse_point_name(stat.name) for stat in store.list(layout.POINTS))
    return sorted(id_ for id_ in ids if id_ is not None)


def list_points(store: Store) -> list[str]:
    """The ids of the points, oldest first. One that is forgotten is none, here and wherever somebody looks for one."""
    ids = stored_points(store)
    hidden = read_register(store)[0].forgotten()
    return [id_ for id_ in ids if id_ not in hidden]


def known_points(store: Store) -> list[str]:
    """The ids of all points, oldest first; only the newest, which the leases know, where nobody may list them.

    Raises:
        AccessDeniedError: Nobody may list them, and the leases do not know it.
    """
    try:
        return list_points(store)
    except AccessDeniedError:
        latest = known_to_leases(store)
        if not latest:
            raise
        return [latest]


def find_point(store: Store, wanted: str) -> str:
    """The id that ``latest``, an id or a unique prefix of one means. A forgotten point takes its whole id.

    Raises:
        UsageError: There is no such point (``unknown-point``), or several (``ambiguous-point``).
    """
    if layout.parse_point_name(layout.point_name(wanted)) and store.stat(layout.point_name(wanted)) is not None:
        return wanted  # nothing is listed for a whole id
    try:
        ids = list_points(store)
    except AccessDeniedError:
        latest = known_to_leases(store) if wanted == "latest" else None
        if not latest:
            raise
        return latest
    if not ids:
        raise no_points(store.url)
    if wanted == "latest":
        return ids[-1]
    return choose_point(store.url, ids, wanted)


def choose_point(url: str, ids: Sequence[str], wanted: str) -> str:
    """The one of these ids that an id or a unique prefix of one means.

    Raises:
        UsageError: None is (``unknown-point``), or several are (``ambiguous-point``).
    """
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
        f"there is no point {wanted!r} in {url}",
        hint="Run list to see the points; a unique beginning of an id will do, and the whole of a forgotten one's.",
    )


def no_points(url: str) -> UsageError:
    """What to say where somebody looks for a point and there is none."""
    return UsageError("no-points", f"the repository {url} holds no recovery point yet", hint="Run backup first.")


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
    if not is_as_stamped(content, manifest.self) or manifest.id != id_:
        raise CorruptError("manifest-corrupt", f"the manifest {store.url}{name} is not what was written", hint=_HINT)
    doubt = _doubt(manifest, owner_of(store))
    if doubt:
        raise CorruptError("manifest-corrupt", f"the manifest {store.url}{name} {doubt}", hint=_HINT)
    return manifest


def newest_points(store: Store, known: str | None, hidden: Collection[str] = ()) -> Iterator[str]:
    """The ids of points, newest first, listed only where what the leases know is not enough.

    Args:
        store: The repository.
        known: The newest point as the leases know it; empty where there is none, None if they do not know.
        hidden: Those that are forgotten, and passed over.
    """
    if known == "":
        return
    if known and known not in hidden and store.stat(layout.point_name(known)) is not None:
        yield known
    yield from (id_ for id_ in reversed(stored_points(store)) if id_ != known and id_ not in hidden)


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
        finished = stamped(msgspec.structs.replace(manifest, id=id_))
        announce(id_)
        try:
            store.put_new(layout.point_name(id_), msgspec.json.encode(finished))
        except ObjectExistsError:
            created += timedelta(milliseconds=1)
        else:
            return finished


def known_to_leases(store: Store) -> str | None:
    """The newest point as the leases know it; empty where there is none, None if they do not know. Takes none."""
    lease = find_newest(store)[1]
    return latest_of(store, lease) if lease is not None else None


def vanished_point(store: Store) -> str | None:
    """The newest point as the leases know it, if it is not there: somebody deleted it, and may have deleted others."""
    latest = known_to_leases(store)
    return latest if latest and store.stat(layout.point_name(latest)) is None else None


def _doubt(manifest: Manifest, owner: Owner | None) -> str | None:
    """Why a manifest that was read is not believed; None where it is."""
    names = [table.name for table in manifest.tables]
    lists = [table.name for table in manifest.files]
    doubts = {
        "is of another repository": owner is not None and manifest.repository_id != owner.repository_id,
        "is of another lake": owner is not None and manifest.lake_id != owner.lake_id,
        "tells of an engine that does not exist": manifest.catalog.engine not in ENGINES,
        "names tables that no catalog has": not all(name.startswith(_TABLES) for name in names),
        "names lists of files that no point has": not layout.FILE_LISTS.issuperset(lists),
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
