"""The keys by which a sealed repository's objects are written and read. docs/format.md, "Sealed repositories".

Each epoch has an age key, to which documents and copies are sealed, and a secret, of which all other keys are derived.
Who may write knows the secret: anybody can seal something for a public key, so that proves nothing.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from weakref import WeakKeyDictionary

import duckdb
import msgspec
from blake3 import blake3

from canvasback.model.manifest import Count, Hash, Time
from canvasback.model.relation import literal
from canvasback.storage import age
from canvasback.storage.cryptography import load_cryptography
from canvasback.storage.store import Store

_CONTEXT = "canvasback repository format 4, {}"
"""What each derived key is for. Contexts are part of the format."""

_MAC = 32
"""Bytes of the code before a sealed document's content."""


class Epoch(msgspec.Struct, frozen=True):
    """The keys of what was written from one rotation to the next. Its text tells nothing of them.

    Attributes:
        number: Counts up from 1.
        created: When it began, UTC.
        identity: Its age key.
        secret: 32 random bytes in hex.
    """

    number: Count
    created: Time
    identity: str
    secret: Hash

    @classmethod
    def begin(cls, number: int, now: datetime) -> Epoch:
        """A new one."""
        return cls(number, now, age.new_identity(), secrets.token_hex(32))

    def key(self, purpose: str) -> bytes:
        """A key of 32 bytes that is derived of the secret."""
        context = _CONTEXT.format(purpose)
        return blake3(bytes.fromhex(self.secret), derive_key_context=context).digest()

    def __repr__(self) -> str:
        return f"Epoch({self.number})"

    __str__ = __repr__


class Keyring:
    """The keys of a repository.

    Args:
        repository_id: The repository's id.
        epochs: All of them, by rising number.
        data: Whether copies of files are sealed.
    """

    def __init__(self, repository_id: str, epochs: Sequence[Epoch], *, data: bool) -> None:
        self.epochs = tuple(epochs)
        self.data = data
        self.newest = self.epochs[-1]
        self.recipient = age.recipient_of(self.newest.identity)
        # What has this epoch's key is tried first.
        self.identities = [epoch.identity for epoch in reversed(self.epochs)]
        self._repository_id = repository_id
        # Copies are to be found again after a rotation.
        self._naming = self.epochs[0].key("names of copies")
        self._signing = [epoch.key("codes of documents") for epoch in reversed(self.epochs)]

    def seal(self, name: str, content: bytes) -> bytes:
        """A document as it is kept under its name, and under no other."""
        return age.seal(self.code(name, content) + content, self.recipient)

    def unseal(self, name: str, sealed: bytes) -> bytes:
        """A document's content.

        Raises:
            UndecipheredError: It was changed, was put under another name, or comes from somebody without the keys.
        """
        opened = age.unseal(sealed, self.identities)
        code, content = opened[:_MAC], opened[_MAC:]
        if not self.is_code(code, name, content):
            raise age.UndecipheredError("it was not written by somebody who has the keys, or not under this name")
        return content

    def code(self, name: str, content: bytes) -> bytes:
        """What proves that somebody with the keys wrote this content under this name."""
        return _code(self._signing[0], name, content)

    def is_code(self, code: bytes, name: str, content: bytes) -> bool:
        """Whether it is that of any epoch."""
        return any(hmac.compare_digest(code, _code(key, name, content)) for key in self._signing)

    def name_of(self, text: str) -> str:
        """64 hex digits that tell nothing of a text to whoever lacks the keys, and are always the same."""
        return blake3(text.encode(), key=self._naming).hexdigest()

    @property
    def fingerprint(self) -> str:
        """What tells these keys from others, and tells nothing of them."""
        return self.epochs[0].key("fingerprint").hex()[:32]

    def parquet_key_name(self, number: int) -> str:
        """What Parquet's key of an epoch is called in a session of DuckDB."""
        return f"canvasback-{self._repository_id[:8]}-{number}"

    def parquet_pragma(self, epoch: Epoch) -> str:
        """The statement that lets a session of DuckDB read an epoch's chunks. It has the key in it."""
        key = base64.b64encode(epoch.key("Parquet")).decode()
        return f"PRAGMA add_parquet_key({literal(self.parquet_key_name(epoch.number))}, {literal(key)})"

    def let_read(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection, and its cursors, read and write chunks of all epochs."""
        for epoch in self.epochs:
            connection.execute(self.parquet_pragma(epoch))


def _code(key: bytes, name: str, content: bytes) -> bytes:
    return blake3(len(name.encode()).to_bytes(8, "big") + name.encode() + content, key=key).digest()


_KEYRINGS: WeakKeyDictionary[Store, Keyring] = WeakKeyDictionary()


def note_keyring(store: Store, keyring: Keyring) -> None:
    """Remember the keys of a sealed repository, for as long as the store is open."""
    _KEYRINGS[store] = keyring


def keyring_of(store: Store) -> Keyring | None:
    """The keys of a store's repository; None where it is not sealed."""
    return _KEYRINGS.get(store)


def epoch_of(store: Store) -> int:
    """The epoch of the key by which new chunks are encrypted; 0 where the repository is not sealed."""
    keyring = keyring_of(store)
    return 0 if keyring is None else keyring.newest.number


def encryption(connection: duckdb.DuckDBPyConnection, store: Store) -> str:
    """What COPY needs to write a repository's chunks on a connection; nothing where they are not encrypted.

    Raises:
        LakeError: DuckDB cannot encrypt (``cryptography-missing``).
    """
    keyring = keyring_of(store)
    if keyring is None:
        return ""
    load_cryptography(connection)
    keyring.let_read(connection)
    return f", ENCRYPTION_CONFIG {{footer_key: {literal(keyring.parquet_key_name(keyring.newest.number))}}}"


def let_read(connection: duckdb.DuckDBPyConnection, store: Store) -> None:
    """Let a connection read a repository's chunks that another connection's relations name."""
    keyring = keyring_of(store)
    if keyring is not None:
        keyring.let_read(connection)


def parquet_options(connection: duckdb.DuckDBPyConnection, store: Store, epoch: int) -> str:
    """What ``read_parquet`` needs to read a repository's chunks on a connection; nothing where they are not sealed.

    Args:
        connection: It is told the keys.
        store: The repository.
        epoch: That of the chunks; 0 where they are not sealed.
    """
    keyring = keyring_of(store)
    if keyring is None or not epoch:
        return ""
    keyring.let_read(connection)
    return f", encryption_config = {{footer_key: {literal(keyring.parquet_key_name(epoch))}}}"
