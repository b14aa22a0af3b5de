"""protect enable: switch on what a cloud can do for a lake's files by itself. It adds, and takes nothing away."""

from __future__ import annotations

import msgspec

from canvasback.checks.protected_place import find_protected
from canvasback.clouds.enabler import Enabler, open_enabler
from canvasback.errors import AccessDeniedError, RefusedError, UsageError
from canvasback.model.finding import Finding, Findings
from canvasback.model.lock import MOST_DAYS
from canvasback.model.plans.protect_enable import Mechanism, ProtectPlan, Wish
from canvasback.model.results.protect_enable import ProtectEnableResult
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run


@translates_errors
def protect_enable(
    lake: str,
    *,
    mechanism: Mechanism | str,
    days: int | None = None,
    to: str = "",
    role: str = "",
    account: str = "",
    deletes: bool = False,
    mode: str = "",
    vault: str = "",
    schedule: str = "",
    data_path: str | None = None,
    explain: bool = False,
    dry_run: bool = False,
    stores: Stores | None = None,
) -> ProtectEnableResult:
    """Switch on what a cloud can do for a lake's files by itself, so far as it is not on.

    It adds and strengthens. What is there already stays: longer times, other rules, firmer locks. Where a right is
    lacking it says which, with the documents for who can grant it.

    Args:
        lake: The lake, as in ATTACH; or the URL of a bucket or of a prefix.
        mechanism: ``versioning``, ``replication``, ``soft-delete``, ``backup`` or ``lock``.
        days: For how many days at least old versions, what was deleted, backups or locks are kept.
        to: The bucket that is copied to, for ``replication``.
        role: The role in whose name the service copies or makes backups, for ``replication`` and ``backup``.
        account: The account that owns the other bucket, where it is another one.
        deletes: Let ``replication`` copy deletions too.
        mode: ``governance`` or ``compliance``, for ``lock``: whether somebody may lift it.
        vault: Where backups go, for ``backup``.
        schedule: When they are made, as the service writes it.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        explain: Only tell the rights and roles that it takes, and the same as Terraform; nothing of the bucket is read.
        dry_run: Make the plan only.
        stores: How to reach object stores; by each cloud's own configuration if None.

    Returns:
        What was done. With findings, a right is lacking or something did not come of it.

    Raises:
        UsageError: There is no such mechanism (``unknown-mechanism``), an option is lacking (``option-missing``), or
            cannot be (``days-not-understood``, ``lock-not-understood``, ``replica-not-understood``).
        RefusedError: The files are in no bucket (``not-in-a-bucket``), the cloud has no such mechanism
            (``protection-unsupported``), or somebody changed the bucket meanwhile (``protection-changed``).
        StorageError: The service does not take it (``protection-refused``), there is no such bucket, or it does not
            answer.
    """
    run = Run.begin(stores=stores)
    wanted = Mechanism.of(mechanism)
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise UsageError(
            "days-not-understood", f"{days} is no number of days here", hint=f"Give one from 1 to {MOST_DAYS}."
        )
    found = find_protected(lake, run.stores, data_path=data_path)
    if found.place is None:
        raise RefusedError(
            "not-in-a-bucket",
            f"{found.facts.data_path} is no place in a bucket, and has nothing of a cloud that could be switched on",
            hint="Make points of it in another place: canvasback backup.",
        )
    wish = Wish(
        mechanism=wanted,
        prefix=found.place.prefix,
        days=days,
        to=to,
        role=role,
        account=account,
        deletes=deletes,
        mode=mode,
        vault=vault,
        schedule=schedule,
    )
    enabler = open_enabler(found.place, run.stores)
    findings = Findings()
    plan, done = _plan(enabler, wish, findings, explain=explain), 0
    if not (dry_run or explain):
        done = _carry_out(enabler, plan, findings)
        if plan.changes and done == len(plan.changes):
            findings.extend(_left(enabler, wish))
    return ProtectEnableResult(
        bucket=plan.bucket,
        mechanism=plan.mechanism,
        prefix=wish.prefix,
        steps=plan.steps,
        done=done,
        dry_run=dry_run or explain,
        kept=plan.kept,
        remarks=plan.remarks,
        documents=plan.documents,
        terraform=plan.terraform,
        seconds=run.seconds,
        findings=findings.kept,
        finding_counts=findings.counts,
    )


def _plan(enabler: Enabler, wish: Wish, findings: Findings, *, explain: bool) -> ProtectPlan:
    if explain:
        return enabler.explain(wish)
    try:
        return enabler.plan(wish)
    except AccessDeniedError as error:
        # What may not be seen might be lost by a request that replaces it: nothing is done.
        findings.add(_lacking(enabler.url, error))
        return msgspec.structs.replace(enabler.explain(wish), changes=())


def _carry_out(enabler: Enabler, plan: ProtectPlan, findings: Findings) -> int:
    """Make the changes one after the other, and answer how many were made."""
    for number, step in enumerate(plan.changes):
        try:
            enabler.carry_out(step)
        except AccessDeniedError as error:
            findings.add(_lacking(step.bucket, error))
            return number
    return len(plan.changes)


def _lacking(where: str, error: AccessDeniedError) -> Finding:
    return Finding("right-lacking", "error", where, error.message, error.hint)


def _left(enabler: Enabler, wish: Wish) -> list[Finding]:
    """What the service took and did not do, as a second plan tells."""
    return [
        Finding(
            "not-in-effect",
            "error",
            step.bucket,
            f"the service took the request, and does not show that {step.words}",
            "Look at it again in a minute with protect status; if it stays so, the service has no such thing.",
        )
        for step in enabler.plan(wish).changes
    ]
