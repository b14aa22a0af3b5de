"""Google Cloud Storage, through Google's own library."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from canvasback.errors import ObjectMissingError
from canvasback.storage.bucket.gcs_errors import no_bucket, translate
from canvasback.storage.bucket.gcs_listing import stat_of
from canvasback.storage.bucket.gcs_soft_deleted import GcsSoftDeleted
from canvasback.storage.bucket.gcs_versions import GcsVersions
from canvasback.storage.bucket.service import (
    Bucket,
    StoreOptions,
    TransientError,
    bucket_missing,
    by_pieces,
    credentials_missing,
)
from canvasback.storage.store import Copied, Source, Stat

PART = 16 * 1024 * 1024


def client_for(url: str, options: StoreOptions) -> Any:
    """Google's own client, with the application default credentials. Whoever asks closes it.

    Args:
        url: The bucket, to say so.
        options: What the user says; with an endpoint that is spelled ``http://`` no credentials are looked for.

    Raises:
        StorageError: There are no credentials.
    """
    endpoint = options.endpoint
    try:
        if endpoint and endpoint.startswith("http://"):
            return storage.Client("none", AnonymousCredentials(), client_options={"api_endpoint": endpoint})
        return storage.Client(client_options={"api_endpoint": endpoint} if endpoint else None)
    except (DefaultCredentialsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise credentials_missing(url, f"no application default credentials: {reason}") from None


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

    def __init__(self, scheme: str, name: str, options: StoreOptions) -> None:
        self.url = f"{scheme}://{name}/"
        self._limits: dict[str, Any] = {
            "timeout": options.timeout,
            "retry": DEFAULT_RETRY.with_timeout(options.timeout),
        }
        self.service = f"gcs {options.endpoint or ''}"
        self._client = client_for(self.url, options)
        weakref.finalize(self, self._client.close)
        self._bucket = self._client.bucket(name)
        self.versions = GcsVersions(self._bucket, self.url, self._limits, self.head, self._copy)
        self.soft_deleted = GcsSoftDeleted(self._bucket, self.url, self._limits, self.versions.head)

    def head(self, key: str) -> Stat | None:
        """See `Bucket.head`."""
        blob = self._blob(key)
        try:
            blob.reload(**self._limits)
        except exceptions.NotFound as error:
            if no_bucket(error):
                raise bucket_missing(self.url) from None
            return None
        except Exception as error:  # noqa: BLE001 - the library lets errors of four others through
            translate(error, self.url, key, reading=True)
        return stat_of(blob)

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
        blob = self._blob(key, int(stat.etag))
        try:
            content = blob.download_as_bytes(
                start=start,
                end=start + wanted - 1,
                raw_download=True,
                checksum=None,
                **self._limits,
            )
        except Exception as error:  # noqa: BLE001
            translate(error, self.url, key, reading=True)
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
            translate(error, self.url, key)
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
            translate(error, self.url, key)
        return str(blob.generation or "")

    def copy(self, key: str, origin: Bucket, origin_key: str, stat: Stat) -> Copied | None:
        """See `Bucket.copy`."""
        assert isinstance(origin, GcsBucket)
        return self._copy(key, origin._blob(origin_key), stat)  # noqa: SLF001 - another of us

    def _copy(self, key: str, source: Any, stat: Stat) -> Copied | None:
        """Create an object as a copy of a blob; None where that changed, or the key is taken."""
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
            translate(error, self.url, key, reading=True)
        copied = stat_of(blob)
        return Copied(copied.size, "", copied.etag, copied.checksum if copied.checksum == stat.checksum else "")

    def list(self, prefix: str) -> Iterator[Stat]:
        """See `Bucket.list`."""
        try:
            for blob in self._client.list_blobs(self._bucket, prefix=prefix, **self._limits):
                yield stat_of(blob)
        except Exception as error:  # noqa: BLE001
            translate(error, self.url, prefix)

    def delete(self, key: str) -> None:
        """See `Bucket.delete`."""
        try:
            self._bucket.blob(key).delete(**self._limits)
        except exceptions.NotFound:
            return
        except Exception as error:  # noqa: BLE001
            translate(error, self.url, key)

    def _blob(self, key: str, generation: int | None = None) -> Any:
        """What is read under a key: one generation of it, or the one that is there."""
        return self._bucket.blob(key, generation=generation)


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
