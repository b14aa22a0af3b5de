"""Object Lock of S3: each version of an object may have a lock, and deleting one is refused until that ends."""

from __future__ import annotations

from typing import Any

import botocore.exceptions

from canvasback.errors import AccessDeniedError, ObjectLockedError, ObjectMissingError
from canvasback.model.clock import now
from canvasback.model.lock import LockMode, Retention
from canvasback.storage.bucket.aws import AwsSettings
from canvasback.storage.bucket.s3_errors import code_of, translate
from canvasback.storage.bucket.service import lock_not_enabled

_NOT_ENABLED = {"ObjectLockConfigurationNotFoundError", "InvalidRequest", "NotImplemented", "501"}
_NOT_LOCKED = {"NoSuchObjectLockConfiguration", *_NOT_ENABLED}


class S3Locks:
    """See `canvasback.storage.store.Locks`; the names are keys.

    Args:
        aws: How to reach the bucket.
        name: The bucket.
        url: The same as a URL.
    """

    def __init__(self, aws: AwsSettings, name: str, url: str) -> None:
        self._aws = aws
        self._name = name
        self._url = url

    def enabled(self) -> bool:
        """See `Locks.enabled`."""
        try:
            found = self._aws.client().get_object_lock_configuration(Bucket=self._name)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            if code_of(error) in _NOT_ENABLED:
                return False
            translate(error, self._url, "")
        return bool(found["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled")

    def find(self, name: str) -> Retention | None:
        """See `Locks.find`."""
        try:
            found = self._aws.client().get_object_retention(Bucket=self._name, Key=name)["Retention"]
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            if code_of(error) in _NOT_LOCKED:
                return None
            translate(error, self._url, name)
        return Retention(LockMode(found["Mode"].lower()), found["RetainUntilDate"])

    def extend(self, name: str, retention: Retention) -> None:
        """See `Locks.extend`."""
        try:
            self._call(
                "put_object_retention",
                name,
                Retention={"Mode": retention.mode.upper(), "RetainUntilDate": retention.until},
            )
        except AccessDeniedError:  # so S3 says where a lock would be shortened, too
            found = self.find(name)
            if found is None or found.until < retention.until:
                raise

    def delete(self, name: str) -> None:
        """Remove the newest version of an object; no error where there is none.

        Without a version S3 would only hide the object, locked or not.

        Raises:
            ObjectLockedError: It is locked.
        """
        try:
            found = self._call("head_object", name)
        except ObjectMissingError:
            return
        try:
            self._call("delete_object", name, VersionId=found.get("VersionId", "null"))
        except AccessDeniedError:  # so S3 says of what is locked, too
            until = found.get("ObjectLockRetainUntilDate")
            if found.get("ObjectLockLegalHoldStatus") == "ON" or (until is not None and until > now()):
                raise ObjectLockedError(self._url + name) from None
            raise

    def _call(self, verb: str, key: str, **parameters: Any) -> Any:
        try:
            return getattr(self._aws.client(), verb)(Bucket=self._name, Key=key, **parameters)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            if code_of(error) == "InvalidRequest":
                raise lock_not_enabled(self._url) from error
            translate(error, self._url, key)
