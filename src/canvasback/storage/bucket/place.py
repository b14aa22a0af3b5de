"""A place in a bucket, for what asks its service for more than a store does."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Literal

import msgspec

from canvasback.errors import UsageError
from canvasback.storage.bucket.service import StoreOptions

Kind = Literal["s3", "gcs", "azure"]
"""The kinds of services that have buckets, which are also the names of modules and of extras."""


class BucketPlace(msgspec.Struct, frozen=True):
    """A place in a bucket, and how to reach it.

    Attributes:
        kind: The kind of the service.
        scheme: How the user spells it: ``s3``, ``r2``, …
        name: The bucket; in Azure the container, with its account where the URL names it.
        prefix: What keys there begin with; empty, or with a slash at its end.
        options: What the user says besides the cloud's own configuration.
    """

    kind: Kind
    scheme: str
    name: str
    prefix: str
    options: StoreOptions

    @property
    def root(self) -> str:
        """The bucket's URL, which ends in a slash."""
        return f"{self.scheme}://{self.name}/"


def load_for(module: str, kind: Kind, where: str) -> ModuleType:
    """Load what talks to a cloud, whose library is an extra.

    Args:
        module: Its full name.
        kind: The kind of service that it talks to.
        where: What it is needed for, to say so.

    Raises:
        UsageError: The extra is not installed (``extra-missing``).
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(
            "extra-missing",
            f"{where} needs packages that are not installed: {error.name}",
            hint=f"Install them: pip install 'canvasback[{kind}]'.",
        ) from error
