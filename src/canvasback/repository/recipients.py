"""Who can open a sealed repository: numbered objects of which the newest counts, and has the keys, sealed for each.

The keys of the repository are sealed for each recipient by itself. So a recipient comes and goes, and no other object
is written anew. docs/format.md, "Sealed repositories".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from blake3 import blake3

from canvasback.errors import CorruptError, LockedError, ObjectExistsError, RefusedError, UsageError
from canvasback.model.manifest import Count, Hash, Time
from canvasback.model.seal import Secrets
from canvasback.repository import layout
from canvasback.repository.documents import check_format
from canvasback.storage import age, numbered
from canvasback.storage.keyring import Epoch, Keyring
from canvasback.storage.store import Store

_BLANK = "0" * 64
_ATTEMPTS = 20


class Recipient(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody who can open the repository.

    Attributes:
        key: The public key of age.
        name: What people call it.
        added: When it was added, UTC.
        sealed: The repository's keys, sealed for that key.
        wrapped: Its secret key, sealed with a passphrase, where it is one; else empty.
    """

    key: str
    name: str
    added: Time
    sealed: str
    wrapped: str = ""

    @property
    def id(self) -> str:
        """A few digits that tell it from others."""
        return blake3(self.key.encode()).hexdigest()[:8]


class _Contents(msgspec.Struct, frozen=True):
    """What is sealed for each recipient.

    Attributes:
        repository_id: The repository that the keys are of.
        lake_id: Its lake.
        data: Whether copies of files are sealed.
        epochs: The keys.
    """

    repository_id: str
    lake_id: str
    data: bool
    epochs: tuple[Epoch, ...]


class _KeysObject(msgspec.Struct, frozen=True):
    """The content of an object of keys.

    Attributes:
        format: Version of the repository format.
        number: Its number, as in its name.
        changed: When it was made, UTC.
        recipients: Who can open the repository.
        code: What proves that somebody with the keys wrote it: of its bytes with these 64 digits replaced by zeros.
    """

    format: int
    number: Count
    changed: Time
    recipients: tuple[Recipient, ...]
    code: Hash


class Sealed(msgspec.Struct, frozen=True):
    """Whose a sealed repository is.

    Attributes:
        repository_id: Its id, as its marker has it.
        lake_id: Its lake's.
        data: Whether copies of files are sealed.
    """

    repository_id: str
    lake_id: str
    data: bool


class Recipients(msgspec.Struct, frozen=True):
    """The recipients of an opened repository, with its keys.

    Attributes:
        store: The repository, as it is stored.
        sealed: Whose it is.
        number: The number of the object that has them; 0 where there is none yet.
        all: They themselves.
        keyring: The repository's keys.
    """

    store: Store
    sealed: Sealed
    number: int
    all: tuple[Recipient, ...]
    keyring: Keyring

    def present(self, secrets: Secrets) -> set[str]:
        """The public keys of those whose secrets are given, and open the repository."""
        return {one.key for one in self.all if _opened(one, secrets) is not None}

    def unopened(self, secrets: Secrets) -> list[str]:
        """The names of those whose secrets are given, and do not open what is sealed for them."""
        given = {age.recipient_of(identity) for identity in secrets.identities}
        return [one.name for one in self.all if one.key in given and _opened(one, secrets) is None]

    def replace(self, now: datetime, recipients: Sequence[Recipient], keyring: Keyring | None = None) -> Recipients:
        """Put others in their place, durably; their ``sealed`` is made anew.

        Raises:
            ObjectExistsError: Somebody else did so first.
        """
        keyring = keyring or self.keyring
        of = self.sealed
        contents = msgspec.json.encode(_Contents(of.repository_id, of.lake_id, of.data, keyring.epochs))
        renewed = tuple(msgspec.structs.replace(r, sealed=age.seal_as_text(contents, r.key)) for r in recipients)
        number = self.number + 1
        name = layout.keys_name(number)
        blank = _KeysObject(layout.SEALED_FORMAT, number, now, renewed, _BLANK)
        code = keyring.code(name, msgspec.json.encode(blank)).hex()
        self.store.put_new(name, msgspec.json.encode(msgspec.structs.replace(blank, code=code)))
        return msgspec.structs.replace(self, number=number, all=renewed, keyring=keyring)


def new_recipient(key: str, name: str, now: datetime) -> Recipient:
    """A recipient with a public key of age.

    Raises:
        UsageError: It is none (``key-not-understood``).
    """
    return Recipient(age.check_recipient(key), name, now, "")


def new_passphrase(passphrase: str, name: str, now: datetime) -> Recipient:
    """A recipient who has a passphrase.

    It opens a secret key of its own, so that the repository's keys can be sealed anew without it.

    Raises:
        UsageError: It is empty (``key-not-understood``).
    """
    if not passphrase:
        raise UsageError("key-not-understood", "the passphrase is empty", hint="Put it into the file in one line.")
    identity = age.new_identity()
    return Recipient(age.recipient_of(identity), name, now, "", age.seal_with_passphrase(identity.encode(), passphrase))


def begin_recipients(store: Store, sealed: Sealed, recipients: Sequence[Recipient], now: datetime) -> Recipients:
    """Make the keys of a new repository, and let its recipients have them."""
    keyring = Keyring(sealed.repository_id, [Epoch.begin(1, now)], data=sealed.data)
    return Recipients(store, sealed, 0, (), keyring).replace(now, recipients)


def find_recipients(store: Store, sealed: Sealed, secrets: Secrets) -> Recipients:
    """The recipients of a repository, opened.

    Args:
        store: The repository, as it is stored.
        sealed: Whose it is, as its marker says.
        secrets: What there is to open it with.

    Raises:
        RefusedError: There is nothing to open it with (``key-missing``), or nothing that does (``key-wrong``).
        CorruptError: The keys are gone (``keys-missing``), or were changed (``keys-corrupt``).
        UsageError: A secret key is none (``key-not-understood``).
    """
    number, content = numbered.find_newest(store, layout.keys_name)
    where = f"{store.url}{layout.keys_name(number)}"
    if not number:
        raise CorruptError(
            "keys-missing",
            f"{store.url} is sealed, and its keys are gone: there is nothing below {layout.KEYS}",
            hint="Put that folder back, from a mirror or wherever a copy of it is. Nothing else opens the repository. "
            "Where init was interrupted there never was any: remove the folder, and run init again.",
        )
    try:
        check_format(content, where)
        found = msgspec.json.decode(content, type=_KeysObject)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _corrupt(where, f"cannot be read: {error}") from error
    contents = _open(store, found.recipients, secrets)
    keyring = Keyring(contents.repository_id, contents.epochs, data=contents.data)
    blank = content.replace(found.code.encode(), _BLANK.encode(), 1)
    if found.number != number or not keyring.is_code(bytes.fromhex(found.code), layout.keys_name(number), blank):
        raise _corrupt(where, "was not written by somebody who has the keys")
    if Sealed(contents.repository_id, contents.lake_id, contents.data) != sealed:
        raise _corrupt(where, "and the marker are not of one repository")
    return Recipients(store, sealed, number, found.recipients, keyring)


def change_recipients(
    recipients: Recipients, change: Callable[[Recipients], Recipients], secrets: Secrets
) -> Recipients:
    """Change who can open a repository.

    Args:
        recipients: As they were found.
        change: Makes the change, by `Recipients.replace`; asked again with what somebody else made of them meanwhile.
        secrets: What opens the repository.

    Raises:
        LockedError: Others change them all the time (``keys-busy``).
    """
    for _ in range(_ATTEMPTS):
        try:
            return change(recipients)
        except ObjectExistsError:
            recipients = find_recipients(recipients.store, recipients.sealed, secrets)
    raise LockedError(
        "keys-busy",
        f"who can open {recipients.store.url} could not be changed: others were first each time",
        hint="Run it again.",
    )


def _open(store: Store, recipients: Sequence[Recipient], secrets: Secrets) -> _Contents:
    # A passphrase takes a second or two.
    for recipient in sorted(recipients, key=lambda one: bool(one.wrapped)):
        contents = _opened(recipient, secrets)
        if contents is not None:
            return contents
    who = ", ".join(f"{one.name} ({'passphrase' if one.wrapped else one.key[:16] + '…'})" for one in recipients)
    if not secrets:
        raise RefusedError(
            "key-missing",
            f"{store.url} is sealed, and no key is given; it opens for {who}",
            hint="Set CANVASBACK_IDENTITY to the file with the secret key of one of them, or "
            "CANVASBACK_PASSPHRASE_FILE; or name it in canvasback.toml.",
        )
    raise RefusedError(
        "key-wrong",
        f"{store.url} opens with none of the keys that are given; it opens for {who}",
        hint="Give the identity, or the passphrase, of one of them. Without any the repository is lost.",
    )


def _opened(recipient: Recipient, secrets: Secrets) -> _Contents | None:
    """What is sealed for a recipient; None where nothing that is given opens it."""
    identity = next((one for one in secrets.identities if age.recipient_of(one) == recipient.key), None)
    identity = identity or _unwrapped(recipient, secrets)
    if identity is None:
        return None
    try:
        return msgspec.json.decode(age.unseal(recipient.sealed.encode(), [identity]), type=_Contents)
    except (age.UndecipheredError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _unwrapped(recipient: Recipient, secrets: Secrets) -> str | None:
    for passphrase in secrets.passphrases if recipient.wrapped else ():
        try:
            return age.unseal_with_passphrase(recipient.wrapped.encode(), passphrase).decode()
        except age.UndecipheredError:
            continue
    return None


def _corrupt(where: str, what: str) -> CorruptError:
    return CorruptError(
        "keys-corrupt",
        f"{where} {what}",
        hint="Move that object away if there is one with a lower number, or put the folder keys/ back from a mirror.",
    )
