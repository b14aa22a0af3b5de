"""unforget: forgotten points are there again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from canvasback.model.clock import now
from canvasback.model.register import Register
from canvasback.model.results.forget import UnforgetResult
from canvasback.repository.points import choose_point, stored_points
from canvasback.repository.register import change_register
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores


@translates_errors
def unforget(
    repository: str,
    *,
    points: Sequence[str],
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> UnforgetResult:
    """Bring forgotten points back, in one step, with all that was said of them.

    Args:
        repository: The repository, a folder or a URL.
        points: Their ids, or beginnings of them that no other forgotten point has.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Returns:
        The points that are there again.

    Raises:
        UsageError: No forgotten point is meant (``unknown-point``), or several are (``ambiguous-point``).
        RefusedError: What one of them names is being deleted (``point-pruned``); none was brought back.
        CorruptError: The register is damaged (``register-corrupt``); nothing was changed.
    """
    store = open_repository(stores or Stores(), repository).store
    found: list[str] = []

    def bring_back(register: Register) -> Register:
        forgotten = [id_ for id_ in stored_points(store) if id_ in register.forgotten()]
        found[:] = sorted({choose_point(store.url, forgotten, one) for one in points})
        return register.unforget(found)

    change_register(store, clock, bring_back)
    return UnforgetResult(repository=store.url, points=tuple(found))
