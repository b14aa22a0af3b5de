"""Bringing the repository's copies and file lists up to the image: what is new, what changed, what is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS, named_files
from canvasback.model.finding import Finding, Findings
from canvasback.model.manifest import Chunk, StoredTable
from canvasback.model.relation import Relation, literal
from canvasback.repository.chunk_writer import ChunkWriter
from canvasback.repository.filelist import CHECKSUM, COLUMNS, HELD, HeldFiles, recorded_checksums
from canvasback.repository.ranges import Range, in_ranges
from canvasback.repository.repository import Repository
from canvasback.repository.rows import create_table, insert_rows, one_row
from canvasback.storage.run import Run
from canvasback.transfer.catalog_chunks import SavedCatalog
from canvasback.transfer.copy import Arrived, Copier
from canvasback.transfer.lake_files import LakeFiles, Task
from canvasback.transfer.previous_point import Previous

_PATH_TABLES = ("ducklake_schema", "ducklake_table", "ducklake_metadata")
"""A change of these can change the path of any file, so all files are listed anew."""

_BATCH = 4096
_LISTING = {
    "kind": "VARCHAR",
    "file_id": "BIGINT",
    "path": "VARCHAR",
    "elsewhere": "BOOLEAN",
    "expected": "BIGINT",
    "held": "STRUCT(size BIGINT, blake3 VARCHAR, object VARCHAR, modified_ns BIGINT, checksum VARCHAR, etag VARCHAR)",
}
_ARRIVED = {
    "path": "VARCHAR",
    "elsewhere": "BOOLEAN",
    "expected": "BIGINT",
    "size": "BIGINT",
    "blake3": "VARCHAR",
    "object": "VARCHAR",
    "modified_ns": "BIGINT",
    "checksum": "VARCHAR",
    "etag": "VARCHAR",
}

_RECHECK = 10_000
"""At how many held files of a local disk a backup looks again: all of a small lake, some of a large one."""


class FileLists:
    """The file lists of one point in the making.

    Attributes:
        root: The data path, absolute.
        base: What a relative path of a file elsewhere is relative to.
        missing: Path and whereabouts of files that the catalog names and nobody holds.
        new_files: Files that were copied.
        new_bytes: Bytes of them.
        recheck_from: Where the next backup goes on looking again.
    """

    def __init__(
        self,
        image: Image,
        repository: Repository,
        previous: Previous,
        saved: SavedCatalog,
        root: str,
        base: str,
    ) -> None:
        self.root = root
        self._image = image
        self._connection = image.connection
        self._repository = repository
        self.base = base
        self._leaves = {kind: [_range(c) for c in saved.chunks.get(KINDS[kind][0], ())] for kind in KINDS}
        self._held = {
            kind: HeldFiles(repository.store, found.chunks, found.table.columns)
            if (found := previous.files.get(kind))
            else HeldFiles(repository.store, ())
            for kind in KINDS
        }
        self._affected = {kind: self._affected_leaves(kind, previous, saved) for kind in KINDS}
        # The totals of the point before, if it is known what of its lists is no longer in ours.
        known = previous.manifest is not None and all(t.name in previous.files for t in previous.manifest.files)
        self._totals_before = previous.manifest.totals if previous.manifest and known else None
        self._start = previous.manifest.recheck_from if previous.manifest else 0
        self.missing: frozenset[tuple[str, bool]] = frozenset()
        self._problems: list[Arrived] = []
        self._suspected: list[Finding] = []
        self.new_files = 0
        self.new_bytes = 0
        self.recheck_from = 0

    def copy(self, run: Run, recheck: int | None) -> None:
        """Copy what the repository lacks, and look again at some of what it holds.

        Args:
            run: Opens the lake's storage, and is told how the work goes on.
            recheck: At how many held files to look again; None for what suits the storage.
        """
        files = LakeFiles(run.stores, self.root, self.base)
        copier = Copier(run, files, self._repository.store)
        if recheck is None:  # in an object store every look is a request
            recheck = 0 if files.inside.folder is None else _RECHECK
        suspects = self._recheck(files, recheck)
        create_table(self._connection, "memory.listing", _LISTING)
        for kind in KINDS:
            self._list(kind)
        create_table(self._connection, "memory.arrived", _ARRIVED)
        wanted = "FROM memory.listing WHERE coalesce(held.blake3, held.checksum) IS NULL"
        count, bytes_ = one_row(self._connection, f"SELECT count(*), coalesce(sum(expected), 0) {wanted}")
        run.progress.begin("copying files", files=count, bytes_=bytes_)
        tasks = self._tasks(f"SELECT DISTINCT path, elsewhere, expected {wanted}")
        with copier.copy(tasks) as answers:
            self._take(answers, copier)
        gone = self._take_suspects(copier, suspects)
        run.progress.end()
        # S3 says of what is not there that it may not be read, to those who may not list.
        missing = [a.task for a in self._problems if a.problem in {"file-missing", "file-unreadable"}]
        self.missing = frozenset((task.path, task.elsewhere) for task in (*missing, *gone))

    def report(self, findings: Findings) -> None:
        """Turn what could not be copied, and what looks wrong, into findings."""
        findings.extend(self._suspected)
        for arrived in sorted(self._problems, key=lambda a: a.task.path):
            findings.add(
                Finding(
                    arrived.problem,
                    "error",
                    self._where(arrived.task),
                    f"not saved: {arrived.detail}",
                    "If the file can be had from elsewhere, put it back and back up again; the point holds the rest.",
                )
            )

    def store(self, writer: ChunkWriter) -> tuple[tuple[StoredTable, ...], tuple[int, int, int, int]]:
        """Write the chunks of the lists that changed.

        Returns:
            The lists for the manifest, and count, bytes, absent and remapped of all files.
        """
        tables = []
        before = self._totals_before
        totals = list(msgspec.structs.astuple(before)) if before else [0, 0, 0, 0]
        for kind in KINDS:
            fresh = [leaf for leaf in self._leaves[kind] if leaf in self._affected[kind]]
            written = dict(zip(fresh, writer.write(self._finished(kind), "file_id", ("file_id",), fresh), strict=True))
            held = self._held[kind]
            kept = held.by_range()
            chunks = tuple(written[leaf] if leaf in written else kept[leaf] for leaf in self._leaves[kind])
            tables.append(writer.store(Relation(kind, COLUMNS, ""), chunks))
            used = {kept[leaf] for leaf in self._leaves[kind] if leaf not in written}
            counted = held.only(c for c in held.chunks if (c in used) == (before is None))
            for sign, relation in (
                (1, self._finished(kind)),
                # What is kept need not be read to be counted, if the point before counted it.
                (1 if before is None else -1, counted.relation()),
            ):
                more = one_row(
                    self._connection,
                    f"SELECT count(*), coalesce(sum(size), 0), count(*) FILTER (NOT {HELD}), count(object) "
                    f"FROM ({relation.select})",
                )
                totals = [total + sign * found for total, found in zip(totals, more, strict=True)]
        return tuple(tables), (totals[0], totals[1], totals[2], totals[3])

    def _affected_leaves(self, kind: str, previous: Previous, saved: SavedCatalog) -> set[Range]:
        """The ranges whose files have to be listed anew."""
        leaves = set(self._leaves[kind])

        def changed(table: str) -> bool:
            before = previous.tables.get(table)
            return before is None or before.chunks != saved.chunks.get(table, ())

        if kind not in previous.files or any(changed(table) for table in _PATH_TABLES):
            return leaves
        table = KINDS[kind][0]
        before = previous.tables.get(table)
        same = set(before.chunks) if before else set()
        unchanged = {_range(chunk) for chunk in saved.chunks.get(table, ()) if chunk in same}
        affected = leaves - (unchanged & set(self._held[kind].by_range()))
        if previous.manifest is not None and previous.manifest.totals.absent:
            absent = f"SELECT file_id FROM ({self._held[kind].relation().select}) WHERE NOT {HELD}"
            affected |= self._leaves_of(kind, [row[0] for row in self._connection.execute(absent).fetchall()])
        return affected

    def _leaves_of(self, kind: str, ids: list[int]) -> set[Range]:
        return {
            (low, high)
            for low, high in self._leaves[kind]
            if low is None or high is None or any(low <= id_ < high for id_ in ids)
        }

    def _recheck(self, files: LakeFiles, limit: int) -> dict[Task, dict[str, Any]]:
        """Held files that the lake no longer has as they were: by size and time, some at every backup."""
        suspects: dict[Task, dict[str, Any]] = {}
        ends = []
        for kind, (table, _) in KINDS.items():
            chunks, end = self._held[kind].window(self._start, limit)
            ends.append(end)
            if not chunks or table not in self._image.tables:
                continue
            window = self._held[kind].only(chunks).relation()
            named = named_files(self._image, self.root, kind)
            where = in_ranges("file_id", [_range(chunk) for chunk in chunks])
            ids = []
            for file_id, path, elsewhere, size, checksum, object_, modified_ns in self._connection.execute(
                f"SELECT file_id, path, elsewhere, size, {CHECKSUM}, object, modified_ns "
                f"FROM ({window.select}) h SEMI JOIN (SELECT * FROM ({named}) WHERE {where}) n "
                f"ON h.file_id = n.file_id AND h.path = n.path AND h.elsewhere = n.elsewhere WHERE {HELD}"
            ).fetchall():
                task = Task(path, elsewhere, size)
                if files.look(task) != (size, modified_ns):
                    suspects[task] = {"checksum": checksum, "object": object_}
                    ids.append(file_id)
            self._affected[kind] |= self._leaves_of(kind, ids)
        # Both kinds are numbered together, so one place to go on from serves both.
        self.recheck_from = min((end for end in ends if end), default=0)
        return suspects

    def _list(self, kind: str) -> None:
        """Fill ``memory.listing`` with the affected files, and what is held of them."""
        affected = self._affected[kind]
        if not affected:
            return
        condition = "true" if affected == set(self._leaves[kind]) else in_ranges("file_id", affected)
        self._connection.execute(
            f"INSERT INTO memory.listing SELECT {literal(kind)}, n.file_id, n.path, n.elsewhere, n.expected, "
            "{'size': h.size, 'blake3': h.blake3, 'object': h.object, 'modified_ns': h.modified_ns, "
            "'checksum': h.checksum, 'etag': h.etag} "
            f"FROM (SELECT * FROM ({named_files(self._image, self.root, kind)}) WHERE {condition}) n "
            f"LEFT JOIN ({self._held[kind].relation(affected).select}) h "
            "ON h.file_id = n.file_id AND h.path = n.path AND h.elsewhere = n.elsewhere AND h.size = n.expected"
        )

    def _tasks(self, sql: str) -> Iterator[Task]:
        cursor = self._connection.cursor()
        cursor.execute(sql)
        while rows := cursor.fetchmany(_BATCH):
            for path, elsewhere, expected in rows:
                yield Task(path, elsewhere, expected)

    def _take(self, answers: Iterator[Arrived], copier: Copier) -> None:
        """Note what arrived; settle conflicts at the end, when it is worth asking all points."""
        batch: list[Arrived] = []
        conflicts: list[Arrived] = []
        for arrived in answers:
            if arrived.problem:
                self._problems.append(arrived)
            elif arrived.conflict:
                conflicts.append(arrived)
            else:
                batch.append(arrived)
            if len(batch) >= _BATCH:
                self._keep(batch)
                batch = []
        if conflicts:
            recorded = recorded_checksums(self._connection, self._repository, [a.task.path for a in conflicts])
            for arrived in conflicts:
                settled = copier.settle(arrived, recorded.get((arrived.task.path, arrived.task.elsewhere), ()))
                (self._problems if settled.problem else batch).append(settled)
        self._keep(batch)

    def _keep(self, batch: list[Arrived]) -> None:
        self.new_files += sum(1 for a in batch if a.copied)
        self.new_bytes += sum(a.size for a in batch if a.copied)
        insert_rows(self._connection, "memory.arrived", _ARRIVED, [_row(arrived) for arrived in batch])

    def _take_suspects(self, copier: Copier, suspects: dict[Task, dict[str, Any]]) -> list[Task]:
        """Files that look changed: save a new content beside the old one, and note what happened.

        Returns:
            Those that are gone.
        """
        gone = []
        with copier.copy(suspects) as answers:
            looked = list(answers)
        for arrived in looked:
            held = suspects[arrived.task]
            where = self._where(arrived.task)
            if arrived.problem:
                if arrived.problem == "file-missing":
                    gone.append(arrived.task)
                message = f"the lake has lost what the repository holds: {arrived.detail}"
                cure = "The point holds the file as it was: run heal, which puts it back into the live lake."
                self._suspected.append(Finding("lake-damaged", "error", where, message, cure))
            elif copier.has(arrived, held["checksum"]):
                # Only its time changed.
                self._keep([msgspec.structs.replace(arrived, object=held["object"], checksum=held["checksum"])])
            else:
                self._keep([copier.settle(arrived, (held["checksum"],)) if arrived.conflict else arrived])
                message = "its content changed though DuckLake never changes a file; both contents are kept"
                cure = "Older points hold the old content, this one the new; find out who wrote to it."
                self._suspected.append(Finding("file-changed", "error", where, message, cure))
        return gone

    def _where(self, task: Task) -> str:
        return task.path if task.elsewhere else self.root + task.path

    def _finished(self, kind: str) -> Relation:
        """The list's rows for the affected ranges: what arrived, else what was held."""
        return Relation(
            kind,
            COLUMNS,
            "SELECT l.file_id, l.path, l.elsewhere, "
            "coalesce(a.size, l.held.size) AS size, "
            "CASE WHEN a.path IS NULL THEN l.held.blake3 ELSE a.blake3 END AS blake3, "
            "CASE WHEN a.path IS NULL THEN l.held.object ELSE a.object END AS object, "
            "coalesce(a.modified_ns, l.held.modified_ns) AS modified_ns, "
            "CASE WHEN a.path IS NULL THEN l.held.checksum ELSE a.checksum END AS checksum, "
            "CASE WHEN a.path IS NULL THEN l.held.etag ELSE a.etag END AS etag "
            "FROM memory.listing l LEFT JOIN memory.arrived a "
            "ON a.path = l.path AND a.elsewhere = l.elsewhere AND a.expected = l.expected "
            f"WHERE l.kind = {literal(kind)}",
        )


def _row(arrived: Arrived) -> tuple[object, ...]:
    """A row of ``memory.arrived``."""
    task = arrived.task
    algorithm, _, digest = arrived.checksum.partition(":")
    blake3, checksum = (digest, None) if algorithm == "blake3" else (None, arrived.checksum)
    held = (arrived.size, blake3, arrived.object, arrived.modified_ns, checksum, arrived.etag or None)
    return (task.path, task.elsewhere, task.expected, *held)


def _range(chunk: Chunk) -> Range:
    return (chunk.lower, chunk.upper)
