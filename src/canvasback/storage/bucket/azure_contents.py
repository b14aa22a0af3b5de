"""All contents that a container of Azure's keeps of its blobs, read under names that begin with their version ids."""

from __future__ import annotations

import re

import msgspec
from azure.storage.blob import BlobClient

from canvasback.errors import ObjectMissingError
from canvasback.storage.bucket.azure import AzureBucket
from canvasback.storage.bucket.azure_copies import source_of
from canvasback.storage.bucket.only_read import OnlyRead
from canvasback.storage.bucket.service import StoreOptions
from canvasback.storage.store import Stat
from canvasback.storage.versions import UNNAMED

_ID = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


class AzureContents(OnlyRead, AzureBucket):
    """A container of Azure's whose keys are ``<version id>/<key below a prefix>``. It is only read.

    Args:
        scheme: How the user spells it: ``az``, ``azure`` or ``abfss``.
        name: See `AzureBucket`.
        options: What the user says.
        prefix: What the keys of all blobs begin with; it ends in a slash, or is empty.
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

    def read(self, key: str, start: int, size: int, etag: str = "") -> tuple[bytes, Stat]:
        """See `Bucket.read`."""
        content, stat = super().read(key, start, size, etag)
        return content, msgspec.structs.replace(stat, name=key)

    def _source(self, key: str) -> str:
        id_, _, _ = key.partition("/")
        return source_of(self._blob(key), **({} if id_ == UNNAMED else {"versionid": id_}))

    def _blob(self, key: str) -> BlobClient:
        id_, _, path = key.partition("/")
        if id_ != UNNAMED and not _ID.fullmatch(id_):
            raise ObjectMissingError(self.url + key)
        return self._container.get_blob_client(self._prefix + path, version_id=None if id_ == UNNAMED else id_)
