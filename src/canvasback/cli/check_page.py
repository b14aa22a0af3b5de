"""The report of a check as one self-contained web page: who is under stress looks before reading."""

from __future__ import annotations

from collections import Counter

from jinja2 import Environment, PackageLoader, StrictUndefined

from canvasback.cli.control_characters import all_visible
from canvasback.cli.text.size import size
from canvasback.cli.text.verdict import verdict
from canvasback.model.moment import spelled
from canvasback.model.plurals import many
from canvasback.model.results.check import CheckResult

_SHOWN = 500


def check_page(result: CheckResult) -> str:
    """The page. It names nothing outside of itself: no script, no font, no picture is fetched."""
    result = all_visible(result)
    environment = Environment(
        loader=PackageLoader("canvasback.cli", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    severities = Counter(finding.severity for finding in result.findings)
    worst = next((severity for severity in ("error", "warning") if severities[severity]), "sound")
    return environment.get_template("check.html.j2").render(
        result=result,
        verdict=verdict(result),
        worst=worst,
        findings=result.findings[:_SHOWN],
        more=sum(result.finding_counts.values()) - len(result.findings[:_SHOWN]),
        cures=list(dict.fromkeys(finding.cure for finding in result.findings if finding.cure)),
        many=many,
        size=size,
        spelled=spelled,
    )
