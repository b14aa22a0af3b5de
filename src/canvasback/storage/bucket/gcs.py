"""Google Cloud Storage, through Google's own library."""

from __future__ import annotations

import base64
import weakref
from collections.abc import Iterator
from typing import Any, NoReturn

import requests.exceptions
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError, TransportError
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from canvasback.errors import AccessDeniedError, ObjectExistsError, ObjectMissingError
from canvasback.storage.bucket.service import (
    Bucket,
    StoreOptions,
    TransientError,
    bucket_missing,
    by_pieces,
    credentials_missing,
    credentials_refused,
    unreachable,
)
from canvasback.storage.store import Copied, Source, Stat

PART = 16 * 1024 * 1024
_NO_BUCKET = "specified bucket does not exist"


class GcsBucket:
    """See `canvasback.storage.bucket.service.Bucket`.

    Args:
        scheme: How the user spells it: ``gs`` or ``gcs``.
        name: The bucket.
        options: What the user says; with an endpoint that is spelled ``http://`` no credentials are looked for.
    """

    arrival = "crc32c"
    single = 16 * 1024 * 1024
    locks = None
    versions = None
    soft_deleted = None

    def __init__(self, scheme: str, name: str, options: StoreOptions) -> None:
        self.url = f"{scheme}://{name}/"
        self._limits: dict[str, Any] = {
            "timeout": options.timeout,
            "retry": DEFAULT_RETRY.with_timeout(options.timeout),
        }
        endpoint = options.endpoint
        self.service = f"gcs {endpoint or ''}"
        try:
            if endpoint and endpoint.startswith("http://"):
                self._client = storage.Client("none", AnonymousCredentials(), client_options={"api_endpoint": endpoint})
            else:
                self._client = storage.Client(client_options={"api_endpoint": endpoint} if endpoint else None)
        except (DefaultCredentialsError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise credentials_missing(self.url, f"no application default credentials: {reason}") from None
        weakref.finalize(self, self._client.close)
        self._bucket = self._client.bucket(name)

    def head(self, key: str) -> Stat | None:
        """See `Bucket.head`."""
        blob = self._bucket.blob(key)
        try:
            blob.reload(**self._limits)
        except exceptions.NotFound as error:
            if _NO_BUCKET in str(error):
                raise bucket_missing(self.url) from None
            return None
        except Exception as error:  # noqa: BLE001 - the library lets errors of four others through
            self._translate(error, key, reading=True)
        return _stat(blob)

    def read(self, key: str, start: int, size: int, etag: str = "") -> tuple[bytes, Stat]:
        """See `Bucket.read`."""
        stat = self.head(key)
        if stat is None:
            raise ObjectMissingError(self.url + key)
        if etag and stat.etag != etag:
            raise TransientError("the object was replaced while it was read")
        wanted = min(size, stat.size - start)
        if wanted <= 0:
            return b"", stat
        blob = self._bucket.blob(key, generation=int(stat.etag))
        try:
            content = blob.download_as_bytes(
                start=start,
                end=start + wanted - 1,
                raw_download=True,
                checksum=None,
                **self._limits,
            )
        except Exception as error:  # noqa: BLE001
            self._translate(error, key, reading=True)
        if len(content) != wanted:
            raise TransientError(f"{len(content)} bytes came instead of {wanted}")
        return content, stat

    def stream(self, key: str, start: int, etag: str = "") -> tuple[Iterator[bytes], Stat]:
        """See `Bucket.stream`."""
        return by_pieces(self, key, start, etag)

    def put(self, key: str, content: bytes | bytearray) -> str:
        """See `Bucket.put`."""
        blob = self._bucket.blob(key)
        try:
            blob.upload_from_string(
                bytes(content),
                content_type="application/octet-stream",
                if_generation_match=0,
                checksum="crc32c",
                **self._limits,
            )
        except Exception as error:  # noqa: BLE001
            self._translate(error, key)
        return str(blob.generation or "")

    def upload(self, key: str, source: Source, size: int) -> str:  # noqa: ARG002 - what counts is what comes
        """See `Bucket.upload`."""
        blob = self._bucket.blob(key, chunk_size=PART)
        try:
            blob.upload_from_file(
                _File(source),
                content_type="application/octet-stream",
                if_generation_match=0,
                checksum="crc32c",
                **self._limits,
            )
        except _SourceError as error:
            raise error.reason from None
        except Exception as error:  # noqa: BLE001
            self._translate(error, key)
        return str(blob.generation or "")

    def copy(self, key: str, origin: Bucket, origin_key: str, stat: Stat) -> Copied | None:
        """See `Bucket.copy`."""
        assert isinstance(origin, GcsBucket)
        source = origin._bucket.blob(origin_key)  # noqa: SLF001 - another of us
        blob = self._bucket.blob(key)
        token = None
        try:
            while True:
                token, _, _ = blob.rewrite(
                    source,
                    token=token,
                    if_generation_match=0,
                    if_source_generation_match=int(stat.etag),
                    **self._limits,
                )
                if token is None:
                    break
        except exceptions.PreconditionFailed:
            return None
        except Exception as error:  # noqa: BLE001
            self._translate(error, key, reading=True)
        copied = _stat(blob)
        return Copied(copied.size, "", copied.etag, copied.checksum if copied.checksum == stat.checksum else "")

    def list(self, prefix: str) -> Iterator[Stat]:
        """See `Bucket.list`."""
        try:
            for blob in self._client.list_blobs(self._bucket, prefix=prefix, **self._limits):
                yield _stat(blob)
        except Exception as error:  # noqa: BLE001
            self._translate(error, prefix)

    def delete(self, key: str) -> None:
        """See `Bucket.delete`."""
        try:
            self._bucket.blob(key).delete(**self._limits)
        except exceptions.NotFound:
            return
        except Exception as error:  # noqa: BLE001
            self._translate(error, key)

    def _translate(self, error: Exception, key: str, *, reading: bool = False) -> NoReturn:
        where = self.url + key
        if isinstance(error, exceptions.NotFound):
            if _NO_BUCKET in str(error) or not reading:
                raise bucket_missing(self.url) from None
            raise ObjectMissingError(where) from None
        if isinstance(error, exceptions.PreconditionFailed):
            raise ObjectExistsError(where) from None
        if isinstance(error, (exceptions.Unauthorized, RefreshError)):
            raise credentials_refused(self.url, str(error).splitlines()[0]) from None
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


class _SourceError(Exception):
    """Carries an error of the source through Google's library, which would try again."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _File:
    """A source as the file that Google's library reads: in full pieces, and it knows its place."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._place = 0

    def read(self, size: int) -> bytes:
        pieces = bytearray()
        try:
            while len(pieces) < size and (piece := self._source.read(size - len(pieces))):
                pieces += piece
        except Exception as error:
            raise _SourceError(error) from error
        self._place += len(pieces)
        return bytes(pieces)

    def tell(self) -> int:
        return self._place


def _stat(blob: Any) -> Stat:
    modified = int(blob.updated.timestamp() * 1_000_000) * 1_000 if blob.updated else 0
    checksum = f"crc32c:{base64.b64decode(blob.crc32c).hex()}" if blob.crc32c else ""
    return Stat(str(blob.name), int(blob.size or 0), modified, str(blob.generation), checksum)
