"""What has to change in a bucket of S3 for a mechanism to be on. Documents in, requests out.

S3 replaces lifecycle rules and replication rules as a whole, so that each request repeats what was there, as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from canvasback.clouds.draft import Draft
from canvasback.clouds.s3_answers import ARN, conditions, lifecycle_rules, object_lock, replication_rules
from canvasback.errors import RefusedError
from canvasback.model.plans.protect_enable import Step, Wish
from canvasback.model.protection.lake import shown_days

_FIRMER = {"": 0, "governance": 1, "compliance": 2}


def switch_versioning_on(draft: Draft, name: str, url: str, answer: Mapping[str, Any]) -> None:
    """Let a bucket keep old versions.

    Args:
        draft: Told what it takes.
        name: The bucket.
        url: The same as a URL.
        answer: What S3 says of its versioning.
    """
    if answer.get("Status") == "Enabled":
        draft.kept.append(f"{url} keeps versions already")
        return
    draft.changes.append(
        Step(
            words=f"{url} keeps what is deleted or overwritten from now on, as old versions",
            call="put_bucket_versioning",
            request={"Bucket": name, "VersioningConfiguration": {"Status": "Enabled"}},
            needs=("s3:PutBucketVersioning",),
            resource=f"{ARN}{name}",
            bucket=url,
        )
    )


def keep_versions(
    draft: Draft, name: str, url: str, wish: Wish, *, versioning: Mapping[str, Any], lifecycle: Mapping[str, Any] | None
) -> None:
    """Let versions stay for at least so many days.

    A rule that takes them away sooner is made to wait. Where none does they stay for ever: a rule is only added in a
    bucket that never kept versions, for in another one it would delete some.

    Args:
        draft: Told what it takes.
        name: The bucket.
        url: The same as a URL.
        wish: For how many days, and below which prefix.
        versioning: What S3 says of its versioning.
        lifecycle: What it says of its lifecycle; None where it has none.
    """
    assert wish.days is not None
    before = [_as_it_means(rule) for rule in (lifecycle or {}).get("Rules", [])]
    values = lifecycle_rules(lifecycle)
    touching = [
        number for number, rule in enumerate(values) if rule.noncurrent_after is not None and rule.touches(wish.prefix)
    ]
    short = [number for number in touching if (values[number].noncurrent_after or 0) < wish.days]
    if touching and not short:
        least = min(values[number].noncurrent_after or 0 for number in touching)
        draft.kept.append(f"{url} keeps old versions for {shown_days(least)} already")
        return
    if not touching and versioning.get("Status"):
        draft.kept.append(f"{url} keeps old versions for ever already")
        draft.remarks.append(
            f"A rule that deletes versions after {wish.days} days would delete some that are there: it is not added. "
            "Where their cost matters more, add it yourself; docs/protect.md has it."
        )
        return
    words = []
    for number in short:
        rule = {**before[number]}
        rule["NoncurrentVersionExpiration"] = {**rule["NoncurrentVersionExpiration"], "NoncurrentDays": wish.days}
        before[number] = rule
        words.append(
            f"the lifecycle rule {values[number].id} keeps old versions for {wish.days} days, and not for "
            f"{values[number].noncurrent_after}"
        )
    if not touching:
        before.append(_version_rule(wish.prefix, wish.days))
        words.append(f"a lifecycle rule deletes old versions {wish.days} days after they were deleted or replaced")
    others = len(before) - (len(short) or 1)
    request: dict[str, Any] = {"Bucket": name, "LifecycleConfiguration": {"Rules": before}}
    smallest = (lifecycle or {}).get("TransitionDefaultMinimumObjectSize")
    if smallest:  # without it S3 would put its own default in its place
        request["TransitionDefaultMinimumObjectSize"] = smallest
    draft.changes.append(
        Step(
            words=f"{url}: {'; '.join(words)}; {others} other rule{'' if others == 1 else 's'} as before",
            call="put_bucket_lifecycle_configuration",
            request=request,
            needs=("s3:PutLifecycleConfiguration",),
            resource=f"{ARN}{name}",
            bucket=url,
            expects={"Rules": [*(lifecycle or {}).get("Rules", [])]},
        )
    )


def _as_it_means(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule with what it asks of objects in one place.

    Ceph tells a prefix beside the tags that go with it, and takes such a rule back without the prefix: then it would
    delete in all folders.
    """
    asked = conditions(rule)
    if "Filter" not in rule or len(rule["Filter"]) < 2:  # noqa: PLR2004 - one place is enough
        return {**rule}
    tags = asked.get("Tags", [])
    one = len(asked) == 1 and len(tags) < 2  # noqa: PLR2004 - a single tag needs no list
    filter_ = ({"Tag": tags[0]} if tags else asked) if one else {"And": asked}
    return {**rule, "Filter": filter_}


def _version_rule(prefix: str, days: int) -> dict[str, Any]:
    return {
        "ID": f"canvasback: old versions of {prefix or 'all'}",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
        # What is left of a file whose last version is gone: a mark that says that it was deleted.
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    }


def lock_new_objects(draft: Draft, name: str, url: str, wish: Wish, answer: Mapping[str, Any] | None) -> None:
    """Let new objects be locked by themselves, for at least so many days, and as firmly as they are at least.

    Args:
        draft: Told what it takes.
        name: The bucket.
        url: The same as a URL.
        wish: For how many days, and in which mode.
        answer: What S3 says of its locks; None where objects cannot be locked.
    """
    assert wish.days is not None
    found = object_lock(answer)
    days = max(wish.days, (found.days or 0) if found else 0)
    mode = max(wish.mode or "governance", found.mode if found else "", key=_FIRMER.__getitem__)
    if found is not None and (found.mode, found.days) == (mode, days):
        draft.kept.append(f"new objects in {url} are locked for {shown_days(days)} already, in mode {mode}")
        return
    draft.changes.append(
        Step(
            words=f"what is written to {url} from now on is locked for {days} days, in mode {mode}",
            call="put_object_lock_configuration",
            request={
                "Bucket": name,
                "ObjectLockConfiguration": {
                    "ObjectLockEnabled": "Enabled",
                    "Rule": {"DefaultRetention": {"Mode": mode.upper(), "Days": days}},
                },
            },
            needs=("s3:PutBucketObjectLockConfiguration",),
            resource=f"{ARN}{name}",
            bucket=url,
            expects={"ObjectLockConfiguration": (answer or {}).get("ObjectLockConfiguration", {})},
        )
    )
    if found is None:
        draft.remarks.append("Object lock cannot be switched off again, and versioning neither then.")
    draft.remarks.append(
        "Files that are there already are not locked. DuckLake's cleanup goes on working: it hides files, and they are "
        "paid for until their locks end."
    )


def copy_new_objects(draft: Draft, name: str, url: str, wish: Wish, answer: Mapping[str, Any] | None) -> None:
    """Let a bucket copy new objects to another one. All other rules stay, and so does the role that they have.

    Args:
        draft: Told what it takes.
        name: The bucket.
        url: The same as a URL.
        wish: To which bucket, and in which role.
        answer: What S3 says of its replication; None where it has none.

    Raises:
        RefusedError: Its rules are of an older form, which takes no others beside it (``replication-old-form``).
    """
    found = (answer or {}).get("ReplicationConfiguration", {})
    rules = [_as_it_means(rule) for rule in found.get("Rules", [])]
    to = wish.to.partition("://")[2].rstrip("/")
    for value in replication_rules(answer, "s3"):
        if value.covers(wish.prefix) and value.destination == f"s3://{to}/" and (value.deletes or not wish.deletes):
            draft.kept.append(f"the rule {value.id} of {url} copies new files to {wish.to} already")
            return
    if any("Filter" not in rule for rule in rules):
        raise RefusedError(
            "replication-old-form",
            f"the replication rules of {url} are of a form that takes no other rules beside it",
            hint="Write them anew with Filter, Priority and DeleteMarkerReplication, as S3's documentation says, and "
            "run it again.",
        )
    role = found.get("Role") or wish.role
    if role != wish.role:
        draft.remarks.append(
            f"The bucket replicates in the role {role}, and can have only one: it stays, and needs the rights for "
            f"{wish.to}."
        )
    rules.append(_copy_rule(rules, wish, to))
    others = len(rules) - 1
    draft.changes.append(
        Step(
            words=f"{url} copies what is written below {wish.prefix or 'it'} from now on to {wish.to}, deletions "
            f"{'too' if wish.deletes else 'not'}; {others} other rule{'' if others == 1 else 's'} as before",
            call="put_bucket_replication",
            request={"Bucket": name, "ReplicationConfiguration": {"Role": role, "Rules": rules}},
            needs=("s3:PutReplicationConfiguration",),
            resource=f"{ARN}{name}",
            bucket=url,
            expects={"ReplicationConfiguration": found},
        )
    )
    draft.remarks.append(
        "Files that are there already are not copied by it: S3 Batch Replication does that, or any tool that copies "
        "buckets. protect status tells how many are lacking."
    )


def _copy_rule(rules: list[dict[str, Any]], wish: Wish, to: str) -> dict[str, Any]:
    destination: dict[str, Any] = {"Bucket": f"{ARN}{to}"}
    if wish.account:
        destination["Account"] = wish.account
        destination["AccessControlTranslation"] = {"Owner": "Destination"}
    return {
        "ID": f"canvasback: {wish.prefix or 'all'} to {to}",
        "Priority": max((int(rule.get("Priority", 0)) for rule in rules), default=0) + 1,
        "Status": "Enabled",
        "Filter": {"Prefix": wish.prefix},
        "DeleteMarkerReplication": {"Status": "Enabled" if wish.deletes else "Disabled"},
        "Destination": destination,
    }
