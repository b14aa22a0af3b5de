"""What errors of Google's library mean."""

from __future__ import annotations

from typing import NoReturn

import requests.exceptions
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError

from canvasback.errors import AccessDeniedError, ObjectExistsError, ObjectMissingError
from canvasback.storage.bucket.service import (
    TransientError,
    bucket_missing,
    credentials_refused,
    unreachable,
)

_NO_BUCKET = "specified bucket does not exist"


def no_bucket(error: Exception) -> bool:
    """Whether it is the bucket that is not there, rather than the object."""
    return _NO_BUCKET in str(error)


def translate(error: Exception, bucket: str, key: str, *, reading: bool = False) -> NoReturn:
    """Raise what an error means.

    Args:
        error: Of the library, or of one of the four that it lets through.
        bucket: The bucket's URL.
        key: The object.
        reading: Whether what is not there is the object; else it is the bucket.
    """
    where = bucket + key
    if isinstance(error, exceptions.NotFound):
        if no_bucket(error) or not reading:
            raise bucket_missing(bucket) from None
        raise ObjectMissingError(where) from None
    if isinstance(error, exceptions.PreconditionFailed):
        raise ObjectExistsError(where) from None
    if isinstance(error, (exceptions.Unauthorized, RefreshError)):
        raise credentials_refused(bucket, str(error).splitlines()[0]) from None
    if isinstance(error, exceptions.Forbidden):
        raise AccessDeniedError(where) from None
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        raise TransientError(str(error)) from error
    if isinstance(
        error,
        (
            exceptions.GoogleAPIError,
            GoogleAuthError,
            TransportError,
            requests.exceptions.RequestException,
            OSError,
        ),
    ):
        raise unreachable(where, error) from error
    raise error
