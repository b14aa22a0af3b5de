"""All contents that a bucket of Google's keeps of its objects, read under names that begin with their generations."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from canvasback.errors import ObjectMissingError
from canvasback.storage.bucket.gcs import GcsBucket
from canvasback.storage.bucket.only_read import OnlyRead
from canvasback.storage.bucket.service import StoreOptions
from canvasback.storage.store import Stat

_KEY = re.compile(r"(?P<generation>\d{1,18})/(?P<path>.+)", re.DOTALL)


class GcsContents(OnlyRead, GcsBucket):
    """A bucket of Google's whose keys are ``<generation>/<key below a prefix>``. It is only read.

    Args:
        scheme: How the user spells it: ``gs`` or ``gcs``.
        name: The bucket.
        options: What the user says.
        prefix: What the keys of all objects begin with; it ends in a slash, or is empty.
    """

    def __init__(self, scheme: str, name: str, options: StoreOptions, prefix: str) -> None:
        super().__init__(scheme, name, options)
        self.url += prefix
        self._prefix = prefix

    def head(self, key: str) -> Stat | None:
        """See `Bucket.head`."""
        try:
            found = super().head(key)
        except ObjectMissingError:
            return None
        return None if found is None else msgspec.structs.replace(found, name=key)

    def _blob(self, key: str, generation: int | None = None) -> Any:  # noqa: ARG002 - the key has it
        found = _KEY.fullmatch(key)
        if found is None:
            raise ObjectMissingError(self.url + key)
        return super()._blob(self._prefix + found["path"], int(found["generation"]))
