"""What errors of S3 mean, told by two libraries."""

from __future__ import annotations

import re
from typing import NoReturn

import botocore.exceptions
from obstore.exceptions import AlreadyExistsError, PermissionDeniedError, PreconditionError, UnauthenticatedError

from canvasback.errors import AccessDeniedError, ObjectExistsError, ObjectMissingError
from canvasback.storage.bucket.service import (
    TransientError,
    archived,
    bucket_missing,
    credentials_refused,
    no_conditional_writes,
    unreachable,
    wrong_region,
)

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")

_CREDENTIALS = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_TORN = {"BadDigest", "IncompleteBody", "RequestTimeout", "XAmzContentSHA256Mismatch"}
"""What was sent did not arrive as it was; sending it again helps."""

_ARCHIVED = {"InvalidObjectState"}
"""It is in a storage class from which it has to be restored before it can be read or copied."""

_REGION = {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect", "301"}


def translate(error: Exception, bucket: str, key: str) -> NoReturn:
    """Raise what an error of obstore or botocore means."""
    where = bucket + key
    code = code_of(error)
    if code == "NoSuchBucket":
        raise bucket_missing(bucket) from None
    if code in _CREDENTIALS or isinstance(error, (botocore.exceptions.NoCredentialsError, UnauthenticatedError)):
        raise credentials_refused(bucket, code or "they cannot be used") from None
    if code in _REGION or "incorrectly configured region" in str(error):
        raise wrong_region(bucket, code or "it answers with a redirect") from None
    if isinstance(error, FileNotFoundError) or code in {"NoSuchKey", "404"}:
        raise ObjectMissingError(where) from None
    if isinstance(error, (AlreadyExistsError, PreconditionError)) or code in {"PreconditionFailed", "412"}:
        raise ObjectExistsError(where) from None
    if code in _ARCHIVED:  # whose status is that of a right that lacks
        raise archived(where) from None
    if isinstance(error, PermissionDeniedError) or code == "AccessDenied" or status_of(error) == "403":
        raise AccessDeniedError(where) from None
    if code in _TORN:
        raise TransientError(code) from error
    if code in {"NotImplemented", "501"}:
        raise no_conditional_writes(bucket) from None
    raise unreachable(where, error) from error


def code_of(error: Exception) -> str:
    """The service's own code of an error, else the status of its answer."""
    if isinstance(error, botocore.exceptions.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    found = _CODE.search(str(error))
    return found[1] if found else status_of(error)


def status_of(error: Exception) -> str:
    """The HTTP status of an answer; empty where there was none."""
    if isinstance(error, botocore.exceptions.ClientError):
        return str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    found = _STATUS.search(str(error))
    return found[1] if found else ""
