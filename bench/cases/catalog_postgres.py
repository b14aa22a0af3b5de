"""catalog-postgres: a catalog of a million data files in PostgreSQL, against pg_dump and pg_restore."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench import elsewhere, ours
from bench.cases.catalog import MEMORY_LIMIT
from bench.lakes import made_once
from bench.measure import Command, Contender, interleave
from bench.postgres import Server, running
from bench.report import Row, peak_memory, ratio_of_times

if TYPE_CHECKING:
    from pathlib import Path

    from bench.session import Session

NAME = "catalog-postgres"
CLUSTER = "cluster"
LAKE, OURS, PEERS = "lake", "restored_by_us", "restored_by_pg_restore"


def cluster(session: Session) -> Path:
    """The folder of a server's databases, of which one holds the catalog; made once."""

    def make(folder: Path) -> None:
        with running(folder / CLUSTER) as server:
            _fill(session, server)

    return made_once(session, f"{session.scaled(elsewhere.FILES)}-postgres", make) / CLUSTER


def run(session: Session) -> list[Row]:
    """The server runs for as long as the case does."""
    with running(cluster(session)) as server:
        return _measured(session, server)


def _fill(session: Session, server: Server) -> None:
    """The catalog as it is when nobody has worked with it for a while: vacuumed, and nothing in the background."""
    server.create(LAKE)
    elsewhere.convert(session, server.attach_string(LAKE))
    server.execute(LAKE, "VACUUM ANALYZE", "ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")


def _measured(session: Session, server: Server) -> list[Row]:
    """Per run: a dump and its restore, then the first point of a fresh repository, its restore, and the next."""
    folder = session.fresh(NAME)
    folder.mkdir()
    attach_string = server.attach_string(LAKE)

    def repository(number: int) -> Path:
        return folder / f"repository-{number}"

    def dump(number: int) -> Path:
        return folder / f"catalog-{number}.dump"

    def pg_dump(number: int) -> Command:
        return server.settled(server.tool("pg_dump", LAKE, "--format=custom", "--file", dump(number)))

    def first(number: int) -> Command:
        return server.settled(ours.catalog_only("first", attach_string, repository(number)))

    def pg_restore(number: int) -> Command:
        server.create(PEERS)
        return server.settled(server.tool("pg_restore", PEERS, dump(number)))

    def restore(number: int) -> Command:
        server.create(OURS)
        return server.settled(
            ours.catalog_only("restore", attach_string, repository(number), server.attach_string(OURS))
        )

    def next_point(number: int) -> Command:
        server.execute(LAKE, elsewhere.COMMIT)
        return server.settled(ours.catalog_only("next", attach_string, repository(number)))

    contenders: dict[str, Contender] = {
        "pg_dump": pg_dump,
        "first": first,
        "pg_restore": pg_restore,
        "restore": restore,
        "next": next_point,
    }
    timed = interleave(session, contenders)
    shutil.rmtree(folder)  # as in catalog-sqlite
    files = f"{session.scaled(elsewhere.FILES):,} files"
    dumped = timed["pg_dump"]
    return [
        ratio_of_times(NAME, f"first point of {files} / pg_dump -Fc", timed["first"], dumped, 0.5),
        ratio_of_times(NAME, "next point, after a commit of 1 file / pg_dump -Fc", timed["next"], dumped, 0.2),
        ratio_of_times(NAME, "restore / pg_restore", timed["restore"], timed["pg_restore"], 1.0),
        *(
            peak_memory(NAME, f"peak memory: {name}", timed[name], MEMORY_LIMIT)
            for name in ("first", "next", "restore")
        ),
    ]
