"""A cloud that nothing of protect knows is said to be one, and not to lack a package."""

from __future__ import annotations

from typing import Literal

import pytest

from canvasback.clouds.opening import load_cloud
from canvasback.errors import RefusedError
from canvasback.storage.bucket.place import BucketPlace
from canvasback.storage.bucket.service import StoreOptions


def place(kind: str) -> BucketPlace:
    return BucketPlace(kind, kind, "lake", "", StoreOptions())  # type: ignore[arg-type]


@pytest.mark.parametrize("purpose", ["status", "enable"])
def test_an_unknown_cloud_is_refused(purpose: Literal["status", "enable"]) -> None:
    with pytest.raises(RefusedError) as refused:
        load_cloud(place("elsewhere"), purpose)
    assert refused.value.code == "protection-unsupported"
    assert f"protect {purpose}" in refused.value.message
    assert "elsewhere://lake/" in refused.value.message
    assert refused.value.hint.endswith(".")


@pytest.mark.parametrize(("purpose", "name"), [("status", "s3"), ("enable", "s3_enabler")])
def test_a_known_cloud_is_loaded(purpose: Literal["status", "enable"], name: str) -> None:
    assert load_cloud(place("s3"), purpose).__name__ == f"canvasback.clouds.{name}"
