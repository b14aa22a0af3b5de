"""What a search for copies of damaged files works with, and the contract of the sources in which it looks."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import duckdb

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.checks.damaged_files import DamagedFiles
from canvasback.checks.known_copies import KnownCopies
from canvasback.model.finding import Finding, Findings
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import one_row
from canvasback.storage.run import Run

OF_DAMAGED = "d.file_kind, d.file_id, d.table_id, d.place, d.code"
"""What is copied from rows ``d`` of `DamagedFiles` to those of `KnownCopies`."""

CURE = "See what is there; run heal again when it is settled."


class CopySearch:
    """What all sources of copies share.

    Attributes:
        image: The lake's catalog in DuckDB's dialect.
        connection: The connection of it.
        damaged: What is wrong with its files, whenever it is asked.
        root: The data path.
        run: Opens it, and is told how the work goes on.
        known: What is known of copies.
        findings: Told about what cannot be put back.
    """

    def __init__(self, image: Image, damaged: DamagedFiles, root: str, run: Run, findings: Findings) -> None:
        self.image = image
        self.connection: duckdb.DuckDBPyConnection = image.connection
        self.damaged = damaged
        self.root = root
        self.run = run
        self.findings = findings
        self.known = KnownCopies(image.connection)

    @property
    def sizes(self) -> str:
        """A SELECT of the ``file_kind``, ``file_id`` and ``size`` of all files, as the catalog promises them."""
        return f"SELECT kind AS file_kind, file_id, expected AS size FROM ({named_files(self.image, self.root)})"

    def goes_on(self) -> bool:
        """Whether there are lost files of which no copy was found yet."""
        lost = f"FROM {self.damaged} d WHERE d.lost AND {self.known.unsourced}"
        return bool(one_row(self.connection, f"SELECT count(*) {lost}")[0])

    def sought(self, where: str) -> OwnTable:
        """The lost files ``d`` of which no copy was found yet and for which a condition holds.

        Those are left out to whose places a copy could not be put.
        """
        return OwnTable(
            self.connection,
            "sought",
            f"SELECT {OF_DAMAGED} FROM {self.damaged} d WHERE d.lost AND {self.known.unsourced} "
            f"AND d.place NOT IN (FROM {self.known.unplaced}) AND {where}",
        )


class CopySource(Protocol):
    """Where copies of lost files may be."""

    def find(self, search: CopySearch) -> None:
        """Note a copy of each lost file for which there is none yet. Changes nothing.

        Copies that were put back before, and did not help, are passed over.
        """

    def steps(self) -> tuple[str, ...]:
        """What putting back does beside that, for what `find` found last, in words."""

    def put_back(self, search: CopySearch, moment: datetime) -> None:
        """Put every copy in place that it found. What is there is moved aside, see `aside_suffix`.

        What cannot be put back is a finding at its place: ``copy-failed``, ``file-appeared``, ``elsewhere-damaged``.
        """


def not_put_back(place: str, source: str, why: str) -> Finding:
    """What to say where a copy could not be put in place."""
    return Finding("copy-failed", "error", place, f"not put back from {source}: {why}", CURE)


def appeared(place: str) -> Finding:
    """What to say where there is something by now."""
    return Finding("file-appeared", "error", place, "something appeared there meanwhile, and stays", CURE)
