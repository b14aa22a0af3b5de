"""tag, note and hold: what people say of a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from canvasback.errors import UsageError
from canvasback.history.times import moment_of
from canvasback.model.clock import now
from canvasback.model.moment import spelled
from canvasback.model.register import Marks, Register, check_note, check_tags
from canvasback.model.results.marks import HoldResult, NoteResult, TagResult
from canvasback.model.retention import after, is_duration
from canvasback.repository.points import find_point
from canvasback.repository.register import change_register
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores


@translates_errors
def tag(
    repository: str,
    point: str = "latest",
    *,
    names: Sequence[str],
    remove: bool = False,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> TagResult:
    """Give names to a point, by which a policy keeps it; or take them away.

    Args:
        repository: The repository, a folder or a URL.
        point: An id, a unique beginning of one, or ``latest``.
        names: The names: letters, digits and ``. _ : + = @ / -``.
        remove: Take these names away; those that it does not have are no error.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Raises:
        UsageError: One can be no name (``tag-not-understood``), or there is no such point.
        RefusedError: The point is forgotten (``point-forgotten``).
        CorruptError: The register is damaged (``register-corrupt``); nothing was changed.
    """
    check_tags(names)
    id_, marks = _say(
        repository,
        point,
        stores,
        clock,
        lambda register, id_: register.untag(id_, names) if remove else register.tag(id_, names),
    )
    return TagResult(point=id_, tags=marks.tags)


@translates_errors
def note(
    repository: str,
    point: str = "latest",
    *,
    text: str,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> NoteResult:
    """Note something of a point, in place of what was noted before.

    Args:
        repository: The repository, a folder or a URL.
        point: An id, a unique beginning of one, or ``latest``.
        text: What to note; empty to take the note away.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Raises:
        UsageError: It is too long (``note-too-long``), or there is no such point.
        RefusedError: The point is forgotten (``point-forgotten``).
        CorruptError: The register is damaged (``register-corrupt``); nothing was changed.
    """
    check_note(text)
    id_, marks = _say(repository, point, stores, clock, lambda register, id_: register.note(id_, text))
    return NoteResult(point=id_, note=marks.note)


@translates_errors
def hold(
    repository: str,
    point: str = "latest",
    *,
    until: str | datetime | None = None,
    release: bool = False,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> HoldResult:
    """Keep a point from being forgotten, whatever a policy says and whoever names it.

    Args:
        repository: The repository, a folder or a URL.
        point: An id, a unique beginning of one, or ``latest``.
        until: Until when: a time with a zone, as ISO 8601 for one, or for how long from now on: ``1y6m``, ``30d``.
            None for ever.
        release: Hold it no longer; ``until`` is ignored.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Raises:
        UsageError: The time cannot be understood (``time-not-understood``) or is past (``time-past``), or there is no
            such point.
        RefusedError: The point is forgotten (``point-forgotten``).
        CorruptError: The register is damaged (``register-corrupt``); nothing was changed.
    """
    end = None if release or until is None else _end_of(until, clock())
    id_, marks = _say(
        repository,
        point,
        stores,
        clock,
        lambda register, id_: register.release(id_) if release else register.hold(id_, end),
    )
    return HoldResult(point=id_, held=marks.held, held_until=marks.held_until)


def _say(
    repository: str,
    point: str,
    stores: Stores | None,
    clock: Callable[[], datetime],
    say: Callable[[Register, str], Register],
) -> tuple[str, Marks]:
    """Say something of a point; its id, and all that is said of it then."""
    store = open_repository(stores or Stores(), repository).store
    id_ = find_point(store, point)
    return id_, change_register(store, clock, lambda register: say(register, id_)).marks(id_)


def _end_of(until: str | datetime, now: datetime) -> datetime:
    if isinstance(until, str) and is_duration(until):
        return after(now, until)
    moment = moment_of(None, until, now)
    assert moment is not None  # a time was given
    end = moment.time
    assert end is not None  # and no snapshot
    if end <= now:
        raise UsageError(
            "time-past",
            f"{spelled(end)} is past, and a point can be held until a time that is yet to come",
            hint="Write a date, or for how long: 30d, 1y6m. To hold it no longer there is hold --release.",
        )
    return end
