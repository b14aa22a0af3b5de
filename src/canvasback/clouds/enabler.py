"""What switches mechanisms of one bucket on: one small class per cloud implements this."""

from __future__ import annotations

from typing import Protocol

from canvasback.clouds.opening import load_cloud
from canvasback.model.plans.protect_enable import ProtectPlan, Step, Wish
from canvasback.storage.bucket.place import BucketPlace
from canvasback.storage.locations import Stores


class Enabler(Protocol):
    """Adds to the protection of one bucket. It never takes any away.

    Attributes:
        url: The bucket, which ends in a slash.
    """

    url: str

    def plan(self, wish: Wish) -> ProtectPlan:
        """What has to change; nothing, where all of it is there. Changes nothing.

        Raises:
            RefusedError: The cloud has no such mechanism (``protection-unsupported``).
            UsageError: An option is lacking that it cannot do without (``option-missing``).
            AccessDeniedError: What is there may not be seen, and so might be lost.
        """

    def explain(self, wish: Wish) -> ProtectPlan:
        """The rights and roles that it takes, and the same as Terraform, whatever may be seen; without changes."""

    def carry_out(self, step: Step) -> None:
        """Make one change.

        Raises:
            RefusedError: What it replaces is not what it was any more (``protection-changed``).
            AccessDeniedError: It may not be made.
            StorageError: The service does not take it (``protection-refused``).
        """


def open_enabler(place: BucketPlace, stores: Stores) -> Enabler:
    """What adds to the protection of a bucket.

    Args:
        place: The bucket.
        stores: Knows how to reach others.

    Raises:
        RefusedError: Nothing adds to buckets of its cloud (``protection-unsupported``).
        UsageError: The extra for its cloud is not installed (``extra-missing``).
        StorageError: There are no credentials.
    """
    enabler: Enabler = load_cloud(place, "enable").open_bucket(place, stores)
    return enabler
