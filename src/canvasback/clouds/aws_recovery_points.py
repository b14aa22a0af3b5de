"""What AWS Backup holds of a bucket of S3, and which of it can hold a file as it was."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

SETTLED = timedelta(minutes=5)
"""How far the clock that a commit was noted by may be behind that of S3."""

_BEFORE = timedelta(seconds=2)
"""So long before it was surely damaged something was still whole: S3 tells whole seconds."""


class AwsRecoveryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What AWS Backup saved of a bucket: all of it at one time, or each change of it from one time to another.

    Attributes:
        arn: Its name at AWS.
        vault: The vault that holds it.
        since: The time that it is of; of a continuous one, the earliest that it can bring back.
        until: Of a continuous one, the latest time that it can bring back, as far as it is known; None for one that is
            of a single time.
    """

    arn: str
    vault: str
    since: datetime
    until: datetime | None = None

    @property
    def continuous(self) -> bool:
        """Whether any time of a span can be brought back."""
        return self.until is not None


class State(msgspec.Struct, frozen=True):
    """The state of a bucket at one time, as a recovery point holds it.

    Attributes:
        point: The recovery point.
        at: The time.
    """

    point: AwsRecoveryPoint
    at: datetime


class LostObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object of which a copy is looked for, and what is known of when it was whole.

    Attributes:
        key: Its key.
        since: It was there from then on.
        until: It was damaged, or gone, by then at the latest; None where nobody knows when that was.
        tried: The recovery points that were seen to be of no use, by their ARNs.
    """

    key: str
    since: datetime
    until: datetime | None = None
    tried: frozenset[str] = frozenset()

    def absent_from(self, state: State) -> LostObject:
        """What is known once a state turned out not to have it: it came later, or rather had been deleted by then."""
        tried = self.tried | {state.point.arn}
        late = state.at - self.since <= SETTLED
        return msgspec.structs.replace(self, tried=tried, until=self.until if late else _earlier(self.until, state.at))

    def damaged_in(self, state: State) -> LostObject:
        """What is known once a state turned out to have it damaged."""
        tried = self.tried | {state.point.arn}
        return msgspec.structs.replace(self, tried=tried, until=_earlier(self.until, state.at))

    def in_any(self) -> LostObject:
        """The same where somebody else knows better which recovery point to take."""
        return msgspec.structs.replace(self, since=datetime.min.replace(tzinfo=UTC), until=None)

    def state_in(self, point: AwsRecoveryPoint) -> State | None:
        """The earliest state of a recovery point that should have it whole; None where there is none.

        The earlier, the less was damaged by then of what nobody knows when it was.
        """
        if point.arn in self.tried:
            return None
        if point.until is None:
            at = point.since
        else:
            # Where it was whole until a known time, just before that is surer than the clock of its commit.
            at = self.since + SETTLED if self.until is None else self.until - _BEFORE
            at = whole_second(min(max(at, point.since), point.until))
        whole = self.since <= at and (self.until is None or at < self.until)
        return State(point, at) if whole else None


def whole_second(moment: datetime) -> datetime:
    """A time as AWS Backup takes it: cut to a second, in UTC."""
    return moment.astimezone(UTC).replace(microsecond=0)


def choose_states(lost: Iterable[LostObject], points: Iterable[AwsRecoveryPoint]) -> dict[State, list[LostObject]]:
    """Choose as few states as hold all objects that any holds: each job has a price, and a whole state costs one job.

    The object that came last has the fewest states; the earliest one that has it has the most of the others too.

    Args:
        lost: What is looked for.
        points: What there is.

    Returns:
        The states, and the objects to take from each. Objects that no state can have are in none.
    """
    known = list(points)
    waiting = {item.key: item for item in sorted(lost, key=lambda item: (item.since, item.key), reverse=True)}
    chosen: dict[State, list[LostObject]] = {}
    while waiting:
        last = next(iter(waiting.values()))
        states = [state for point in known if (state := last.state_in(point)) is not None]
        if not states:
            del waiting[last.key]
            continue
        best = min(states, key=lambda state: (state.at, state.point.continuous, state.point.arn))
        for item in [item for item in waiting.values() if _holds(best, item)]:
            chosen.setdefault(best, []).append(item)
            del waiting[item.key]
    return chosen


def _holds(state: State, item: LostObject) -> bool:
    whole = item.since <= state.at and (item.until is None or state.at < item.until)
    return whole and state.point.arn not in item.tried


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)
