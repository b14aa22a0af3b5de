"""check-catalog: the rules of a catalog of a million data files, against reading that catalog once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import elsewhere, ours, peers
from bench.cases.catalog import MEMORY_LIMIT
from bench.measure import interleave
from bench.report import Row, peak_memory, ratio_of_times

if TYPE_CHECKING:
    from bench.session import Session

NAME = "check-catalog"


def run(session: Session) -> list[Row]:
    """Whole commands, on the catalog that lies there; a check that finds anything is a failure."""
    catalog = elsewhere.in_duckdb(session)
    lake = f"ducklake:{catalog}"
    timed = interleave(
        session,
        {
            "check": lambda _: ours.check(lake, "catalog"),
            "image": lambda _: ours.read_image(lake),
            "read": lambda _: peers.read_catalog(catalog),
        },
    )
    what = f"check --level catalog at {session.scaled(elsewhere.FILES):,} files"
    return [
        ratio_of_times(NAME, f"{what} / reading the image once", timed["check"], timed["image"], 2.0),
        ratio_of_times(NAME, f"{what} / reading the catalog once", timed["check"], timed["read"], None),
        peak_memory(NAME, "peak memory: check --level catalog", timed["check"], MEMORY_LIMIT),
    ]
