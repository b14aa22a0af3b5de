"""protect status: what a cloud does for a lake's files by itself, and whether it suffices. Looks, and never writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from canvasback.checks.protected_place import ProtectedPlace, find_protected
from canvasback.clouds.guard import Copy, Guard, open_guard
from canvasback.errors import AccessDeniedError
from canvasback.model.clock import now
from canvasback.model.finding import Findings
from canvasback.model.protection.bucket import Part, Unseen
from canvasback.model.protection.findings import protection_findings
from canvasback.model.protection.verdicts import Situation, verdicts
from canvasback.model.results.protect_status import ProtectStatusResult
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.verbs.protect_status.replicas import find_replicas

SAMPLE = 20


@translates_errors
def protect_status(
    lake: str,
    repository: str | None = None,
    *,
    data_path: str | None = None,
    sample: int = SAMPLE,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> ProtectStatusResult:
    """Tell what a cloud does for a lake's files by itself, and what becomes of them in each disaster. Changes nothing.

    What may not be seen is a finding, and the verdicts that depend on it say so.

    Args:
        lake: The lake, as in ATTACH; or a folder or URL, which need not be a lake's.
        repository: The lake's repository, if its points are to count.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        sample: Of how many of the newest files, and of how many of the oldest, the copies are looked at.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Raises:
        UsageError: It is neither a lake nor a location that is supported.
        LakeError: The catalog cannot be read.
        RefusedError: The repository is of another lake (``other-lake``).
        StorageError: There is no such bucket, there are no credentials, or the service does not answer.
    """
    run = Run.begin(stores=stores, clock=clock)
    moment = run.now()
    protected = find_protected(lake, run.stores, repository=repository, data_path=data_path, sample=sample)
    situation = _look(protected, run, moment, sample)
    findings = Findings()
    findings.extend(protection_findings(situation))
    return ProtectStatusResult(
        lake=situation.facts.lake,
        data_path=situation.facts.data_path,
        time=moment,
        facts=situation.facts,
        bucket=situation.bucket,
        replicas=situation.replicas,
        verdicts=verdicts(situation),
        seconds=run.seconds,
        findings=findings.kept,
        finding_counts=findings.counts,
    )


def _look(protected: ProtectedPlace, run: Run, moment: datetime, sample: int) -> Situation:
    facts, place = protected.facts, protected.place
    if place is None:
        return Situation(bucket=None, replicas=(), facts=facts, now=moment)
    guard = open_guard(place)
    bucket = guard.look()
    copies, unseen = _copies(guard, protected, sample)
    if unseen is not None:
        bucket = msgspec.structs.replace(bucket, unseen=(*bucket.unseen, unseen))
    written = [copy.written for copy in copies if copy.written is not None]
    return Situation(
        bucket=bucket,
        replicas=find_replicas(bucket, facts.prefix, copies, run.stores, place, moment),
        facts=msgspec.structs.replace(facts, oldest_file=min(written, default=None)),
        now=moment,
    )


def _copies(guard: Guard, protected: ProtectedPlace, sample: int) -> tuple[list[Copy], Unseen | None]:
    """What the service says of the copies of some files."""
    try:
        keys = protected.keys
        if keys is None:
            keys = tuple(guard.first_keys(protected.facts.prefix, sample)) if sample else ()
        return guard.copies(keys), None
    except AccessDeniedError as error:
        return [], Unseen(part=Part.REPLICA, needs="the right to read and list objects", reason=error.message)
