"""A stand-in for Azure's blobs that keeps versions and soft-deletes, as no emulator does: in memory, on loopback.

It does what Microsoft documents of the requests that the tests make by Microsoft's own client, and refuses all others.
A container keeps versions, or what is deleted or overwritten, or both; in Azure that is said of an account. Signatures
are not checked, and no name is too long.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.azure_blobs import Container, Content, moment
from tests.object_servers import AZURE_ACCOUNT, HOST, Azurite


@dataclass(frozen=True)
class AzureStub(Azurite):
    """Azure's blobs, with versions and soft delete.

    Attributes:
        containers: By their names.
        forbidden: What nobody may do: see the ``properties`` of the account, or ``set`` them.
        log: The requests: method, blob and query.
    """

    containers: dict[str, Container] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    log: list[tuple[str, str, str]] = field(default_factory=list)

    def keep_versions(self, name: str) -> None:
        """Have a container keep the versions of its blobs."""
        self.containers[name].versions = True

    def turn_pages(self, name: str, page: int) -> None:
        """Have a container list so much at a time."""
        self.containers[name].page = page

    def soft_delete(self, name: str) -> None:
        """Have a container keep what is deleted for a time."""
        self.containers[name].soft_delete = True


@contextmanager
def azure_stub() -> Iterator[AzureStub]:
    """Run the stand-in for as long as a `with` block lasts."""
    with _Server((HOST, 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.stub
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.stub = AzureStub(self.server_address[1])
        self.lock = threading.RLock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: in two, the second waits for the client to say that it has the first
    server: _Server

    def handle_any(self) -> None:
        """Read a request whole, answer it, and let no two change anything at a time."""
        url = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        _, account, container, *rest = (*unquote(url.path).split("/", 3), "", "")
        assert account == AZURE_ACCOUNT
        self.stub, self.container, self.blob = self.server.stub, container, rest[0]
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.stub.log.append((self.command, self.blob, url.query))
        with self.server.lock:
            self._route()()

    do_GET = do_HEAD = do_PUT = do_DELETE = handle_any  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _route(self) -> Callable[[], None]:
        about = (self.command, self.query.get("restype", ""), self.query.get("comp", ""))
        routes: dict[tuple[str, str, str], Callable[[], None]] = {
            ("PUT", "container", ""): self._create_container,
            ("GET", "container", "list"): self._list,
            ("GET", "service", "properties"): self._properties,
            ("PUT", "service", "properties"): self._set_properties,
            ("PUT", "", "block"): self._put_block,
            ("PUT", "", "blocklist"): self._put_blocks,
            ("PUT", "", "snapshot"): self._snapshot,
            ("PUT", "", "undelete"): self._undelete,
            ("PUT", "", ""): self._copy if "x-ms-copy-source" in self.headers else self._put,
            ("GET", "", ""): self._get,
            ("HEAD", "", ""): self._get,
            ("DELETE", "", ""): self._delete,
        }
        if about not in routes:
            return lambda: self._answer(501, code="NotImplemented")
        if about[1] not in {"container", "service"} and self.container not in self.stub.containers:
            return lambda: self._answer(404, code="ContainerNotFound")
        if about == ("GET", "container", "list") and self.container not in self.stub.containers:
            return lambda: self._answer(404, code="ContainerNotFound")
        return routes[about]

    @property
    def here(self) -> Container:
        found: Container = self.stub.containers[self.container]
        return found

    def _create_container(self) -> None:
        self.stub.containers[self.container] = Container()
        self._answer(201)

    def _put(self) -> None:
        if not self._taken():
            sent = self.headers.get("Content-MD5")
            md5 = base64.b64encode(hashlib.md5(self.body).digest()).decode()
            if sent not in {None, md5}:
                return self._answer(400, code="Md5Mismatch")
            self._made(self.here.put(self.blob, self.body, self.headers.get("x-ms-blob-content-md5", md5)))
        return None

    def _put_block(self) -> None:
        self.here.blocks[self.blob, self.query["blockid"]] = self.body
        self._answer(201)

    def _put_blocks(self) -> None:
        if not self._taken():
            ids = re.findall(r"<(?:Latest|Uncommitted)>([^<]+)<", self.body.decode())
            data = b"".join(self.here.blocks.pop((self.blob, block)) for block in ids)
            self._made(self.here.put(self.blob, data, self.headers.get("x-ms-blob-content-md5", "")))

    def _copy(self) -> None:
        source = urlsplit(self.headers["x-ms-copy-source"])
        which = {name: values[-1] for name, values in parse_qs(source.query).items()}
        _, _, container, name = unquote(source.path).split("/", 3)
        holder = self.stub.containers.get(container, Container())
        found = holder.find(name, which.get("versionid", ""), which.get("snapshot", ""))
        if found is None:
            return self._answer(404, code="CannotVerifyCopySource")
        if found.tier == "Archive":
            return self._answer(409, code="BlobArchived")
        if self.headers.get("x-ms-source-if-match", found.etag) != found.etag:
            return self._answer(412, code="SourceConditionNotMet")
        if self._taken():
            return None
        made = self.here.put(self.blob, found.data, found.md5, copied=True)
        status = {"x-ms-copy-id": "1", "x-ms-copy-status": "success"}
        return self._answer(202, headers={**told(made), **status})

    def _snapshot(self) -> None:
        found = self.here.find(self.blob)
        if found is None:
            return self._answer(404, code="BlobNotFound")
        made = replace(found, kind="snapshot", id=moment())
        self.here.blobs[self.blob].insert(-1, made)
        return self._answer(201, headers={"x-ms-snapshot": made.id})

    def _undelete(self) -> None:
        found = self.here.undelete(self.blob)
        self._answer(200 if found else 404, code="" if found else "BlobNotFound")

    def _get(self) -> None:
        ids = self.query.get("versionid", ""), self.query.get("snapshot", "")
        if ids[0] and not re.fullmatch(r"[-\d]{10}T[:.\d]+Z", ids[0]):
            return self._answer(400, code="InvalidQueryParameterValue")
        found = self.here.find(self.blob, *ids)
        if found is None:
            return self._answer(404, code="BlobNotFound")
        if self.headers.get("If-Match", found.etag) != found.etag:
            return self._answer(412, code="ConditionNotMet")
        return self._send(found)

    def _send(self, found: Content) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("x-ms-range") or self.headers.get("Range") or "")
        data, status, headers = found.data, 200, {**told(found), "x-ms-blob-type": "BlockBlob"}
        if found.md5:
            headers["Content-MD5"] = found.md5
        if wanted is not None and self.command == "GET":
            start, end = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
            if start >= len(data):
                return self._answer(416, code="InvalidRange")
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            if "Content-MD5" in headers:
                headers["x-ms-blob-content-md5"] = headers.pop("Content-MD5")
            data, status = data[start : end + 1], 206
        if found.copied:
            headers |= {"x-ms-copy-id": "1", "x-ms-copy-status": "success", "x-ms-copy-source": "http://somewhere/"}
        return self._answer(status, data, headers)

    def _delete(self) -> None:
        ids = self.query.get("versionid", ""), self.query.get("snapshot", "")
        status, code = self.here.delete(self.blob, *ids, self.headers.get("x-ms-delete-snapshots", ""))
        self._answer(status, code=code)

    def _properties(self) -> None:
        if "properties" in self.stub.forbidden:
            return self._answer(403, code="AuthorizationPermissionMismatch")
        on = any(container.soft_delete for container in self.stub.containers.values())
        policy = f"<Enabled>{str(on).lower()}</Enabled>{'<Days>7</Days>' if on else ''}"
        policy = f"<DeleteRetentionPolicy>{policy}</DeleteRetentionPolicy>"
        xml = f"<StorageServiceProperties>{policy}</StorageServiceProperties>"
        return self._answer(200, xml.encode(), {"Content-Type": "application/xml"})

    def _set_properties(self) -> None:
        """Refuse: containers here keep what they keep, whatever is said of the account."""
        code, status = (
            ("AuthorizationPermissionMismatch", 403) if "set" in self.stub.forbidden else ("NotImplemented", 501)
        )
        return self._answer(status, code=code)

    def _list(self) -> None:
        include = set(self.query.get("include", "").split(",")) - {""}
        if include - {"versions", "snapshots", "deleted"}:
            return self._answer(400, code="InvalidQueryParameterValue")
        entries = [
            (name, content)
            for name, contents in sorted(self.here.blobs.items(), key=lambda blob: blob[0].encode())
            if name.startswith(self.query.get("prefix", ""))
            for content in contents
            if content.kind == "base" or f"{content.kind}s" in include
            if not content.deleted or "deleted" in include
        ]
        start = int(self.query.get("marker") or 0)
        end = start + min(self.here.page, int(self.query.get("maxresults") or 5000))
        blobs = "".join(listed(name, content) for name, content in entries[start:end])
        more = str(end) if end < len(entries) else ""
        xml = f"<Blobs>{blobs}</Blobs><NextMarker>{more}</NextMarker>"
        xml = f'<EnumerationResults ContainerName="{self.container}">{xml}</EnumerationResults>'
        return self._answer(200, xml.encode(), {"Content-Type": "application/xml"})

    def _taken(self) -> bool:
        """Answer where a condition on the blob that is to be made does not hold."""
        found = self.here.find(self.blob)
        if found is not None and self.headers.get("If-None-Match") == "*":
            self._answer(409, code="BlobAlreadyExists")
        elif self.headers.get("If-Match") not in {None, "" if found is None else found.etag}:
            self._answer(412, code="ConditionNotMet")
        else:
            return False
        return True

    def _made(self, made: Content) -> None:
        self._answer(201, headers=told(made))

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, *, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("x-ms-error-code", code)
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def told(content: Content) -> dict[str, str]:
    """What headers tell of a content."""
    headers = {
        "ETag": content.etag,
        "Last-Modified": formatdate(content.modified, usegmt=True),
    }
    if content.kind != "snapshot" and content.id:
        headers["x-ms-version-id"] = content.id
        headers |= {"x-ms-is-current-version": "true"} if content.kind == "base" else {}
    return headers


def listed(name: str, content: Content) -> str:
    """What a listing tells of a content."""
    ids = ""
    if content.kind == "snapshot":
        ids = f"<Snapshot>{content.id}</Snapshot>"
    elif content.id:
        ids = f"<VersionId>{content.id}</VersionId>"
        ids += "<IsCurrentVersion>true</IsCurrentVersion>" if content.kind == "base" else ""
    properties = {
        "Last-Modified": formatdate(content.modified, usegmt=True),
        "Etag": content.etag.strip('"'),
        "Content-Length": str(len(content.data)),
        "Content-Type": "application/octet-stream",
        "BlobType": "BlockBlob",
        "AccessTier": content.tier,
        **({"Content-MD5": content.md5} if content.md5 else {}),
        **({"RemainingRetentionDays": "7"} if content.deleted else {}),
    }
    xml = "".join(f"<{key}>{value}</{key}>" for key, value in properties.items())
    deleted = "<Deleted>true</Deleted>" if content.deleted else ""
    return f"<Blob><Name>{escape(name)}</Name>{deleted}{ids}<Properties>{xml}</Properties></Blob>"
