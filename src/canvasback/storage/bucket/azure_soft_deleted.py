"""What was deleted from a container of Azure's a while ago: soft delete keeps it as long as the account says."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from azure.core import MatchConditions, exceptions
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient

from canvasback.errors import AccessDeniedError, CanvasbackError, ObjectExistsError, ObjectMissingError
from canvasback.storage.bucket.azure_copies import copy_blob, source_of
from canvasback.storage.bucket.azure_errors import translate
from canvasback.storage.bucket.azure_listing import found_in, listed, version_of
from canvasback.storage.bucket.azure_versions import head_of
from canvasback.storage.versions import BroughtBack, Version, has_content

_PART = re.compile(r"(?P<kind>snapshot|versionid)=(?P<id>.+)")


class AzureSoftDeleted:
    """See `canvasback.storage.versions.Versions`; the names are keys.

    Of a blob that was deleted, Azure keeps the blob; of one that was overwritten, a snapshot; and of an account with
    versions, versions that were deleted themselves. All of a blob come back together or not at all. So an id is
    ``snapshot=…`` or ``versionid=…``, or else the etag of the blob that was deleted. Snapshots are here whether they
    were deleted or not: nothing else tells of them. Accounts with a hierarchical namespace do all this differently.

    Args:
        service: The library's account.
        container: The library's container.
        url: The same as a URL.
        seconds: How long to wait for an answer.
    """

    batch = 1

    def __init__(self, service: BlobServiceClient, container: ContainerClient, url: str, seconds: int) -> None:
        self._service = service
        self._container = container
        self._url = url
        self._seconds = seconds

    def kept(self) -> bool | None:
        """See `Versions.kept`."""
        try:
            found: Any = self._service.get_service_properties(timeout=self._seconds)
            return bool(found["delete_retention_policy"].enabled)
        except exceptions.AzureError as error:
            try:
                translate(error, self._url, "")
            except AccessDeniedError:
                return None

    def list(self, prefix: str) -> Iterator[Version]:
        """See `Versions.list`; of what was deleted only."""
        for found in self._listed(prefix):
            if found.snapshot:
                yield version_of(found, f"snapshot={found.snapshot}", current=False)
            elif found.deleted:
                id_ = f"versionid={found.version_id}" if found.version_id else str(found.etag).strip('"')
                yield version_of(found, id_, current=False)

    def find(self, names: Sequence[str]) -> Iterator[Version]:
        """See `Versions.find`; of what was deleted only."""
        return found_in(self.list, names)

    def head(self, name: str) -> Version | None:
        """See `Versions.head`."""
        return head_of(self._container.get_blob_client(name), self._url, self._seconds)

    def bring_back(self, versions: Sequence[Version]) -> Iterator[BroughtBack]:
        """See `Versions.bring_back`."""
        for version in versions:
            try:
                self._restore(version)
            except CanvasbackError as error:
                yield BroughtBack(version, error)
            else:
                yield BroughtBack(version)

    def _restore(self, version: Version) -> None:
        blob = self._container.get_blob_client(version.name)
        found = self.head(version.name)
        if found is not None and not has_content(found, version):
            raise ObjectExistsError(self._url + version.name)
        if found is not None:
            return
        gone = [one.snapshot for one in self._listed(version.name) if one.name == version.name and one.deleted]
        try:
            blob.undelete_blob(timeout=self._seconds)
            found, part = self.head(version.name), _PART.fullmatch(version.id)
            if part is not None and not has_content(found, version):
                self._promote(blob, version, part, found)
            elif found is None:
                raise ObjectMissingError(self._url + version.name)
        except exceptions.AzureError as error:
            translate(error, self._url, version.name)
        self._delete_again(version, [snapshot for snapshot in gone if snapshot])

    def _promote(self, blob: BlobClient, version: Version, part: re.Match[str], found: Version | None) -> None:
        """Make a snapshot or a version what readers get, in place of what the same blob came back as."""
        condition: Any = {"match_condition": MatchConditions.IfMissing}
        if found is not None:
            condition = {"etag": found.etag, "match_condition": MatchConditions.IfNotModified}
            if not self.kept():
                blob.create_snapshot(timeout=self._seconds)  # nothing else would keep what is overwritten
        source = source_of(blob, **{part["kind"]: part["id"]})
        copy_blob(blob, source, self._url + version.name, self._seconds, **condition)

    def _delete_again(self, version: Version, snapshots: Sequence[str]) -> None:
        """Delete the snapshots that came back with a blob, if that loses no content.

        Left, they would keep the blob from being deleted by whoever knows of none: Azure refuses that.
        """
        if not snapshots:
            return
        kept = self.kept()
        for snapshot in snapshots:
            if kept or version.id == f"snapshot={snapshot}":  # then the blob has it
                with contextlib.suppress(exceptions.AzureError):
                    self._container.get_blob_client(version.name, snapshot=snapshot).delete_blob(timeout=self._seconds)

    def _listed(self, prefix: str) -> Iterator[Any]:
        kinds = ("deleted", "snapshots", "versions")
        return listed(self._container, self._url, self._seconds, prefix, *kinds)
