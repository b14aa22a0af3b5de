"""pitr setup: see whether a server's log can be streamed, and set right what is missing.

Sources: PostgreSQL's documentation, "Runtime Config: Write Ahead Log, Replication" and "Replication Management
Functions".
"""

from __future__ import annotations

from collections.abc import Iterator

from canvasback.errors import CanvasbackError
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.results.pitr_setup import PitrSetupResult, SetupItem
from canvasback.postgres.programs import Programs, connection_arguments
from canvasback.postgres.receiver import APPLICATION
from canvasback.postgres.server import ServerFacts, ask_server, check_slot_name, find_slot, tablespaces
from canvasback.storage.foreign_errors import translates_errors

_SENDERS = 3
"""One streams the log, and a base backup takes another; one to spare for whoever is there already."""

_KEPT_MB = 65_536


@translates_errors
def pitr_setup(
    lake: str,
    *,
    slot: str = "canvasback",
    synchronous: bool = False,
    apply: bool = False,
    bindir: str | None = None,
) -> PitrSetupResult:
    """See whether the server of a catalog is set up so that `pitr_run` can archive its log.

    Args:
        lake: The lake, as in ATTACH; its catalog is in PostgreSQL.
        slot: The name of the replication slot.
        synchronous: Whether commits are to wait until the log is in the spool.
        apply: Run the SQL that is missing or advised, which takes a superuser: settings are written with ALTER SYSTEM,
            and the slot is made, from when on the server keeps its log.
        bindir: Where PostgreSQL's programs are, if not in the usual places.

    Raises:
        UsageError: The catalog is in no PostgreSQL server (``not-postgres``), or PostgreSQL's programs are not here
            (``programs-missing``).
        LakeError: The server cannot be asked, or refuses what is to be run.
    """
    name = parse_lake(lake)
    check_slot_name(slot)
    facts = ask_server(name)
    programs = Programs.find(facts.major, bindir)
    items = tuple(_items(name, facts, programs, slot, synchronous=synchronous))
    applied: list[str] = []
    if apply:
        todo = [one.sql for one in items if one.sql and one.state != "ok"]
        with connection_arguments(name.target) as conninfo:
            for sql in todo:
                programs.run("psql", f"--dbname={conninfo}", "--no-psqlrc", "--no-password", "--command", sql)
                applied.append(sql)
            if applied:
                programs.run(
                    "psql", f"--dbname={conninfo}", "--no-psqlrc", "--command", "SELECT pg_reload_conf()"
                )  # fmt: skip
    left = [one for one in items if one.state == "missing" and one.sql not in applied]
    return PitrSetupResult(
        lake=str(name),
        system=str(facts.system),
        postgres=facts.major,
        items=items,
        applied=tuple(applied),
        ready=not left,
        restart=any(one.restart and one.sql in applied for one in items),
    )


def _items(
    lake: LakeName, facts: ServerFacts, programs: Programs, slot: str, *, synchronous: bool
) -> Iterator[SetupItem]:
    settings = facts.settings
    level = settings.get("wal_level", "")
    yield _setting(
        "wal_level",
        level,
        "replica",
        ok=level in {"replica", "logical"},
        why="with less, the log does not have what a recovery needs",
        restart=True,
    )
    for name in ("max_wal_senders", "max_replication_slots"):
        found = settings.get(name, "0")
        yield _setting(
            name,
            found,
            "10",
            ok=int(found) >= (_SENDERS if name == "max_wal_senders" else 1),
            why="the log is streamed by one, and a base backup by another",
            restart=True,
        )
    yield SetupItem(
        name="the right to replicate",
        state="ok" if facts.may_replicate else "missing",
        found=f"{facts.user} may" if facts.may_replicate else f"{facts.user} may not",
        wanted="REPLICATION",
        why="who streams the log reads all databases of the server",
        sql="" if facts.may_replicate else f'ALTER ROLE "{facts.user}" REPLICATION',
    )
    yield _entry(lake, programs)
    if facts.standby:
        yield SetupItem(
            name="the server",
            state="missing",
            found="it follows another one",
            wanted="the primary",
            why="the writers' server has the log first",
        )
    others = tablespaces(lake)
    if others:
        yield SetupItem(
            name="tablespaces",
            state="missing",
            found=", ".join(others),
            wanted="none",
            why="base backups here do not take them: pgBackRest and Barman do",
        )
    kept = settings.get("max_slot_wal_keep_size", "-1")
    yield _setting(
        "max_slot_wal_keep_size",
        "unlimited" if kept == "-1" else f"{kept} MB",
        f"{_KEPT_MB}MB",
        ok=kept != "-1",
        needed=False,
        why="while nobody streams, the server keeps its log for the slot, until its disk is full",
    )
    if facts.major >= 17:  # noqa: PLR2004 - the first version with incremental base backups
        found = settings.get("summarize_wal", "off")
        yield _setting(
            "summarize_wal", found, "on", ok=found == "on", needed=False, why="incremental base backups need it"
        )
    if synchronous:
        names = settings.get("synchronous_standby_names", "")
        yield _setting(
            "synchronous_standby_names",
            names,
            APPLICATION,
            ok=APPLICATION in names,
            why="commits wait for what it names: they stand still while pitr run does not run",
        )
    yield _slot(lake, slot)


def _setting(
    name: str, found: str, wanted: str, *, ok: bool, why: str, needed: bool = True, restart: bool = False
) -> SetupItem:
    return SetupItem(
        name=name,
        state="ok" if ok else "missing" if needed else "advised",
        found=found,
        wanted=found if ok else wanted,
        why=why,
        sql="" if ok else f"ALTER SYSTEM SET {name} = '{wanted}'",
        restart=restart and not ok,
    )


def _entry(lake: LakeName, programs: Programs) -> SetupItem:
    """Whether pg_hba.conf lets us in for replication."""
    why = "a line of pg_hba.conf for the database replication lets in who streams: host replication USER ADDRESS METHOD"
    try:
        with connection_arguments(lake.target, replication="true") as conninfo:
            programs.run(
                "psql", f"--dbname={conninfo}", "--no-psqlrc", "--no-password", "--command", "IDENTIFY_SYSTEM"
            )  # fmt: skip
    except CanvasbackError as error:
        return SetupItem(
            name="a connection for replication", state="missing", found=error.message, wanted="it is let in", why=why
        )
    return SetupItem(name="a connection for replication", state="ok", found="let in", wanted="let in", why=why)


def _slot(lake: LakeName, name: str) -> SetupItem:
    found = find_slot(lake, name)
    why = "the server keeps its log for it from the first base backup on; pitr run makes it too"
    shown = f"the slot {name}"
    if found is None:
        sql = f"SELECT pg_create_physical_replication_slot('{name}', true)"
        return SetupItem(name=shown, state="advised", found="none", wanted="there", why=why, sql=sql)
    if found.lost:
        return SetupItem(
            name=shown,
            state="missing",
            found="the server has given up keeping its log for it",
            wanted="there",
            why="there is a gap in the log; the next base backup begins anew",
            sql=f"SELECT pg_drop_replication_slot('{name}'), pg_create_physical_replication_slot('{name}', true)",
        )
    return SetupItem(
        name=shown, state="ok", found="in use" if found.active else "there, nobody streams", wanted="there", why=why
    )
