"""watch-idle: what a watch costs while nobody commits, on a catalog of a million data files in each database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import elsewhere, ours
from bench.cases import catalog_postgres, catalog_sqlite
from bench.measure import Contender, interleave
from bench.postgres import running
from bench.report import Row, mebibytes, unusable, verdict

if TYPE_CHECKING:
    from bench.session import Session

NAME = "watch-idle"
TICKS = 10_000
LIMIT_MILLISECONDS = 20.0


def run(session: Session) -> list[Row]:
    """For each database: a process that looks ten thousand times, less one that looks once."""
    rows = _measured(session, "DuckDB", f"ducklake:{elsewhere.in_duckdb(session)}")
    rows += _measured(session, "SQLite", f"ducklake:sqlite:{catalog_sqlite.catalog(session)}")
    with running(catalog_postgres.cluster(session)) as server:
        rows += _measured(session, "PostgreSQL", server.attach_string(catalog_postgres.LAKE))
    return rows


def _measured(session: Session, database: str, attach_string: str) -> list[Row]:
    contenders: dict[str, Contender] = {
        f"{database}, {ticks} looks": lambda _, ticks=ticks: ours.pulse(attach_string, ticks)  # type: ignore[misc]
        for ticks in (1, TICKS + 1)
    }
    once, often = interleave(session, contenders).values()
    what = f"CPU time of a look at {session.scaled(elsewhere.FILES):,} files in {database} where nothing was committed"
    limit = f"< {LIMIT_MILLISECONDS:g} ms"
    if broken := unusable(NAME, what, (once, often), limit):
        return [broken]
    value = (often.cpu_seconds - once.cpu_seconds) / TICKS * 1000
    return [
        Row(
            NAME,
            what,
            ours=f"{value:.3f} ms",
            value=f"{value:.3f} ms",
            target=limit,
            result=verdict(met=value < LIMIT_MILLISECONDS),
            peaks=mebibytes(often.peak_bytes),
        )
    ]
