"""Copying objects from one place of a repository to another, each compared with what points say of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager

import msgspec

from canvasback.errors import (
    AccessDeniedError,
    CorruptError,
    ObjectExistsError,
    ObjectMissingError,
    RefusedError,
    StorageError,
)
from canvasback.repository import layout
from canvasback.repository.held_objects import has_content
from canvasback.repository.named_objects import NamedObject
from canvasback.storage.bucket.service import WrongBytesError
from canvasback.storage.checksums import PIECE, Checked
from canvasback.storage.local.batch import SMALL, SmallFile, copy_small
from canvasback.storage.parallel import Stop, each
from canvasback.storage.run import Run
from canvasback.storage.source import UnreadError, open_source, reading
from canvasback.storage.store import Store

_ATTEMPTS = 3
_OF_ONE_OBJECT = frozenset({"access-denied", "name-too-long", "object-missing", "storage-failed", "unsafe-name"})
_BLAKE3 = "blake3:"


class Delivery(msgspec.Struct, frozen=True):
    """What became of an object.

    Attributes:
        object: The object.
        code: Why it is not there: the code of a finding; else empty.
        detail: The same in words.
        copied: Whether bytes were written; False where it was there already.
        conflict: Something else is there, and nothing was written.
    """

    object: NamedObject
    code: str = ""
    detail: str = ""
    copied: bool = False
    conflict: bool = False


class ObjectCopier:
    """Copies objects from one place of a repository to another.

    Args:
        run: Says how many at a time and how fast, and is told about every object.
        origin: Where they are.
        target: Where they go.
    """

    def __init__(self, run: Run, origin: Store, target: Store) -> None:
        self._run = run
        self._origin = origin
        self._target = target
        self._look_first = False

    def copy(self, objects: Iterable[NamedObject]) -> AbstractContextManager[Iterator[Delivery]]:
        """Copy objects, and compare what is there already; see `in_parallel`.

        One that is missing or damaged at its origin is answered with its problem; a store that fails ends it all.
        """
        return self._run.in_parallel(
            objects, self._copy_batch, self._origin, self._target, size=lambda found: found.size
        )

    def replace(self, objects: Iterable[NamedObject], aside: str) -> AbstractContextManager[Iterator[Delivery]]:
        """Put objects in the place of what is there, which is moved aside: renamed, with this at its end."""

        def put(found: NamedObject, stop: Stop) -> Delivery:
            delivery = self._put(found, stop, aside)
            self._run.progress.advance(files=1, bytes_=found.size)
            return delivery

        return self._run.in_parallel(objects, each(put), self._origin, self._target, size=lambda found: found.size)

    def settle(self, found: NamedObject, recorded: Collection[str], aside: str) -> Delivery:
        """Copy an object whose name is taken by another content.

        Args:
            found: The object.
            recorded: The checksum texts that points at the target record for that name. With none of them a run that
                died left it half-written, and it is put there anew; with the object's own, the target's went bad.
                What other contents points name stays.
            aside: What is added to the name of one that went bad.
        """
        if not recorded:
            self._target.delete(found.name)
            return self._put(found, Stop())
        try:
            with reading():
                same = any(c == found.checksum or has_content(self._origin, found.name, c, Stop()) for c in recorded)
        except UnreadError as error:
            return _undelivered(found, error.reason)
        if same:
            return self._put(found, Stop(), aside)
        return Delivery(found, "object-differs", "points there name another content of that name")

    def _copy_batch(self, objects: list[NamedObject], stop: Stop) -> list[Delivery]:
        quick = self._copy_small(objects)
        return [quick.get(found.name) or self._copy_one(found, stop) for found in objects]

    def _copy_small(self, objects: list[NamedObject]) -> dict[str, Delivery]:
        """Copy what is small, goes smoothly, and is whole."""
        if self._run.stores.limit:
            return {}
        small = [found for found in objects if found.size <= SMALL and found.checksum.startswith(_BLAKE3)]
        files = [SmallFile(found.name, found.name, found.size) for found in small]
        done = {}
        for found, copy in zip(small, copy_small(self._origin, self._target, files), strict=True):
            if copy is not None and _BLAKE3 + copy.blake3 == found.checksum:
                done[found.name] = Delivery(found, copied=True)
            elif copy is not None:
                self._target.delete(found.name)
        self._run.progress.advance(files=len(done), bytes_=sum(delivery.object.size for delivery in done.values()))
        return done

    def _copy_one(self, found: NamedObject, stop: Stop) -> Delivery:
        try:
            delivery = Delivery(found, conflict=True)
            if not self._look_first or self._target.stat(found.name) is None:
                delivery = self._put(found, stop)
            # What is not whole at its origin may have arrived when it was.
            return Delivery(found) if not delivery.copied and self._holds(found, stop) else delivery
        finally:
            self._run.progress.advance(files=1, bytes_=found.size)

    def _put(self, found: NamedObject, stop: Stop, aside: str = "") -> Delivery:
        """Write the object where there is none, or in the place of what is moved aside."""
        try:
            if aside or not self._within(found):
                self._stream(found, stop, aside)
        except ObjectExistsError:
            # A run that died left it. There may be more of them, and a bucket takes all bytes before it says so.
            self._look_first = self._target.folder is None
            return Delivery(found, conflict=True)
        except CorruptError as error:
            code = "chunk-corrupt" if found.name.startswith(layout.CATALOG) else "object-corrupt"
            return Delivery(found, code, error.message)
        except UnreadError as error:
            return _undelivered(found, error.reason)
        return Delivery(found, copied=True)

    def _within(self, found: NamedObject) -> bool:
        """Let the service of both places copy the object, where that proves what the copy holds.

        It does where the object still has the etag with which it was written, or where the service vouches for the
        copy by the checksum that points have.
        """
        algorithm = found.checksum.partition(":")[0]
        copied = None
        try:
            if found.etag:
                copied = self._target.copy_from(found.name, self._origin, found.name, found.size, etag=found.etag)
            proved = copied is not None
            if copied is None and algorithm != "blake3":
                copied = self._target.copy_from(found.name, self._origin, found.name, found.size)
        except (AccessDeniedError, ObjectMissingError):
            return False  # at which end, reading and writing tell
        if copied is None:
            return False
        if copied.checksum.partition(":")[0] == algorithm:
            proved = copied.checksum == found.checksum
        if not proved:
            self._target.delete(found.name)
        return proved

    def _stream(self, found: NamedObject, stop: Stop, aside: str) -> None:
        """Read the object and write it: nothing else than what points say is ever finished."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with open_source(self._origin, found.name, vouch=False) as (_, source):
                    stream = stop.guard(source) if found.size > PIECE else source
                    if self._run.stores.limit:
                        stream = self._run.stores.limit.through(stream)
                    if aside:
                        self._target.place_new(found.name, stream, found.size, found.checksum, aside=aside)
                    else:
                        checked = Checked(stream, found.size, found.checksum)
                        self._target.copy_new(found.name, checked, found.size)
            except (UnreadError, CorruptError) as error:
                # What is read through a network can be right the next time.
                again = isinstance(error, CorruptError) or isinstance(error.reason, WrongBytesError)
                if not again or attempt == _ATTEMPTS or self._origin.folder is not None:
                    raise
            else:
                return

    def _holds(self, found: NamedObject, stop: Stop) -> bool:
        """Whether the target has the object, as its service vouches, or as reading it shows."""
        held = self._target.stat(found.name)
        if held is None or held.size != found.size:
            return False
        if (found.etag and held.etag == found.etag) or held.checksum == found.checksum:
            return True
        return has_content(self._target, found.name, found.checksum, stop)


def _undelivered(found: NamedObject, reason: StorageError | RefusedError | OSError) -> Delivery:
    """What is wrong with one object is its own problem; all else ends the run."""
    if isinstance(reason, ObjectMissingError):
        return Delivery(found, "object-missing", "it is missing")
    if isinstance(reason, OSError):
        return Delivery(found, "object-unreadable", f"reading it failed: {reason.strerror or reason}")
    if reason.code not in _OF_ONE_OBJECT:
        raise reason
    return Delivery(found, "object-unreadable", f"it cannot be read: {reason.message}")
