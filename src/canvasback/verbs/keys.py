"""key: who can open a sealed repository."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from canvasback.errors import RefusedError, UsageError
from canvasback.model.clock import now
from canvasback.model.results.keys import (
    KeyAddResult,
    KeyListResult,
    KeyRemoveResult,
    KeyRotateResult,
    KeySqlResult,
    KeysResult,
    RecipientShown,
)
from canvasback.repository.layout import keys_name
from canvasback.repository.leases import hold_lease
from canvasback.repository.protection import protect
from canvasback.repository.recipients import Recipient, Recipients, change_recipients, new_passphrase, new_recipient
from canvasback.repository.repository import Repository, open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.keyring import Epoch, Keyring
from canvasback.storage.locations import Stores

_Result = TypeVar("_Result", bound=KeysResult)
_Change = Callable[[Recipients], tuple[Sequence[Recipient], Keyring]]


@translates_errors
def key_list(repository: str, *, stores: Stores | None = None) -> KeyListResult:
    """Tell who can open a sealed repository.

    Args:
        repository: The repository, a folder or a URL.
        stores: How to reach object stores, and what opens the repository.

    Raises:
        UsageError: It is not sealed (``no-keys``).
        RefusedError: Nothing that is given opens it (``key-missing``, ``key-wrong``).
        CorruptError: Its keys are gone, or were changed (``keys-missing``, ``keys-corrupt``).
    """
    stores = stores or Stores()
    return _shown(KeyListResult, *_open(stores, repository), stores)


@translates_errors
def key_add(
    repository: str,
    *,
    name: str,
    recipient: str | None = None,
    passphrase: str | None = None,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> KeyAddResult:
    """Let somebody else open a sealed repository too, all of it and from now on. Nothing else is written anew.

    Args:
        repository: The repository, a folder or a URL.
        name: What to call whoever it is.
        recipient: The public key of age, ``age1…``.
        passphrase: A passphrase instead.
        stores: How to reach object stores, and what opens the repository.
        clock: Tells the time.

    Raises:
        UsageError: It is not sealed (``no-keys``), or the key is none, or not one of the two is given
            (``key-not-understood``).
        RefusedError: There is one of that name or with that key (``recipient-exists``); or see `key_list`.
    """
    if (recipient is None) == (passphrase is None):
        raise UsageError(
            "key-not-understood",
            "who is added has either a public key or a passphrase",
            hint="Give --recipient with an age1… key, or --new-passphrase with a file.",
        )
    if recipient is not None:
        added = new_recipient(recipient, name, clock())
    else:
        assert passphrase is not None
        added = new_passphrase(passphrase, name, clock())

    def add(found: Recipients) -> tuple[Sequence[Recipient], Keyring]:
        for one in found.all:
            if one.name == name or one.key == added.key:
                raise RefusedError(
                    "recipient-exists",
                    f"{found.store.url} opens for {one.name} ({one.key[:16]}…) already",
                    hint="Take another name, or remove that one first.",
                )
        return [*found.all, added], found.keyring

    return _change(KeyAddResult, repository, stores, clock, add, "key add")


@translates_errors
def key_remove(
    repository: str, *, name: str, stores: Stores | None = None, clock: Callable[[], datetime] = now
) -> KeyRemoveResult:
    """Let somebody open a sealed repository no longer. Nothing else is written anew.

    Who could open it may have kept its keys, and older objects of keys: `key_rotate` keeps what comes from now on from
    him, and nothing keeps what he could read before.

    Args:
        repository: The repository, a folder or a URL.
        name: What whoever it is is called, or the id.
        stores: How to reach object stores, and what opens the repository.
        clock: Tells the time.

    Raises:
        UsageError: It is not sealed (``no-keys``), or there is nobody of that name (``unknown-recipient``).
        RefusedError: Nobody would be left (``last-recipient``); or see `key_list`.
    """

    def remove(found: Recipients) -> tuple[Sequence[Recipient], Keyring]:
        left = [one for one in found.all if name not in {one.name, one.id}]
        if len(left) == len(found.all):
            raise UsageError(
                "unknown-recipient",
                f"{found.store.url} opens for nobody called {name!r}",
                hint="Run key list: it tells for whom it does.",
            )
        if not left:
            raise RefusedError(
                "last-recipient",
                f"nobody could open {found.store.url} any more",
                hint="Add somebody else first.",
            )
        return left, found.keyring

    return _change(KeyRemoveResult, repository, stores, clock, remove, "key remove")


@translates_errors
def key_rotate(
    repository: str, *, stores: Stores | None = None, clock: Callable[[], datetime] = now
) -> KeyRotateResult:
    """Write a sealed repository with new keys from now on. What is there stays as it is, and opens as before.

    The next backup writes the catalog's chunks anew; copies of files it does not.

    Args:
        repository: The repository, a folder or a URL.
        stores: How to reach object stores, and what opens the repository.
        clock: Tells the time.

    Raises:
        UsageError: It is not sealed (``no-keys``).
        RefusedError: See `key_list`.
        LockedError: Another run writes to it (``repository-locked``).
    """

    def rotate(found: Recipients) -> tuple[Sequence[Recipient], Keyring]:
        old = found.keyring
        epochs = [*old.epochs, Epoch.begin(old.newest.number + 1, clock())]
        return found.all, Keyring(found.sealed.repository_id, epochs, data=old.data)

    return _change(KeyRotateResult, repository, stores, clock, rotate, "key rotate")


@translates_errors
def key_sql(repository: str, *, stores: Stores | None = None) -> KeySqlResult:
    """What lets a session of DuckDB read a sealed repository's chunks, so that an attached point can be read there.

    Args:
        repository: The repository, a folder or a URL.
        stores: How to reach object stores, and what opens the repository.

    Raises:
        UsageError: It is not sealed (``no-keys``).
        RefusedError: See `key_list`.
    """
    opened, found = _open(stores or Stores(), repository)
    return KeySqlResult(
        repository=opened.store.url,
        statements=tuple(found.keyring.parquet_pragma(epoch) + ";" for epoch in found.keyring.epochs),
    )


def _open(stores: Stores, repository: str) -> tuple[Repository, Recipients]:
    opened = open_repository(stores, repository)
    if opened.recipients is None:
        raise UsageError(
            "no-keys",
            f"{opened.store.url} is not sealed, so there are no keys",
            hint="A repository is sealed from the start: make a new one, init --recipient.",
        )
    return opened, opened.recipients


def _change(
    kind: type[_Result],
    repository: str,
    stores: Stores | None,
    clock: Callable[[], datetime],
    change: _Change,
    operation: str,
) -> _Result:
    stores = stores or Stores()
    opened, found = _open(stores, repository)

    def make(found: Recipients) -> Recipients:
        recipients, keyring = change(found)
        return found.replace(clock(), recipients, keyring)

    with hold_lease(opened.store, operation, clock):
        changed = change_recipients(found, make, stores.secrets)
        protect(opened.store, keys_name(changed.number), clock())
    return _shown(kind, opened, changed, stores)


def _shown(kind: type[_Result], opened: Repository, found: Recipients, stores: Stores) -> _Result:
    present = found.present(stores.secrets)
    return kind(
        repository=opened.store.url,
        recipients=tuple(
            RecipientShown(
                id=one.id,
                name=one.name,
                key=one.key,
                passphrase=bool(one.wrapped),
                added=one.added,
                present=one.key in present,
            )
            for one in found.all
        ),
        rotations=len(found.keyring.epochs) - 1,
        fingerprint=found.keyring.fingerprint,
    )
