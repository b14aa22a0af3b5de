"""What errors of AWS Backup mean."""

from __future__ import annotations

from typing import NoReturn

import botocore.exceptions

from canvasback.errors import AccessDeniedError, RefusedError, StorageError
from canvasback.storage.bucket.s3_errors import code_of
from canvasback.storage.bucket.service import credentials_refused, unreachable

_CREDENTIALS = {
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_REFUSED = {
    "InvalidParameterValueException",
    "InvalidRequestException",
    "InvalidResourceStateException",
    "LimitExceededException",
    "MissingParameterValueException",
}


def translate(error: Exception, what: str, where: str) -> NoReturn:
    """Raise what an error of botocore means.

    Args:
        error: What came from AWS Backup's client.
        what: What was asked for, as a policy names it: ``backup:StartRestoreJob``.
        where: What it was asked of.

    Raises:
        AccessDeniedError: We may not (``access-denied``).
        RefusedError: AWS Backup does not do it (``aws-backup-refused``).
        StorageError: There is no such thing (``aws-backup-missing``), nobody answers (``storage-unreachable``), or
            it does not know us (``credentials-refused``).
    """
    code = code_of(error)
    said = said_by(error)
    if code in _CREDENTIALS or isinstance(error, botocore.exceptions.NoCredentialsError):
        raise credentials_refused(f"AWS Backup at {where}", code or "they cannot be used") from None
    if code in {"AccessDenied", "AccessDeniedException"}:
        raise AccessDeniedError(
            f"{where} by AWS Backup: {said}",
            to=f"ask {what} of",
            hint=f"Allow {what} to whoever runs this, and iam:PassRole of the role that restores: docs/aws-backup.md "
            "has the policy.",
        ) from None
    if code == "ResourceNotFoundException":
        raise StorageError(
            f"AWS Backup knows no {where}: {said}",
            code="aws-backup-missing",
            hint="See whether the account and the region are those of the bucket: AWS Backup is asked in its region.",
        ) from None
    if code in _REFUSED:
        raise RefusedError(
            "aws-backup-refused",
            f"AWS Backup refuses {what} of {where}: {said}",
            hint="What it says is AWS's own reason: cure that, or name another recovery point with --recovery-point.",
        ) from None
    raise unreachable(f"AWS Backup at {where}", error) from error


def said_by(error: Exception) -> str:
    """The service's own words."""
    if isinstance(error, botocore.exceptions.ClientError):
        return str(error.response.get("Error", {}).get("Message", "")) or str(error)
    return str(error)
