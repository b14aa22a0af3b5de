"""When objects of a bucket of S3 were deleted or overwritten, as far as the bucket still tells."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import botocore.exceptions
import msgspec

from canvasback.clouds.aws_recovery_points import SETTLED
from canvasback.storage.bucket.aws import AwsSettings

_SECOND = timedelta(seconds=1)
_FEW = 16
"""For so many keys one request each is less than a listing of all."""


class Change(msgspec.Struct, frozen=True):
    """Something that happened to an object.

    Attributes:
        at: When, to the second.
        size: The size of what was written; None where the object was deleted.
    """

    at: datetime
    size: int | None


def damaged_by(changes: Sequence[Change], since: datetime, size: int) -> datetime | None:
    """By when an object was damaged or gone, for all that is known; None where nothing is.

    Args:
        changes: What happened to it, oldest first.
        since: It was whole then.
        size: Its size when it was.
    """
    first, later = changes[:1], changes[1:]
    # The oldest that is there still may be how it was written; or that is gone too, and it is the damage.
    written = bool(first) and first[0].size == size and (bool(later) or first[0].at <= since + SETTLED)
    damage = later if written else changes
    return damage[0].at + _SECOND if damage else None


def changes_of(aws: AwsSettings, bucket: str, prefix: str, keys: Collection[str]) -> Mapping[str, list[Change]]:
    """What happened to some objects, oldest first: what versions and delete markers tell that are still there.

    It is a hint that saves looking at the wrong time. So where the bucket keeps no versions, or does not let them be
    listed, nothing happened.

    Args:
        aws: How to reach the bucket.
        bucket: Its name.
        prefix: What the keys begin with.
        keys: The objects.
    """
    wanted = frozenset(keys)
    found: dict[str, list[Change]] = {}
    try:
        for some in [prefix] if len(wanted) > _FEW else sorted(wanted):
            for key, change in _listed(aws.client(), bucket, some):
                if key in wanted:
                    found.setdefault(key, []).append(change)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
        return {}
    return {key: sorted(changes, key=lambda change: change.at) for key, changes in found.items()}


def _listed(client: Any, bucket: str, prefix: str) -> Iterator[tuple[str, Change]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for marker in page.get("DeleteMarkers", []):
            yield marker["Key"], Change(marker["LastModified"], None)
        for version in page.get("Versions", []):
            yield version["Key"], Change(version["LastModified"], int(version["Size"]))
