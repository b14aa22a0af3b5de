"""Where commits are in PostgreSQL's log, kept: numbered objects that are created and never changed.

Object ``n`` has what was found by the recordings whose numbers are above ``n`` without its lowest bit that is set, up
to ``n``: 12 has those of 9 to 12. So a few objects, the number's own prefixes, have all there is, and these are what
finds the highest number too (`canvasback.storage.numbered`). Of 100,000 recordings seventeen objects at most are read,
and a recording writes again what eight others did, on the average. Source: P. M. Fenwick, "A New Data Structure for
Cumulative Frequency Tables", 1994.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import datetime

import msgspec

from canvasback.errors import (
    AccessDeniedError,
    CorruptError,
    LockedError,
    ObjectExistsError,
    ObjectLockedError,
    ObjectMissingError,
)
from canvasback.model.commit_position import CommitMap, CommitPosition
from canvasback.model.finding import Finding
from canvasback.model.manifest import Count, Hash
from canvasback.repository import layout
from canvasback.repository.documents import check_format, is_as_stamped, stamped
from canvasback.repository.protection import protect
from canvasback.storage import numbered
from canvasback.storage.owner import owner_of
from canvasback.storage.store import Store

MOST = 250_000
"""So many commits an object has at most, the newest: some 50 MB."""

_ATTEMPTS = 100
_SETTLED = 64
"""An object that nobody needs is deleted when there are so many newer ones: a reader who is slower begins again."""


class CommitsObject(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of an object of the map.

    Attributes:
        self: BLAKE3 of its own bytes with these 64 digits replaced by zeros.
        format: Version of the repository format.
        repository_id: The repository that it belongs to.
        number: Its number, as in its name.
        commits: What was found, the earliest first.
    """

    self: Hash
    format: int
    repository_id: str
    number: Count
    commits: tuple[CommitPosition, ...] = ()


def read_commits(store: Store) -> tuple[CommitMap, tuple[Finding, ...]]:
    """All that is known of where commits are; an object that is damaged is a finding.

    Args:
        store: The repository.
    """
    for _ in range(_ATTEMPTS):
        number = numbered.newest_number(store, layout.commits_name)
        try:
            parts, findings = _parts(store, _prefixes(number))
        except ObjectMissingError:
            continue  # it was merged meanwhile
        return CommitMap.merged(commit for part in parts for commit in part), findings
    return CommitMap(), (_damaged(layout.COMMITS, "objects of the map of commits are missing"),)


def last_commit(store: Store) -> CommitPosition | None:
    """The commit that was recorded last; None where there is none, or where its object is damaged."""
    number = numbered.newest_number(store, layout.commits_name)
    with contextlib.suppress(CorruptError, ObjectMissingError):
        return _read(store, number).commits[-1] if number else None
    return None


def record_commits(store: Store, commits: Iterable[CommitPosition], now: datetime) -> tuple[Finding, ...]:
    """Remember where commits are. It is durable when this returns.

    Args:
        store: The repository.
        commits: What was found, the earliest first.
        now: The time, from which on the object is locked where the repository's are.

    Returns:
        What of the map is damaged; it is left out of what is merged.

    Raises:
        LockedError: Others record all the time (``commits-busy``).
        StorageError: It cannot be written.
    """
    found = tuple(commits)
    if not found:
        return ()
    owner = owner_of(store)
    for _ in range(_ATTEMPTS):
        number = numbered.newest_number(store, layout.commits_name) + 1
        try:
            parts, findings = _parts(store, _merged_by(number))
            merged = CommitMap.merged([*(commit for part in parts for commit in part), *found]).commits[-MOST:]
            new = stamped(
                CommitsObject("", layout.FORMAT, owner.repository_id if owner is not None else "", number, merged)
            )
            store.put_new(layout.commits_name(number), msgspec.json.encode(new))
        except (ObjectExistsError, ObjectMissingError):
            continue  # somebody else was first, or has merged what was to be read
        protect(store, layout.commits_name(number), now)
        settled = max(number - _SETTLED, 1)
        for old in numbered.needed(settled - 1) - numbered.needed(settled):
            with contextlib.suppress(AccessDeniedError, ObjectLockedError):  # who may not delete leaves it there
                store.delete(layout.commits_name(old))
        return findings
    raise LockedError(
        "commits-busy",
        f"where commits are could not be recorded in {store.url}: others were first each time",
        hint="Run it again. If nobody else works with the repository, see that you may read what is below pitr/map/.",
    )


def _prefixes(number: int) -> list[int]:
    """The objects that have all that was recorded up to a number, the earliest first."""
    found = []
    while number > 0:
        found.append(number)
        number &= number - 1
    return found[::-1]


def _merged_by(number: int) -> list[int]:
    """The objects of which that number has what they have, besides what is new in it; the earliest first."""
    begin = number & (number - 1)
    return [one for one in _prefixes(number - 1) if one > begin]


def _parts(store: Store, numbers: list[int]) -> tuple[list[tuple[CommitPosition, ...]], tuple[Finding, ...]]:
    parts, findings = [], []
    for number in numbers:
        try:
            parts.append(_read(store, number).commits)
        except CorruptError as error:
            findings.append(_damaged(layout.commits_name(number), error.message))
    return parts, tuple(findings)


def _read(store: Store, number: int) -> CommitsObject:
    name = layout.commits_name(number)
    content = store.get(name)
    try:
        check_format(content, store.url + name)
        found = msgspec.json.decode(content, type=CommitsObject)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _corrupt(f"{store.url}{name} cannot be read: {error}") from error
    owner = owner_of(store)
    foreign = owner is not None and found.repository_id != owner.repository_id
    if not is_as_stamped(content, found.self) or found.number != number or foreign:
        raise _corrupt(f"{store.url}{name} is not what was written")
    return found


def _corrupt(message: str) -> CorruptError:
    return CorruptError("commits-corrupt", message, hint="Run backup --full: it records what the catalog still shows.")


def _damaged(where: str, message: str) -> Finding:
    return Finding(
        "commits-corrupt",
        "warning",
        where,
        f"{message}: where some commits are in PostgreSQL's log is not known any more",
        "The points are not touched by this. Run backup --full: it records again what the catalog still shows.",
    )
