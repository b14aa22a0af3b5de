"""A proxy before a real object store: it logs what passes, and makes the faults that a network and a cloud make."""

from __future__ import annotations

import re
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit

HOST = "127.0.0.1"
PIECE = 256 * 1024
PATIENCE = 120  # seconds that a server may be silent

Piece = tuple[bytes, bool]  # bytes as they are on the wire, and whether they are content or framing of chunks


@dataclass
class Request:
    """A request: what is known before its body was read, and how it went; that is kept up to date."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    status: int | None = None  # what the server answered, or the proxy in its place
    sent: int = 0  # bytes of the request's body
    received: int = 0  # bytes of the answer's body that went to the client
    fault: Fault | None = None


class Action:
    """What a fault does."""


@dataclass(frozen=True)
class _Status(Action):
    code: int
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class _Hang(Action):
    seconds: float


@dataclass(frozen=True)
class _CutRequest(Action):
    after: int


@dataclass(frozen=True)
class _CorruptRequest(Action):
    pass


@dataclass(frozen=True)
class _DropHeader(Action):
    name: str


@dataclass(frozen=True)
class _LoseAnswer(Action):
    pass


@dataclass(frozen=True)
class _CutResponse(Action):
    after: int


@dataclass(frozen=True)
class _Truncate(Action):
    length: int


@dataclass(frozen=True)
class _CorruptResponse(Action):
    pass


def status(code: int, body: bytes | None = None, headers: dict[str, str] | None = None) -> Action:
    """The proxy answers, once it has read the request; the server never hears of it."""
    if body is None:
        body = s3_error(HTTPStatus(code).phrase.title().replace(" ", ""))
    return _Status(code, body, {"Content-Type": "application/xml"} | (headers or {}))


def s3_error(code: str) -> bytes:
    """The body of an S3 error such as `SlowDown` or `ExpiredToken`."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>made by a test</Message><RequestId>0</RequestId></Error>"
    ).encode()


def hang(seconds: float) -> Action:
    """The request is read, nobody answers, then the connection is closed; the server never hears of it."""
    return _Hang(seconds)


def cut_request(after: int) -> Action:
    """The connection is closed after so many bytes of the request's body. The server gets these, and the end."""
    return _CutRequest(after)


def corrupt_request() -> Action:
    """A bit in the middle of the request's body is flipped on its way to the server."""
    return _CorruptRequest()


def drop_header(name: str) -> Action:
    """The server does not see a header of the request."""
    return _DropHeader(name)


def lose_answer() -> Action:
    """The server does what is asked, and the connection is closed without its answer."""
    return _LoseAnswer()


def cut_response(after: int) -> Action:
    """The whole body is announced, and the connection is closed after so many bytes of it."""
    return _CutResponse(after)


def truncate(length: int) -> Action:
    """A sound answer whose body is only the first so many bytes."""
    return _Truncate(length)


def corrupt_response() -> Action:
    """A bit in the middle of the answer's body is flipped on its way to the client."""
    return _CorruptResponse()


def matching(
    method: str | None = None, path: str | None = None, query: str | None = None, header: str | None = None
) -> Callable[[Request], bool]:
    """Requests of a method, with a path and a query in which patterns are found, and which have a header."""

    def matches(request: Request) -> bool:
        return (
            (method is None or re.fullmatch(method, request.method) is not None)
            and (path is None or re.search(path, request.path) is not None)
            and (query is None or re.search(query, request.query) is not None)
            and (header is None or header.lower() in request.headers)
        )

    return matches


@dataclass
class Fault:
    """An action, and which of the requests it strikes: all that match, or so many after the first few."""

    matches: Callable[[Request], bool]
    action: Action
    times: int | None = None
    skip: int = 0
    seen: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    def strikes(self, request: Request) -> bool:
        """Count a request, and decide about it."""
        if not self.matches(request):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True


class FaultProxy:
    """A proxy for as long as a `with` block lasts. The first of its faults that strikes a request is the only one."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None
        assert parts.port is not None
        self.faults: list[Fault] = []
        self._target = (parts.hostname, parts.port)
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._ended = threading.Event()
        self._server = _Listener(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            self._ended.set()
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.server_address[1]
        return port

    @property
    def endpoint(self) -> str:
        """What to give to a client in place of the server's endpoint."""
        return f"http://{HOST}:{self.port}"

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in the order in which they came."""
        with self._lock:
            return list(self._requests)

    def clear(self) -> None:
        """Forget the requests so far; the faults stay."""
        with self._lock:
            self._requests.clear()

    def serve(self, connection: socket.socket) -> None:
        """Serve a client's connection until one side ends it."""
        opened: list[_Wire] = []

        def upstream() -> _Wire:
            """The connection to the server, a new one if there is none or the server has closed it meanwhile."""
            if len(opened) == 1 or opened[-1].readable():
                opened.append(self._wire(socket.create_connection(self._target, timeout=PATIENCE)))
            return opened[-1]

        try:
            with suppress(OSError, _EndedError):
                opened.append(self._wire(connection))
                while self._exchange(opened[0], upstream):
                    pass
        finally:
            for wire in opened:
                with self._lock:
                    self._open.discard(wire.socket)
                wire.socket.close()

    def _wire(self, connection: socket.socket) -> _Wire:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            if self._ended.is_set():
                connection.close()
                raise _EndedError
            self._open.add(connection)
        return _Wire(connection)

    def _begin(self, head: _Head) -> Request:
        """Log a request, and choose its fault."""
        method, target, _ = head.first.decode("latin-1").split(" ")
        path, _, query = target.partition("?")
        request = Request(method, path, query, head.headers())
        with self._lock:
            self._requests.append(request)
            request.fault = next((fault for fault in self.faults if fault.strikes(request)), None)
        return request

    def _exchange(self, client: _Wire, upstream: Callable[[], _Wire]) -> bool:
        """Pass on a request and its answer, and tell whether the connection lives on."""
        head = client.head()
        request = self._begin(head)
        action = None if request.fault is None else request.fault.action
        if head.get("expect").lower() == "100-continue":
            client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        sent = client.body(head, otherwise_until_end=False)
        match action:
            case _Status():
                _drain(_counted(sent, request, "sent"))
                request.status = action.code
                _answer(client, request, action)
                return head.lasts()
            case _Hang():
                _drain(_counted(sent, request, "sent"))
                self._ended.wait(action.seconds)
                return False
            case _DropHeader():
                head = head.without(action.name)
            case _CorruptRequest():
                sent = _flipped(sent, chunked="x-amz-decoded-content-length" in request.headers)
            case _CutRequest():
                sent = _first(sent, action.after)
            case _:
                pass
        server = upstream()
        server.send(bytes(head))
        for data, _ in _counted(sent, request, "sent"):
            server.send(data)
        if isinstance(action, _CutRequest):
            return False
        return self._pass_answer(client, server, request, action) and head.lasts()

    @staticmethod
    def _pass_answer(client: _Wire, server: _Wire, request: Request, action: Action | None) -> bool:
        head = server.head()
        while head.status() < HTTPStatus.OK:
            head = server.head()
        request.status = head.status()
        empty = request.method == "HEAD" or request.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        answer = iter(()) if empty else server.body(head, otherwise_until_end=True)
        lasts = head.lasts() and (empty or head.framed())
        match action:
            case _LoseAnswer():
                _drain(answer)
                return False
            case _CutResponse() if not empty:
                answer = _first(answer, action.after)
                lasts = False
            case _CorruptResponse():
                answer = _flipped(answer, chunked=False)
            case _Truncate() if not empty:
                content = b"".join(data for data, is_content in answer if is_content)[: action.length]
                answer = iter([(content, True)])
                head = head.without("transfer-encoding").without("content-length")
                head.lines.append(b"content-length: %d\r\n" % len(content))
            case _:
                pass
        client.send(bytes(head))
        for data, _ in _counted(answer, request, "received"):
            client.send(data)
        return lasts


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, proxy: FaultProxy) -> None:
        super().__init__((HOST, 0), _Handler)
        self.proxy = proxy


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        cast("_Listener", self.server).proxy.serve(self.request)


class _EndedError(Exception):
    """The other side closed its connection, or the proxy ends."""


class _Wire:
    """A connection, and what was read from it too early."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._ahead = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def readable(self) -> bool:
        """Whether there is something to read: between two exchanges, that is its end."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(self._ahead or poll.poll(0))

    def some(self, limit: int) -> bytes:
        """At least a byte."""
        data = self._ahead or self.socket.recv(PIECE)
        if not data:
            raise _EndedError
        self._ahead = data[limit:]
        return data[:limit] if self._ahead else data

    def until(self, mark: bytes) -> bytes:
        """Everything up to a mark, and that."""
        data = b""
        while mark not in data:
            data += self.some(PIECE)
        end = data.index(mark) + len(mark)
        self._ahead = data[end:] + self._ahead
        return data[:end]

    def head(self) -> _Head:
        first, *lines = self.until(b"\r\n\r\n")[:-2].splitlines(keepends=True)
        return _Head(first, lines)

    def body(self, head: _Head, *, otherwise_until_end: bool) -> Iterator[Piece]:
        """The body that belongs to a head, in pieces as they arrive."""
        length = head.get("content-length")
        if head.chunked():
            size = 1
            while size:
                line = self.until(b"\r\n")
                size = int(line.split(b";")[0], 16)
                yield line, False
                yield from self._content(size)
                if size:
                    yield self.until(b"\r\n"), False
            while (line := self.until(b"\r\n")) != b"\r\n":
                yield line, False
            yield line, False
        elif length:
            yield from self._content(int(length))
        elif otherwise_until_end:
            with suppress(_EndedError):
                while True:
                    yield self.some(PIECE), True

    def _content(self, left: int) -> Iterator[Piece]:
        while left:
            data = self.some(left)
            left -= len(data)
            yield data, True


@dataclass
class _Head:
    """What comes before a body: a first line and headers, byte by byte as they came."""

    first: bytes
    lines: list[bytes]

    def __bytes__(self) -> bytes:
        return self.first + b"".join(self.lines) + b"\r\n"

    def headers(self) -> dict[str, str]:
        pairs = (line.decode("latin-1").partition(":") for line in self.lines)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    def get(self, name: str) -> str:
        return self.headers().get(name, "")

    def without(self, name: str) -> _Head:
        start = name.lower().encode() + b":"
        return _Head(self.first, [line for line in self.lines if not line.lower().startswith(start)])

    def status(self) -> int:
        return int(self.first.split()[1])

    def chunked(self) -> bool:
        return self.get("transfer-encoding").lower() == "chunked"

    def framed(self) -> bool:
        """Whether an answer tells where its body ends."""
        return self.chunked() or self.get("content-length") != ""

    def lasts(self) -> bool:
        """Whether the connection is to be kept."""
        return b"HTTP/1.1" in self.first and self.get("connection").lower() != "close"


def _counted(pieces: Iterable[Piece], request: Request, count: str) -> Iterator[Piece]:
    for data, is_content in pieces:
        if is_content:
            setattr(request, count, getattr(request, count) + len(data))
        yield data, is_content


def _drain(pieces: Iterable[Piece]) -> None:
    for _ in pieces:
        pass


def _first(pieces: Iterable[Piece], left: int) -> Iterator[Piece]:
    """The pieces up to so many bytes of content."""
    for data, is_content in pieces:
        if not is_content:
            yield data, False
            continue
        if left < len(data):
            yield data[:left], True
            return
        left -= len(data)
        yield data, True


def _flipped(pieces: Iterable[Piece], *, chunked: bool) -> Iterator[Piece]:
    """The pieces with a bit flipped in the middle, where content is, even if AWS's own chunks are in it."""
    pieces = list(pieces)
    content = b"".join(data for data, is_content in pieces if is_content)
    place = len(content) // 2
    if chunked and (line := re.match(rb"([0-9a-fA-F]+)[^\r\n]*\r\n", content)):
        place = line.end() + int(line[1], 16) // 2
    for data, is_content in pieces:
        if is_content:
            if 0 <= place < len(data):
                yield data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], True
            else:
                yield data, True
            place -= len(data)
        else:
            yield data, False


def _answer(client: _Wire, request: Request, action: _Status) -> None:
    try:
        phrase = HTTPStatus(action.code).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {action.code} {phrase}", f"Content-Length: {len(action.body)}"]
    lines += [f"{name}: {value}" for name, value in action.headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    content = b"" if request.method == "HEAD" else action.body
    request.received = len(content)
    client.send(head + content)
