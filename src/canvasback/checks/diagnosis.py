"""What is wrong with a lake, as a table to report from and to plan by: what `check` tells and `heal` works on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS
from canvasback.catalog.reading.lake_tables import LakeTable, table_names
from canvasback.catalog.rules import check_catalog
from canvasback.catalog.rules.rule import Fault, Rule
from canvasback.checks import EMPTY, WantedFiles, check_files, is_empty, stray_files
from canvasback.checks.damaged_files import DamagedFiles
from canvasback.checks.repository_files import held_files
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.errors import StorageError
from canvasback.model.finding import Finding, Findings
from canvasback.model.level import CheckLevel
from canvasback.model.relation import Relation
from canvasback.repository.own_table import OwnTable
from canvasback.repository.repository import Repository
from canvasback.repository.rows import insert_rows, one_row
from canvasback.storage.run import Run

_FILES = {"file_kind": "VARCHAR", "file_id": "BIGINT"}


class Diagnosis(msgspec.Struct):
    """What is wrong with a lake.

    Attributes:
        damaged: Its damaged files, as long as the image is open that was looked at.
        faults: Where its catalog breaks rules.
        strays: What lies in its data path and is not its own.
        names: Its tables.
        empty: Says that nothing of the lake is at the data path, if so.
        accepted: Lost files whose loss was accepted.
        files: How many files were looked at.
        bytes: Bytes that the catalog promises of them.
    """

    damaged: DamagedFiles
    faults: list[tuple[Rule, Fault]]
    strays: Findings
    names: dict[int, LakeTable]
    empty: Finding | None = None
    accepted: int = 0
    files: int = 0
    bytes: int = 0

    def findings(self) -> Findings:
        """All that is wrong, in words."""
        found = Findings()
        for rule, fault in self.faults:
            found.add(rule.kind.at(fault.where, fault.message, self.name(fault.table_id)))
        if self.empty is not None:
            found.add(self.empty)
        for damaged in self.damaged.each():
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
    """Looks for damage, and writes nothing but tables of its own in memory.

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
        diagnosis = Diagnosis(DamagedFiles(image.connection), faults, Findings(), table_names(image))
        if self.level is CheckLevel.CATALOG:
            return diagnosis
        self._examine(image, tables, diagnosis.damaged)
        diagnosis.files, diagnosis.bytes = _looked_at(image, tables)
        if tables is None:
            diagnosis.empty = self._empty(image, diagnosis.damaged)
        diagnosis.accepted = diagnosis.damaged.forget_accepted(image)
        if tables is None:
            diagnosis.strays.extend(self._strays(image))
        return diagnosis

    def _empty(self, image: Image, damaged: DamagedFiles) -> Finding | None:
        with contextlib.suppress(StorageError):  # of the files a check says so, one by one
            if is_empty(image, damaged, self.root, self._run.stores):
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
        faults = list(check_catalog(image))
        diagnosis = Diagnosis(DamagedFiles(image.connection), faults, Findings(), table_names(image))
        self._examine_some(image, files, diagnosis.damaged)
        diagnosis.accepted = diagnosis.damaged.forget_accepted(image)
        return diagnosis

    def recheck(self, image: Image, damaged: DamagedFiles) -> None:
        """Leave of damaged files those that are damaged still."""
        files = damaged.ids()
        damaged.clear()
        self._examine_some(image, files, damaged)

    def _examine_some(self, image: Image, files: Sequence[tuple[str, int]], damaged: DamagedFiles) -> None:
        if not files or self.level is CheckLevel.CATALOG:
            return
        again = OwnTable(image.connection, "again", _FILES)
        insert_rows(image.connection, str(again), _FILES, files)
        wanted = WantedFiles(image, self.root, files=f"FROM {again}", held=self._held(image, Findings()))
        damaged.note(check_files(wanted, self.root, self._run, self.level))
        wanted.drop()
        again.drop()

    def _examine(self, image: Image, tables: frozenset[int] | None, damaged: DamagedFiles) -> None:
        self.passed_over = Findings()
        wanted = WantedFiles(image, self.root, tables=tables, held=self._held(image, self.passed_over))
        damaged.note(check_files(wanted, self.root, self._run, self.level))
        if self.level is CheckLevel.CHECKSUM:
            self.unknown_checksums = wanted.not_held()
        wanted.drop()

    def _held(self, image: Image, passed_over: Findings) -> Relation | None:
        """What the repository holds of the files, where their bytes are compared."""
        if self.level is not CheckLevel.CHECKSUM or self._repository is None:
            return None
        return held_files(image, self._repository, passed_over)


def _looked_at(image: Image, tables: frozenset[int] | None) -> tuple[int, int]:
    among = "" if tables is None else f"WHERE table_id IN ({', '.join(map(str, sorted(tables)))})"
    selects = " UNION ALL ".join(
        f"SELECT file_size_bytes AS size FROM ({image.tables[table].select}) {among}"
        for table, _ in KINDS.values()
        if table in image.tables
    )
    files, bytes_ = one_row(image.connection, f"SELECT count(*), coalesce(sum(size), 0) FROM ({selects})")
    return int(files), int(bytes_)
