"""Whole copies of damaged files: looked for in one source after the other, and put back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from canvasback.catalog.image import Image
from canvasback.checks.copy_manifest import write_manifest
from canvasback.checks.copy_search import CopySearch, CopySource
from canvasback.checks.damaged_files import DamagedFiles
from canvasback.checks.diagnosis import Diagnosis
from canvasback.checks.known_copies import KnownCopies
from canvasback.model.finding import Findings
from canvasback.model.plans.files import PlannedFiles
from canvasback.model.results.heal import HealedFile
from canvasback.repository.rows import one_row
from canvasback.storage.run import Run

_UNPLACED = {"copy-failed", "file-appeared", "elsewhere-damaged"}
_REMEMBERED = 1_000_000


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

    Args:
        image: The lake's catalog in DuckDB's dialect.
        damaged: What is wrong with its files, whenever it is asked.
        root: The data path.
        run: Opens it, and is told how the work goes on.
        sources: Where copies may be; the first that has one is taken.
        findings: Told about what cannot be put back.
    """

    def __init__(
        self,
        image: Image,
        damaged: DamagedFiles,
        root: str,
        run: Run,
        sources: Sequence[CopySource],
        findings: Findings,
    ) -> None:
        self._search = CopySearch(image, damaged, root, run, findings)
        self._sources = sources

    @property
    def known(self) -> KnownCopies:
        """What is known of them."""
        return self._search.known

    def find(self) -> int:
        """Look for a copy of each lost file. Changes nothing.

        Copies that were put back before, and did not help, are passed over.

        Returns:
            Of how many files there is one.
        """
        self.known.forget_found()
        for source in self._sources:
            if self._search.goes_on():
                source.find(self._search)
        return self.known.count()

    def put_back(self, moment: datetime) -> None:
        """Put every copy in place. What is there is moved aside, to a name that ends in ``.damaged-<time>``.

        Places to which a copy could not be put, though there is one, are noted.
        """
        search = self._search
        told, search.findings = search.findings, Findings(_REMEMBERED)
        for source in self._sources:
            source.put_back(search, moment)
        search.run.stores.sync()
        self.known.note_unplaced(finding.where for finding in search.findings.kept if finding.code in _UNPLACED)
        told.merge(search.findings)
        search.findings = told
        self.known.note_tried()

    def planned(self) -> PlannedFiles:
        """The files of which `find` found a copy."""
        files, bytes_, which = one_row(
            self._search.connection,
            "SELECT count(*), coalesce(sum(size), 0)::BIGINT, coalesce(bit_xor(hash(place, source, told)), 0) "
            f"FROM {self.known.found}",
        )
        return PlannedFiles(files, bytes_, f"{which:016x}")

    def steps(self) -> tuple[str, ...]:
        """What putting them back does beside that, in words."""
        return tuple(step for source in self._sources for step in source.steps())

    def write_manifest(self, path: str) -> int:
        """Write what `find` found to a file, for a service that brings it back; see `write_manifest`."""
        return write_manifest(self._search, path)

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
            else f"SELECT * FROM {self.known.tried} t WHERE NOT EXISTS (FROM {self._search.damaged} d "
            "WHERE d.file_kind = t.file_kind AND d.file_id = t.file_id) "
            "QUALIFY row_number() OVER (PARTITION BY file_kind, file_id ORDER BY number DESC) = 1"
        )
        connection = self._search.connection
        files, bytes_ = one_row(connection, f"SELECT count(*), coalesce(sum(size), 0) FROM ({healed})")
        rows = connection.execute(
            f"SELECT place, table_id, code, told FROM ({healed}) ORDER BY table_id, place LIMIT {most}"
        ).fetchall()
        told = tuple(
            HealedFile(place=place, table=diagnosis.name(table_id), code=code, source=source)
            for place, table_id, code, source in rows
        )
        return Healed(told, int(files), int(bytes_))
