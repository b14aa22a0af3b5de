"""What protect enable answers."""

from __future__ import annotations

import msgspec

from canvasback.model.finding import Finding
from canvasback.model.plans.protect_enable import Document


class ProtectEnableResult(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.protect-enable/1"
):
    """A mechanism is switched on, or would be.

    Attributes:
        bucket: The bucket, a URL.
        mechanism: The mechanism.
        prefix: What the keys begin with that it is for; empty for all.
        steps: The changes in words, in order; none where all of it was there.
        done: How many of them were made.
        dry_run: Whether nothing was changed.
        kept: What was there already and stays.
        remarks: What it does not do, or costs.
        documents: The rights that it takes, and roles.
        terraform: The same as a configuration of Terraform, line by line; none where nothing is to be done.
        seconds: How long it took.
        findings: Rights that are lacking, and what did not come of it.
        finding_counts: How many of each code.
    """

    bucket: str
    mechanism: str
    prefix: str
    steps: tuple[str, ...]
    done: int
    dry_run: bool
    kept: tuple[str, ...]
    remarks: tuple[str, ...]
    documents: tuple[Document, ...]
    terraform: tuple[str, ...]
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
