"""A second place that knows which point was the newest, so that an old state of a repository does not pass for it.

Whoever can write to a repository's place can put back what was there a month ago, or a repository of his own that is
sealed for the same recipients. Nothing inside of it can tell. The witness is for that: a few hundred bytes at a place
that he cannot write to.
"""

from __future__ import annotations

import contextlib

import msgspec

from canvasback.errors import AccessDeniedError, ObjectExistsError, ObjectLockedError, StorageError
from canvasback.model.finding import Finding
from canvasback.repository import layout
from canvasback.repository.points import stored_points
from canvasback.repository.repository import Repository
from canvasback.storage.store import Store

_KEPT = 3
_SILENT_CURE = "Give the one that backup tells of new points: backup --witness."
_UNREACHED_CURE = "Check the place and the permissions; the next backup with it tells it what it missed."
_UNREADABLE_CURE = "Remove that object once you know why, and run backup with this witness again."
_CURE = (
    "Find out who wrote to the repository's place, and make no point there until you know. Look for the missing points "
    "in a mirror, or in older versions of the bucket's objects. If it is right that they are gone, remove what the "
    "witness has of this repository."
)


class Testimony(msgspec.Struct, frozen=True):
    """What a witness knows of a repository.

    Attributes:
        repository_id: The repository.
        point: Its newest point, whose id tells the time and the snapshot.
        keys: The fingerprint of the repository's keys; empty where it is not sealed.
    """

    repository_id: str
    point: str
    keys: str = ""


class Witness(msgspec.Struct, frozen=True):
    """A witness of a repository.

    Attributes:
        place: The second place; several repositories may have it.
        repository: The repository.
    """

    place: Store
    repository: Repository

    def tell(self, point: str) -> tuple[Finding, ...]:
        """Let it know of a point that was just made. Creates an object, and removes old ones if that is allowed.

        Returns:
            That it could not be told.
        """
        testimony = Testimony(self.repository.marker.repository_id, point, _fingerprint(self.repository))
        try:
            with contextlib.suppress(ObjectExistsError):
                self.place.put_new(self._name(point), msgspec.json.encode(testimony))
            with contextlib.suppress(AccessDeniedError, ObjectLockedError):
                for id_ in self._known()[:-_KEPT]:
                    self.place.delete(self._name(id_))
        except StorageError as error:
            return (self._unreached(f"it could not be told of point {point}", error),)
        return ()

    def doubts(self) -> tuple[Finding, ...]:
        """What it says against the repository: nothing where it knows none."""
        try:
            return self._doubts()
        except StorageError as error:
            return (self._unreached("it could not be asked", error),)

    def asked(self) -> tuple[Finding, ...]:
        """The same for who relies on its word; a finding also where it knows nothing of the repository."""
        try:
            if self._known():
                return self._doubts()
        except StorageError as error:
            return (self._unreached("it could not be asked", error),)
        message = f"the witness knows nothing of this repository ({self.repository.marker.repository_id})"
        return (Finding("witness-silent", "warning", self.place.url, message, _SILENT_CURE),)

    def _doubts(self) -> tuple[Finding, ...]:
        known = self._known()
        if not known:
            return ()
        name = self._name(known[-1])
        try:
            testimony = msgspec.json.decode(self.place.get(name), type=Testimony)
        except msgspec.DecodeError as error:
            message = f"what the witness has cannot be read: {error}"
            return (Finding("witness-unreadable", "error", self.place.url + name, message, _UNREADABLE_CURE),)
        found = []
        store = self.repository.store
        newest = max(stored_points(store), default="")
        if newest < testimony.point:
            message = (
                f"the witness knows of point {testimony.point}, and the newest one here is {newest or 'none'}: "
                "this is an old state of the repository, or somebody deleted points"
            )
            found.append(Finding("rolled-back", "error", store.url, message, _CURE))
        if _fingerprint(self.repository) != testimony.keys:
            message = "its keys are not those that the witness knows: somebody put another repository in its place"
            found.append(Finding("keys-differ", "error", store.url, message, _CURE))
        return tuple(found)

    def _unreached(self, what: str, error: StorageError) -> Finding:
        return Finding("witness-unreached", "error", self.place.url, f"{what}: {error.message}", _UNREACHED_CURE)

    def _known(self) -> list[str]:
        """The ids of the points that it knows of, oldest first."""
        prefix = f"{self.repository.marker.repository_id}/"
        names = (stat.name.removeprefix(prefix).removesuffix(".json") for stat in self.place.list(prefix))
        return sorted(name for name in names if layout.parse_point_name(layout.point_name(name)))

    def _name(self, id_: str) -> str:
        return f"{self.repository.marker.repository_id}/{id_}.json"


def _fingerprint(repository: Repository) -> str:
    return "" if repository.recipients is None else repository.recipients.keyring.fingerprint
