"""What delete files say of an earlier snapshot: each of their rows has the number of the commit that deleted it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping

import duckdb
import msgspec

from canvasback.catalog.connections import connect
from canvasback.catalog.image import Image
from canvasback.catalog.reading.deletes import DeletingCommits, FoldedFile, Span, folded_files
from canvasback.catalog.reading.forgotten import by_its_log
from canvasback.catalog.reading.lake_tables import table_names
from canvasback.catalog.spec import SNAPSHOT_IDS
from canvasback.datapath.file_sources import FileSource, FileSources
from canvasback.model.finding import Finding
from canvasback.model.relation import identifier
from canvasback.parquet.encryption import read_call
from canvasback.storage.source import UnreadError, open_source
from canvasback.storage.temporary import temporary_folder

Numbers = Mapping[int, int]
"""How many rows of a delete file have which number."""


class DeletesThen(msgspec.Struct, frozen=True):
    """What delete files say of a snapshot.

    Attributes:
        commits: By delete file, the commit that deleted the rows of each number, where that is another than the number.
        rows: By delete file, how many rows it deletes at the snapshot: the fewest and the most that may be.
        findings: Where it cannot be told.
    """

    commits: Mapping[int, Mapping[int, int]] = {}
    rows: Mapping[int, tuple[int, int]] = {}
    findings: tuple[Finding, ...] = ()


def deletes_then(image: Image, snapshot: int, files: Collection[int], sources: FileSources) -> DeletesThen:
    """Read the delete files that hold deletes of before and after a snapshot.

    What cannot be read is left out, without an error: whoever needs the file itself will hear of it.

    Args:
        image: The catalog in DuckDB's dialect.
        snapshot: The snapshot.
        files: The ids of the delete files; see `canvasback.catalog.reading.deletes.late_deletes`.
        sources: Where they are.
    """
    folded = {file.file_id: file for file in folded_files(image, _among(files))} if files else {}
    if not folded:
        return DeletesThen()
    commits = DeletingCommits(image)
    reader = _Reader(image, sources)
    counted: dict[int, tuple[int, int]] = {}
    changed: dict[int, dict[int, int]] = {}
    unsure: dict[int, tuple[int, Span]] = {}
    for file_id, numbers in reader.read(sorted(folded)):
        file = folded[file_id]
        spans = commits.spans(file, numbers, lambda file=file: reader.others(file))  # type: ignore[misc]
        sure = sum(rows for number, rows in numbers.items() if spans[number].last <= snapshot)
        most = sum(rows for number, rows in numbers.items() if spans[number].first <= snapshot)
        counted[file_id] = (sure, most)
        moved = {number: span.first for number, span in spans.items() if span.first > number}
        if moved:
            changed[file_id] = moved
        if sure < most:
            rows, worst = unsure.get(file.table_id, (0, Span(snapshot, snapshot)))
            for span in spans.values():
                if span.first <= snapshot < span.last:
                    worst = Span(min(worst.first, span.first), max(worst.last, span.last))
            unsure[file.table_id] = (rows + most - sure, worst)
    names = table_names(image) if unsure else {}
    findings = tuple(
        Finding(
            "deletes-uncertain",
            "warning",
            str(names.get(table_id, f"table {table_id}")),
            f"whether snapshot {snapshot} showed {rows} of its rows cannot be told: DuckLake noted that a commit of "
            f"snapshots {span.first} to {span.last} deleted them, and not which",
            "A point that was made at that very snapshot has the rows as they were: run list, and name it."
            + by_its_log(image),
        )
        for table_id, (rows, span) in sorted(unsure.items())
    )
    return DeletesThen(changed, counted, findings)


class _Reader:
    """Reads the numbers of delete files, each once."""

    def __init__(self, image: Image, sources: FileSources) -> None:
        self._image = image
        self._sources = sources
        self._numbers: dict[int, Numbers] = {}
        self._keys: dict[int, str] = dict(
            image.rows(
                "SELECT delete_file_id, encryption_key FROM {ducklake_delete_file} f WHERE encryption_key IS NOT NULL"
            )
        )

    def read(self, files: Collection[int]) -> Iterator[tuple[int, Numbers]]:
        """The numbers of those that can be read."""
        for source in self._sources.find("delete", [id_ for id_ in files if id_ not in self._numbers]):
            numbers = _numbers(source, self._keys.get(source.file_id))
            if numbers is not None:
                self._numbers[source.file_id] = numbers
        for file_id in files:
            if file_id in self._numbers:
                yield file_id, self._numbers[file_id]

    def others(self, file: FoldedFile) -> Iterator[int]:
        """The numbers in the files of other deletes of a file's table: each explains one that is there no more."""
        beside = folded_files(self._image, f"f.table_id = {file.table_id} AND f.data_file_id <> {file.data_file_id}")
        made = {other.file_id: other.made for other in beside}
        for file_id, numbers in self.read(sorted(made)):
            yield from (number for number in numbers if number != made[file_id])


def _numbers(source: FileSource, key: str | None) -> Numbers | None:
    with contextlib.suppress(UnreadError, duckdb.Error), temporary_folder() as folder:
        path = os.path.join(folder, "deletes.parquet")
        with open_source(source.store, source.object, vouch=False) as (_, content), open(path, "wb") as copy:
            while piece := content.read(1 << 20):
                copy.write(piece)
        with connect(folder) as connection:
            file = read_call(path, key)
            names = [name for name, *_ in connection.execute(f"DESCRIBE FROM {file}").fetchall()]
            number = next((name for name in SNAPSHOT_IDS if name in names), None)
            if number is not None:
                counted = f"SELECT {identifier(number)}, count(*) FROM {file} GROUP BY 1"
                return dict(connection.execute(counted).fetchall())
    return None


def late_of(straddlers: Collection[tuple[str, int]]) -> list[int]:
    """The ids of the delete files among straddlers."""
    return [file_id for kind, file_id in straddlers if kind == "delete"]


def _among(files: Collection[int]) -> str:
    return f"f.delete_file_id IN ({', '.join(map(str, files))})"
