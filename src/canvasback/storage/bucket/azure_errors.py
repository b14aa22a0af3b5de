"""What errors of Microsoft's library mean."""

from __future__ import annotations

from typing import NoReturn

from azure.core import exceptions

from canvasback.errors import AccessDeniedError, ObjectExistsError, ObjectMissingError, StorageError
from canvasback.storage.bucket.service import archived, bucket_missing, credentials_refused, unreachable

_CREDENTIALS = {
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "NoAuthenticationInformation",
    "KeyBasedAuthenticationNotPermitted",
}
_ARCHIVED = {"BlobArchived", "BlobBeingRehydrated"}


def translate(error: exceptions.AzureError, bucket: str, key: str) -> NoReturn:
    """Raise what an error means.

    Args:
        error: Of the library.
        bucket: The container's URL.
        key: The blob.
    """
    where = bucket + key
    code = code_of(error)
    status = getattr(error, "status_code", 0)
    if code == "ContainerNotFound":
        raise bucket_missing(bucket) from None
    if code in _CREDENTIALS or isinstance(error, exceptions.ClientAuthenticationError):
        raise credentials_refused(bucket, code or str(error).splitlines()[0]) from None
    if code in _ARCHIVED:
        raise archived(where) from None
    if code == "SnapshotsPresent":
        raise StorageError(
            f"{where} has snapshots, and Azure deletes no blob before its snapshots",
            code="storage-failed",
            hint="Delete its snapshots with Azure's own tools if nobody needs them, and run this again.",
        ) from None
    if status == 404:  # noqa: PLR2004
        raise ObjectMissingError(where) from None
    if status in {409, 412}:
        raise ObjectExistsError(where) from None
    if status == 403:  # noqa: PLR2004
        raise AccessDeniedError(where) from None
    raise unreachable(where, error) from error


def code_of(error: exceptions.AzureError) -> str:
    """The service's own code of an error; empty where it gave none."""
    return str(getattr(error, "error_code", "") or "")
