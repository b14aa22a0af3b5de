"""What a cloud does for a lake's files, and what becomes of them in each disaster."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.finding import Finding
from canvasback.model.protection.bucket import BucketProtection
from canvasback.model.protection.lake import LakeFacts, Replica
from canvasback.model.protection.verdicts import Verdict


class ProtectStatusResult(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.protect-status/1"
):
    """What protects a lake's files was looked at. Nothing was changed.

    Attributes:
        lake: The catalog; empty where a place was looked at that is no lake's.
        data_path: Where the files are.
        time: When that was.
        facts: What is to be protected.
        bucket: What the bucket has; null where the files are in none.
        replicas: The buckets to which it is copied.
        verdicts: What becomes of the files in each disaster.
        seconds: How long it took.
        findings: What is wrong with it, or could not be seen.
        finding_counts: How many of each code.
    """

    lake: str
    data_path: str
    time: datetime
    facts: LakeFacts
    bucket: BucketProtection | None
    replicas: tuple[Replica, ...]
    verdicts: tuple[Verdict, ...]
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
