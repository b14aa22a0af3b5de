"""Versions of S3: a bucket that keeps them hides a deleted object behind a delete marker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from os.path import commonprefix
from typing import Any

import botocore.exceptions

from canvasback.errors import AccessDeniedError, CanvasbackError, ObjectExistsError, ObjectMissingError
from canvasback.storage.bucket.aws import AwsSettings
from canvasback.storage.bucket.etags import checksum_of_etag, part_count
from canvasback.storage.bucket.s3_errors import code_of, translate
from canvasback.storage.bucket.s3_version_pages import Entry, each_entry
from canvasback.storage.checksums import of_parts
from canvasback.storage.store import Copied, Stat
from canvasback.storage.versions import BroughtBack, Version

_UNKNOWN = {"NotImplemented", "MethodNotAllowed", "501", "405"}
_ENCRYPTED_BY_KEY = "aws:kms"
"""The etag of what is encrypted so is no checksum of the content."""


class S3Versions:
    """See `canvasback.storage.versions.Versions`; the names are keys.

    Args:
        aws: How to reach the bucket.
        name: The bucket.
        url: The same as a URL.
        copy: Lets the service create an object from a content.
    """

    batch = 1000
    """What S3 deletes by one request."""

    def __init__(
        self, aws: AwsSettings, name: str, url: str, copy: Callable[[str, dict[str, str], Stat], Copied | None]
    ) -> None:
        self._aws = aws
        self._name = name
        self._url = url
        self._copy = copy

    def kept(self) -> bool | None:
        """See `Versions.kept`."""
        try:
            return bool(self._call("get_bucket_versioning", "").get("Status") == "Enabled")
        except AccessDeniedError:
            return None
        except botocore.exceptions.ClientError as error:
            if code_of(error) in _UNKNOWN:
                return False
            translate(error, self._url, "")

    def list(self, prefix: str) -> Iterator[Version]:
        """See `Versions.list`."""
        return self._list(prefix, None)

    def find(self, names: Sequence[str]) -> Iterator[Version]:
        """See `Versions.find`. S3 begins a page at any key: where few are wanted, most pages are passed over."""
        if not names:
            return iter(())
        wanted = sorted(names, key=str.encode)
        known = set(wanted)
        prefix = commonprefix([wanted[0], wanted[-1]])  # noqa: RUF071 - of texts, not of paths
        return (version for version in self._list(prefix, wanted) if version.name in known)

    def _list(self, prefix: str, wanted: Sequence[str] | None) -> Iterator[Version]:
        try:
            entries = each_entry(self._aws.client(), self._name, prefix, wanted)
            for key, of_key in groupby(entries, attrgetter("key")):
                yield from _versions_of(key, list(of_key))
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            translate(error, self._url, prefix)

    def head(self, name: str) -> Version | None:
        """See `Versions.head`."""
        try:
            found = self._call("head_object", name)
            etag, size = str(found.get("ETag") or ""), int(found["ContentLength"])
            checksum = "" if is_encrypted(found) else checksum_of_etag(etag, size)
            if not checksum and not is_encrypted(found) and part_count(etag) > 1:
                checksum = self._checksum_of_parts(name, found)
        except ObjectMissingError:
            return None
        modified = int(found["LastModified"].timestamp()) * 1_000_000_000
        id_ = str(found.get("VersionId") or "null")
        return Version(name, id_, size, modified, etag, checksum, current=True)

    def bring_back(self, versions: Sequence[Version]) -> Iterator[BroughtBack]:
        """See `Versions.bring_back`."""
        shown = self._show([version for version in versions if version.hidden_by])
        for version in versions:
            error = self._copy_back(version) if not version.hidden_by else shown.get(version.name)
            yield BroughtBack(version, error)

    def _show(self, hidden: Sequence[Version]) -> dict[str, CanvasbackError]:
        """Delete the markers that hide contents, and answer the errors of those that stay, by name."""
        markers = [{"Key": version.name, "VersionId": marker} for version in hidden for marker in version.hidden_by]
        stay: dict[str, CanvasbackError] = {}
        for start in range(0, len(markers), self.batch):
            some = markers[start : start + self.batch]
            try:
                answer = self._aws.client().delete_objects(Bucket=self._name, Delete={"Objects": some, "Quiet": True})
                errors = answer.get("Errors", ())
            except botocore.exceptions.ClientError as error:
                errors = [{**marker, "Code": code_of(error)} for marker in some]
            except botocore.exceptions.BotoCoreError as error:
                translate(error, self._url, some[0]["Key"])
            # Whatever keeps a marker there, a copy tells what the matter is.
            stay.update({str(error["Key"]): AccessDeniedError(self._url + str(error["Key"])) for error in errors})
        return stay

    def _copy_back(self, version: Version) -> CanvasbackError | None:
        source = {"Bucket": self._name, "Key": version.name, "VersionId": version.id}
        stat = Stat(version.name, version.size, version.modified_ns, version.etag, version.checksum)
        try:
            self._refuse_taken(version.name)
            if self._copy(version.name, source, stat) is None:
                return ObjectExistsError(self._url + version.name)
        except CanvasbackError as error:
            return error
        return None

    def _refuse_taken(self, key: str) -> None:
        """Not all services heed a condition on a copy."""
        try:
            self._call("head_object", key)
        except (ObjectMissingError, AccessDeniedError):  # S3 says the latter of what is not there, too
            return
        raise ObjectExistsError(self._url + key)

    def _checksum_of_parts(self, key: str, whole: dict[str, Any]) -> str:
        """That of an object which came in parts, if all but the last are as long as the first."""
        etag, size = str(whole["ETag"]), int(whole["ContentLength"])
        version = {"VersionId": whole["VersionId"]} if "VersionId" in whole else {"IfMatch": etag}
        part = int(self._call("head_object", key, PartNumber=1, **version)["ContentLength"])
        if not 0 < part < size or -(-size // part) != part_count(etag):
            return ""
        return of_parts("md5", part, etag.strip('"').partition("-")[0])

    def _call(self, verb: str, key: str, **parameters: Any) -> Any:
        where = {"Bucket": self._name, **({"Key": key} if key else {})}
        try:
            return getattr(self._aws.client(), verb)(**where, **parameters)
        except botocore.exceptions.ClientError as error:
            if code_of(error) in _UNKNOWN:
                raise
            translate(error, self._url, key)
        except botocore.exceptions.BotoCoreError as error:
            translate(error, self._url, key)


def _versions_of(key: str, entries: Sequence[Entry]) -> Iterator[Version]:
    """The contents of one object, the newest first. Their times are whole seconds, so a marker of the same hides it."""
    hidden = any(entry.latest for entry in entries if entry.size is None)
    newest = True
    for entry in entries:
        if entry.size is None:
            continue
        above = (e.id for e in entries if e.size is None and e.modified_ns >= entry.modified_ns)
        hidden_by = tuple(above) if hidden and newest else ()
        checksum = checksum_of_etag(entry.etag, entry.size)
        yield Version(key, entry.id, entry.size, entry.modified_ns, entry.etag, checksum, entry.latest, hidden_by)
        newest = False


def is_encrypted(answer: dict[str, Any]) -> bool:
    """Whether the service encrypts an object so that its etag is no checksum of the content."""
    encrypted_by = str(answer.get("ServerSideEncryption") or "")
    return encrypted_by.startswith(_ENCRYPTED_BY_KEY) or "SSECustomerAlgorithm" in answer
