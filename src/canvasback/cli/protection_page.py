"""What a cloud does for a lake as one self-contained web page."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from canvasback.cli.control_characters import all_visible
from canvasback.cli.text.protection import (
    DISASTERS,
    cover_words,
    part_words,
    protection_headline,
    title_of,
    verdict_words,
)
from canvasback.model.moment import spelled
from canvasback.model.plurals import many
from canvasback.model.results.protect_status import ProtectStatusResult


def protection_page(result: ProtectStatusResult) -> str:
    """The page. It names nothing outside of itself: no script, no font, no picture is fetched."""
    result = all_visible(result)
    environment = Environment(
        loader=PackageLoader("canvasback.cli", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    severities = {finding.severity for finding in result.findings}
    looked_at = [("", result.bucket), *(("Replica: ", replica.protection) for replica in result.replicas)]
    return environment.get_template("protection.html.j2").render(
        result=result,
        headline=protection_headline(result),
        worst=next((severity for severity in ("error", "warning") if severity in severities), "sound"),
        buckets=[
            (role + title_of(bucket), part_words(bucket, result.facts.prefix).items())
            for role, bucket in looked_at
            if bucket is not None
        ],
        cures=list(dict.fromkeys(finding.cure for finding in result.findings if finding.cure)),
        disasters=DISASTERS,
        cover_words=cover_words,
        verdict_words=verdict_words,
        many=many,
        spelled=spelled,
    )
