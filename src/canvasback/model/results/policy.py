"""What policy answers."""

from __future__ import annotations

import msgspec

from canvasback.model.access_policy import AccessPolicy


class PolicyResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.policy/1"):
    """What a role may do with a repository.

    Attributes:
        repository: Where it is.
        role: The role.
        policy: The policy, as AWS IAM takes it.
    """

    repository: str
    role: str
    policy: AccessPolicy
