"""The levels of a check of files, one above the other; each damaged file is told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import msgspec

from canvasback.checks.checksums import compare_bytes
from canvasback.checks.footers import Pair, compare_footers
from canvasback.checks.keys import compare_encrypted, key_fault
from canvasback.checks.kinds import NOT_PARQUET, UNREADABLE
from canvasback.checks.notes import FooterNotes, Notes
from canvasback.checks.presence import absent_or_other, note_present, wrong_size
from canvasback.checks.rows import read_rows
from canvasback.checks.vectors import check_vector
from canvasback.checks.wanted import WantedFile, WantedFiles
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.model.level import CheckLevel
from canvasback.parquet.file_end import read_end
from canvasback.storage.locations import Stores
from canvasback.storage.parallel import Stop
from canvasback.storage.run import Run
from canvasback.storage.temporary import temporary_folder

_FOOTERS = 256
"""How many footers one query reads: more take more memory, fewer more queries."""


def check_files(wanted: WantedFiles, root: str, run: Run, level: CheckLevel) -> Iterator[DamagedFile]:
    """Compare the files that any snapshot of a lake needs with the catalog, without writing anything.

    Args:
        wanted: The files; for ``checksum``, with what the repository holds of them.
        root: The data path as an absolute folder or URL that ends in a slash.
        run: Reaches the files, and is told how the work goes on.
        level: ``exists``: every file is there with its size. ``footers``: also, its footer is sound and says what the
            catalog says. ``rows``: also, every row can be read, and is within the catalog's statistics.
            ``checksum``: footers, and every byte is as the repository holds it.

    Returns:
        Each damaged file once, with the most telling of what is wrong with it.
    """
    # Each file is read for one query: DuckDB would fill the memory with the footers of those that are done.
    wanted.image.connection.execute("SET enable_external_file_cache = false")
    unsure = note_present(wanted, root, run)
    yield from unsure
    bad: set[tuple[str, int]] = {(damage.file_kind, damage.file_id) for damage in unsure}
    absent = absent_or_other(wanted, bad.copy(), sizes=level is CheckLevel.EXISTS)
    for damage in absent:
        bad.add((damage.file_kind, damage.file_id))
        yield damage
    if level is not CheckLevel.EXISTS:
        notes = FooterNotes(wanted)
        yield from _look_into(wanted, notes, root, run, level, bad)
        notes.drop()


def _look_into(
    wanted: WantedFiles, notes: FooterNotes, root: str, run: Run, level: CheckLevel, bad: set[tuple[str, int]]
) -> Iterator[DamagedFile]:
    """Read those of the files that are there."""
    doubtful: dict[tuple[str, int], DamagedFile] = {}
    run.progress.begin("reading footers", files=wanted.count)
    for kind in ("data", "delete"):  # what is wrong with a data file is not said of its delete files too
        for damage in _each_batch(wanted, root, run, kind, _Footers(notes, bad)):
            id_ = (damage.file_kind, damage.file_id)
            if level is CheckLevel.CHECKSUM and not damage.lost:
                doubtful[id_] = damage  # the catalog seems to be wrong about it, unless its bytes are others
            else:
                bad.add(id_)
                yield damage
    run.progress.end()
    if level is CheckLevel.FOOTERS:
        return
    run.progress.begin("reading rows" if level is CheckLevel.ROWS else "reading files", files=wanted.count)
    for kind in ("data", "delete"):
        found = list(_each_batch(wanted, root, run, kind, _Content(notes, bad, rows=level is CheckLevel.ROWS)))
        for damage in found:
            bad.add((damage.file_kind, damage.file_id))
            doubtful.pop((damage.file_kind, damage.file_id), None)
        yield from found
    yield from doubtful.values()
    run.progress.end()


class _Footers(msgspec.Struct, frozen=True):
    """Compares the footers of a batch."""

    notes: FooterNotes
    bad: set[tuple[str, int]]

    def __call__(
        self, connection: duckdb.DuckDBPyConnection, files: list[WantedFile], stores: Stores, stop: Stop
    ) -> list[DamagedFile]:
        found: list[DamagedFile] = []
        pairs: list[Pair] = []
        with temporary_folder() as folder:
            for number, given in enumerate(files):
                file = given
                if ("data", file.target_id) in self.bad:
                    file = msgspec.structs.replace(file, target_rows=None, target_name=None)
                if not file.parquet:
                    fault = wrong_size(file) if file.found != file.size else None
                    if fault is None and file.kind == "delete":
                        fault = check_vector(file, stores, stop)
                    if fault is not None:
                        found.append(fault)
                    continue
                end = read_end(stores, file.place, file.found or 0, folder, str(number))
                if end.fault:
                    found.append(self._without_footer(file, end.fault, gone=end.gone))
                    continue
                damage = key_fault(file, end)
                if damage is None and file.key is not None:
                    damage = compare_encrypted(connection, file, end)
                elif damage is None:
                    pairs.append((file, end))
                if damage is not None:
                    found.append(wrong_size(file) if file.found != file.size and damage.lost else damage)
            found += compare_footers(connection, self.notes, pairs)
        return found

    @staticmethod
    def _without_footer(file: WantedFile, fault: str, *, gone: bool) -> DamagedFile:
        if gone:
            return file.damaged(UNREADABLE, fault)
        return wrong_size(file) if file.found != file.size else file.damaged(NOT_PARQUET, fault)


class _Content(msgspec.Struct, frozen=True):
    """Reads the whole files of a batch."""

    notes: Notes
    bad: set[tuple[str, int]]
    rows: bool

    def __call__(
        self, connection: duckdb.DuckDBPyConnection, files: list[WantedFile], stores: Stores, stop: Stop
    ) -> list[DamagedFile]:
        found: list[DamagedFile] = []
        with temporary_folder() as folder:
            for given in files:
                file = given
                if (file.kind, file.id) in self.bad:
                    continue
                if ("data", file.target_id) in self.bad:
                    file = msgspec.structs.replace(file, target_rows=None, target_name=None)
                damage = None
                if not self.rows:
                    damage = compare_bytes(file, stores, stop)
                elif file.parquet:
                    damage = read_rows(connection, self.notes, file, stores, folder, stop)
                if damage is not None:
                    found.append(damage)
        return found


def _each_batch(
    wanted: WantedFiles,
    root: str,
    run: Run,
    kind: str,
    check: Callable[[duckdb.DuckDBPyConnection, list[WantedFile], Stores, Stop], list[DamagedFile]],
) -> Iterator[DamagedFile]:
    """Let threads check all files of a kind that are there, batch by batch."""
    footers = isinstance(check, _Footers)

    def work(batch: list[WantedFile], stop: Stop) -> list[list[DamagedFile]]:
        with wanted.image.connection.cursor() as cursor:
            found = check(cursor, batch, run.stores, stop)
        run.progress.advance(files=len(batch))
        return [found]

    files = wanted.each(f"w.kind = '{kind}' AND p.size IS NOT NULL")
    size = (lambda _: 0) if footers else (lambda file: file.size)
    most = _FOOTERS if footers else 16
    with run.in_parallel(files, work, run.stores.open(root), size=size, batch=most) as answers:
        for found in answers:
            yield from found
