"""Copies of damaged files in the points of the lake's repository."""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile

from canvasback.checks.copy_search import OF_DAMAGED, CopySearch
from canvasback.checks.kinds import MISSING
from canvasback.checks.repository_files import refuse_damaged_lists
from canvasback.model.finding import Finding
from canvasback.model.level import RestoreLevel
from canvasback.model.manifest import Manifest, StoredTable
from canvasback.model.relation import literal
from canvasback.repository.own_table import OwnTable
from canvasback.repository.points import read_point
from canvasback.repository.readable_points import ReadablePoints, unused_point
from canvasback.repository.repository import Repository
from canvasback.repository.rows import one_row
from canvasback.transfer.destinations import list_places
from canvasback.transfer.place import Placer

_ORIGIN = "points"


class CopiesInPoints:
    """See `canvasback.checks.copy_search.CopySource`.

    Args:
        repository: The lake's repository.
    """

    def __init__(self, repository: Repository) -> None:
        self._store = repository.store

    def find(self, search: CopySearch) -> None:
        """See `CopySource.find`. Newest first: a file never changes, so any point that holds it will do."""
        seen: tuple[StoredTable, ...] = ()
        points = ReadablePoints(self._store, lambda point, damage: search.findings.add(unused_point(point, damage)))

        def held_by(manifest: Manifest) -> tuple[str, OwnTable] | None:
            nonlocal seen
            if manifest.files == seen:
                return None
            seen = manifest.files
            refuse_damaged_lists(search.connection, self._store, manifest)
            return manifest.id, self._held_by(search, manifest)

        wanting = takewhile(lambda _: search.goes_on(), reversed(points.ids))
        for point, held in points.each(wanting, held_by):
            search.connection.execute(
                f"INSERT INTO {search.known.found} SELECT {OF_DAMAGED}, h.size, h.name, {literal(point)}, h.checksum, "
                f"{literal(_ORIGIN)}, {literal(f'point {point}')} "
                f"FROM {search.damaged} d JOIN {held} h ON h.target = d.place AND h.kind = d.file_kind "
                f"WHERE h.checksum IS NOT NULL AND d.lost AND {search.known.unsourced} "
                # What was saved may be as damaged as what is there: then an older copy may help.
                f"AND {search.known.untried(_ORIGIN, 'checksum', 'h.checksum')} "
                "QUALIFY row_number() OVER (PARTITION BY d.file_kind, d.file_id ORDER BY h.file_id) = 1"
            )
            held.drop()
        self._leave_elsewhere(search)

    def steps(self) -> tuple[str, ...]:
        """See `CopySource.steps`."""
        return ()

    def put_back(self, search: CopySearch, moment: datetime) -> None:
        """See `CopySource.put_back`."""
        points = search.connection.execute(
            f"SELECT DISTINCT point FROM {search.known.found} WHERE origin = {literal(_ORIGIN)} ORDER BY point DESC"
        ).fetchall()
        for (point,) in points:
            self._put_from(search, point, moment)

    def _leave_elsewhere(self, search: CopySearch) -> None:
        """What is there outside of the data path may be somebody else's: it is not moved aside."""
        left = search.connection.execute(
            f"DELETE FROM {search.known.found} WHERE origin = {literal(_ORIGIN)} "
            f"AND NOT starts_with(place, {literal(search.root)}) AND code <> {literal(MISSING.code)} "
            "RETURNING place, source"
        ).fetchall()
        known = search.known.unplaced_places()
        for place, source in sorted(set(left)):
            if place not in known:
                message = "a file outside of the data path is damaged, and is left alone"
                cure = f"Move it away yourself and run heal again; the saved one is {source} in the repository."
                search.findings.add(Finding("elsewhere-damaged", "error", place, message, cure))
                search.known.note_unplaced([place])

    def _put_from(self, search: CopySearch, point: str, moment: datetime) -> None:
        manifest = read_point(self._store, point)
        placer = Placer(search.run, search.connection, self._store, search.findings, passing_over=True)
        held = self._held_by(search, manifest)
        for moving in (False, True):
            wanted = (
                f"SELECT DISTINCT h.kind, h.file_id FROM {held} h JOIN {search.known.found} c ON c.source = h.name "
                f"AND c.file_kind = h.kind AND c.place = h.target AND c.point = {literal(point)} "
                f"WHERE h.moved = {moving}"
            )
            if not one_row(search.connection, f"SELECT count(*) FROM ({wanted})")[0]:
                continue
            # A damaged file may have the right size: its bytes tell.
            plan = placer.plan(manifest, search.root, RestoreLevel.CHECKSUM, moving=moving, wanted=wanted)
            placer.execute(plan, moment)
            plan.drop()
        held.drop()

    def _held_by(self, search: CopySearch, manifest: Manifest) -> OwnTable:
        """The places of a point's files, and those that a restore gives them, which are ``moved``.

        What lay outside of the data path lies inside of one that it was restored to.
        """
        held = list_places(search.connection, self._store, manifest, search.root, moving=False)
        search.connection.execute(f"ALTER TABLE {held} ADD COLUMN moved BOOLEAN DEFAULT false")
        search.connection.execute(
            f"INSERT INTO {held} SELECT * REPLACE ({literal(search.root)} || name AS target, true AS moved) "
            f"FROM {held} WHERE elsewhere AND checksum IS NOT NULL"
        )
        return held
