"""All contents that a bucket of S3 keeps of its objects, read under names that begin with their version ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.exceptions

from canvasback.errors import ObjectMissingError
from canvasback.storage.bucket.etags import checksum_of_etag
from canvasback.storage.bucket.only_read import OnlyRead
from canvasback.storage.bucket.s3 import S3Bucket
from canvasback.storage.bucket.s3_errors import code_of, translate
from canvasback.storage.bucket.s3_versions import is_encrypted
from canvasback.storage.bucket.service import StoreOptions, TransientError
from canvasback.storage.store import Stat

_PIECE = 1024 * 1024
_MISSING = {"NoSuchVersion", "InvalidArgument", "InvalidVersionId", "400"}
"""What services say of a version that there is not; HEAD says the status only."""


class S3Contents(OnlyRead, S3Bucket):
    """A bucket of S3 whose keys are ``<version id>/<key below a prefix>``. It is only read.

    Args:
        scheme: How the user spells it: ``s3``, ``r2``, …
        name: The bucket.
        options: What the user says besides AWS's own configuration.
        prefix: What the keys of all objects begin with; not empty, it ends in a slash.
    """

    def __init__(self, scheme: str, name: str, options: StoreOptions, prefix: str) -> None:
        super().__init__(scheme, name, options)
        self.url += prefix
        self._prefix = prefix

    def head(self, key: str) -> Stat | None:
        """See `Bucket.head`."""
        try:
            return _stat(key, self._ask("head_object", key))
        except ObjectMissingError:
            return None

    def read(self, key: str, start: int, size: int, etag: str = "") -> tuple[bytes, Stat]:  # noqa: ARG002
        """See `Bucket.read`. A content never changes, so its etag need not be compared."""
        pieces, stat = self._stream(key, start, size)
        content = b"".join(pieces)
        if len(content) != min(size, max(stat.size - start, 0)):
            raise TransientError(f"{len(content)} bytes came of {size}")
        return content, stat

    def stream(self, key: str, start: int, etag: str = "") -> tuple[Iterator[bytes], Stat]:  # noqa: ARG002
        """See `Bucket.stream`, and `read`."""
        return self._stream(key, start, None)

    def source(self, key: str) -> dict[str, str]:
        """See `S3Bucket.source`."""
        return {"Bucket": self._name, **self._where(key)}

    def _stream(self, key: str, start: int, size: int | None) -> tuple[Iterator[bytes], Stat]:
        end = "" if size is None else start + size - 1
        # An empty object has no first byte that could be asked for.
        answer = self._ask("get_object", key, **({"Range": f"bytes={start}-{end}"} if start or size else {}))
        body, stat = answer["Body"], _stat(key, answer)
        # Not all services give a part of a version: some give all of it.
        passed_over = 0 if "ContentRange" in answer else start
        wanted = stat.size - start if size is None else size

        def pieces() -> Iterator[bytes]:
            try:
                left, skip = wanted, passed_over
                while left > 0 and (piece := body.read(_PIECE)):
                    shown = piece[skip:][:left]
                    skip = max(0, skip - len(piece))
                    left -= len(shown)
                    yield shown
            except (botocore.exceptions.BotoCoreError, OSError) as error:
                raise TransientError(str(error)) from error
            finally:
                body.close()

        return pieces(), stat

    def _ask(self, verb: str, key: str, **parameters: Any) -> Any:
        try:
            return getattr(self._aws.client(), verb)(Bucket=self._name, **self._where(key), **parameters)
        except botocore.exceptions.ClientError as error:
            if code_of(error) == "InvalidRange":
                return self._ask(verb, key)
            if code_of(error) in _MISSING:
                raise ObjectMissingError(self.url + key) from None
            translate(error, self.url, key)
        except botocore.exceptions.BotoCoreError as error:
            translate(error, self.url, key)

    def _where(self, key: str) -> dict[str, str]:
        version, _, path = key.partition("/")
        return {"Key": self._prefix + path, "VersionId": version}


def _stat(key: str, answer: dict[str, Any]) -> Stat:
    whole = str(answer.get("ContentRange") or "").rpartition("/")[2]
    size = int(whole or answer["ContentLength"])
    etag = str(answer.get("ETag") or "")
    modified = int(answer["LastModified"].timestamp()) * 1_000_000_000
    return Stat(key, size, modified, etag, "" if is_encrypted(answer) else checksum_of_etag(etag, size))
