"""What whoever does a part of the work may do with a repository in S3, as AWS IAM wants it said."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from canvasback.errors import UsageError

_READ = ("s3:GetObject",)
_CREATE = ("s3:PutObject", "s3:AbortMultipartUpload")
_DELETE = ("s3:DeleteObject", "s3:DeleteObjectVersion")
_LOOK_AT_LOCKS = ("s3:GetObjectRetention",)
_LOCK = ("s3:PutObjectRetention",)
_LIFT = ("s3:BypassGovernanceRetention",)
_READ_VERSIONS = ("s3:GetObject", "s3:GetObjectVersion")
_SEE_VERSIONS = ("s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning")


class Role(enum.StrEnum):
    """Who works with a repository: who adds to it, who deletes from it, who only reads it."""

    ADD = "add"
    PRUNE = "prune"
    READ = "read"

    @classmethod
    def of(cls, given: str) -> Role:
        """The role of that name.

        Raises:
            UsageError: There is none (``unknown-role``).
        """
        try:
            return cls(given)
        except ValueError:
            raise UsageError("unknown-role", f"{given!r} is no role", hint=f"One of {', '.join(cls)}.") from None


class Statement(msgspec.Struct, frozen=True, rename="pascal"):
    """One sentence of a policy: actions that are allowed or denied, and the resources that it is about."""

    sid: str
    effect: str
    action: tuple[str, ...]
    resource: tuple[str, ...]


class AccessPolicy(msgspec.Struct, frozen=True, rename="pascal"):
    """A policy of AWS IAM: the version of their language, and statements."""

    version: str
    statement: tuple[Statement, ...]


def access_policy(
    role: Role,
    bucket: str,
    prefix: str,
    written_to: Iterable[str],
    *,
    locked: bool,
    lent: tuple[str, str] | None = None,
) -> AccessPolicy:
    """What a role needs, and what it is to be kept from whatever else is granted to its holder.

    Args:
        role: The role.
        bucket: The repository's bucket.
        prefix: What its keys begin with; empty, or with a slash at its end.
        written_to: Below which names, or to which, who deletes writes too.
        locked: Whether the repository's objects are locked.
        lent: The bucket, and what keys begin with, where somebody else holds the files that points name, with all
            versions; None where the repository has copies.
    """
    whole = f"arn:aws:s3:::{bucket}/{prefix}"
    allowed = [*_READ, *(_LOOK_AT_LOCKS if locked else ())]
    if role is not Role.READ and locked:
        allowed += _LOCK
    denied: list[str] = [] if role is Role.PRUNE else [*_DELETE]
    if role is Role.ADD:
        allowed += _CREATE
    elif role is Role.PRUNE:
        allowed += _DELETE
    else:
        denied += [*_CREATE, *_LOCK]
    statements = [
        Statement("UseRepository", "Allow", tuple(allowed), (f"{whole}*",)),
        # Without it nobody can tell what is missing from what is forbidden.
        Statement("ListBucket", "Allow", ("s3:ListBucket",), (f"arn:aws:s3:::{bucket}",)),
        Statement("Never", "Deny", (*denied, *_LIFT), (f"{whole}*",)),
    ]
    if role is Role.PRUNE:
        names = tuple(f"{whole}{name}*" for name in written_to)
        statements.insert(1, Statement("SayWhatIsDone", "Allow", ("s3:PutObject",), names))
    if lent is not None and role is not Role.PRUNE:
        held, below = lent
        statements += [
            Statement("ReadFiles", "Allow", _READ_VERSIONS, (f"arn:aws:s3:::{held}/{below}*",)),
            Statement("SeeVersions", "Allow", _SEE_VERSIONS, (f"arn:aws:s3:::{held}",)),
        ]
    return AccessPolicy("2012-10-17", tuple(statements))
