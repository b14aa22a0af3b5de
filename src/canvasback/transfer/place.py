"""Putting a point's files where a lake expects them: what is there and whole stays, nothing is overwritten."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import msgspec

from canvasback.datapath.damaged_file import aside_suffix
from canvasback.datapath.external_files import Elsewhere
from canvasback.datapath.unknown_files import Listing
from canvasback.errors import (
    AccessDeniedError,
    CanvasbackError,
    CorruptError,
    ObjectExistsError,
    ObjectMissingError,
    StorageError,
)
from canvasback.model.finding import Finding, Findings
from canvasback.model.level import RestoreLevel
from canvasback.model.manifest import Manifest
from canvasback.model.relation import literal
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows, one_row
from canvasback.storage.borrowed import borrowing_of, is_at_hand
from canvasback.storage.bucket.service import WrongBytesError
from canvasback.storage.checksums import hash_stream
from canvasback.storage.local.staging import sweep
from canvasback.storage.locations import is_remote
from canvasback.storage.parallel import Stop, each
from canvasback.storage.run import Run
from canvasback.storage.source import UnreadError, open_source
from canvasback.storage.store import Stat, Store
from canvasback.transfer.destinations import list_places
from canvasback.transfer.placement import PLANNED, STATES, FilePlan, Placed, Placement, planned_files, unreachable

_BATCH = 4096
_ATTEMPTS = 3
_CURE = "Another point may hold it: run list, and restore with --level checksum to try that point's copy."


class Placer:
    """Plans where the files of a point go, and puts them there.

    Args:
        run: Opens the places, and is told about every file.
        connection: Where the point can be read.
        store: The repository.
        findings: Told about those that cannot be restored.
        passing_over: Whether a place where we may not write is a finding; otherwise it ends it all.
    """

    def __init__(
        self,
        run: Run,
        connection: duckdb.DuckDBPyConnection,
        store: Store,
        findings: Findings,
        *,
        passing_over: bool = False,
    ) -> None:
        self._run = run
        self._connection = connection
        self._store = store
        self._findings = findings
        self._passing_over = passing_over
        self._elsewhere = Elsewhere(run.stores)

    def plan(
        self,
        manifest: Manifest,
        root: str,
        level: RestoreLevel,
        *,
        moving: bool,
        wanted: str | None = None,
        listing: Listing | None = None,
    ) -> FilePlan:
        """Look at every place, and note what is to be done. Changes nothing.

        Args:
            manifest: The point.
            root: The data path.
            level: What counts as damaged; see `restore`.
            moving: See `list_places`.
            wanted: See `list_places`.
            listing: What is at the data path; None where each file is asked for.

        Raises:
            RefusedError: A path of the point leads out of its place (``unsafe-name``).
        """
        places = list_places(self._connection, self._store, manifest, root, moving=moving, wanted=wanted)
        planned = OwnTable(self._connection, "planned", PLANNED)
        kept = damaged = outside = 0
        self._report_absent(places)
        files, bytes_ = one_row(
            self._connection,
            f"SELECT count(*), coalesce(sum(size), 0) FROM (SELECT DISTINCT target, size FROM {places})",
        )
        by_bytes = level is RestoreLevel.CHECKSUM
        self._run.progress.begin("looking at the data path", files=files, bytes_=bytes_ if by_bytes else None)
        batch: list[Placement] = []
        sizes = (lambda p: p.size) if by_bytes else (lambda _: 0)
        target = self._run.stores.open(root)

        def look(place: Placement, stop: Stop) -> tuple[Placement, str]:
            return place, self._state(place, level, stop)

        with self._run.in_parallel(self._places(places, root, listing), each(look), target, size=sizes) as looked:
            for place, state in looked:
                outside += place.elsewhere
                if state == "whole":
                    kept += 1
                    continue
                if state not in STATES:
                    self._findings.add(unreachable(place, state))
                    continue
                if state == "other" and place.elsewhere and not moving:
                    self._findings.add(
                        Finding(
                            "elsewhere-damaged",
                            "error",
                            place.target,
                            "a file outside of the data path is not what was saved, and is left alone",
                            f"Move it away yourself and restore again; the saved one is {place.name} in the "
                            "repository.",
                        )
                    )
                    continue
                damaged += state == "other"
                batch.append(msgspec.structs.replace(place, damaged=state == "other"))
                if len(batch) >= _BATCH:
                    self._note(planned, batch)
                    batch = []
        self._note(planned, batch)
        self._run.progress.end()
        return FilePlan(
            root=root,
            places=places,
            planned=planned,
            files=planned_files(self._connection, planned, by="target, name, size, checksum, damaged"),
            kept=kept,
            damaged=damaged,
            elsewhere=outside,
        )

    def plan_new(self, root: str, places: OwnTable) -> FilePlan:
        """Plan every file of places, whose targets are names that nothing has."""
        planned = OwnTable(self._connection, "planned", PLANNED)
        self._connection.execute(
            f"INSERT INTO {planned} SELECT target, name, size, checksum, etag, modified_ns, false, NULL, false "
            f"FROM {places}"
        )
        files = planned_files(self._connection, planned, by="name, size, checksum")  # others at each look
        return FilePlan(root=root, places=places, planned=planned, files=files)

    def execute(self, plan: FilePlan, moment: datetime) -> Placed:
        """Put every file of the plan in its place. One that cannot be had is a finding; a full disk ends it all."""
        placed = placed_bytes = 0
        suffix = aside_suffix(moment)
        for (folder,) in self._stream(
            f"SELECT DISTINCT regexp_replace(target, '[^/]*$', '') FROM {plan.places} WHERE checksum IS NOT NULL"
        ):
            if not is_remote(folder):
                sweep(folder)
        target = self._run.stores.open(plan.root)
        self._run.progress.begin("restoring files", files=plan.files.count, bytes_=plan.files.bytes)

        def put(place: Placement, stop: Stop) -> tuple[Placement, Finding | None]:
            finding = self._put(place, suffix, stop)
            self._run.progress.advance(files=1, bytes_=place.size)
            return place, finding

        planned = (Placement(*row) for row in self._stream(f"FROM {plan.planned}"))
        with self._run.in_parallel(planned, each(put), target, self._store, size=lambda place: place.size) as done:
            for place, finding in done:
                if finding is not None:
                    self._findings.add(finding)
                else:
                    placed += 1
                    placed_bytes += place.size
        self._run.stores.sync()
        self._run.progress.end()
        return Placed(placed, placed_bytes)

    def _put(self, place: Placement, suffix: str, stop: Stop) -> Finding | None:
        aside = suffix if place.damaged else ""
        try:
            self._put_anyhow(place, aside, stop)
        except ObjectExistsError:
            return Finding(
                "file-appeared", "error", place.target, "something appeared there meanwhile, and stays", _CURE
            )
        except CorruptError as error:
            return Finding("object-corrupt", "error", place.target, f"not restored: {error.message}", _CURE)
        except AccessDeniedError as error:
            if not self._passing_over and not place.elsewhere:
                raise
            return Finding("copy-failed", "error", place.target, f"not put back: {error.message}", error.hint)
        except UnreadError as error:
            reason = error.reason
            if isinstance(reason, ObjectMissingError):
                return Finding("object-missing", "error", place.target, f"not restored: {reason.message}", _CURE)
            if isinstance(reason, OSError):
                raise StorageError(
                    f"cannot read {self._store.url}{place.name}: {reason.strerror or reason}",
                    hint="See whether the repository's storage is sound, and run it again: what is in place stays.",
                ) from reason
            raise reason from None
        return None

    def _put_anyhow(self, place: Placement, aside: str, stop: Stop) -> None:
        target, name = self._locate(place)
        try:
            if not self._put_within(place, target, name, aside):
                self._put_stream(place, target, name, aside, stop)
        except (CorruptError, UnreadError) as error:
            other = self._otherwise(place, error.reason if isinstance(error, UnreadError) else error, stop)
            if other is None:
                raise
            self._put_stream(other, target, name, aside, stop)

    def _otherwise(self, place: Placement, error: Exception, stop: Stop) -> Placement | None:
        """Where else a file can be had that somebody else holds: the content may be there as another version.

        Or its checksum proves nothing, and its service vouches for the bytes: then they are compared with themselves.
        """
        lent = borrowing_of(self._store)
        if lent is not None and isinstance(error, ObjectMissingError):
            with contextlib.suppress(CanvasbackError):  # that it is not there is what there is to say
                name = lent.again(place.name, place.size, place.checksum)
                return None if name in {None, place.name} else msgspec.structs.replace(place, name=name, etag="")
        if lent is not None and isinstance(error, CorruptError):
            noted = (place.name, place.size, place.checksum, place.etag)
            if lent.vouches(*noted):
                with open_source(self._store, place.name) as (_, stream):
                    return msgspec.structs.replace(place, checksum=f"blake3:{hash_stream(stop.guard(stream))[1]}")
        return None

    def _put_within(self, place: Placement, target: Store, name: str, aside: str) -> bool:
        """Let the service of both copy the file, where the repository's object is still the one that was written."""
        if not place.etag or aside:
            return False
        try:
            return target.copy_from(name, self._store, place.name, place.size, etag=place.etag) is not None
        except (AccessDeniedError, ObjectExistsError, ObjectMissingError):
            return False  # at which end, or whether it is the same, reading and writing tell

    def _put_stream(self, place: Placement, target: Store, name: str, aside: str, stop: Stop) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with open_source(self._store, place.name, vouch=False) as (_, source):
                    stream = stop.guard(source)
                    if self._run.stores.limit:
                        stream = self._run.stores.limit.through(stream)
                    target.place_new(
                        name, stream, place.size, place.checksum, modified_ns=place.modified_ns, aside=aside
                    )
            except (UnreadError, CorruptError) as error:
                # What is read through a network can be right the next time.
                again = isinstance(error, CorruptError) or isinstance(error.reason, WrongBytesError)
                if not again or attempt == _ATTEMPTS or is_at_hand(self._store, place.name):
                    raise
            else:
                return

    def _report_absent(self, places: OwnTable) -> None:
        for (path,) in self._connection.execute(
            f"SELECT DISTINCT target FROM {places} WHERE checksum IS NULL ORDER BY ALL"
        ).fetchall():
            there = None
            with contextlib.suppress(CanvasbackError):  # its path may be no path, or lead where nobody can look
                there = self._look(path)
            if there is None:
                self._findings.add(
                    Finding(
                        "file-absent",
                        "error",
                        path,
                        "the point does not hold this file: it could not be read when the backup ran",
                        "An older point may hold it; tables and snapshots that need it cannot be read without.",
                    )
                )

    def _places(self, places: OwnTable, root: str, listing: Listing | None) -> Iterator[Placement]:
        present, source = "NULL", ""
        if listing is not None:
            below = f"starts_with(target, {literal(root)})"
            present = f"CASE WHEN {below} THEN coalesce(p.size, -1) END"
            source = f"LEFT JOIN {listing} p ON {below} AND p.name = substr(target, {len(root) + 1})"
        sql = f"""
            SELECT DISTINCT target, l.name, l.size, checksum, etag, l.modified_ns, elsewhere, {present}
            FROM {places} l {source} WHERE checksum IS NOT NULL
        """
        return (Placement(*row) for row in self._stream(sql))

    def _state(self, place: Placement, level: RestoreLevel, stop: Stop) -> str:
        """``whole``, ``absent``, or ``other`` where something else is there; else why nobody can look, in words."""
        size = place.present
        try:
            target, name = self._locate(place)
            if size is None:
                found = target.stat(name)
                size = -1 if found is None else found.size
        except CanvasbackError as error:
            if not place.elsewhere:
                raise
            return error.message
        if size < 0:
            return "absent"
        same = size == place.size
        if same and level is RestoreLevel.CHECKSUM:
            algorithm, _, digest = place.checksum.partition(":")
            with target.open(name, vouch=False) as stream:
                same = hash_stream(stop.guard(stream), algorithm)[1] == digest
        self._run.progress.advance(files=1, bytes_=place.size if level is RestoreLevel.CHECKSUM else 0)
        return "whole" if same else "other"

    def _look(self, path: str) -> Stat | None:
        target, name = self._elsewhere.locate(path)
        return target.stat(name)

    def _locate(self, place: Placement) -> tuple[Store, str]:
        return (self._elsewhere if place.elsewhere else self._run.stores).locate(place.target)

    def _note(self, planned: OwnTable, found: list[Placement]) -> None:
        insert_rows(self._connection, str(planned), PLANNED, [msgspec.structs.astuple(place) for place in found])

    def _stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        cursor.execute(sql)
        while rows := cursor.fetchmany(_BATCH):
            yield from rows
