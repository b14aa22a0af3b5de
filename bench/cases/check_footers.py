"""check-footers: the footers of a hundred thousand files, against DuckDB's reading of the same footers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import ours, parquet_lakes, peers
from bench.measure import interleave
from bench.report import MIB, Row, at_most, mebibytes, peak_memory, ratio, ratio_of_times, unusable

if TYPE_CHECKING:
    from bench.session import Session

NAME = "check-footers"
FILES = 100_000
MEMORY_LIMIT = 512 * MIB


def run(session: Session) -> list[Row]:
    """Whole commands; a check that finds anything is a failure. The peer compares nothing."""
    files = session.scaled(FILES)
    folder = parquet_lakes.parquet_lake(session, files)
    timed = interleave(
        session,
        {
            "check": lambda _: ours.check(f"ducklake:{folder / 'lake.ducklake'}", "footers"),
            "footers": lambda _: peers.read_footers(folder / "data"),
        },
    )
    rows = [
        ratio_of_times(
            NAME,
            f"check --level footers of {files:,} files / parquet_file_metadata",
            timed["check"],
            timed["footers"],
            None,
        ),
        peak_memory(NAME, "peak memory: check --level footers", timed["check"], MEMORY_LIMIT),
    ]
    whole, footers = parquet_lakes.sizes(folder / "lake.ducklake")
    what = f"bytes read in all / footers of these files of {mebibytes(whole)}"
    if broken := unusable(NAME, what, (timed["check"],), at_most(3.0)):
        return [*rows, broken]
    read = timed["check"].read_bytes
    texts = (mebibytes(read, 1), mebibytes(footers, 1))
    return [*rows, ratio(NAME, what, (read, footers), texts, target=3.0)]
