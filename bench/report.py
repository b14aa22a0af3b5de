"""Rows of the result table and their Markdown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.measure import Samples

MIB = 2**20
NOTHING = "-"


@dataclass(frozen=True)
class Row:
    """One line of the table: one claim, or one number for information."""

    case: str
    what: str
    ours: str = NOTHING
    peer: str = NOTHING
    value: str = NOTHING
    target: str = NOTHING
    result: str = NOTHING
    peaks: str = NOTHING
    failures: tuple[str, ...] = ()


def ratio_of_times(case: str, what: str, ours: Samples, peer: Samples, target: float | None) -> Row:
    """Ours over the peer's, by medians of wall time; without a target the row is for information."""
    if broken := unusable(case, what, (ours, peer), at_most(target)):
        return replace(
            broken,
            ours=seconds(ours) if ours.usable else NOTHING,
            peer=seconds(peer) if peer.usable else NOTHING,
        )
    peaks = f"{mebibytes(ours.peak_bytes)} / {mebibytes(peer.peak_bytes)}"
    return ratio(case, what, (ours.seconds, peer.seconds), (seconds(ours), seconds(peer)), target=target, peaks=peaks)


def ratio_of_processor_times(case: str, what: str, ours: Samples, peer: Samples, target: float | None) -> Row:
    """The same by medians of processor time, for what is too short for a clock on the wall."""
    if broken := unusable(case, what, (ours, peer), at_most(target)):
        return broken
    numbers = (ours.cpu_seconds, peer.cpu_seconds)
    texts = (f"{numbers[0] * 1000:.1f} ms", f"{numbers[1] * 1000:.1f} ms")
    peaks = f"{mebibytes(ours.peak_bytes)} / {mebibytes(peer.peak_bytes)}"
    return ratio(case, what, numbers, texts, target=target, peaks=peaks)


def ratio(
    case: str,
    what: str,
    numbers: tuple[float, float],
    texts: tuple[str, str],
    *,
    target: float | None,
    peaks: str = NOTHING,
) -> Row:
    """The first of two numbers over the second, judged against the target if there is one."""
    value = numbers[0] / numbers[1]
    return Row(
        case,
        what,
        *texts,
        value=f"{value:.2f}",
        target=at_most(target),
        result="for information" if target is None else verdict(met=value <= target),
        peaks=peaks,
    )


def peak_memory(case: str, what: str, samples: Samples, limit_bytes: int) -> Row:
    """The largest resident memory of one contender, which has to stay below a limit."""
    limit = f"< {mebibytes(limit_bytes)}"
    if broken := unusable(case, what, (samples,), limit):
        return broken
    value = mebibytes(samples.peak_bytes)
    return Row(
        case,
        what,
        value=value,
        target=limit,
        result=verdict(met=samples.peak_bytes < limit_bytes),
        peaks=value,
    )


def bytes_at_most(case: str, what: str, value: int, limit: int) -> Row:
    """A number of bytes with an absolute limit."""
    return Row(
        case,
        what,
        ours=mebibytes(value, 2),
        value=mebibytes(value, 2),
        target=f"≤ {mebibytes(limit)}",
        result=verdict(met=value <= limit),
    )


def information(case: str, what: str, samples: Samples) -> Row:
    """One contender's time and memory, without a judgement."""
    if broken := unusable(case, what, (samples,), NOTHING):
        return broken
    return Row(
        case,
        what,
        ours=seconds(samples),
        result="for information",
        peaks=mebibytes(samples.peak_bytes),
    )


def counted(case: str, what: str, numbers: tuple[float, float]) -> Row:
    """Two counts side by side, without a judgement."""
    texts = (f"{numbers[0]:.2f}", f"{numbers[1]:.2f}")
    return ratio(case, what, numbers, texts, target=None)


def not_measured(case: str, reason: str) -> Row:
    """The only row of a case whose lake could not be made."""
    return Row(case, "everything", result="not measured", failures=(reason,))


def unusable(case: str, what: str, every: Sequence[Samples], target: str) -> Row | None:
    """A row that says why there is no number, or None if every contender was measured."""
    failures = tuple(f"{samples.name}: {samples.failure or 'not run'}" for samples in every if not samples.usable)
    return Row(case, what, target=target, result="not measured", failures=failures) if failures else None


def at_most(target: float | None) -> str:
    """The cell of an upper bound for a ratio."""
    return NOTHING if target is None else f"≤ {target:g}"


def verdict(*, met: bool) -> str:
    """The word for the result column."""
    return "met" if met else "**missed**"


def seconds(samples: Samples) -> str:
    """Median with the shortest and the longest run."""
    low, high = samples.spread
    return f"{samples.seconds:.3g} s ({low:.3g} to {high:.3g})"


def mebibytes(size: float, digits: int = 0) -> str:
    """A size in MiB."""
    return f"{size / MIB:.{digits}f} MiB"


def markdown(rows: Sequence[Row], heading: str, notes: Sequence[str]) -> str:
    """The whole answer: heading, notes, one table, and what failed."""
    lines = [f"## {heading}", "", *(f"- {text}" for text in notes), ""]
    lines.append("| case | what | ours | peer | ratio or value | target | result | peak memory (ours / peer) |")
    lines.append("|---|---|---|---|---|---|---|---|")
    for row in rows:
        cells = (row.case, row.what, row.ours, row.peer, row.value, row.target, row.result, row.peaks)
        lines.append("| " + " | ".join(cells) + " |")
    failures = list(dict.fromkeys(failure for row in rows for failure in row.failures))
    if failures:
        lines += ["", "Not measured:", "", *(f"- {failure}" for failure in failures)]
    return "\n".join(lines)
