"""Which points another place lacks, what has to be copied for them, and copying it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

import duckdb
import msgspec

from canvasback.datapath.damaged_file import aside_suffix
from canvasback.model.finding import Finding, Findings
from canvasback.model.manifest import Manifest
from canvasback.model.plans.mirror import MirrorPlan
from canvasback.model.plurals import many
from canvasback.repository.leases import HeldLease
from canvasback.repository.named_objects import NamedObject, NamedObjects
from canvasback.repository.own_table import OwnTable
from canvasback.repository.places import copy_points
from canvasback.repository.points import stored_points
from canvasback.repository.readable_points import Damage, ReadablePoints
from canvasback.repository.register import read_register
from canvasback.repository.rows import Appending, insert_rows, one_row
from canvasback.storage.owner import owner_of
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.transfer.locked_point import publishing
from canvasback.transfer.objects import Delivery, ObjectCopier

_FAILED = {"name": "VARCHAR", "checksum": "VARCHAR"}
_CURE = "Mend it by backup --full while the lake still has it, or by repair from another mirror; then mirror again."
_MEND = "Run repair on that place, from this repository."


class Copied(msgspec.Struct):
    """What a mirror did.

    Attributes:
        points: The points that were published.
        objects: Objects that were copied.
        bytes: Bytes of them.
        kept: Objects that were there already, and whole.
    """

    points: tuple[str, ...] = ()
    objects: int = 0
    bytes: int = 0
    kept: int = 0


class Mirroring:
    """One mirror in the making.

    Args:
        run: What it works with.
        connection: Where points can be read.
        origin: The repository.
        target: The other place; nothing is read there if ``makes``.
        makes: Whether there is nothing yet.
        findings: Told what cannot be mirrored.
    """

    def __init__(
        self,
        run: Run,
        connection: duckdb.DuckDBPyConnection,
        origin: Store,
        target: Store,
        findings: Findings,
        *,
        makes: bool,
    ) -> None:
        self._run = run
        self._connection = connection
        self._origin = origin
        self._target = target
        self._findings = findings
        self._makes = makes
        self._held: list[str] = []
        self._objects = NamedObjects(connection, origin)

    def plan(self, wanted: list[str]) -> MirrorPlan:
        """Look what the other place lacks. Changes nothing.

        Args:
            wanted: The ids of the points that it is to hold, oldest first.
        """
        hidden: frozenset[str] = frozenset()
        if not self._makes:
            self._held = stored_points(self._target)
            hidden = read_register(self._target)[0].forgotten()
        held = hidden.union(self._held)  # what is forgotten there stays so
        lacking = [id_ for id_ in wanted if id_ not in held]
        self._run.progress.begin("comparing points", files=len(lacking))
        self._know(lacking, [id_ for id_ in self._held if id_ not in hidden])
        points = [manifest.id for manifest in self._readable().each(lacking, self._add)]
        self._run.progress.end()
        objects, bytes_ = one_row(self._connection, f"SELECT count(*), coalesce(sum(size), 0) FROM {self._objects}")
        owner = owner_of(self._origin)
        return MirrorPlan(
            target=self._target.url,
            makes=self._makes,
            held=len(wanted) - len(lacking),
            points=tuple(points),
            objects=objects,
            bytes=bytes_,
            holding=None if owner is None else owner.holding,
        )

    def execute(self, plan: MirrorPlan, lease: HeldLease) -> Copied:
        """Copy what is lacking; then publish each point of which everything is there, oldest first."""
        done = Copied()
        failed = OwnTable(self._connection, "failed", _FAILED)
        copier = ObjectCopier(self._run, self._origin, self._target)
        self._run.progress.begin("copying objects", files=plan.objects, bytes_=plan.bytes)
        with Appending(self._connection, failed, _FAILED) as failures:
            conflicts = self._copy(copier, self._objects.each(), done, failures)
            lease.check()
            self._settle(copier, conflicts, done, failures)
            # What else points say of a name has to be true of what is there by now.
            for found in self._copy(copier, self._objects.each(among=self._objects.others), done, failures):
                self._take(Delivery(found, "object-differs", "points name two contents of that name"), done, failures)
        self._run.progress.end()
        self._target.sync()
        done.points = self._whole(plan.points, failed)
        publish = publishing(self._run, self._held, lease)
        copy_points(self._origin, self._target, done.points, lease, self._held, publish)
        return done

    def _copy(
        self, copier: ObjectCopier, objects: Iterable[NamedObject], done: Copied, failures: Appending
    ) -> list[NamedObject]:
        """Copy objects, and answer those whose names are taken."""
        conflicts = []
        with copier.copy(objects) as deliveries:
            for delivery in deliveries:
                if delivery.conflict:
                    conflicts.append(delivery.object)
                else:
                    self._take(delivery, done, failures)
        return conflicts

    def _know(self, lacking: list[str], held: list[str]) -> None:
        """Leave out what points name that are there: for each that is lacking, what the one before it names."""
        before = (held[max(0, bisect_left(held, id_) - 1)] for id_ in lacking if held)

        def tell(id_: str, damage: Damage) -> None:
            where = f"{self._target.url} {id_}"
            self._findings.add(Finding(damage.code, "error", where, f"this point is damaged: {damage.message}", _MEND))

        def know(manifest: Manifest) -> Manifest:
            self._objects.know(self._target, manifest)
            return manifest

        for _ in ReadablePoints(self._target, tell).each(dict.fromkeys(before), know):
            pass

    def _readable(self) -> ReadablePoints:
        def tell(id_: str, damage: Damage) -> None:
            self._findings.add(Finding(damage.code, "error", id_, f"not mirrored: {damage.message}", _CURE))

        return ReadablePoints(self._origin, tell)

    def _add(self, manifest: Manifest) -> Manifest:
        self._objects.add(manifest)
        self._run.progress.advance(files=1)
        return manifest

    def _take(self, delivery: Delivery, done: Copied, failures: Appending) -> None:
        if delivery.code:
            failures.add((delivery.object.name, delivery.object.checksum))
            message = f"not mirrored: {delivery.detail}"
            self._findings.add(Finding(delivery.code, "error", delivery.object.name, message, _CURE))
        elif delivery.copied:
            done.objects += 1
            done.bytes += delivery.object.size
        else:
            done.kept += 1

    def _settle(self, copier: ObjectCopier, conflicts: list[NamedObject], done: Copied, failures: Appending) -> None:
        """Deal with names that are taken. What points at the other place say of them takes long to ask: all at once."""
        if not conflicts:
            return
        aside = aside_suffix(self._run.now())
        recorded: dict[str, set[str]] = {}
        for name, checksum in self._said_of(conflicts):
            recorded.setdefault(name, set()).add(checksum)
        for found in conflicts:
            self._take(copier.settle(found, recorded.get(found.name, ()), aside), done, failures)

    def _said_of(self, conflicts: list[NamedObject]) -> Iterator[tuple[str, str]]:
        """Names of objects with the checksum texts that points at the other place record."""
        asked = OwnTable(self._connection, "asked", _FAILED)
        rows = [(found.name, found.checksum) for found in conflicts]
        insert_rows(self._connection, str(asked), _FAILED, rows)
        points = ReadablePoints(self._target)  # nobody can restore what a damaged one names
        for found in points.each(
            points.ids, lambda manifest: self._named(self._target, manifest, f"SEMI JOIN {asked} USING (name)")
        ):
            yield from found
        asked.drop()

    def _whole(self, points: tuple[str, ...], failed: OwnTable) -> tuple[str, ...]:
        """The points that name nothing that could not be copied; the others are told of."""
        if not one_row(self._connection, f"SELECT count(*) FROM {failed}")[0]:
            return points

        def lacks(manifest: Manifest) -> tuple[str, int]:
            clause = f"SEMI JOIN {failed} USING (name, checksum)"
            return manifest.id, len(self._named(self._origin, manifest, clause))

        whole = []
        for id_, count in self._readable().each(points, lacks):
            if count:
                message = f"not mirrored: {many(count, 'object')} that it names could not be copied"
                self._findings.add(Finding("point-not-mirrored", "error", id_, message, _CURE))
            else:
                whole.append(id_)
        return tuple(whole)

    def _named(self, store: Store, manifest: Manifest, clause: str) -> list[tuple[str, str]]:
        """Names and checksum texts of those objects of a point that a clause leaves."""
        named = NamedObjects(self._connection, store)
        named.add(manifest)
        found = [(one.name, one.checksum) for one in named.each(clause, among=named.all)]
        named.drop()
        return found
