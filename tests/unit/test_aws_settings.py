"""What is read of AWS's own configuration."""

from __future__ import annotations

import pytest

from canvasback import StoreOptions
from canvasback.storage.bucket.aws import AwsSettings


def test_the_description_of_the_service_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each store has a session of its own; to parse what botocore knows of S3 takes longer than most that it does."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    first, second = (
        AwsSettings(f"s3://{name}/", "s3", StoreOptions(endpoint="http://127.0.0.1:1")) for name in ("one", "two")
    )

    assert first._session is not second._session
    loaders = {id(settings._session.get_component("data_loader")) for settings in (first, second)}
    assert len(loaders) == 1
