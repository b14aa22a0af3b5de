"""catalog: a catalog of a million data files, against DuckDB's COPY FROM DATABASE."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from bench import ours, peers
from bench.cases.commit_scale import LARGE, SMALL, BackedUp, backed_up
from bench.measure import Command, Contender, Samples, interleave
from bench.report import MIB, Row, at_most, bytes_at_most, mebibytes, peak_memory, ratio, ratio_of_times, unusable

if TYPE_CHECKING:
    from pathlib import Path

    from bench.session import Session

NAME = "catalog"
MEMORY_LIMIT = 1024 * MIB
MANY = 3
"""Opening takes tens of milliseconds, so it is timed this many times as often as the rest."""


def run(session: Session) -> list[Row]:
    """The catalog part alone, then opening a point of the command line's own repositories."""
    large, small = backed_up(session, LARGE), backed_up(session, SMALL)
    rows, copy = _catalog_part(session, large)
    return rows + _opening(session, large, small, copy)


def _catalog_part(session: Session, large: BackedUp) -> tuple[list[Row], Samples]:
    """first, restore and next on a fresh repository per run, next to a copy of the database."""
    lake, folder = large.lake, session.fresh(NAME)
    folder.mkdir()
    stored: dict[int, int] = {}
    before_next: dict[int, int] = {}

    def repository(number: int) -> Path:
        return folder / f"repository-{number}"

    def next_point(number: int) -> Command:
        stored[number] = size_below(repository(number) / "catalog")
        before_next[number] = size_below(repository(number))
        lake.commit(1)
        return ours.catalog_only("next", lake.attach_string, repository(number))

    contenders: dict[str, Contender] = {
        "copy": lambda number: peers.copy_database(lake.catalog, folder / f"copy-{number}.duckdb"),
        "first": lambda number: ours.catalog_only("first", lake.attach_string, repository(number)),
        "restore": lambda number: ours.catalog_only(
            "restore", lake.attach_string, repository(number), f"ducklake:{folder / f'restored-{number}.duckdb'}"
        ),
        "next": next_point,
    }
    timed = interleave(session, contenders)
    files = f"{session.scaled(LARGE):,} files"
    rows = [
        ratio_of_times(NAME, f"first point of {files} / COPY FROM DATABASE", timed["first"], timed["copy"], 0.8),
        ratio_of_times(NAME, "next point, after a commit of 1 file / COPY", timed["next"], timed["copy"], 0.25),
        ratio_of_times(NAME, "restore / COPY", timed["restore"], timed["copy"], 1.0),
    ]
    what = "stored bytes under catalog/ / the copied database"
    if broken := unusable(NAME, what, (timed["first"], timed["copy"]), at_most(0.4)):
        rows.append(broken)
    else:
        ours_bytes, copy_bytes = median(stored.values()), (folder / "copy-0.duckdb").stat().st_size
        texts = (mebibytes(ours_bytes, 1), mebibytes(copy_bytes, 1))
        rows.append(ratio(NAME, what, (ours_bytes, copy_bytes), texts, target=0.4))
    what = "bytes that a point after a commit of 1 file adds"
    if broken := unusable(NAME, what, (timed["next"],), f"≤ {mebibytes(MIB)}"):
        rows.append(broken)
    else:
        added = [size_below(repository(number)) - size for number, size in before_next.items()]
        rows.append(bytes_at_most(NAME, what, max(added), MIB))
    rows += [
        peak_memory(NAME, f"peak memory: {name}", timed[name], MEMORY_LIMIT) for name in ("first", "next", "restore")
    ]
    return rows, timed["copy"]


def _opening(session: Session, large: BackedUp, small: BackedUp, copy: Samples) -> list[Row]:
    """`attach`, then a process that plans a filtered query: what each takes beyond its start-up."""
    folder = session.fresh(f"{NAME}-attached")
    folder.mkdir()

    def attach(point: BackedUp) -> Contender:
        return lambda number: ours.attach(point.repository, folder / f"{point.repository.name}-{number}.duckdb")

    def plan(point: BackedUp) -> Contender:
        return lambda number: peers.plan_query(folder / f"{point.repository.name}-{number}.duckdb")

    contenders: dict[str, Contender] = {
        "start-plain": lambda _: peers.start_plain(),
        "start-extension": lambda _: peers.start_extension(),
    }
    for name, point in (("large", large), ("small", small)):
        if point.first.usable:
            contenders |= {f"attach {name}": attach(point), f"plan {name}": plan(point)}
    timed = interleave(session, contenders, runs=session.runs * MANY)
    for name, point in (("large", large), ("small", small)):
        timed.setdefault(f"attach {name}", point.first)
        timed.setdefault(f"plan {name}", point.first)

    def opening(name: str) -> float:
        begun = timed[f"attach {name}"].seconds + timed[f"plan {name}"].seconds
        return max(0.001, begun - timed["start-plain"].seconds - timed["start-extension"].seconds)

    rows = []
    parts = [timed[name] for name in ("attach large", "plan large")]
    what = "attach until the first query has its plan, start-up apart / COPY"
    if broken := unusable(NAME, what, (*parts, copy), at_most(0.1)):
        rows.append(broken)
    else:
        peaks = f"{mebibytes(max(part.peak_bytes for part in parts))} / {mebibytes(copy.peak_bytes)}"
        texts = (f"{opening('large'):.3g} s", f"{copy.seconds:.3g} s")
        rows.append(ratio(NAME, what, (opening("large"), copy.seconds), texts, target=0.1, peaks=peaks))
    what = f"the same at {session.scaled(LARGE):,} files / at {session.scaled(SMALL):,}"
    every = [*parts, timed["attach small"], timed["plan small"]]
    if broken := unusable(NAME, what, every, at_most(1.5)):
        rows.append(broken)
    else:
        texts = (f"{opening('large'):.3g} s", f"{opening('small'):.3g} s")
        rows.append(ratio(NAME, what, (opening("large"), opening("small")), texts, target=1.5))
    rows += [
        peak_memory(NAME, "peak memory: attach", timed["attach large"], MEMORY_LIMIT),
        peak_memory(NAME, "peak memory: plan of the first query", timed["plan large"], MEMORY_LIMIT),
    ]
    return rows


def size_below(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
