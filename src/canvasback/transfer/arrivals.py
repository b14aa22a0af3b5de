"""Bringing the repository's copies and file lists up to the lake: what arrives, what changed, what is gone."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from canvasback.catalog.reading.files import KINDS
from canvasback.model.finding import Finding, Findings
from canvasback.model.manifest import FileTotals, StoredTable
from canvasback.model.relation import Relation, literal
from canvasback.repository.chunk_writer import ChunkWriter
from canvasback.repository.filelist import COLUMNS, HELD, recorded_checksums
from canvasback.repository.own_table import OwnTable
from canvasback.repository.repository import Repository
from canvasback.repository.rows import insert_rows, one_row
from canvasback.storage.run import Run
from canvasback.transfer.copy import Arrived
from canvasback.transfer.file_lists import FileLists
from canvasback.transfer.keeping import Keeper, keeper_for
from canvasback.transfer.lake_files import LakeFiles, Task

_BATCH = 4096
_CURE = "If the file can be had from elsewhere, put it back and back up again; the point holds the rest."
_CURES = {
    "not-replicated": "Back up again when the replication has caught up; the point holds the rest. If it does not, see "
    "whether its rules cover the data path: objects that are older than a rule are not replicated by themselves."
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


class Arrivals:
    """What arrives in the repository of a lake's files.

    Args:
        lists: What is to be done.
        files: The lake's files.
        repository: The repository.
        at_risk_ns: Which objects that are there are not relied on, see `is_at_risk`.

    Attributes:
        missing: Path and whereabouts of files that the catalog names and nobody holds.
        new_files: Files that were copied, or that somebody else holds since then.
        new_bytes: Bytes that were copied.
    """

    def __init__(self, lists: FileLists, files: LakeFiles, repository: Repository, *, at_risk_ns: int = 0) -> None:
        self._lists = lists
        self._files = files
        self._repository = repository
        self._at_risk_ns = at_risk_ns
        self._connection = lists.connection
        self._arrived = OwnTable(self._connection, "arrived", _ARRIVED)
        self._problems: list[Arrived] = []
        self._suspected: list[Finding] = []
        self.missing: frozenset[tuple[str, bool]] = frozenset()
        self.new_files = 0
        self.new_bytes = 0

    def copy(self, run: Run) -> None:
        """Copy what the repository lacks, and what looks changed.

        Args:
            run: Says how many files at a time, and is told how the work goes on.
        """
        count = self._lists.count
        keeper = keeper_for(run, self._files, self._repository, count=count, at_risk_ns=self._at_risk_ns)
        files, bytes_ = self._lists.lacking
        run.progress.begin("copying files", files=files, bytes_=bytes_)
        with keeper.copy(self._lists.tasks()) as answers:
            self._take(answers, keeper)
        # The point before names what is held of suspects.
        gone = self._take_suspects(keeper_for(run, self._files, self._repository, count=count))
        self._suspected += keeper.findings()
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
                    self._files.place(arrived.task),
                    f"not saved: {arrived.detail}",
                    _CURES.get(arrived.problem, _CURE),
                )
            )

    def store(self, writer: ChunkWriter, before: FileTotals | None) -> tuple[tuple[StoredTable, ...], FileTotals]:
        """Write the chunks of the lists that changed.

        Args:
            writer: Writes them.
            before: The files of the point before in numbers, if it is known what of its lists is no longer in ours.

        Returns:
            The lists for the manifest, and all files in numbers.
        """
        tables = []
        totals = msgspec.structs.astuple(before or FileTotals())
        for kind in KINDS:
            fresh = [leaf for leaf in self._lists.leaves[kind] if leaf in self._lists.affected[kind]]
            written = dict(zip(fresh, writer.write(self._finished(kind), "file_id", ("file_id",), fresh), strict=True))
            held = self._lists.held[kind]
            kept = held.by_range()
            chunks = tuple(written[leaf] if leaf in written else kept[leaf] for leaf in self._lists.leaves[kind])
            tables.append(writer.store(Relation(kind, COLUMNS, ""), chunks))
            used = {kept[leaf] for leaf in self._lists.leaves[kind] if leaf not in written}
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
                totals = tuple(total + sign * found for total, found in zip(totals, more, strict=True))
        return tuple(tables), FileTotals(*totals)

    def _take(self, answers: Iterator[Arrived], keeper: Keeper) -> None:
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
                settled = keeper.settle(arrived, recorded.get((arrived.task.path, arrived.task.elsewhere), ()))
                (self._problems if settled.problem else batch).append(settled)
        self._keep(batch)

    def _keep(self, batch: list[Arrived]) -> None:
        self.new_files += sum(1 for a in batch if a.copied)
        self.new_bytes += sum(a.size for a in batch if a.copied and not a.borrowed)
        insert_rows(self._connection, str(self._arrived), _ARRIVED, [_row(arrived) for arrived in batch])

    def _take_suspects(self, keeper: Keeper) -> list[Task]:
        """Files that look changed: save a new content beside the old one, and note what happened.

        Returns:
            Those that are gone.
        """
        gone = []
        suspects = self._lists.suspects
        with keeper.copy(suspects) as answers:
            looked = list(answers)
        for arrived in looked:
            held = suspects[arrived.task]
            where = self._files.place(arrived.task)
            if arrived.problem == "not-replicated":
                continue  # what the replica has is what was held
            if arrived.problem:
                if arrived.problem == "file-missing":
                    gone.append(arrived.task)
                message = f"the lake has lost what the repository holds: {arrived.detail}"
                cure = "The point holds the file as it was: run heal, which puts it back into the live lake."
                self._suspected.append(Finding("lake-damaged", "error", where, message, cure))
            elif keeper.has(arrived, held.checksum):
                # Only its time changed. A current version is kept for longer than one that is not.
                same = {} if arrived.borrowed else {"object": held.object, "checksum": held.checksum}
                self._keep([msgspec.structs.replace(arrived, **same)])
            else:
                self._keep([keeper.settle(arrived, (held.checksum,)) if arrived.conflict else arrived])
                message = "its content changed though DuckLake never changes a file; both contents are kept"
                cure = "Older points hold the old content, this one the new; find out who wrote to it."
                self._suspected.append(Finding("file-changed", "error", where, message, cure))
        return gone

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
            f"FROM {self._lists.listing} l LEFT JOIN {self._arrived} a "
            "ON a.path = l.path AND a.elsewhere = l.elsewhere AND a.expected = l.expected "
            f"WHERE l.kind = {literal(kind)}",
        )


def _row(arrived: Arrived) -> tuple[object, ...]:
    """A row of the table of what arrived."""
    task = arrived.task
    algorithm, _, digest = arrived.checksum.partition(":")
    blake3, checksum = (digest, None) if algorithm == "blake3" else (None, arrived.checksum)
    held = (arrived.size, blake3, arrived.object, arrived.modified_ns, checksum, arrived.etag or None)
    return (task.path, task.elsewhere, task.expected, *held)
