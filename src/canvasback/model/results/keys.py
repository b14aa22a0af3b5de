"""What key answers."""

from __future__ import annotations

from datetime import datetime

import msgspec


class RecipientShown(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can open a sealed repository.

    Attributes:
        id: A few digits that tell it from others.
        name: What people call it.
        key: The public key of age.
        passphrase: Whether a passphrase opens it.
        added: When it was added, UTC.
        present: Whether a key or a passphrase that was given opened the repository for it just now.
    """

    id: str
    name: str
    key: str
    passphrase: bool
    added: datetime
    present: bool


class KeysResult(msgspec.Struct, frozen=True, kw_only=True):
    """Who can open a sealed repository, now.

    Attributes:
        repository: Where it is.
        recipients: Those who can.
        rotations: How often its keys were rotated.
        fingerprint: What tells these keys from those of any other repository, and tells nothing of them.
    """

    repository: str
    recipients: tuple[RecipientShown, ...]
    rotations: int
    fingerprint: str


class KeyListResult(KeysResult, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.key-list/1"):
    """Who can open a sealed repository."""


class KeyAddResult(KeysResult, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.key-add/1"):
    """Somebody else can open it too."""


class KeyRemoveResult(KeysResult, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.key-remove/1"):
    """Somebody can open it no longer."""


class KeyRotateResult(KeysResult, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.key-rotate/1"):
    """It is written with new keys from now on."""


class KeySqlResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.key-sql/1"):
    """What lets a session of DuckDB read the chunks of a sealed repository. Its keys are in it: keep it as them.

    Attributes:
        repository: Where it is.
        statements: The statements, one for each time that the keys were rotated and one for the first.
    """

    repository: str
    statements: tuple[str, ...]
