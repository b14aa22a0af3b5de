"""S3, and what speaks it: data through obstore, the rest through botocore.

obstore takes a fraction of the CPU time for small objects; it knows neither AWS's profiles nor copies across
buckets nor conditional uploads in parts, which botocore does.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, NoReturn

import botocore.exceptions
import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError
from obstore.store import S3Store

from canvasback.errors import AccessDeniedError, ObjectExistsError, StorageError
from canvasback.storage.bucket.aws import AwsSettings
from canvasback.storage.bucket.etags import checksum_of_etag, checksum_of_parts, hex_digest
from canvasback.storage.bucket.s3_errors import code_of, status_of, translate
from canvasback.storage.bucket.s3_locks import S3Locks
from canvasback.storage.bucket.s3_versions import S3Versions
from canvasback.storage.bucket.service import Bucket, StoreOptions, TransientError, parts_of
from canvasback.storage.store import Copied, Source, Stat

PART = 16 * 1024 * 1024
"""Uploads in parts have parts of this size, or larger ones where 10,000 of them would not do."""

COPY_PART = 1024 * 1024 * 1024
COPY_SINGLE = 5 * 1024 * 1024 * 1024
"""What S3 copies in one request; more is copied in parts of `COPY_PART`."""

_CHUNK = 1024 * 1024
_MOST_PARTS = 10_000


class S3Bucket:
    """See `canvasback.storage.bucket.service.Bucket`.

    Args:
        scheme: How the user spells it: ``s3``, ``r2``, …
        name: The bucket.
        options: What the user says besides AWS's own configuration.
    """

    arrival = "sha256"
    single = 64 * 1024 * 1024
    soft_deleted = None

    def __init__(self, scheme: str, name: str, options: StoreOptions) -> None:
        self.url = f"{scheme}://{name}/"
        self._name = name
        self._options = options
        self._aws = AwsSettings(self.url, scheme, options)
        self.service = f"s3 {self._aws.endpoint or self._aws.region} {options.profile or ''}"
        self.locks = S3Locks(self._aws, name, self.url)
        self.versions = S3Versions(self._aws, name, self.url, self._copy)
        self._store = self._open()

    def head(self, key: str) -> Stat | None:
        """See `Bucket.head`."""
        try:
            return _stat(obstore.head(self._store, key))
        except FileNotFoundError:
            return None
        except PermissionDeniedError:
            self._say_why(key)
        except (BaseError, OSError) as error:
            translate(error, self.url, key)

    def read(self, key: str, start: int, size: int, etag: str = "") -> tuple[bytes, Stat]:
        """See `Bucket.read`."""
        found = self._get(key, (start, start + size), etag)
        if isinstance(found, Stat):
            return b"", found
        stat = _stat(found.meta)
        try:
            content = bytes(found.bytes())
        except (BaseError, OSError) as error:
            raise TransientError(str(error)) from error
        if len(content) != min(size, stat.size - start):
            raise TransientError(f"{len(content)} bytes came instead of {min(size, stat.size - start)}")
        return content, stat

    def stream(self, key: str, start: int, etag: str = "") -> tuple[Iterator[bytes], Stat]:
        """See `Bucket.stream`."""
        # The answer to a range tells the size of the whole, so that one which was cut short is noticed.
        found = self._get(key, {"offset": start}, etag)
        if isinstance(found, Stat):
            return iter(()), found

        def pieces() -> Iterator[bytes]:
            try:
                for piece in found.stream(min_chunk_size=_CHUNK):
                    yield bytes(piece)
            except (BaseError, OSError) as error:
                raise TransientError(str(error).partition("\n")[0]) from error

        return pieces(), _stat(found.meta)

    def put(self, key: str, content: bytes | bytearray) -> str:
        """See `Bucket.put`."""
        try:
            return str(obstore.put(self._store, key, content, mode="create", use_multipart=False)["e_tag"] or "")
        except (BaseError, OSError) as error:
            if not code_of(error):  # obstore does not send a second time what may have arrived; create-only may be
                raise TransientError(str(error).partition("\n")[0]) from error
            translate(error, self.url, key)

    def upload(self, key: str, source: Source, size: int) -> str:
        """See `Bucket.upload`."""
        part = max(PART, -(-size // (_MOST_PARTS - 1)))
        where = {"Bucket": self._name, "Key": key}
        upload = self._call("create_multipart_upload", **where, ChecksumAlgorithm="SHA256")["UploadId"]
        parts = []
        try:
            for number, content in enumerate(parts_of(source, part), 1):
                sent = self._call(
                    "upload_part",
                    **where,
                    UploadId=upload,
                    PartNumber=number,
                    Body=content,
                    # Not by botocore: it would send it after the body, which not all services take.
                    ChecksumSHA256=base64.b64encode(hashlib.sha256(content).digest()).decode(),
                )
                parts.append(_part(number, sent))
            self._refuse_taken(key)
            finished = self._complete(where, upload, parts)
        except BaseException:
            self._abort(key, upload)
            raise
        return self._etag(key, finished)

    def copy(self, key: str, origin: Bucket, origin_key: str, stat: Stat) -> Copied | None:
        """See `Bucket.copy`."""
        assert isinstance(origin, S3Bucket)
        return self._copy(key, origin.source(origin_key), stat)

    def _copy(self, key: str, source: dict[str, str], stat: Stat) -> Copied | None:
        """Create an object as a copy of what a source of S3's names; None where that changed, or the key is taken."""
        try:
            if stat.size > COPY_SINGLE:
                return self._copy_parts(key, source, stat)
            answer = self._call(
                "copy_object",
                Bucket=self._name,
                Key=key,
                CopySource=source,
                CopySourceIfMatch=stat.etag,
                IfNoneMatch="*",  # not all services heed it
                ChecksumAlgorithm="SHA256",
            )["CopyObjectResult"]
        except ObjectExistsError:  # a precondition failed, the original's or the copy's
            return None
        etag = self._etag(key, answer)
        digest = answer.get("ChecksumSHA256")
        if digest:
            return Copied(stat.size, "", etag, f"sha256:{hex_digest(digest)}")
        # An etag that is the same for both is a checksum of the content; of others one cannot be sure.
        vouched = checksum_of_etag(etag, stat.size)
        return Copied(stat.size, "", etag, vouched if vouched == stat.checksum else "")

    def source(self, key: str) -> dict[str, str]:
        """What a copy of an object is made from, in the words of S3."""
        return {"Bucket": self._name, "Key": key}

    def list(self, prefix: str) -> Iterator[Stat]:
        """See `Bucket.list`."""
        # obstore lists below folders only: the last part of the prefix is compared here.
        folder = prefix.rpartition("/")[0]
        try:
            for batch in obstore.list(self._store, folder or None):
                for found in batch:
                    if found["path"].startswith(prefix):
                        yield _stat(found)
        except (BaseError, OSError) as error:
            translate(error, self.url, prefix)

    def delete(self, key: str) -> None:
        """See `Bucket.delete`."""
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            translate(error, self.url, key)

    def _get(self, key: str, range_: Any, etag: str) -> Any:
        """A part of an object; what is known of it where it is empty."""
        options: Any = {"range": range_}
        if etag:
            options["if_match"] = etag
        try:
            return obstore.get(self._store, key, options=options)
        except PreconditionError as error:
            raise TransientError("it was replaced while it was read") from error
        except (BaseError, OSError) as error:
            stat = self.head(key) if status_of(error) == "416" else None  # the first byte of nothing
            if stat is not None:
                return stat
            translate(error, self.url, key)

    def _open(self) -> S3Store:
        url = self._aws.url_of(self._name)
        options = self._options
        return S3Store(
            self._name,
            region=self._aws.region,
            checksum_algorithm="SHA256",
            # The bucket's name is in the URL where it has to be. Both spellings, for else the environment's goes first.
            virtual_hosted_style_request=f"{self._name}." in url.partition("://")[2].partition("/")[0],
            endpoint=url,
            aws_endpoint_url_s3=url,
            credential_provider=self._aws.current_credentials,
            client_options={
                "allow_http": url.startswith("http://"),
                "connect_timeout": timedelta(seconds=min(10.0, options.timeout)),
                "timeout": timedelta(seconds=options.timeout),
            },
            retry_config={
                "max_retries": options.retries,
                "retry_timeout": timedelta(seconds=max(60.0, options.timeout)),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=10),
                    "base": 2,
                },
            },
        )

    def _call(self, verb: str, **parameters: Any) -> Any:
        try:
            return getattr(self._aws.client(), verb)(**parameters)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            translate(error, self.url, parameters["Key"])

    def _copy_parts(self, key: str, source: dict[str, str], stat: Stat) -> Copied:
        where = {"Bucket": self._name, "Key": key}
        upload = self._call("create_multipart_upload", **where, ChecksumAlgorithm="SHA256")["UploadId"]
        parts = []
        try:
            for number, start in enumerate(range(0, stat.size, COPY_PART), 1):
                end = min(start + COPY_PART, stat.size) - 1
                answer = self._call(
                    "upload_part_copy",
                    **where,
                    UploadId=upload,
                    PartNumber=number,
                    CopySource=source,
                    CopySourceRange=f"bytes={start}-{end}",
                    CopySourceIfMatch=stat.etag,
                )
                parts.append(_part(number, answer["CopyPartResult"]))
            done = self._complete(where, upload, parts)
        except BaseException:
            self._abort(key, upload)
            raise
        return Copied(stat.size, "", self._etag(key, done), checksum_of_parts(parts, COPY_PART))

    def _refuse_taken(self, key: str) -> None:
        """Not all services heed a condition on the end of an upload."""
        try:
            taken = self.head(key) is not None
        except AccessDeniedError:
            taken = False  # S3 says so of what is not there to those who may not list
        if taken:
            raise ObjectExistsError(self.url + key)

    def _etag(self, key: str, answer: dict[str, Any]) -> str:
        """The etag of what was just made, as a HEAD tells it: not all services quote it, or tell it at once."""
        etag = str(answer.get("ETag") or "").strip('"')
        if etag:
            return f'"{etag}"'
        stat = self.head(key)
        return stat.etag if stat else ""

    def _complete(self, where: dict[str, str], upload: str, parts: Sequence[dict[str, Any]]) -> Any:
        return self._call(
            "complete_multipart_upload",
            **where,
            UploadId=upload,
            MultipartUpload={"Parts": [*parts]},
            IfNoneMatch="*",
        )

    def _abort(self, key: str, upload: str) -> None:
        try:
            self._call("abort_multipart_upload", Bucket=self._name, Key=key, UploadId=upload)
        except StorageError:
            return  # the bucket's lifecycle rule removes what is left; docs/object-stores.md asks for one

    def _say_why(self, key: str) -> NoReturn:
        """HEAD is refused without a reason: ask again in a way that has one."""
        try:
            obstore.get_range(self._store, key, start=0, length=1)
        except (BaseError, OSError) as error:
            translate(error, self.url, key)
        raise AccessDeniedError(self.url + key)


def _stat(found: Any) -> Stat:
    etag = str(found["e_tag"] or "")
    modified = int(found["last_modified"].timestamp()) * 1_000_000_000
    return Stat(found["path"], found["size"], modified, etag, checksum_of_etag(etag, found["size"]))


def _part(number: int, answer: dict[str, Any]) -> dict[str, Any]:
    part = {"PartNumber": number, "ETag": answer["ETag"]}
    if answer.get("ChecksumSHA256"):
        part["ChecksumSHA256"] = answer["ChecksumSHA256"]
    return part
