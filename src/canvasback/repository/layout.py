"""Every name in a repository, and the numbers of the format. docs/format.md says the same in prose."""

from __future__ import annotations

import re
import secrets
from datetime import MAXYEAR, UTC, datetime, timedelta

from blake3 import blake3

from canvasback.model.holding import PREFIXES

FORMAT = 3
SEALED_FORMAT = 4
"""That of a sealed repository: nobody who does not know that it is sealed can read one."""
BORROWING_FORMAT = 5
"""That of a repository that holds no copies, sealed or not: who does not know of it would take its files for lost."""
NEWEST = max(FORMAT, SEALED_FORMAT, BORROWING_FORMAT)
"""The newest that is read."""

MARKER = "canvasback.json"
POINTS = "points/"
LEASES = "leases/"
REGISTER = "register/"
KEYS = "keys/"
CATALOG = "catalog/"
DATA = "data/"
EXTERNAL = "external/"
COMMITS = "pitr/map/"

BORROWED = tuple(PREFIXES.values())
"""How the names begin of what a point names and the repository does not hold itself."""

DOCUMENTS = (POINTS, LEASES, REGISTER, COMMITS)
"""What is sealed as documents in a sealed repository."""

PROBE = f"{CATALOG}probe"
"""What a prune makes and deletes, to find out whether it may."""

FILE_LISTS = frozenset({"data", "delete"})
"""The lists of files that a point has besides its catalog's tables."""

CHUNK_ROWS = 8_192
CHUNK_ROWS_OF = {"ducklake_file_column_stats": 122_880, "ducklake_file_column_statistics": 122_880}
"""A chunk holds at most so many rows: 100 to 500 KiB, so that a commit that changes a few stays small."""

INLINE_CHUNKS = 32
"""A table with more chunks has an index object instead of a list in the manifest."""

_POINT_NAME = re.compile(r"points/([0-9]{8}T[0-9]{9}Z-s[0-9]{1,19})\.json")


def format_of(*, sealed: bool, borrows: bool) -> int:
    """The version of the repository format of a repository.

    Args:
        sealed: Whether it is sealed.
        borrows: Whether it holds no copies.
    """
    if borrows:
        return BORROWING_FORMAT
    return SEALED_FORMAT if sealed else FORMAT


def chunk_name(hash_: str) -> str:
    """The name of a chunk or of an index object."""
    return f"{CATALOG}{hash_[:2]}/{hash_}.parquet"


def point_id(created: datetime, snapshot_id: int) -> str:
    """A point's id: its time to the millisecond, and the snapshot."""
    moment = created.astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03d}Z-s{snapshot_id}"


def point_name(id_: str) -> str:
    """The name of a point's manifest."""
    return f"{POINTS}{id_}.json"


def parse_point_name(name: str) -> str | None:
    """The point's id, or None where the name is not a manifest's: no backup runs on the 31st of February."""
    found = _POINT_NAME.fullmatch(name)
    return found[1] if found and point_time(found[1]) is not None else None


def point_time(id_: str) -> datetime | None:
    """The time that a point's id begins with; None where there is no such time."""
    stamp = id_.partition("Z")[0]
    try:
        whole = datetime.strptime(stamp[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    # The last year has a last point, after which no other could be.
    return whole + timedelta(milliseconds=int(stamp[15:])) if whole.year < MAXYEAR else None


def lease_name(number: int) -> str:
    """The name of the lease of that number."""
    return f"{LEASES}{number:010d}.json"


def register_name(number: int) -> str:
    """The name of the object of that number that has the register."""
    return f"{REGISTER}{number:010d}.json"


def keys_name(number: int) -> str:
    """The name of the object of that number that has a sealed repository's keys."""
    return f"{KEYS}{number:010d}.json"


def commits_name(number: int) -> str:
    """The name of the object of that number that says where commits are in PostgreSQL's log."""
    return f"{COMMITS}{number:010d}.json"


def copy_name(path: str, *, elsewhere: bool) -> str:
    """Where the copy of a file is held: its own path below ``data/``, or a name made from its URL."""
    if elsewhere:
        return f"{EXTERNAL}{_short(path)}/{_last(path)}"
    return DATA + "/".join(part for part in path.split("/") if part not in {"", "."})


def is_own(name: str) -> str:
    """An SQL condition on the name of an object, which is an expression: the repository itself holds it."""
    return " AND ".join(f"NOT starts_with({name}, '{prefix}')" for prefix in BORROWED)


def recorded_object(path: str, name: str, *, elsewhere: bool) -> str | None:
    """What the file list says of the object: nothing where the path alone leads to it."""
    return None if not elsewhere and name == DATA + path else name


def version_name(path: str, content: str) -> str:
    """Where a further content of a file is held whose usual name holds another content already.

    Args:
        path: The file's path as the file list has it.
        content: BLAKE3 of the content.
    """
    return f"{EXTERNAL}{_short(path + chr(10) + content)}/{_last(path)}"


def spare_name(path: str) -> str:
    """Where a file is held whose usual name belongs to an object that may be deleted; another one each time."""
    return f"{EXTERNAL}{secrets.token_hex(16)}/{_last(path)}"


def _short(text: str) -> str:
    return blake3(text.encode()).hexdigest()[:32]


def _last(path: str) -> str:
    """The file's name, and the folders above it that are partitions: DuckLake reads values from ``key=value``."""
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    return "/".join([*(part for part in parts[:-1] if "=" in part), *parts[-1:]]) or "file"
