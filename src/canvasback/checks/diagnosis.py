"""What is wrong with a lake, as a table to report from and to plan by: what `check` tells and `heal` works on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS
from canvasback.catalog.reading.lake_tables import LakeTable, table_names
from canvasback.catalog.reading.table_states import shown_files
from canvasback.catalog.rules import check_catalog
from canvasback.catalog.rules.rule import Fault, Rule
from canvasback.catalog.writing.loss_commit import accepted_select
from canvasback.checks import EMPTY, FILE_KINDS, check_files, files_not_held, is_empty, stray_files
from canvasback.checks.repository_files import held_files
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.errors import StorageError
from canvasback.model.finding import Finding, Findings
from canvasback.model.level import CheckLevel
from canvasback.repository.repository import Repository
from canvasback.repository.rows import create_table, insert_rows, one_row
from canvasback.storage.run import Run

_BATCH = 4096
_DAMAGED = {
    "code": "VARCHAR",
    "file_kind": "VARCHAR",
    "file_id": "BIGINT",
    "table_id": "BIGINT",
    "place": "VARCHAR",
    "message": "VARCHAR",
    "lost": "BOOLEAN",
}
_FILES = {"file_kind": "VARCHAR", "file_id": "BIGINT"}


class Diagnosis(msgspec.Struct):
    """What is wrong with a lake. Its damaged files are in ``memory.damaged`` of the image's connection.

    Attributes:
        faults: Where its catalog breaks rules.
        strays: What lies in its data path and is not its own.
        names: Its tables.
        empty: Says that nothing of the lake is at the data path, if so.
        accepted: Lost files whose loss was accepted.
        files: How many files were looked at.
        bytes: Bytes that the catalog promises of them.
    """

    faults: list[tuple[Rule, Fault]]
    strays: Findings
    names: dict[int, LakeTable]
    empty: Finding | None = None
    accepted: int = 0
    files: int = 0
    bytes: int = 0

    def findings(self, image: Image) -> Findings:
        """All that is wrong, in words."""
        found = Findings()
        for rule, fault in self.faults:
            found.add(rule.kind.at(fault.where, fault.message, self.name(fault.table_id)))
        if self.empty is not None:
            found.add(self.empty)
        for damaged in damaged_files(image):
            found.add(finding_of(damaged, self.name(damaged.table_id)))
        found.merge(self.strays)
        return found

    def name(self, table_id: int | None) -> str:
        """A table's name; its id where the catalog has no name of it."""
        if table_id is None:
            return ""
        return str(self.names[table_id]) if table_id in self.names else f"table {table_id}"


def finding_of(damaged: DamagedFile, table: str) -> Finding:
    """A damaged file in words."""
    return damaged.kind.at(damaged.place, damaged.message, table)


class Examiner:
    """Looks for damage, and writes nothing but ``memory.damaged``.

    Attributes:
        root: The data path as an absolute folder or URL that ends in a slash.
        level: How deeply it looks.
        unknown_checksums: At level ``checksum``, files of which the repository has no checksum.
        passed_over: Points that could not be asked for checksums.

    Args:
        run: Reaches the data path, and is told how the work goes on.
        root: See above.
        level: How deeply to look.
        repository: Knows the bytes of the files; needed at level ``checksum``.
        moment: Now.
    """

    def __init__(self, run: Run, root: str, level: CheckLevel, repository: Repository | None, moment: datetime) -> None:
        self.root = root
        self.level = level
        self.unknown_checksums = 0
        self.passed_over = Findings()
        self._run = run
        self._repository = repository
        self._moment = moment

    def diagnose(self, image: Image, tables: frozenset[int] | None = None) -> Diagnosis:
        """Look at the catalog, and at all files and what else is in the data path.

        Args:
            image: The catalog in DuckDB's dialect.
            tables: Only these tables, and nothing that is of no table; None for all.
        """
        faults = [(rule, fault) for rule, fault in check_catalog(image) if tables is None or fault.table_id in tables]
        diagnosis = Diagnosis(faults, Findings(), table_names(image))
        create_table(image.connection, "memory.damaged", _DAMAGED)
        if self.level is CheckLevel.CATALOG:
            return diagnosis
        self._examine(image, tables, None)
        diagnosis.files, diagnosis.bytes = _looked_at(image, tables)
        if tables is None:
            diagnosis.empty = self._empty(image)
        diagnosis.accepted = _forget_accepted(image)
        if tables is None:
            diagnosis.strays.extend(self._strays(image))
        return diagnosis

    def _empty(self, image: Image) -> Finding | None:
        with contextlib.suppress(StorageError):  # of the files a check says so, one by one
            if is_empty(image, self.root, self._run.stores):
                return EMPTY.at(self.root, "nothing of the lake is here")
        return None

    def _strays(self, image: Image) -> Iterator[Finding]:
        with contextlib.suppress(StorageError):  # of the files a check says so, one by one
            yield from stray_files(image, self.root, self._run, self._moment)

    def look_again(self, image: Image, files: Sequence[tuple[str, int]]) -> Diagnosis:
        """Look at the catalog again, and of the files only at some.

        Args:
            image: The catalog as it is now.
            files: Kind and id of those that were damaged.
        """
        diagnosis = Diagnosis(list(check_catalog(image)), Findings(), table_names(image))
        self.recheck(image, files)
        diagnosis.accepted = _forget_accepted(image)
        return diagnosis

    def recheck(self, image: Image, files: Sequence[tuple[str, int]]) -> None:
        """Leave in ``memory.damaged`` those of some files that are still damaged."""
        create_table(image.connection, "memory.again", _FILES)
        insert_rows(image.connection, "memory.again", _FILES, files)
        create_table(image.connection, "memory.damaged", _DAMAGED)
        if files and self.level is not CheckLevel.CATALOG:
            self._examine(image, None, "FROM memory.again")

    def _examine(self, image: Image, tables: frozenset[int] | None, files: str | None) -> None:
        assert self.level is not CheckLevel.CATALOG  # nothing of storage is looked at then
        passed_over = Findings()
        by_bytes = self.level is CheckLevel.CHECKSUM
        held = held_files(image, self._repository, passed_over) if by_bytes and self._repository else None
        if files is None:
            self.passed_over = passed_over
        found = check_files(image, self.root, self._run, self.level, tables=tables, files=files, held=held)
        _note(image, found)
        if by_bytes and files is None:
            self.unknown_checksums = files_not_held(image)


def damaged_files(image: Image, where: str = "true") -> Iterator[DamagedFile]:
    """The damaged files, those of one table side by side, in the order of their ids."""
    cursor = image.connection.cursor()
    cursor.execute(
        "SELECT code, file_kind, file_id, table_id, place, message, lost FROM memory.damaged "
        f"WHERE {where} ORDER BY table_id, file_kind, file_id"
    )
    while rows := cursor.fetchmany(_BATCH):
        for code, *row in rows:
            yield DamagedFile(FILE_KINDS[code], *row)


def _note(image: Image, found: Iterator[DamagedFile]) -> None:
    batch: list[tuple[object, ...]] = []
    for damaged in found:
        batch.append((damaged.kind.code, *msgspec.structs.astuple(damaged)[1:]))
        if len(batch) >= _BATCH:
            insert_rows(image.connection, "memory.damaged", _DAMAGED, batch)
            batch = []
    insert_rows(image.connection, "memory.damaged", _DAMAGED, batch)


def _looked_at(image: Image, tables: frozenset[int] | None) -> tuple[int, int]:
    among = "" if tables is None else f"WHERE table_id IN ({', '.join(map(str, sorted(tables)))})"
    selects = " UNION ALL ".join(
        f"SELECT file_size_bytes AS size FROM ({image.tables[table].select}) {among}"
        for table, _ in KINDS.values()
        if table in image.tables
    )
    files, bytes_ = one_row(image.connection, f"SELECT count(*), coalesce(sum(size), 0) FROM ({selects})")
    return int(files), int(bytes_)


def _forget_accepted(image: Image) -> int:
    known = f"(file_kind, file_id) IN (SELECT (kind, file_id) FROM ({accepted_select(image)})) AND lost"
    [count] = one_row(image.connection, f"SELECT count(*) FROM memory.damaged WHERE {known}")
    image.connection.execute(f"DELETE FROM memory.damaged WHERE {known}")
    return int(count)


def lost_rows(image: Image, head: int) -> dict[int, int]:
    """Rows that the newest snapshot shows and that lost data files had, by table."""
    return dict(
        image.rows(
            f"SELECT f.table_id, sum(f.rows - f.deletes)::BIGINT FROM ({shown_files(image, head)}) f "
            "JOIN memory.damaged l ON l.file_kind = 'data' AND l.file_id = f.file_id AND l.lost GROUP BY 1"
        )
    )
