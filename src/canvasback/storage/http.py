"""Files that a web server gives away: they can be read by their names, and neither listed nor written."""

# ruff: noqa: ARG002 - what writes refuses, whatever it is given

from __future__ import annotations

import os
import re
import shutil
import threading
import urllib.error
import urllib.request
import weakref
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from types import TracebackType
from typing import NoReturn, Self
from urllib.parse import quote

from canvasback.errors import AccessDeniedError, ObjectMissingError, RefusedError, StorageError
from canvasback.storage.checksums import PIECE
from canvasback.storage.names import refuse_unsafe_name
from canvasback.storage.store import Copied, Source, Stat, Store
from canvasback.storage.temporary import make_folder

_PATIENCE = 30
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_DENIED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})
_NO_HEAD = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
_SECRET = re.compile(r"(?<=\?).*|(?<=://)[^/@]*(?=@)", re.DOTALL)
"""What of a URL lets everybody in who knows it."""
_RANGE = re.compile(r"bytes \d+-\d+/(\d+)")
_FAILURES = (OSError, HTTPException)
"""What `urllib` raises of servers and of the network."""


class OpenPage:
    """A file that is being read; see `canvasback.storage.store.OpenObject`."""

    def __init__(self, response: HTTPResponse, stat: Stat, url: str) -> None:
        self.stat = stat
        self._response = response
        self._url = url

    def __enter__(self) -> Self:
        """Give the file itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._response.close()

    def read(self, size: int, /) -> bytes:
        """See `Source.read`."""
        try:
            return self._response.read(size)
        except HTTPException as error:
            raise OSError(f"{_SECRET.sub('***', self._url)} broke off: {type(error).__name__}") from error


class HttpStore:
    """Files below a URL of a web server, see `canvasback.storage.store.Store`. It is read only."""

    folder = None
    jobs = 8
    batch = 1
    arrival = ""
    locks = None
    versions = None
    soft_deleted = None

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._fetched: dict[str, str] = {}
        self._folder = ""

    def be_private(self) -> None:
        """See `canvasback.storage.store.Store.be_private`."""

    def be_as_open_as(self, name: str) -> None:
        """See `canvasback.storage.store.Store.be_as_open_as`."""

    def delete_for_good(self) -> None:
        """See `canvasback.storage.store.Store.delete_for_good`."""

    def stat(self, name: str) -> Stat | None:
        """See `Store.stat`."""
        try:
            with self._ask(name, "HEAD") as response:
                return _stat(name, response)
        except (AccessDeniedError, ObjectMissingError):
            return None  # a bucket that is public says of what it has not that it may not be read

    def get(self, name: str) -> bytes:
        """See `Store.get`."""
        with self.open(name) as file:
            try:
                return b"".join(iter(lambda: file.read(PIECE), b""))
            except OSError as error:
                _translate(error, self.url + name)

    def open(self, name: str, *, vouch: bool = True) -> OpenPage:
        """See `Store.open`."""
        response = self._ask(name, "GET")
        return OpenPage(response, _stat(name, response), self.url + name)

    def read(self, name: str, start: int, size: int) -> bytes:
        """See `Store.read`."""
        if size <= 0:
            return b""
        try:
            with self._ask(name, "GET", {"Range": f"bytes={start}-{start + size - 1}"}) as response:
                if response.status == HTTPStatus.OK:  # the server knows no ranges
                    while start and (piece := response.read(min(start, PIECE))):
                        start -= len(piece)
                return response.read(size)
        except _FAILURES as error:
            _translate(error, self.url + name)

    def holder(self, name: str) -> tuple[Store, str]:
        """See `Store.holder`."""
        return self, name

    def local_paths(self, names: Sequence[str]) -> list[str]:
        """See `Store.local_paths`."""
        with self._lock:
            if not self._folder:
                self._folder = make_folder()
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            for name in names:
                if name not in self._fetched:
                    path = os.path.join(self._folder, f"{len(self._fetched)}-{os.path.basename(name)[-100:]}")
                    with open(path, "wb") as file, self.open(name) as source:
                        while piece := source.read(PIECE):
                            file.write(piece)
                    self._fetched[name] = path
            return [self._fetched[name] for name in names]

    def list(self, prefix: str) -> Iterator[Stat]:
        """See `Store.list`. Nobody may: a web server does not tell what it has."""
        raise AccessDeniedError(f"the list of what is at {self.url}{prefix}")

    def put_new(self, name: str, content: bytes) -> None:
        """See `Store.put_new`."""
        self._refuse(name)

    def copy_new(self, name: str, source: Source, size: int, *, modified_ns: int = 0) -> Copied:
        """See `Store.copy_new`."""
        self._refuse(name)

    def copy_from(
        self,
        name: str,
        origin: Store,
        origin_name: str,
        size: int,
        *,
        etag: str = "",
    ) -> Copied | None:
        """See `Store.copy_from`."""
        self._refuse(name)

    def place_new(
        self,
        name: str,
        source: Source,
        size: int,
        checksum: str,
        *,
        modified_ns: int = 0,
        aside: str = "",
    ) -> None:
        """See `Store.place_new`."""
        self._refuse(name)

    def move_aside(self, name: str, suffix: str) -> None:
        """See `Store.move_aside`."""
        self._refuse(name)

    def sync(self) -> None:
        """See `Store.sync`: nothing was written."""

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        raise RefusedError(
            "url-not-writable",
            f"{self.url}{name} is at a web server, where nothing can be written",
            hint="Name a folder, or a bucket by its own URL, such as s3://bucket/folder.",
        )

    def _ask(self, name: str, method: str, headers: dict[str, str] | None = None) -> HTTPResponse:
        refuse_unsafe_name(name, self.url)
        url = self.url + name
        # What is escaped already stays; DuckDB takes a URL as it stands, too.
        request = urllib.request.Request(  # noqa: S310 - the store is made for http and https only
            quote(url, safe="%/:?=&;+,@~!$'()*[]#"), method=method, headers=headers or {}
        )
        try:
            answer: HTTPResponse = urllib.request.urlopen(request, timeout=_PATIENCE)  # noqa: S310 - see above
        except urllib.error.HTTPError as error:
            if method == "HEAD" and error.code in _NO_HEAD:
                return self._ask(name, "GET", {"Range": "bytes=0-0"})
            _translate(error, url)
        except _FAILURES as error:
            _translate(error, url)
        return answer


def _stat(name: str, response: HTTPResponse) -> Stat:
    whole = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    size = int(whole[1]) if whole else int(response.headers.get("Content-Length") or -1)
    try:
        modified = int(parsedate_to_datetime(response.headers["Last-Modified"]).timestamp()) * 1_000_000_000
    except (TypeError, ValueError):
        modified = 0
    return Stat(name, size, modified, response.headers.get("ETag", ""))


def _translate(error: OSError | HTTPException, url: str) -> NoReturn:
    url = _SECRET.sub("***", url)
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code in _GONE:
            raise ObjectMissingError(url) from error
        if error.code in _DENIED:
            raise AccessDeniedError(url) from error
    reason = getattr(error, "reason", "") or error
    raise StorageError(
        f"cannot read {url}: {reason}", hint="See whether the server can be reached, and whether the URL is right."
    ) from error
