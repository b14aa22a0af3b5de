"""Azure Blob Storage, through Microsoft's own library."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Iterator
from typing import Any

from azure.core import MatchConditions, exceptions
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobBlock, BlobClient, BlobServiceClient, ContainerClient

from canvasback.errors import StorageError
from canvasback.storage.bucket.azure_copies import copy_blob
from canvasback.storage.bucket.azure_errors import code_of, translate
from canvasback.storage.bucket.azure_listing import quoted, stat_of
from canvasback.storage.bucket.azure_soft_deleted import AzureSoftDeleted
from canvasback.storage.bucket.azure_versions import AzureVersions
from canvasback.storage.bucket.service import (
    Bucket,
    StoreOptions,
    TransientError,
    bucket_missing,
    by_pieces,
    credentials_missing,
    parts_of,
)
from canvasback.storage.store import Copied, Source, Stat

PART = 16 * 1024 * 1024
_HOST = re.compile(r"(?P<account>[a-z0-9]+)\.(?:blob|dfs)\.(?P<domain>[a-z0-9.]+)")
_DOMAIN = "core.windows.net"


class AzureBucket:
    """See `canvasback.storage.bucket.service.Bucket`: a container.

    Args:
        scheme: How the user spells it: ``az``, ``azure`` or ``abfss``.
        name: ``container``, ``container@account.dfs.core.windows.net`` or ``account.blob.core.windows.net/container``.
        options: What the user says.
    """

    arrival = "md5"
    single = 16 * 1024 * 1024
    locks = None

    def __init__(self, scheme: str, name: str, options: StoreOptions) -> None:
        self.url = f"{scheme}://{name}/"
        self._timeout = options.timeout
        account, container, domain = account_and_container(name)
        service = service_for(account, domain, options, self.url)
        self.service = f"azure {service.url}"
        weakref.finalize(self, service.close)
        self._container: ContainerClient = service.get_container_client(container)
        self.versions = AzureVersions(self._container, self.url, self._seconds, self._copy)
        self.soft_deleted = AzureSoftDeleted(service, self._container, self.url, self._seconds)

    def head(self, key: str) -> Stat | None:
        """See `Bucket.head`."""
        try:
            return stat_of(self._blob(key).get_blob_properties(timeout=self._seconds))
        except exceptions.ResourceNotFoundError as error:
            if code_of(error) == "ContainerNotFound":
                raise bucket_missing(self.url) from None
            return None
        except exceptions.AzureError as error:
            translate(error, self.url, key)

    def read(self, key: str, start: int, size: int, etag: str = "") -> tuple[bytes, Stat]:
        """See `Bucket.read`."""
        condition: Any = {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
        try:
            found = self._blob(key).download_blob(
                offset=start, length=size, max_concurrency=1, timeout=self._seconds, **condition
            )
            content = found.readall()
        except exceptions.IncompleteReadError as error:
            raise TransientError(str(error)) from error
        except exceptions.AzureError as error:
            if getattr(error, "status_code", 0) == 416:  # noqa: PLR2004 - the first byte of nothing
                stat = self.head(key)
                if stat is not None:
                    return b"", stat
            translate(error, self.url, key)
        stat = stat_of(found.properties, _whole_size(found.properties))
        if len(content) != min(size, stat.size - start):
            raise TransientError(f"{len(content)} bytes came instead of {min(size, stat.size - start)}")
        return content, stat

    def stream(self, key: str, start: int, etag: str = "") -> tuple[Iterator[bytes], Stat]:
        """See `Bucket.stream`."""
        return by_pieces(self, key, start, etag)

    def put(self, key: str, content: bytes | bytearray) -> str:
        """See `Bucket.put`."""
        try:
            answer = self._container.get_blob_client(key).upload_blob(
                bytes(content), overwrite=False, validate_content=True, timeout=self._seconds
            )
        except exceptions.AzureError as error:
            translate(error, self.url, key)
        return quoted(answer["etag"])

    def upload(self, key: str, source: Source, size: int) -> str:
        """See `Bucket.upload`."""
        blob = self._container.get_blob_client(key)
        blocks: list[BlobBlock] = []
        part = max(PART, -(-size // 49_999))
        try:
            for content in filter(None, parts_of(source, part)):
                blocks.append(BlobBlock(f"{len(blocks):08d}"))
                blob.stage_block(
                    blocks[-1].id, bytes(content), len(content), validate_content=True, timeout=self._seconds
                )
            answer = blob.commit_block_list(blocks, match_condition=MatchConditions.IfMissing, timeout=self._seconds)
        except exceptions.AzureError as error:
            translate(error, self.url, key)
        return quoted(answer["etag"])

    def copy(self, key: str, origin: Bucket, origin_key: str, stat: Stat) -> Copied | None:
        """See `Bucket.copy`."""
        assert isinstance(origin, AzureBucket)
        return self._copy(key, origin._source(origin_key), stat)  # noqa: SLF001 - another of us

    def _copy(self, key: str, source: str, stat: Stat) -> Copied | None:
        """Create a blob as a copy of what is at a URL; None where that changed."""
        blob = self._container.get_blob_client(key)
        conditions: dict[str, Any] = {"match_condition": MatchConditions.IfMissing}
        if stat.etag:
            conditions |= {"source_etag": stat.etag, "source_match_condition": MatchConditions.IfNotModified}
        try:
            copied = stat_of(copy_blob(blob, source, self.url + key, self._seconds, **conditions))
        except exceptions.AzureError as error:
            if code_of(error) in {"SourceConditionNotMet", "CannotVerifyCopySource"}:
                return None
            translate(error, self.url, key)
        return Copied(copied.size, "", copied.etag, copied.checksum if copied.checksum == stat.checksum else "")

    def list(self, prefix: str) -> Iterator[Stat]:
        """See `Bucket.list`."""
        try:
            for found in self._container.list_blobs(name_starts_with=prefix, timeout=self._seconds):
                yield stat_of(found)
        except exceptions.AzureError as error:
            translate(error, self.url, prefix)

    def delete(self, key: str) -> None:
        """See `Bucket.delete`."""
        try:
            self._container.get_blob_client(key).delete_blob(timeout=self._seconds)
        except exceptions.ResourceNotFoundError:
            return
        except exceptions.AzureError as error:
            translate(error, self.url, key)

    @property
    def _seconds(self) -> int:
        return max(1, int(self._timeout))

    def _source(self, key: str) -> str:
        """The URL of what a copy is made from."""
        return self._blob(key).url

    def _blob(self, key: str) -> BlobClient:
        """What is read under a key."""
        return self._container.get_blob_client(key)


def service_for(account: str | None, domain: str, options: StoreOptions, url: str) -> BlobServiceClient:
    """Microsoft's own client by Azure's own conventions: a connection string, else the account with a key or identity.

    Args:
        account: The account, where the URL names it.
        domain: The service's.
        options: What the user says.
        url: The container, to say so.

    Raises:
        StorageError: There are no credentials.
    """
    limits: dict[str, Any] = {
        "retry_total": options.retries,
        "initial_backoff": 1,  # seconds; and not the library's 15, with somebody waiting
        "increment_base": 2,
        "connection_timeout": min(10.0, options.timeout),
        "read_timeout": options.timeout,
        "max_single_put_size": 64 * 1024 * 1024 + 1,
        "max_single_get_size": 8 * 1024 * 1024,
    }
    connection = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    if connection and account in {None, _named(connection)} and options.account in {None, _named(connection)}:
        try:
            return BlobServiceClient.from_connection_string(connection, **limits)
        except ValueError as error:
            raise credentials_missing(url, f"AZURE_STORAGE_CONNECTION_STRING cannot be read: {error}") from None
    account = account or options.account or os.environ.get("AZURE_STORAGE_ACCOUNT")
    if not account:
        raise credentials_missing(url, "neither AZURE_STORAGE_CONNECTION_STRING nor AZURE_STORAGE_ACCOUNT is set")
    endpoint = options.endpoint or f"https://{account}.blob.{domain}"
    key = os.environ.get("AZURE_STORAGE_KEY") or os.environ.get("AZURE_STORAGE_SAS_TOKEN")
    return BlobServiceClient(endpoint, credential=key or DefaultAzureCredential(), **limits)


def _named(connection: str) -> str | None:
    found = re.search(r"AccountName=([^;]+)", connection)
    return found[1] if found else None


def account_and_container(name: str) -> tuple[str | None, str, str]:
    """The two, and the service's domain, as DuckDB's URLs give them; no account where the configuration says it."""
    first, _, last = name.partition("/")
    found = _HOST.fullmatch(first)
    if found and last:
        return found["account"], last, found["domain"]
    container, _, host = name.partition("@")
    found = _HOST.fullmatch(host)
    if host and not found:
        raise StorageError(f"{host} is no host of an Azure account", code="storage-failed", hint="Check the URL.")
    return (found["account"], container, found["domain"]) if found else (None, container, _DOMAIN)


def _whole_size(properties: Any) -> int:
    """The blob's size: the library gives that of the range that was asked for."""
    return int((properties.content_range or f"/{properties.size}").rpartition("/")[2])
