"""What a catalog's server says of its log: who it is, where it is, and what it lets us do.

Sources: PostgreSQL's documentation, "System Information Functions" (``pg_control_system``), "Backup Control Functions",
``pg_replication_slots`` and "Runtime Config".
"""

from __future__ import annotations

import msgspec

from canvasback.catalog.engines.arrow import query
from canvasback.catalog.engines.postgres.session import connect
from canvasback.errors import LakeError, RefusedError, UsageError
from canvasback.model.lake import LakeName
from canvasback.model.relation import literal
from canvasback.model.wal import Lsn

OLDEST = 15
"""The oldest version whose ``pg_receivewal`` begins where its slot says; earlier ones begin where the server is."""

_FACTS = """
    SELECT (SELECT system_identifier FROM pg_control_system())::text,
        current_setting('server_version_num')::int,
        pg_size_bytes(current_setting('wal_segment_size'))::bigint,
        pg_is_in_recovery(),
        current_user::text,
        (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user)
"""
_NAMES = (
    "wal_level", "max_wal_senders", "max_replication_slots", "max_slot_wal_keep_size", "synchronous_standby_names",
    "synchronous_commit", "summarize_wal", "archive_mode", "data_checksums", "full_page_writes",
)  # fmt: skip


class ServerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A server.

    Attributes:
        system: Its cluster's system identifier.
        version: Its version number, such as 180004.
        segment_size: The bytes of a segment of its log.
        standby: Whether it follows another one.
        user: As whom we ask.
        may_replicate: Whether that user may stream the log.
        settings: What matters here of its configuration.
    """

    system: int
    version: int
    segment_size: int
    standby: bool
    user: str
    may_replicate: bool
    settings: dict[str, str]

    @property
    def major(self) -> int:
        """Its major version."""
        return self.version // 10_000


class Slot(msgspec.Struct, frozen=True):
    """A replication slot.

    Attributes:
        active: Whether somebody streams with it.
        kept_from: The first position that the server keeps for it; None where it keeps nothing yet.
        lost: Whether the server has given up keeping what it needs.
    """

    active: bool
    kept_from: Lsn | None
    lost: bool


class Place(msgspec.Struct, frozen=True):
    """Where a server is in its log.

    Attributes:
        timeline: The timeline that it writes.
        written: The position up to which the log is on its disk.
        received: The position up to which a receiver has said that it has it; None where none streams.
    """

    timeline: int
    written: Lsn
    received: Lsn | None


def ask_server(lake: LakeName) -> ServerFacts:
    """Ask the server that holds a catalog who it is.

    Raises:
        UsageError: The catalog is in no PostgreSQL server (``not-postgres``).
        LakeError: It cannot be reached, or is too old (``postgres-too-old``).
    """
    if lake.engine != "postgres":
        raise UsageError(
            "not-postgres",
            f"{lake} is no catalog in PostgreSQL, and only PostgreSQL has a log that can be archived",
            hint="Use canvasback watch: it makes a point after every commit, of any catalog.",
        )
    with connect(lake, read_only=True) as connection, connection.cursor() as cursor:
        [(system, version, size, standby, user, replicates)] = query(cursor, _FACTS)
        names = ", ".join(f"'{name}'" for name in _NAMES)
        settings = dict(query(cursor, f"SELECT name::text, setting::text FROM pg_settings WHERE name IN ({names})"))
    if version < OLDEST * 10_000:
        raise LakeError(
            "postgres-too-old",
            f"the server of {lake} is PostgreSQL {version // 10_000}, and streaming its log needs {OLDEST}",
            hint="Upgrade the server, or archive with pgBackRest or Barman: docs/point-in-time-recovery.md.",
        )
    return ServerFacts(
        system=int(system),
        version=version,
        segment_size=size,
        standby=standby,
        user=user,
        may_replicate=bool(replicates),
        settings=settings,
    )


def tablespaces(lake: LakeName) -> list[str]:
    """The names of a server's tablespaces besides those that every cluster has, sorted.

    Only those begin with ``pg_``. Source: PostgreSQL's documentation, "CREATE TABLESPACE".
    """
    with connect(lake, read_only=True) as connection, connection.cursor() as cursor:
        found = query(cursor, "SELECT spcname::text FROM pg_tablespace WHERE NOT starts_with(spcname, 'pg_')")
    return sorted(name for (name,) in found)


def refuse_tablespaces(lake: LakeName) -> None:
    """See that a server has no tablespaces of its own.

    Raises:
        RefusedError: It has (``has-tablespaces``). A recovery would write into their folders, which on the same machine
            are those of the server that lives.
    """
    found = tablespaces(lake)
    if found:
        raise RefusedError(
            "has-tablespaces",
            f"the server of {lake} has tablespaces of its own, which base backups here do not take: {', '.join(found)}",
            hint="Archive it with pgBackRest or Barman, from which canvasback pitr restore recovers too. Or move what "
            "is in them to pg_default, ALTER TABLE ALL IN TABLESPACE, and drop them.",
        )


def find_slot(lake: LakeName, name: str) -> Slot | None:
    """A replication slot of the server; None where there is none of that name."""
    with connect(lake, read_only=True) as connection, connection.cursor() as cursor:
        found = query(
            cursor,
            "SELECT active, restart_lsn::text, coalesce(wal_status, '') = 'lost' FROM pg_replication_slots "
            f"WHERE slot_name = '{check_slot_name(name)}' AND slot_type = 'physical'",
        )
    return next((Slot(active, Lsn.parse(at) if at else None, lost) for active, at, lost in found), None)


def where_is(lake: LakeName, receiver: str = "") -> Place:
    """Where the server is in its log now.

    Args:
        lake: The lake.
        receiver: The name under which a receiver shows.

    Raises:
        LakeError: It is a standby (``server-is-standby``), or cannot be reached.
    """
    with connect(lake, read_only=True) as connection, connection.cursor() as cursor:
        [(standby,)] = query(cursor, "SELECT pg_is_in_recovery()")
        if standby:
            raise LakeError(
                "server-is-standby",
                f"the server of {lake} follows another one",
                hint="Name the server that the lake's writers use.",
            )
        [(file, written, received)] = query(
            cursor,
            "SELECT pg_walfile_name(pg_current_wal_flush_lsn())::text, pg_current_wal_flush_lsn()::text, "
            f"(SELECT max(write_lsn)::text FROM pg_stat_replication WHERE application_name = {literal(receiver)})",
        )
    return Place(int(file[:8], 16), Lsn.parse(written), Lsn.parse(received) if received else None)


def check_slot_name(name: str) -> str:
    """The name, if PostgreSQL takes it for a slot.

    Raises:
        UsageError: It does not (``slot-name``).
    """
    if not 0 < len(name) <= 63 or set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789_"):  # noqa: PLR2004 - NAMEDATALEN
        raise UsageError(
            "slot-name",
            f"{name!r} is no name of a replication slot",
            hint="It has lower-case letters, digits and underscores, 63 at most.",
        )
    return name
