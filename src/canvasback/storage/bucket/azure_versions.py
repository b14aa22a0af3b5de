"""Versions of Azure: an account that keeps them makes what is deleted or overwritten a previous version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from azure.core import exceptions
from azure.storage.blob import BlobClient, ContainerClient

from canvasback.errors import CanvasbackError, ObjectExistsError, ObjectMissingError
from canvasback.storage.bucket.azure_copies import source_of
from canvasback.storage.bucket.azure_errors import code_of, translate
from canvasback.storage.bucket.azure_listing import found_in, listed, version_of
from canvasback.storage.bucket.service import bucket_missing
from canvasback.storage.store import Copied, Stat
from canvasback.storage.versions import UNNAMED, BroughtBack, Version, has_content


class AzureVersions:
    """See `canvasback.storage.versions.Versions`; the names are keys.

    What is brought back is a copy of its own, with a new version id.

    Args:
        container: The library's container.
        url: The same as a URL.
        seconds: How long to wait for an answer.
        copy: Lets the service create a blob from what is at a URL.
    """

    batch = 1

    def __init__(
        self, container: ContainerClient, url: str, seconds: int, copy: Callable[[str, str, Stat], Copied | None]
    ) -> None:
        self._container = container
        self._url = url
        self._seconds = seconds
        self._copy = copy

    def kept(self) -> bool | None:
        """See `Versions.kept`. Azure tells it to those who manage the account, and not to those who use its blobs."""
        return None

    def list(self, prefix: str) -> Iterator[Version]:
        """See `Versions.list`."""
        for found in listed(self._container, self._url, self._seconds, prefix, "versions"):
            # Where there is no version id, there is no more than what a reader gets.
            current = bool(found.is_current_version) or not found.version_id
            yield version_of(found, found.version_id or UNNAMED, current=current)

    def find(self, names: Sequence[str]) -> Iterator[Version]:
        """See `Versions.find`."""
        return found_in(self.list, names)

    def head(self, name: str) -> Version | None:
        """See `Versions.head`."""
        return head_of(self._container.get_blob_client(name), self._url, self._seconds)

    def bring_back(self, versions: Sequence[Version]) -> Iterator[BroughtBack]:
        """See `Versions.bring_back`."""
        for version in versions:
            yield BroughtBack(version, self._copy_back(version))

    def _copy_back(self, version: Version) -> CanvasbackError | None:
        source = source_of(self._container.get_blob_client(version.name), versionid=version.id)
        try:
            found = self.head(version.name)
            if found is None:
                # No etag: a version never changes.
                stat = Stat(version.name, version.size, version.modified_ns, "", version.checksum)
                if self._copy(version.name, source, stat) is None:
                    return ObjectMissingError(f"{self._url}{version.name} of {version.id}")
                return None
        except CanvasbackError as error:
            return error
        return None if has_content(found, version) else ObjectExistsError(self._url + version.name)


def head_of(blob: BlobClient, url: str, seconds: int) -> Version | None:
    """The content of a blob that a reader gets now; None where there is none."""
    try:
        found = blob.get_blob_properties(timeout=seconds)
    except exceptions.ResourceNotFoundError as error:
        if code_of(error) == "ContainerNotFound":
            raise bucket_missing(url) from None
        return None
    except exceptions.AzureError as error:
        translate(error, url, str(blob.blob_name))
    return version_of(found, found.version_id or UNNAMED, current=True)
