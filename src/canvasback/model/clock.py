"""The clock of whoever does not bring one, and whether a clock can be believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from canvasback.errors import RefusedError
from canvasback.model.moment import spelled

_SKEW = timedelta(minutes=1)
"""How far the clock of whoever made the newest point may be ahead of ours."""


def now() -> datetime:
    """The time, UTC; verbs take a function like this as their clock."""
    return datetime.now(UTC)


def refuse_clock_behind(newest: datetime | None, moment: datetime) -> None:
    """See that it is not earlier than when the newest point was made.

    Args:
        newest: When that was; None where there is no point.
        moment: The time by our clock.

    Raises:
        RefusedError: It is, by more than clocks may differ (``clock-behind``).
    """
    if newest is not None and newest > moment + _SKEW:
        raise RefusedError(
            "clock-behind",
            f"by the clock it is {spelled(moment)}, and the newest point is of {spelled(newest)}",
            hint="Set the clock: what is kept and what is deleted depends on it.",
        )
