"""Base backups of a PostgreSQL cluster in a repository. The manifest is written last, and is the backup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from canvasback.errors import CorruptError
from canvasback.model.base_backup import BaseBackup
from canvasback.model.finding import Finding
from canvasback.repository import layout
from canvasback.repository.documents import check_format, is_as_stamped, stamped
from canvasback.repository.protection import protect
from canvasback.repository.repository import Repository
from canvasback.repository.wal_object import PITR
from canvasback.storage.store import Store

TAR, MANIFEST, SUMS = "base.tar.zst", "manifest.json", "backup_manifest.zst"
"""The objects of a base backup: the cluster's files, ours about it, and PostgreSQL's own list of the files."""

_MANIFEST = re.compile(r"([0-9]{8}T[0-9]{9}Z)/manifest\.json")


def base_folder(system: int) -> str:
    """Where all base backups of a system are, ending in a slash."""
    return f"{PITR}{system}/base/"


def base_name(system: int, base: str, file: str) -> str:
    """An object of a base backup."""
    return f"{base_folder(system)}{base}/{file}"


def base_id(began: datetime) -> str:
    """The id of a base backup that begins then."""
    moment = began.astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03d}Z"


def publish_base(repository: Repository, base: BaseBackup, now: datetime) -> BaseBackup:
    """Write the manifest of a base backup whose objects are there.

    Args:
        repository: The repository.
        base: What it is; its checksum and what it belongs to are filled in.
        now: The time, from which on its objects are locked where the repository's are.
    """
    whole = stamped(msgspec.structs.replace(base, format=layout.FORMAT, repository_id=repository.marker.repository_id))
    system, store = int(base.system), repository.store
    store.sync()
    store.put_new(base_name(system, base.id, MANIFEST), msgspec.json.encode(whole))
    for file in (TAR, SUMS, MANIFEST):
        protect(store, base_name(system, base.id, file), now)
    return whole


def read_bases(store: Store, system: int) -> tuple[tuple[BaseBackup, ...], tuple[Finding, ...]]:
    """The base backups of a system, the oldest first, and what is wrong with those that cannot be read."""
    found: list[BaseBackup] = []
    findings: list[Finding] = []
    for id_ in _ids(store, system):
        try:
            found.append(_read(store, system, id_))
        except CorruptError as error:
            findings.append(
                Finding(
                    "base-corrupt",
                    "error",
                    base_name(system, id_, MANIFEST),
                    error.message,
                    "Make a new base backup, and forget this one: canvasback pitr forget.",
                )
            )
    return tuple(found), tuple(findings)


def unfinished(store: Store, system: int) -> Iterator[tuple[str, datetime]]:
    """The objects of base backups without a manifest, and when those began: they are being made, or were given up."""
    whole = set(_ids(store, system))
    folder = base_folder(system)
    for stat in store.list(folder):
        id_ = stat.name.removeprefix(folder).partition("/")[0]
        if id_ not in whole and re.fullmatch(r"[0-9]{8}T[0-9]{9}Z", id_):
            yield stat.name, datetime.strptime(id_[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def _ids(store: Store, system: int) -> list[str]:
    folder = base_folder(system)
    found = (_MANIFEST.fullmatch(stat.name.removeprefix(folder)) for stat in store.list(folder))
    return sorted(one[1] for one in found if one is not None)


def _read(store: Store, system: int, id_: str) -> BaseBackup:
    name = base_name(system, id_, MANIFEST)
    content = store.get(name)
    try:
        check_format(content, store.url + name)
        found = msgspec.json.decode(content, type=BaseBackup)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _corrupt(f"{store.url}{name} cannot be read: {error}") from error
    if not is_as_stamped(content, found.self) or (found.id, found.system) != (id_, str(system)):
        raise _corrupt(f"{store.url}{name} is not what was written")
    return found


def _corrupt(message: str) -> CorruptError:
    return CorruptError("base-corrupt", message, hint="Use another base backup: canvasback pitr list.")
