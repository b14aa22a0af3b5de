"""What has to change in a bucket of Google's for a mechanism to be on. Documents in, requests out.

A request replaces the parts of the bucket that it names as a whole, so that each repeats what was there, as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from canvasback.clouds.draft import Draft
from canvasback.clouds.gcs_answers import (
    DAY,
    lifecycle_rules,
    retention_seconds,
    soft_delete_seconds,
    takes_live,
    versioning,
)
from canvasback.errors import UsageError
from canvasback.model.plans.protect_enable import Step, Wish
from canvasback.model.protection.lake import shown_days

UPDATE = "storage.buckets.update"
USUAL_SOFT_DELETE, MOST_SOFT_DELETE = 7, 90
"""The days that Google gives a bucket unasked, which are also the fewest, and the most that it takes."""


def keep_versions(draft: Draft, name: str, url: str, wish: Wish, bucket: Mapping[str, Any]) -> None:
    """Let a bucket keep old versions, where days are asked for at least so many of them, by one request.

    A rule that takes versions away sooner is made to wait. A new rule is only added in a bucket that never kept
    versions: in another one it would delete some.

    Args:
        draft: Told what it takes.
        name: The bucket.
        url: The same as a URL.
        wish: For how many days, and below which prefix.
        bucket: What Google says of it.
    """
    body: dict[str, Any] = {}
    words: list[str] = []
    if versioning(bucket) == "on":
        draft.kept.append(f"{url} keeps versions already")
    else:
        body["versioning"] = {"enabled": True}
        words.append("what is deleted or overwritten from now on stays as an old version")
    if wish.days is not None:
        rules = _rules_that_wait(draft, url, wish, bucket, words)
        if rules is not None:
            body["lifecycle"] = {"rule": rules}
    if body:
        _patch(draft, name, url, "; ".join(words), body, bucket)


def _rules_that_wait(
    draft: Draft, url: str, wish: Wish, bucket: Mapping[str, Any], words: list[str]
) -> list[dict[str, Any]] | None:
    """The lifecycle rules as they have to be; None where they are as they should."""
    assert wish.days is not None
    before = [dict(rule) for rule in bucket.get("lifecycle", {}).get("rule", [])]
    values = lifecycle_rules(bucket)
    touching = [
        number for number, rule in enumerate(values) if rule.noncurrent_after is not None and rule.touches(wish.prefix)
    ]
    short = [number for number in touching if (values[number].noncurrent_after or 0) < wish.days]
    for number in [one for one in short if takes_live(before[one].get("condition", {}))]:
        short.remove(number)
        draft.remarks.append(
            f"The lifecycle rule {values[number].id} of {url} deletes files by their age, and old versions with them: "
            "it is left as it is. Limit it to prefixes that are not the lake's."
        )
    if touching and not short:
        least = min(values[number].noncurrent_after or 0 for number in touching)
        if least >= wish.days:
            draft.kept.append(f"{url} keeps old versions for {shown_days(least)} already")
        return None
    if not touching and "versioning" in bucket:
        draft.kept.append(f"no rule of {url} deletes old versions")
        draft.remarks.append(
            f"A rule that deletes versions after {wish.days} days might delete some that are there: it is not added. "
            "Where their cost matters more, add it yourself."
        )
        return None
    for number in short:
        condition = {**before[number].get("condition", {}), "daysSinceNoncurrentTime": wish.days}
        before[number] = {**before[number], "condition": condition}
        words.append(
            f"the lifecycle rule {values[number].id} keeps old versions for {wish.days} days, and not for "
            f"{values[number].noncurrent_after}"
        )
    if not touching:
        condition = {"daysSinceNoncurrentTime": wish.days, **({"matchesPrefix": [wish.prefix]} if wish.prefix else {})}
        before.append({"action": {"type": "Delete"}, "condition": condition})
        words.append(f"a lifecycle rule deletes old versions {wish.days} days after they were deleted or replaced")
    others = len(before) - (len(short) or 1)
    words.append(f"{others} other rule{'' if others == 1 else 's'} as before")
    return before


def keep_deleted(draft: Draft, name: str, url: str, wish: Wish, bucket: Mapping[str, Any]) -> None:
    """Let what is deleted be brought back for a time, which is only made longer.

    Args:
        draft: Told what it takes.
        name: The bucket.
        url: The same as a URL.
        wish: For how many days at least.
        bucket: What Google says of it.

    Raises:
        UsageError: Google takes no such number of days (``days-not-understood``).
    """
    days = max(wish.days or USUAL_SOFT_DELETE, USUAL_SOFT_DELETE)
    if days > MOST_SOFT_DELETE:
        raise UsageError(
            "days-not-understood",
            f"soft delete of {url} cannot be for {days} days",
            hint=f"Google takes {USUAL_SOFT_DELETE} to {MOST_SOFT_DELETE}. Versioning keeps for longer.",
        )
    found = soft_delete_seconds(bucket)
    if found >= days * DAY:
        draft.kept.append(f"{url} keeps what is deleted for {shown_days(found / DAY)} already")
        return
    body = {"softDeletePolicy": {"retentionDurationSeconds": str(days * DAY)}}
    was = f", and not for {shown_days(found / DAY)}" if found else ""
    _patch(draft, name, url, f"what is deleted or overwritten can be brought back for {days} days{was}", body, bucket)
    draft.remarks.append(
        "It holds for the whole bucket, and for what is deleted from now on. Each file that DuckLake deletes is paid "
        "for until its time is over."
    )


def lock_objects(draft: Draft, name: str, url: str, wish: Wish, bucket: Mapping[str, Any]) -> None:
    """Let nobody delete what is younger than so many days. The time is only made longer, and stays once it is locked.

    Args:
        draft: Told what it takes.
        name: The bucket.
        url: The same as a URL.
        wish: For how many days at least; in mode ``compliance`` nobody can take it away again.
        bucket: What Google says of it.
    """
    assert wish.days is not None
    found = retention_seconds(bucket)
    locked = bool(bucket.get("retentionPolicy", {}).get("isLocked"))
    seconds = max(found or 0, wish.days * DAY)
    policy = {"retentionPolicy": {"retentionPeriod": str(seconds)}}
    days = shown_days(seconds / DAY)
    if found == seconds:
        state = "for good" if locked else "as long as nobody takes that away"
        draft.kept.append(f"nobody deletes from {url} what is younger than {days} already, {state}")
    else:
        _patch(draft, name, url, f"nobody can delete or replace what is younger than {days}", policy, bucket)
        draft.remarks.append(
            "It holds for the whole bucket, and for files that are there already. DuckLake's cleanup fails on younger "
            "files: set its option delete_older_than to more days than that."
        )
    if wish.mode == "compliance" and not locked:
        draft.changes.append(
            Step(
                words=f"{url}: that can never be taken away or made shorter again, by nobody",
                call="lock_retention_policy",
                request={"bucket": name},
                needs=(UPDATE,),
                resource=f"projects/_/buckets/{name}",
                bucket=url,
                expects=policy,
            )
        )
        draft.remarks.append("A retention policy that is locked cannot be unlocked, and its bucket goes when it ends.")


def _patch(draft: Draft, name: str, url: str, words: str, body: dict[str, Any], bucket: Mapping[str, Any]) -> None:
    draft.changes.append(
        Step(
            words=f"{url}: {words}",
            call="patch_bucket",
            request={"bucket": name, "body": body},
            needs=(UPDATE,),
            resource=f"projects/_/buckets/{name}",
            bucket=url,
            expects={part: bucket.get(part) for part in body},
        )
    )
