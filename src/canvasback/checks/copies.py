"""Whole copies of damaged files: in the points of a repository, or in a replica of the data path."""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS
from canvasback.checks import WantedFiles, check_files
from canvasback.checks.damaged_files import DamagedFiles
from canvasback.checks.diagnosis import Diagnosis
from canvasback.checks.kinds import MISSING, UNREADABLE
from canvasback.checks.known_copies import KnownCopies
from canvasback.checks.repository_files import refuse_damaged_lists
from canvasback.datapath.damaged_file import aside_suffix
from canvasback.errors import CorruptError, ObjectExistsError, StorageError
from canvasback.model.finding import Finding, Findings
from canvasback.model.level import CheckLevel, RestoreLevel
from canvasback.model.manifest import Manifest, StoredTable
from canvasback.model.plans.files import PlannedFiles
from canvasback.model.relation import literal
from canvasback.model.results.heal import HealedFile
from canvasback.repository.own_table import OwnTable
from canvasback.repository.points import read_point
from canvasback.repository.readable_points import Damage, ReadablePoints, unused_point
from canvasback.repository.repository import Repository
from canvasback.repository.rows import insert_rows, one_row
from canvasback.storage.checksums import hash_stream
from canvasback.storage.parallel import Stop, each
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.transfer.destinations import list_places
from canvasback.transfer.place import Placer

_OF_DAMAGED = "d.file_kind, d.file_id, d.table_id, d.place, d.code"
_CURE = "See what is there; run heal again when it is settled."

_UNPLACED = {"copy-failed", "file-appeared", "elsewhere-damaged"}
_REMEMBERED = 1_000_000
_FILES = {"file_kind": "VARCHAR", "file_id": "BIGINT"}


class Healed(msgspec.Struct, frozen=True):
    """Files that were healed, or would be.

    Attributes:
        first: The first ones.
        count: How many there are.
        bytes: Bytes of those that were copied.
    """

    first: tuple[HealedFile, ...]
    count: int
    bytes: int


class Copies:
    """Finds copies of damaged files that are lost, and puts them back.

    Attributes:
        known: What is known of them.

    Args:
        image: The lake's catalog in DuckDB's dialect.
        damaged: What is wrong with its files, whenever it is asked.
        root: The data path.
        run: Opens it, and is told how the work goes on.
        repository: The lake's repository, if there is one.
        replica: A replica of the data path as a folder or URL that ends in a slash, if there is one.
        findings: Told about what cannot be put back.
    """

    def __init__(
        self,
        image: Image,
        damaged: DamagedFiles,
        root: str,
        run: Run,
        repository: Repository | None,
        replica: str | None,
        findings: Findings,
    ) -> None:
        self._image = image
        self._connection = image.connection
        self._damaged = damaged
        self._root = root
        self._run = run
        self._points = None if repository is None else ReadablePoints(repository.store, self._pass_over)
        self._replica = replica
        self._findings = findings
        self.known = KnownCopies(image.connection)

    def find(self, level: CheckLevel) -> int:
        """Look for a copy of each lost file, first in the repository, then in the replica. Changes nothing.

        Copies that were put back before, and did not help, are passed over.

        Args:
            level: How deeply the files of a replica are looked at, of which nobody knows the checksums.

        Returns:
            Of how many files there is one.
        """
        self.known.forget_found()
        if self._points is not None:
            self._find_in_points(self._points)
            self._leave_elsewhere()
        if self._replica is not None:
            self._find_in_replica(self._replica, level)
        return self.known.count()

    def put_back(self, moment: datetime) -> None:
        """Put every copy in place. What is there is moved aside, to a name that ends in ``.damaged-<time>``.

        Places to which a copy could not be put, though there is one, are noted.
        """
        told, self._findings = self._findings, Findings(_REMEMBERED)
        points = self._connection.execute(
            f"SELECT DISTINCT point FROM {self.known.found} WHERE point <> '' ORDER BY point DESC"
        ).fetchall()
        for (point,) in points:
            self._put_from_point(point, moment)
        if self._replica is not None:
            self._put_from_replica(self._replica, moment)
        self._run.stores.sync()
        self.known.note_unplaced(finding.where for finding in self._findings.kept if finding.code in _UNPLACED)
        told.merge(self._findings)
        self._findings = told
        self.known.note_tried()

    def planned(self) -> PlannedFiles:
        """The files of which `find` found a copy."""
        files, bytes_, which = one_row(
            self._connection,
            "SELECT count(*), coalesce(sum(size), 0)::BIGINT, coalesce(bit_xor(hash(place, source, point)), 0) "
            f"FROM {self.known.found}",
        )
        return PlannedFiles(files, bytes_, f"{which:016x}")

    def healed(self, diagnosis: Diagnosis, most: int, *, planned: bool) -> Healed:
        """The files that were put back and are whole now.

        Args:
            diagnosis: Knows the tables' names.
            most: How many to tell.
            planned: Rather those of which a copy was found.
        """
        # What took several copies was healed by the last.
        healed = (
            f"SELECT * FROM {self.known.found}"
            if planned
            else f"SELECT * FROM {self.known.tried} t WHERE NOT EXISTS (FROM {self._damaged} d "
            "WHERE d.file_kind = t.file_kind AND d.file_id = t.file_id) "
            "QUALIFY row_number() OVER (PARTITION BY file_kind, file_id ORDER BY point) = 1"
        )
        files, bytes_ = one_row(self._connection, f"SELECT count(*), coalesce(sum(size), 0) FROM ({healed})")
        rows = self._connection.execute(
            "SELECT place, table_id, code, CASE WHEN point = '' THEN source ELSE 'point ' || point END "
            f"FROM ({healed}) ORDER BY table_id, place LIMIT {most}"
        ).fetchall()
        told = tuple(
            HealedFile(place=place, table=diagnosis.name(table_id), code=code, source=source)
            for place, table_id, code, source in rows
        )
        return Healed(told, int(files), int(bytes_))

    def _pass_over(self, point: str, damage: Damage) -> None:
        self._findings.add(unused_point(point, damage))

    def _find_in_points(self, points: ReadablePoints) -> None:
        """Newest first: a file never changes, so any point that holds it will do."""
        seen: tuple[StoredTable, ...] = ()

        def held_by(manifest: Manifest) -> tuple[str, OwnTable] | None:
            nonlocal seen
            if manifest.files == seen:
                return None
            seen = manifest.files
            refuse_damaged_lists(self._connection, points.store, manifest)
            return manifest.id, self._held_by(points.store, manifest)

        wanting = takewhile(lambda _: self._unsourced(), reversed(points.ids))
        for point, held in points.each(wanting, held_by):
            self._connection.execute(
                f"INSERT INTO {self.known.found} SELECT {_OF_DAMAGED}, h.size, h.name, {literal(point)}, h.checksum "
                f"FROM {self._damaged} d JOIN {held} h ON h.target = d.place AND h.kind = d.file_kind "
                f"WHERE h.checksum IS NOT NULL AND d.lost AND {self.known.unsourced} "
                # What was saved may be as damaged as what is there: then an older copy may help.
                f"AND NOT EXISTS (FROM {self.known.tried} t WHERE t.file_kind = d.file_kind AND t.file_id = d.file_id "
                "AND t.checksum = h.checksum) "
                "QUALIFY row_number() OVER (PARTITION BY d.file_kind, d.file_id ORDER BY h.file_id) = 1"
            )
            held.drop()

    def _leave_elsewhere(self) -> None:
        """What is there outside of the data path may be somebody else's: it is not moved aside."""
        left = self._connection.execute(
            f"DELETE FROM {self.known.found} "
            f"WHERE NOT starts_with(place, {literal(self._root)}) AND code <> {literal(MISSING.code)} "
            "RETURNING place, source"
        ).fetchall()
        known = self.known.unplaced_places()
        for place, source in sorted(set(left)):
            if place not in known:
                message = "a file outside of the data path is damaged, and is left alone"
                cure = f"Move it away yourself and run heal again; the saved one is {source} in the repository."
                self._findings.add(Finding("elsewhere-damaged", "error", place, message, cure))
                self.known.note_unplaced([place])

    def _find_in_replica(self, replica: str, level: CheckLevel) -> None:
        """The replica's files pass the same check as the lake's, with its data path in the place of the lake's."""
        sought = OwnTable(
            self._connection,
            "sought",
            f"SELECT {_OF_DAMAGED} FROM {self._damaged} d WHERE d.lost AND {self.known.unsourced} "
            f"AND starts_with(d.place, {literal(self._root)}) AND d.place NOT IN (FROM {self.known.unplaced}) "
            f"AND NOT EXISTS (FROM {self.known.tried} t WHERE t.file_kind = d.file_kind AND t.file_id = d.file_id "
            "AND t.point = '')",
        )
        if one_row(self._connection, f"SELECT count(*) FROM {sought}")[0]:
            self._find_sought(sought, replica, level)
        sought.drop()

    def _find_sought(self, sought: OwnTable, replica: str, level: CheckLevel) -> None:
        wanted = WantedFiles(self._image, replica, files=f"SELECT file_kind, file_id FROM {sought}")
        by_rows = level in {CheckLevel.ROWS, CheckLevel.CHECKSUM}
        unfit: list[tuple[str, int]] = []
        for damaged in check_files(wanted, replica, self._run, CheckLevel.ROWS if by_rows else CheckLevel.FOOTERS):
            if damaged.lost:
                unfit.append((damaged.file_kind, damaged.file_id))
            if damaged.kind.code == UNREADABLE.code:  # nobody knows what it is: the lake's file is not given up for it
                place = self._root + damaged.place.removeprefix(replica)
                self.known.note_unplaced([place])
                message = f"not put back from {damaged.place}: {damaged.message}"
                self._findings.add(Finding("copy-failed", "error", place, message, _CURE))
        wanted.drop()
        begin = len(self._root) + 1
        sizes = " UNION ALL ".join(
            f"SELECT {literal(kind)} AS file_kind, {key} AS file_id, file_size_bytes AS size "
            f"FROM ({self._image.tables[table].select})"
            for kind, (table, key) in KINDS.items()
            if table in self._image.tables
        )
        passed_over = OwnTable(self._connection, "unfit", _FILES)
        insert_rows(self._connection, str(passed_over), _FILES, unfit)
        self._connection.execute(
            f"INSERT INTO {self.known.found} SELECT {_OF_DAMAGED}, s.size, "
            f"{literal(replica)} || substr(d.place, {begin}), '', '' "
            f"FROM {sought} d JOIN ({sizes}) s USING (file_kind, file_id) "
            f"ANTI JOIN {passed_over} u USING (file_kind, file_id)"
        )
        passed_over.drop()

    def _put_from_point(self, point: str, moment: datetime) -> None:
        assert self._points is not None  # copies were found in them
        store = self._points.store
        manifest = read_point(store, point)
        placer = Placer(self._run, self._connection, store, self._findings, passing_over=True)
        held = self._held_by(store, manifest)
        for moving in (False, True):
            wanted = (
                f"SELECT DISTINCT h.kind, h.file_id FROM {held} h JOIN {self.known.found} c ON c.source = h.name "
                f"AND c.file_kind = h.kind AND c.place = h.target AND c.point = {literal(point)} "
                f"WHERE h.moved = {moving}"
            )
            if not one_row(self._connection, f"SELECT count(*) FROM ({wanted})")[0]:
                continue
            # A damaged file may have the right size: its bytes tell.
            plan = placer.plan(manifest, self._root, RestoreLevel.CHECKSUM, moving=moving, wanted=wanted)
            placer.execute(plan, moment)
            plan.drop()
        held.drop()

    def _held_by(self, store: Store, manifest: Manifest) -> OwnTable:
        """The places of a point's files, and those that a restore gives them, which are ``moved``.

        What lay outside of the data path lies inside of one that it was restored to.
        """
        held = list_places(self._connection, store, manifest, self._root, moving=False)
        self._connection.execute(f"ALTER TABLE {held} ADD COLUMN moved BOOLEAN DEFAULT false")
        self._connection.execute(
            f"INSERT INTO {held} SELECT * REPLACE ({literal(self._root)} || name AS target, true AS moved) "
            f"FROM {held} WHERE elsewhere AND checksum IS NOT NULL"
        )
        return held

    def _put_from_replica(self, replica: str, moment: datetime) -> None:
        suffix = aside_suffix(moment)
        rows = self._connection.execute(
            f"SELECT DISTINCT place, source FROM {self.known.found} WHERE point = '' ORDER BY place"
        ).fetchall()
        self._run.progress.begin("copying from the replica", files=len(rows))

        def put(row: tuple[str, str], stop: Stop) -> Finding | None:
            finding = self._put(*row, suffix, stop)
            self._run.progress.advance(files=1)
            return finding

        with self._run.in_parallel(rows, each(put), self._run.stores.open(replica)) as done:
            self._findings.extend(finding for finding in done if finding is not None)
        self._run.progress.end()

    def _put(self, place: str, source: str, suffix: str, stop: Stop) -> Finding | None:
        origin, origin_name = self._run.stores.locate(source)
        target, name = self._run.stores.locate(place)
        try:
            checksum, size = _hashed(origin, origin_name, stop)
            aside = suffix if target.stat(name) is not None else ""
            with origin.open(origin_name, vouch=False) as opened:
                stream = stop.guard(opened)
                if self._run.stores.limit:
                    stream = self._run.stores.limit.through(stream)
                target.place_new(name, stream, size, checksum, aside=aside)
        except ObjectExistsError:
            return Finding("file-appeared", "error", place, "something appeared there meanwhile, and stays", _CURE)
        except (CorruptError, StorageError) as error:
            return Finding("copy-failed", "error", place, f"not put back from {source}: {error.message}", _CURE)
        except OSError as error:
            return Finding("copy-failed", "error", place, f"{source} cannot be read: {error.strerror or error}", _CURE)
        return None

    def _unsourced(self) -> bool:
        lost = f"FROM {self._damaged} d WHERE d.lost AND {self.known.unsourced}"
        return bool(one_row(self._connection, f"SELECT count(*) {lost}")[0])


def _hashed(store: Store, name: str, stop: Stop) -> tuple[str, int]:
    with store.open(name, vouch=False) as stream:
        size, digest = hash_stream(stop.guard(stream), "blake3")
    return f"blake3:{digest}", size
