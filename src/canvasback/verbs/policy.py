"""policy: what whoever adds to a repository, deletes from it or only reads it may do with its bucket."""

from __future__ import annotations

from canvasback.errors import RefusedError
from canvasback.model.access_policy import Role, access_policy
from canvasback.model.results.policy import PolicyResult
from canvasback.repository import layout
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores, place_in_s3

_PRUNED_BY = (layout.LEASES, layout.REGISTER, layout.POINTS, layout.PROBE)
"""What a prune writes: leases, what it says of points, the names of points that may not come any more."""


@translates_errors
def policy(repository: str, *, role: Role | str, stores: Stores | None = None) -> PolicyResult:
    """Write the policy that one needs who does a part of the work, and that keeps him from the rest. Changes nothing.

    Args:
        repository: The repository, a URL in S3.
        role: ``add``: make points, and say something of them; delete nothing. ``prune``: delete what no point names,
            and extend locks. ``read``: restore, attach and verify.
        stores: How to reach object stores; by each cloud's own configuration if None.

    Raises:
        UsageError: There is no such role (``unknown-role``).
        RefusedError: The repository is not in S3 (``policy-unsupported``).
    """
    wanted = Role.of(role)
    opened = open_repository(stores or Stores(), repository)
    place = place_in_s3(opened.store.url)
    if place is None:
        raise RefusedError(
            "policy-unsupported",
            f"{opened.store.url} is not in S3, and policies are written for that only",
            hint="docs/object-stores.md says which rights each command needs, in the words of each cloud.",
        )
    holding = opened.marker.borrows
    return PolicyResult(
        repository=opened.store.url,
        role=wanted,
        policy=access_policy(
            wanted,
            *place,
            _PRUNED_BY,
            locked=opened.marker.lock is not None,
            lent=None if holding is None else place_in_s3(holding.url),
        ),
    )
