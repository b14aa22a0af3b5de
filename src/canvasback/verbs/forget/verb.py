"""forget: hide points that are not needed any more, until a prune deletes what only they name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from canvasback.catalog.connections import connect
from canvasback.model.clock import now
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.forget import ForgetResult
from canvasback.model.retention import Policy
from canvasback.repository.register import ATTEMPTS, StoredRegister, find_register, register_busy
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.reach import reach_of
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder
from canvasback.verbs.forget.plan import Planning

_MEMORY = "256MB"
"""What millions of files are compared in; the rest is spilled, and takes no longer."""


@translates_errors
def forget(
    repository: str,
    *,
    points: Sequence[str] = (),
    policy: Policy | None = None,
    dry_run: bool = False,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> ForgetResult:
    """Hide points, in one step, until `unforget` brings them back. Nothing is deleted.

    Of those that are not forgotten yet a policy says which stay. The newest point that can be read always does, and so
    does one that is held; one that cannot be read stays unless it is named.

    Args:
        repository: The repository, a folder or a URL.
        points: The points to forget: ids, or unique beginnings of them; the policy is not asked then.
        policy: Says which points stay.
        dry_run: Make the plan only.
        stores: How to reach object stores; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Returns:
        What was done, or would be: each point with the reasons, and what can be restored no more without those that go.

    Raises:
        UsageError: The policy keeps nothing (``keeps-nothing``), or a point that was named is not there.
        RefusedError: The newest point was named (``newest-point``) or one that is held (``held-point``), or the clock
            is behind the newest point (``clock-behind``); nothing was changed.
        CorruptError: The register is damaged (``register-corrupt``); nothing was changed.
    """
    run = Run.begin(stores=stores, progress=progress, clock=clock)
    store = open_repository(run.stores, repository).store
    for _ in range(ATTEMPTS):
        found = find_register(store)
        plan = _plan(store, found, run, points, policy or Policy(), dry_run=dry_run)
        if dry_run or not plan.forgotten:
            return plan
        at = run.now()
        if found.replace(found.register.forget(plan.forgotten, at, plan.reason), at):
            return plan
        # Somebody else said something of points meanwhile: one that goes may be held now.
    raise register_busy(store)


def _plan(
    store: Store, found: StoredRegister, run: Run, points: Sequence[str], policy: Policy, *, dry_run: bool
) -> ForgetResult:
    with temporary_folder() as folder, connect(folder, memory=_MEMORY, reach=reach_of(store)) as connection:
        planning = Planning(
            connection=connection, store=store, register=found.register, now=run.now(), progress=run.progress
        )
        return planning.plan(points, policy, dry_run=dry_run)
