"""What a user decides of a recovery by AWS Backup."""

from __future__ import annotations

import msgspec


class AwsChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What a user says; all of it has a default.

    Attributes:
        recovery_point: The ARN of the one of AWS's recovery points that is to be taken; None for those that fit.
        scratch: A bucket into which is restored first, as a URL; None for the lake's own.
        role: The ARN of the role that AWS Backup restores as; None for the one that it saved as.
    """

    recovery_point: str | None = None
    scratch: str | None = None
    role: str | None = None

    @property
    def given(self) -> bool:
        """Whether anything is said."""
        return self != AwsChoice()
