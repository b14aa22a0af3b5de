"""What a check found, in a few words."""

from __future__ import annotations

from canvasback.model.plurals import many
from canvasback.model.results.check import CheckResult


def verdict(result: CheckResult) -> str:
    """Whether the lake is sound, and if not, how much of it is lost."""
    lost = sum(health.lost for health in result.tables)
    if lost:
        return f"damaged: {many(lost, 'file')} lost or unreadable"
    if any(finding.severity == "error" for finding in result.findings):
        return "damaged, with all files readable"
    if any(finding.severity == "warning" for finding in result.findings):
        return "sound, with warnings"
    return "sound"
