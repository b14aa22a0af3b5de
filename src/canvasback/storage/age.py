"""Sealing bytes with age: https://age-encryption.org/v1."""

from __future__ import annotations

import contextlib
import importlib
import io
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from canvasback.errors import UsageError
from canvasback.storage.store import Source

_CHUNK = 64 * 1024
_TAG = 16
_NONCE = 16
_HEADER = range(100, 4096)
"""How many bytes a header for one key may have: it has a line of noise of no fixed length."""

_SMALL = 1024 * 1024
"""What is shorter is worked on at once, in memory."""

_AHEAD = 32
"""How many pieces of a stream wait to be read."""


class UndecipheredError(Exception):
    """Bytes that none of the keys opens, or that are not what was sealed."""


def new_identity() -> str:
    """A new secret key."""
    return str(_library().x25519.Identity.generate())


def recipient_of(identity: str) -> str:
    """The public key of a secret one.

    Raises:
        UsageError: It is none (``key-not-understood``).
    """
    return str(_identity(identity).to_public())


def check_recipient(spelled: str) -> str:
    """A public key without the blanks around it.

    Raises:
        UsageError: It is none (``key-not-understood``).
    """
    return str(_recipient(spelled))


def seal(content: bytes, recipient: str) -> bytes:
    """Seal bytes for a public key."""
    return bytes(_library().encrypt(content, [_recipient(recipient)]))


def seal_as_text(content: bytes, recipient: str) -> str:
    """The same as lines of ASCII."""
    return bytes(_library().encrypt(content, [_recipient(recipient)], armored=True)).decode()


def unseal(sealed: bytes, identities: Sequence[str]) -> bytes:
    """Open what was sealed for one of some secret keys.

    Raises:
        UndecipheredError: None of them opens it, or somebody changed it.
    """
    library = _library()
    try:
        return bytes(library.decrypt(sealed, [_identity(one) for one in identities]))
    except library.DecryptError as error:
        raise UndecipheredError(str(error)) from error


def seal_with_passphrase(content: bytes, passphrase: str) -> str:
    """Seal bytes with a passphrase, as lines of ASCII. It takes a second or two, as does each guess at it."""
    return bytes(_library().passphrase.encrypt(content, passphrase, armored=True)).decode()


def unseal_with_passphrase(sealed: bytes, passphrase: str) -> bytes:
    """Open what was sealed with a passphrase.

    Raises:
        UndecipheredError: It was another one, or somebody changed the bytes.
    """
    library = _library()
    try:
        return bytes(library.passphrase.decrypt(sealed, passphrase))
    except library.DecryptError as error:
        raise UndecipheredError(str(error)) from error


def sealed_size(size: int) -> int:
    """How many bytes a sealed content has without its header."""
    return _NONCE + size + max(1, -(-size // _CHUNK)) * _TAG


def is_sealed_size(stored: int, size: int) -> bool:
    """Whether an object of so many bytes can hold the sealed content of so many."""
    return stored - sealed_size(size) in _HEADER


@contextmanager
def sealing(source: Source, recipient: str) -> Iterator[Source]:
    """A stream of the sealed bytes of what a source yields. What reading that raises, reading this one raises."""
    library, recipients = _library(), [_recipient(recipient)]
    begin, whole = _begin(source)
    if whole:
        yield io.BytesIO(library.encrypt(begin, recipients))
        return
    source = _Resumed(begin, source)
    with _through(source, lambda content, sealed: library.encrypt_io(content, sealed, recipients)) as stream:
        yield stream


@contextmanager
def unsealing(source: Source, identities: Sequence[str]) -> Iterator[Source]:
    """A stream of what was sealed. It ends before the first piece that no key opens, or that somebody changed.

    So whoever reads it has to compare what he got with a checksum.
    """
    library, opening = _library(), [_identity(one) for one in identities]
    begin, whole = _begin(source)
    content = None
    if whole:
        with contextlib.suppress(library.DecryptError):  # then it is looked how far it is right
            content = library.decrypt(begin, opening)
    if content is not None:
        yield io.BytesIO(content)
        return
    source = _Resumed(begin, source)

    def open_it(sealed: _Pulled, content: _Pushed) -> None:
        try:
            library.decrypt_io(sealed, content, opening)
        except (library.DecryptError, OSError):
            if sealed.failed is not None:
                raise

    with _through(source, open_it) as stream:
        yield stream


def _begin(source: Source) -> tuple[bytes, bool]:
    """The begin of what a source yields, and whether that is all of it: then no thread is needed."""
    pieces: list[bytes] = []
    left = _SMALL
    while left > 0 and (piece := source.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces), left > 0


class _Resumed:
    """A source whose begin was read already."""

    def __init__(self, begin: bytes, source: Source) -> None:
        self._begin = io.BytesIO(begin)
        self._source = source

    def read(self, size: int, /) -> bytes:
        return self._begin.read(size) or self._source.read(size)


class _AbandonedError(Exception):
    """Nobody reads the stream any more."""


class _Pulled:
    """A source as the library reads it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.failed: BaseException | None = None

    def read(self, size: int = _CHUNK) -> bytes:
        try:
            return self._source.read(size)
        except BaseException as error:
            self.failed = error
            raise


class _Pushed:
    """Where the library writes, a thread of its own: what it writes is read by another one."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[bytes | BaseException] = queue.Queue(_AHEAD)
        self._abandoned = threading.Event()

    def write(self, piece: bytes) -> int:
        self.put(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def put(self, piece: bytes | BaseException) -> None:
        while not self._abandoned.is_set():
            try:
                self._pieces.put(piece, timeout=0.1)
            except queue.Full:
                continue
            return
        raise _AbandonedError

    def take(self) -> bytes | BaseException:
        return self._pieces.get()

    def abandon(self) -> None:
        self._abandoned.set()


class _Stream:
    def __init__(self, pieces: _Pushed) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._ended = False

    def read(self, size: int, /) -> bytes:
        parts: list[memoryview] = []
        while size > 0 and (self._rest or self._more()):
            parts.append(self._rest[:size])
            size -= len(parts[-1])
            self._rest = self._rest[len(parts[-1]) :]
        return b"".join(parts)

    def _more(self) -> bool:
        while not self._ended and not self._rest:
            piece = self._pieces.take()
            if isinstance(piece, BaseException):
                self._ended = True
                raise piece
            self._ended = not piece
            self._rest = memoryview(piece)
        return bool(self._rest)


@contextmanager
def _through(source: Source, work: Callable[[_Pulled, _Pushed], None]) -> Iterator[Source]:
    """What a function writes that reads the source, as a stream: the library pushes, and stores pull."""
    pulled, pushed = _Pulled(source), _Pushed()

    def run() -> None:
        try:
            work(pulled, pushed)
        except _AbandonedError:
            return
        except BaseException as error:  # noqa: BLE001 - it is raised where the stream is read
            end: bytes | BaseException = pulled.failed or error
        else:
            end = b""
        try:
            pushed.put(end)
        except _AbandonedError:
            return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield _Stream(pushed)
    finally:
        pushed.abandon()
        thread.join()


def _library() -> ModuleType:
    try:
        return importlib.import_module("pyrage")
    except ModuleNotFoundError as error:
        raise UsageError(
            "extra-missing",
            f"a sealed repository needs a package that is not installed: {error.name}",
            hint="Install it: pip install 'canvasback[seal]'.",
        ) from error


def _identity(spelled: str) -> Any:
    library = _library()
    try:
        return library.x25519.Identity.from_str(spelled.strip())
    except library.IdentityError:
        raise UsageError(  # without the reason, which could quote a part of it
            "key-not-understood",
            "what is given as a secret key is none of age's",
            hint="It begins with AGE-SECRET-KEY-1, and is what age-keygen writes into a file.",
        ) from None


def _recipient(spelled: str) -> Any:
    library = _library()
    try:
        return library.x25519.Recipient.from_str(spelled.strip())
    except library.RecipientError:
        shown = repr(spelled.strip()[:72]) if spelled.strip().startswith("age1") else "what is given"  # may be a secret
        raise UsageError(
            "key-not-understood",
            f"{shown} is no public key of age's",
            hint="It begins with age1; age-keygen -y prints that of a file with a secret key.",
        ) from None
