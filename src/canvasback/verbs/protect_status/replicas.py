"""The buckets to which a lake's files are copied, and how the copies of some of them fare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from canvasback.clouds.guard import Copy, Guard, open_guard
from canvasback.errors import AccessDeniedError, CanvasbackError
from canvasback.model.protection.bucket import BucketProtection, Part, ReplicationRule, Unseen
from canvasback.model.protection.findings import LAG
from canvasback.model.protection.lake import Replica, Sample
from canvasback.storage.bucket.place import BucketPlace
from canvasback.storage.bucket.service import StoreOptions
from canvasback.storage.locations import Stores


def find_replicas(
    bucket: BucketProtection, prefix: str, copies: Sequence[Copy], stores: Stores, source: BucketPlace, now: datetime
) -> tuple[Replica, ...]:
    """The replicas by the rules that are about the lake's files.

    Args:
        bucket: What the lake's bucket has.
        prefix: What the keys of the lake's files begin with.
        copies: What the service says of the copies of some of them.
        stores: Knows how to reach the other buckets.
        source: How the lake's bucket is reached; the other ones are too, where nothing else is said.
        now: The time.
    """
    rules = [rule for rule in bucket.replication if rule.covers(prefix)]
    return tuple(_replica(rule, copies, stores, source, now) for rule in rules)


def _replica(
    rule: ReplicationRule, copies: Sequence[Copy], stores: Stores, source: BucketPlace, now: datetime
) -> Replica:
    try:
        place = stores.place(rule.destination)
        assert place is not None
        if place.options == StoreOptions():
            place = msgspec.structs.replace(place, options=source.options)
        guard = open_guard(place)
        protection = guard.look()
    except CanvasbackError as error:
        return Replica(url=rule.destination, rule=rule.id, problem=error.message, sample=sampled(copies, None, now))
    presence, unseen = _presence(guard, [copy.key for copy in copies])
    if unseen is not None:
        protection = msgspec.structs.replace(protection, unseen=(*protection.unseen, unseen))
    return Replica(url=rule.destination, rule=rule.id, protection=protection, sample=sampled(copies, presence, now))


def _presence(guard: Guard, keys: Iterable[str]) -> tuple[list[bool] | None, Unseen | None]:
    try:
        return guard.has(keys), None
    except AccessDeniedError as error:
        return None, Unseen(part=Part.REPLICA, needs="the right to read and list objects there", reason=error.message)


def sampled(copies: Sequence[Copy], presence: Sequence[bool] | None, now: datetime) -> Sample | None:
    """How the copies fare. What is there has arrived, whoever brought it.

    Args:
        copies: What the service says of each.
        presence: Whether each is there; None where nobody may look.
        now: The time.
    """
    if not copies:
        return None
    counts = dict.fromkeys(("arrived", "pending", "failed", "never", "absent", "gone"), 0)
    waiting: list[datetime] = []
    example = ""
    for number, copy in enumerate(copies):
        state = _state(copy, None if presence is None else presence[number], now)
        counts[state] += 1
        if state == "pending" and copy.written is not None:
            waiting.append(copy.written)
        if state in {"failed", "absent"} and not example:
            example = copy.key
    return Sample(
        files=len(copies),
        **counts,
        oldest_pending=min(waiting, default=None),
        checked=presence is not None,
        example=example,
    )


def _state(copy: Copy, there: bool | None, now: datetime) -> str:  # noqa: FBT001 - three answers, not a flag
    if copy.state == "gone":
        return "gone"
    if there:
        return "arrived"
    if copy.state == "untold":
        young = copy.written is not None and now - copy.written <= LAG
        return "pending" if young or there is None else "never"
    return "absent" if copy.state == "arrived" and there is False else copy.state
