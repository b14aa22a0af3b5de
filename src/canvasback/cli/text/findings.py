"""Findings, as text."""

from __future__ import annotations

from canvasback.cli.text.shown import SHOWN, left_out
from canvasback.model.finding import Finding


def findings_lines(findings: tuple[Finding, ...], counts: dict[str, int]) -> list[str]:
    """The first findings, how many there are of each kind, and what to do about them."""
    if not counts:
        return []
    total = sum(counts.values())
    lines = ["", f"{total:,} finding{'s' if total != 1 else ''}: " + ", ".join(f"{n:,} {c}" for c, n in counts.items())]
    cures: list[str] = []
    for finding in findings[:SHOWN]:
        lines.append(f"  {finding.severity}: {finding.where}: {finding.message} [{finding.code}]")
        if finding.cure and finding.cure not in cures:
            cures.append(finding.cure)
    return lines + left_out(total) + [f"  hint: {cure}" for cure in cures]
