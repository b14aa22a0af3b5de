"""What is missing or damaged in a repository, and putting it back from another place of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import duckdb
import msgspec

from canvasback.datapath.damaged_file import aside_suffix
from canvasback.errors import CorruptError, StorageError
from canvasback.model.finding import Finding, Findings
from canvasback.model.level import RepairLevel
from canvasback.model.plans.repair import RepairPlan
from canvasback.repository import layout
from canvasback.repository.held_objects import has_content, list_held
from canvasback.repository.leases import HeldLease
from canvasback.repository.named_objects import NamedObject, NamedObjects
from canvasback.repository.own_table import OwnTable
from canvasback.repository.places import copy_points
from canvasback.repository.points import list_points, read_point, stored_points
from canvasback.repository.readable_points import Damage, ReadablePoints, UnreadablePointError
from canvasback.repository.register import read_register
from canvasback.repository.rows import Appending, one_row
from canvasback.storage.parallel import Stop, each
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.transfer.objects import Delivery, ObjectCopier

_BROKEN = {"name": "VARCHAR", "code": "VARCHAR", "detail": "VARCHAR", "there": "BOOLEAN"}
_LOST = {"name": "VARCHAR"}
_CURE = "Run backup --full while the lake still has it, or repair from another mirror. Points without it are whole."


class Broken(msgspec.Struct, frozen=True):
    """An object that is not what was saved.

    Attributes:
        name: Its name.
        code: What is wrong: the code of a finding.
        detail: The same in words.
        there: Whether something is there.
    """

    name: str
    code: str
    detail: str
    there: bool


class Repaired(msgspec.Struct):
    """What a repair did.

    Attributes:
        objects: Objects that were put in place.
        bytes: Bytes of them.
    """

    objects: int = 0
    bytes: int = 0


class Repairing:
    """One repair in the making.

    Args:
        run: What it works with.
        connection: Where points can be read.
        store: The repository.
        source: The other place of it.
        findings: Told what stays broken.
    """

    def __init__(
        self, run: Run, connection: duckdb.DuckDBPyConnection, store: Store, source: Store, findings: Findings
    ) -> None:
        self._run = run
        self._connection = connection
        self._store = store
        self._source = source
        self._findings = findings
        self._held: list[str] = []
        self._missing_points: list[str] = []
        self._damaged_points: list[str] = []
        self._objects = NamedObjects(connection, store, source)
        self._broken = OwnTable(connection, "broken", _BROKEN)

    def plan(self, level: RepairLevel) -> RepairPlan:
        """Look what is broken, and what of it the other place has. Changes nothing."""
        self._held = stored_points(self._store)
        self._read_points()
        (looked,) = one_row(self._connection, f"SELECT count(*) FROM {self._objects}")
        self._look_for_objects(looked)
        if level is RepairLevel.CHECKSUM:
            self._read_objects()
        lost = self._leave_out_lost()
        missing, damaged, bytes_ = one_row(
            self._connection,
            "SELECT count(*) FILTER (NOT there), count(*) FILTER (there), coalesce(sum(size), 0) "
            f"FROM {self._broken} JOIN {self._objects} USING (name)",
        )
        return RepairPlan(
            source=self._source.url,
            level=level,
            looked=looked,
            missing=missing,
            damaged=damaged,
            bytes=bytes_,
            lost=lost,
            missing_points=tuple(self._missing_points),
            damaged_points=tuple(self._damaged_points),
        )

    def execute(self, plan: RepairPlan, lease: HeldLease) -> Repaired:
        """Put the objects in place, then the manifests."""
        done = Repaired()
        aside = aside_suffix(self._run.now())
        copier = ObjectCopier(self._run, self._source, self._store)
        self._run.progress.begin("putting objects in place", files=plan.missing + plan.damaged, bytes_=plan.bytes)
        with copier.copy(self._broken_objects("NOT there")) as deliveries:
            for delivery in deliveries:
                self._take(delivery, done)
        lease.check()
        with copier.replace(self._broken_objects("there"), aside) as deliveries:
            for delivery in deliveries:
                self._take(delivery, done)
        self._run.progress.end()
        self._store.sync()
        for id_ in plan.damaged_points:
            self._store.move_aside(layout.point_name(id_), aside)
        copy_points(self._source, self._store, plan.points, lease, self._held)
        return done

    def _read_points(self) -> None:
        """Tell what all points of both places name, but those that are forgotten here, and which are broken here."""
        hidden = read_register(self._store)[0].forgotten()
        ids = sorted({*self._held, *list_points(self._source)} - hidden)

        def tell(id_: str, damage: Damage) -> None:
            message = f"stays broken, as {self._source.url} does not have it whole either: {damage.message}"
            self._findings.add(Finding(damage.code, "error", id_, message, _CURE))

        self._run.progress.begin("reading points", files=len(ids))
        points = ReadablePoints(self._store, tell)
        for id_ in ids:
            with suppress(UnreadablePointError), points.reading(id_):
                self._read_point(id_)
            self._run.progress.advance(files=1)
        self._run.progress.end()

    def _read_point(self, id_: str) -> None:
        try:
            self._objects.add(read_point(self._store, id_))
        except CorruptError:
            manifest = read_point(self._source, id_)
            self._objects.add(manifest)
            (self._damaged_points if id_ in self._held else self._missing_points).append(id_)

    def _look_for_objects(self, looked: int) -> None:
        """Compare names and sizes with one listing."""
        self._run.progress.begin("looking for objects", files=looked)
        held = list_held(self._connection, self._store, self._run.progress)
        self._connection.execute(
            f"INSERT INTO {self._broken} SELECT name, "
            "CASE WHEN held IS NULL THEN 'object-missing' ELSE 'object-size' END, "
            "CASE WHEN held IS NULL THEN 'is missing' ELSE 'has ' || held || ' bytes, and had ' || size END, "
            f"held IS NOT NULL FROM {self._objects} LEFT JOIN {held} USING (name) WHERE held IS DISTINCT FROM size"
        )
        held.drop()
        self._run.progress.end()

    def _read_objects(self) -> None:
        """Read every object that is there with its size."""
        sound = f"FROM {self._objects} o ANTI JOIN {self._broken} USING (name)"
        files, bytes_ = one_row(self._connection, f"SELECT count(*), coalesce(sum(o.size), 0) {sound}")
        self._run.progress.begin("reading objects", files=files, bytes_=bytes_)

        def read(found: NamedObject, stop: Stop) -> Broken | None:
            code = "chunk-corrupt" if found.name.startswith(layout.CATALOG) else "object-corrupt"
            try:
                if has_content(self._store, found.name, found.checksum, stop):
                    return None
            except (StorageError, OSError) as error:
                return Broken(found.name, "object-unreadable", f"cannot be read: {error}", there=True)
            finally:
                self._run.progress.advance(files=1, bytes_=found.size)
            return Broken(found.name, code, "does not hold the bytes that were saved", there=True)

        objects = self._objects.each(f"ANTI JOIN {self._broken} USING (name)")
        with (
            Appending(self._connection, self._broken, _BROKEN) as rows,
            self._run.in_parallel(objects, each(read), self._store, size=lambda found: found.size) as looked,
        ):
            for broken in filter(None, looked):
                rows.add(msgspec.structs.astuple(broken))
        self._run.progress.end()

    def _leave_out_lost(self) -> int:
        """Tell of broken objects that the other place does not have with their size either, and count them."""
        columns = ", ".join(f"b.{column}" for column in _BROKEN)
        cursor = self._connection.cursor()
        cursor.execute(f"SELECT {columns}, o.size FROM {self._broken} b JOIN {self._objects} o USING (name)")
        rows = ((Broken(*row[:-1]), row[-1]) for row in iter(cursor.fetchone, None))

        def look(asked: tuple[Broken, int], stop: Stop) -> Broken | None:  # noqa: ARG001 - it takes no time to stop
            broken, size = asked
            stat = self._source.stat(broken.name)
            return None if stat is not None and stat.size == size else broken

        lost = OwnTable(self._connection, "lost", _LOST)
        with (
            Appending(self._connection, lost, _LOST) as names,
            self._run.in_parallel(rows, each(look), self._source) as looked,
        ):
            for broken in filter(None, looked):
                message = f"{broken.detail}, and stays so: {self._source.url} does not have it with its size either"
                self._findings.add(Finding(broken.code, "error", broken.name, message, _CURE))
                names.add((broken.name,))
        self._connection.execute(f"DELETE FROM {self._broken} b USING {lost} l WHERE b.name = l.name")
        (count,) = one_row(self._connection, f"SELECT count(*) FROM {lost}")
        return int(count)

    def _broken_objects(self, condition: str) -> Iterator[NamedObject]:
        return self._objects.each(f"SEMI JOIN (FROM {self._broken} WHERE {condition}) b USING (name)")

    def _take(self, delivery: Delivery, done: Repaired) -> None:
        name = delivery.object.name
        if delivery.conflict:
            message = "something else appeared there meanwhile, and stays"
            self._findings.add(Finding("object-corrupt", "error", name, message, _CURE))
        elif delivery.code:
            message = f"stays broken: in {self._source.url}, {delivery.detail}"
            self._findings.add(Finding(delivery.code, "error", name, message, _CURE))
        else:
            done.objects += 1
            done.bytes += delivery.object.size
