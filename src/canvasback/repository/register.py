"""What people say of points, kept: numbered objects of which each has the whole register, and the newest counts.

To change it is to read the newest, and to create the next number; who loses reads again and changes that. So no change
is lost, and a reader sees the register before a change or after it.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from canvasback.errors import (
    AccessDeniedError,
    CorruptError,
    LockedError,
    ObjectExistsError,
    ObjectLockedError,
    ObjectMissingError,
)
from canvasback.model.finding import Finding
from canvasback.model.manifest import Count, Hash, Time
from canvasback.model.register import Marks, PointId, Register, Sweep
from canvasback.repository import layout
from canvasback.repository.documents import check_format, format_of, is_as_stamped, stamped
from canvasback.repository.protection import protect
from canvasback.storage import numbered
from canvasback.storage.owner import owner_of
from canvasback.storage.store import Store

ATTEMPTS = 100
"""How often a change is tried: of those that try at once one always wins, so that all have their turn."""

_SETTLED = timedelta(minutes=10)
"""How long an object stays that nobody needs: longer than anybody takes to find the highest number."""


class Leaving(msgspec.Struct, frozen=True):
    """An object that is not needed any more.

    Attributes:
        number: Its number.
        since: Since when.
    """

    number: Count
    since: Time


class RegisterObject(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of an object of the register.

    Attributes:
        self: BLAKE3 of its own bytes with these 64 digits replaced by zeros.
        format: Version of the repository format.
        repository_id: The repository that it belongs to.
        number: Its number, as in its name.
        token: Random, so that no two writers make the same object.
        before: The ``self`` of the object before it; empty in the first one.
        changed: When it was made, UTC.
        points: What is said of each point, by id.
        sweeps: The prunes that may be at work.
        is_mirror: Whether points that were pruned are remembered, as they could come again from another place.
        leaving: Lower numbers that are not needed to find the highest one any more, and are removed later.
    """

    self: Hash
    format: int
    repository_id: str
    number: Count
    token: str
    before: str
    changed: Time
    points: dict[PointId, Marks] = {}
    sweeps: tuple[Sweep, ...] = ()
    is_mirror: bool = False
    leaving: tuple[Leaving, ...] = ()


class StoredRegister(msgspec.Struct, frozen=True):
    """The register as it was found.

    Attributes:
        store: The repository.
        newest: The object that has it; None where nobody has said anything yet.
    """

    store: Store
    newest: RegisterObject | None

    @property
    def register(self) -> Register:
        """What it says."""
        return (
            Register()
            if self.newest is None
            else Register(self.newest.points, self.newest.sweeps, self.newest.is_mirror)
        )

    def replace(self, register: Register, now: datetime) -> bool:
        """Put another register in its place, durably.

        Args:
            register: The register.
            now: The time.

        Returns:
            Whether that was done; False where somebody else changed it first.
        """
        number = self.newest.number + 1 if self.newest is not None else 1
        leaving = self.newest.leaving if self.newest is not None else ()
        owner = owner_of(self.store)
        new = stamped(
            RegisterObject(
                self="",
                format=format_of(self.store),
                repository_id=owner.repository_id if owner is not None else "",
                number=number,
                token=secrets.token_hex(8),
                before=self.newest.self if self.newest is not None else "",
                changed=now,
                points=register.points,
                sweeps=register.sweeps,
                is_mirror=register.is_mirror,
                leaving=self._remove_old(leaving, now) + _no_longer_needed(number, now),
            )
        )
        try:
            self.store.put_new(layout.register_name(number), msgspec.json.encode(new))
        except ObjectExistsError:
            return False
        protect(self.store, layout.register_name(number), now)
        return self._counts(new)

    def _counts(self, new: RegisterObject) -> bool:
        """Whether an object that we created is the newest, or others go on from it.

        Neither is so where we were held up between the look for the highest number and this, for so long that the
        object of our number had come and gone.
        """
        if numbered.find_newest(self.store, layout.register_name)[0] == new.number:
            return True
        with contextlib.suppress(ObjectMissingError, AccessDeniedError, CorruptError):
            after = self.store.get(layout.register_name(new.number + 1))
            return _decoded(self.store, new.number + 1, after).before == new.self
        return False

    def _remove_old(self, leaving: tuple[Leaving, ...], now: datetime) -> tuple[Leaving, ...]:
        """Remove those that nobody can be looking for any more; the others are left."""
        old = [one for one in leaving if now - one.since > _SETTLED]
        gone = set(old)
        with contextlib.suppress(AccessDeniedError):  # who may not delete leaves a little litter
            for one in old:
                try:
                    self.store.delete(layout.register_name(one.number))
                except ObjectLockedError:  # those that stopped being needed later are locked too
                    gone = set(old[: old.index(one)])
                    break
        return tuple(one for one in leaving if one not in gone)


def find_register(store: Store) -> StoredRegister:
    """The register of a repository.

    Raises:
        CorruptError: It is damaged (``register-corrupt``), or of a newer format (``format-too-new``).
    """
    number, content = numbered.find_newest(store, layout.register_name)
    return StoredRegister(store, _decoded(store, number, content) if number else None)


def change_register(store: Store, clock: Callable[[], datetime], change: Callable[[Register], Register]) -> Register:
    """Change the register.

    Args:
        store: The repository.
        clock: Tells the time.
        change: Gives the new one; asked again with what somebody else made of it meanwhile.

    Returns:
        The register with the change.

    Raises:
        CorruptError: It is damaged, see `find_register`; nothing was changed.
        LockedError: Others change it all the time (``register-busy``).
    """
    for _ in range(ATTEMPTS):
        found = find_register(store)
        changed = change(found.register)
        if changed == found.register or found.replace(changed, clock()):
            return changed
    raise register_busy(store)


def register_busy(store: Store) -> LockedError:
    """That a change was tried in vain."""
    return LockedError(
        "register-busy",
        f"what is said of the points of {store.url} could not be changed: others were first each time",
        hint="Run it again. If nobody else works with the repository, see that you may read what is below register/.",
    )


def read_register(store: Store) -> tuple[Register, tuple[Finding, ...]]:
    """The register for who only reads: where it is damaged it says nothing, and there is a finding."""
    try:
        return find_register(store).register, ()
    except CorruptError as error:
        message = f"{error.message}: points that were forgotten are shown, and nobody knows what was said of others"
        return Register(), (Finding("register-corrupt", "error", layout.REGISTER, message, error.hint),)


def _no_longer_needed(number: int, now: datetime) -> tuple[Leaving, ...]:
    gone = numbered.needed(number - 1) - numbered.needed(number)
    return tuple(Leaving(one, now) for one in sorted(gone))


def _decoded(store: Store, number: int, content: bytes) -> RegisterObject:
    name = f"{store.url}{layout.register_name(number)}"
    try:
        check_format(content, name)
        found = msgspec.json.decode(content, type=RegisterObject)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _corrupt(name, f"cannot be read: {error}") from error
    if not is_as_stamped(content, found.self) or found.number != number:
        raise _corrupt(name, "is not what was written")
    owner = owner_of(store)
    if owner is not None and found.repository_id != owner.repository_id:
        raise _corrupt(name, "is of another repository")
    return found


def _corrupt(name: str, what: str) -> CorruptError:
    return CorruptError(
        "register-corrupt",
        f"the register {name} {what}",
        hint="Move that object away: the register is then as it was before its last change, which list --all shows; "
        "make that change again. The points themselves are not touched by this.",
    )
