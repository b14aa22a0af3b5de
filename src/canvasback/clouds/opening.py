"""Loads what looks at buckets of a cloud, or changes them: not every cloud has it."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Literal

from canvasback.errors import RefusedError
from canvasback.storage.bucket.place import BucketPlace, load_for

_MODULES = {"status": "canvasback.clouds.{}", "enable": "canvasback.clouds.{}_enabler"}


def load_cloud(place: BucketPlace, purpose: Literal["status", "enable"]) -> ModuleType:
    """The module for a bucket's cloud.

    Args:
        place: The bucket.
        purpose: Whether its protection is looked at, or added to.

    Raises:
        RefusedError: There is no such module (``protection-unsupported``).
        UsageError: The extra for its cloud is not installed (``extra-missing``).
    """
    module = _MODULES[purpose].format(place.kind)
    if importlib.util.find_spec(module) is None:
        raise RefusedError(
            "protection-unsupported",
            f"protect {purpose} does not know the cloud of {place.root} ({place.kind})",
            hint="Look at the bucket with the cloud's own tools, and make points of the lake: canvasback backup.",
        )
    return load_for(module, place.kind, place.root)
