"""The register: what people say of recovery points, as one value. Its bytes: docs/format.md."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import msgspec

from canvasback.errors import RefusedError, UsageError
from canvasback.model.manifest import Count, Time
from canvasback.model.moment import spelled

_TAG = re.compile(r"[^\W_][\w.:+=@/-]{0,63}")
_LONGEST_NOTE = 1000
REMEMBERED = 10_000
"""How many points that were pruned a mirror remembers: the newest."""

PointId = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{8}T[0-9]{9}Z-s[0-9]{1,19}\Z")]
Tag = Annotated[str, msgspec.Meta(pattern=rf"\A{_TAG.pattern}\Z")]


class Marks(msgspec.Struct, frozen=True, omit_defaults=True):
    """What people say of one point.

    Attributes:
        tags: Names that were given to it, sorted.
        note: What somebody noted.
        held: Whether it must not be forgotten.
        held_until: Until when; None for ever.
        forgotten: Since when it is forgotten; None if it is not.
        reason: Why it was forgotten: the policy, or that somebody named it.
        pruning: Whether what only it names may be gone already: then it does not come back.
        withdrawn: Whether it was announced and never published, so that there is nothing to come back.
    """

    tags: tuple[Tag, ...] = ()
    note: str = ""
    held: bool = False
    held_until: Time | None = None
    forgotten: Time | None = None
    reason: str = ""
    pruning: bool = False
    withdrawn: bool = False

    def is_held(self, now: datetime) -> bool:
        """Whether it must not be forgotten at that time."""
        return self.held and (self.held_until is None or self.held_until > now)


def held_words(until: datetime | None) -> str:
    """How long a point is held."""
    return "held for ever" if until is None else f"held until {spelled(until)}"


class Sweep(msgspec.Struct, frozen=True):
    """A prune that deletes what no point names, and has not said yet that it is done.

    It may be held up, and go on when others believe that it died. So nobody relies on an object that it may delete.

    Attributes:
        token: Random; whose it is.
        until: When it ends at the latest, UTC.
        before_ns: It deletes only what was last written before this, by the store's clock, in nanoseconds since 1970.
    """

    token: str
    until: Time
    before_ns: Count


class Register(msgspec.Struct, frozen=True):
    """What is known of all points besides their manifests; of those that it does not name, nothing.

    Each change gives a new register, and made twice it is made once: who has to try again changes nothing more.

    Attributes:
        points: What is said of each, by id.
        sweeps: The prunes that may be at work.
        is_mirror: Whether the points came from another place of the repository: then it is remembered of those that
            were pruned here, lest they come again.
    """

    points: dict[PointId, Marks] = {}
    sweeps: tuple[Sweep, ...] = ()
    is_mirror: bool = False

    def at_risk_ns(self, now: datetime) -> int:
        """What was last written before this may be deleted if no point names it; 0 where no prune can be at work."""
        return max((sweep.before_ns for sweep in self.sweeps if sweep.until > now), default=0)

    def marks(self, point: str) -> Marks:
        """What is said of a point."""
        return self.points.get(point, Marks())

    def forgotten(self) -> frozenset[str]:
        """The ids of the points that are forgotten."""
        return frozenset(id_ for id_, marks in self.points.items() if marks.forgotten is not None)

    def tag(self, point: str, names: Iterable[str]) -> Register:
        """Give names to a point, besides those that it has.

        Raises:
            RefusedError: It is forgotten (``point-forgotten``).
        """
        return self._change(point, tags=tuple(sorted({*self.marks(point).tags, *names})))

    def untag(self, point: str, names: Iterable[str]) -> Register:
        """Take names from a point; those that it does not have are no error.

        Raises:
            RefusedError: It is forgotten (``point-forgotten``).
        """
        return self._change(point, tags=tuple(sorted({*self.marks(point).tags}.difference(names))))

    def note(self, point: str, text: str) -> Register:
        """Note something of a point, in place of what was noted before; nothing if it is empty.

        Raises:
            RefusedError: It is forgotten (``point-forgotten``).
        """
        return self._change(point, note=text)

    def hold(self, point: str, until: datetime | None) -> Register:
        """Keep a point from being forgotten, for ever if no time is given.

        Raises:
            RefusedError: It is forgotten (``point-forgotten``).
        """
        return self._change(point, held=True, held_until=until)

    def release(self, point: str) -> Register:
        """Hold a point no longer.

        Raises:
            RefusedError: It is forgotten (``point-forgotten``).
        """
        return self._change(point, held=False, held_until=None)

    def forget(self, points: Iterable[str], since: datetime, reason: str) -> Register:
        """Hide points; those that are hidden already stay so since the time that they have."""
        fresh = [id_ for id_ in points if self.marks(id_).forgotten is None]
        return self._with({
            id_: msgspec.structs.replace(self.marks(id_), forgotten=since, reason=reason) for id_ in fresh
        })  # fmt: skip

    def unforget(self, points: Iterable[str]) -> Register:
        """Show points again; those that are not hidden stay as they are.

        Raises:
            RefusedError: What one of them names is being deleted (``point-pruned``).
        """
        hidden = {id_: self.marks(id_) for id_ in points if self.marks(id_).forgotten is not None}
        for id_, marks in hidden.items():
            if marks.pruning or marks.withdrawn:
                what = "was never published" if marks.withdrawn else "was forgotten, and what only it named is deleted"
                raise RefusedError(
                    "point-pruned",
                    f"point {id_} {what}",
                    hint="It cannot be brought back; list --all shows which points can.",
                )
        return self._with({
            id_: msgspec.structs.replace(marks, forgotten=None, reason="") for id_, marks in hidden.items()
        })  # fmt: skip

    def overdue(self, before: datetime) -> frozenset[str]:
        """The points that were forgotten by that time, or are being pruned already."""
        return frozenset(
            id_
            for id_, marks in self.points.items()
            if marks.forgotten is not None and (marks.pruning or marks.forgotten <= before)
        )

    def prune(self, points: Iterable[str], sweep: Sweep, now: datetime) -> Register:
        """Let nobody bring points back any more, as what only they name is going to be deleted.

        Args:
            points: Those of them that are forgotten.
            sweep: Who deletes.
            now: The time.
        """
        going = {id_: self.marks(id_) for id_ in points if self.marks(id_).forgotten is not None}
        pruned = self._with({id_: msgspec.structs.replace(marks, pruning=True) for id_, marks in going.items()})
        others = (one for one in self.sweeps if one.until > now and one.token != sweep.token)
        return msgspec.structs.replace(pruned, sweeps=(*others, sweep))

    def withdraw(self, points: Iterable[str], since: datetime) -> Register:
        """Hide points that were announced and never published, and whose names were taken lest they ever are."""
        reason = "it was never published"
        fresh = [id_ for id_ in points if not self.marks(id_).withdrawn]
        return self._with({id_: Marks(forgotten=since, reason=reason, withdrawn=True) for id_ in fresh})

    def without(self, points: Iterable[str]) -> Register:
        """Say nothing any more of points that were pruned and are gone; in a mirror, of all but the newest of them.

        A mirror may have become the first place long ago: then `mirror_of` never asks for them.
        """
        gone = set(sorted(points)[:-REMEMBERED] if self.is_mirror else points)
        left = {id_: marks for id_, marks in self.points.items() if not (id_ in gone and marks.pruning)}
        return msgspec.structs.replace(self, points=left)

    def mirror_of(self, elsewhere: Iterable[str], here: Iterable[str], wanted: Iterable[str]) -> Register:
        """Say that this place is a mirror.

        Args:
            elsewhere: The points of the other place: of those that were pruned here, only these could come again.
            here: The points whose manifests are here.
            wanted: Points that are to come again.
        """
        pruned = {*elsewhere}.difference(wanted).union(here)
        left = {id_: marks for id_, marks in self.points.items() if id_ in pruned or not marks.pruning}
        return msgspec.structs.replace(self, points=left, is_mirror=True)

    def swept(self, token: str) -> Register:
        """Say that a sweep is done."""
        return msgspec.structs.replace(self, sweeps=tuple(one for one in self.sweeps if one.token != token))

    def _change(self, point: str, **changed: object) -> Register:
        marks = self.marks(point)
        if marks.forgotten is not None:
            raise RefusedError(
                "point-forgotten",
                f"point {point} is forgotten, and nothing more can be said of it",
                hint="Bring it back first: unforget POINT.",
            )
        return self._with({point: msgspec.structs.replace(marks, **changed)})

    def _with(self, changed: dict[str, Marks]) -> Register:
        points = self.points | changed
        said = {id_: marks for id_, marks in sorted(points.items()) if marks != Marks()}
        return msgspec.structs.replace(self, points=said)


def check_tags(names: Iterable[str]) -> None:
    """See that all of these can be names of points.

    Raises:
        UsageError: One cannot (``tag-not-understood``).
    """
    for name in names:
        if not _TAG.fullmatch(name):
            raise UsageError(
                "tag-not-understood",
                f"{name!r} is no tag",
                hint="A tag has at most 64 letters, digits and . _ : + = @ / -, and begins with a letter or a digit.",
            )


def check_note(text: str) -> None:
    """See that a note is short: all of them are written anew with every change.

    Raises:
        UsageError: It is not (``note-too-long``).
    """
    if len(text) > _LONGEST_NOTE:
        raise UsageError(
            "note-too-long",
            f"the note has {len(text):,} letters, and the longest may have {_LONGEST_NOTE:,}",
            hint="Say it shorter, or name a place where all of it stands.",
        )
