"""verify: is a point still what was saved?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import duckdb
import msgspec

from canvasback.catalog.connections import connect
from canvasback.catalog.dialects import in_dialect
from canvasback.errors import CorruptError, LakeError, StorageError
from canvasback.history.lost_types import has_lost_types, lost_types
from canvasback.history.points import image_of
from canvasback.model.finding import Finding, Findings
from canvasback.model.level import VerifyLevel
from canvasback.model.manifest import Manifest
from canvasback.model.plurals import many
from canvasback.model.progress import SILENT, Progress
from canvasback.model.relation import literal
from canvasback.model.results.verify import VerifyResult
from canvasback.repository import layout
from canvasback.repository.chunks import read_chunks
from canvasback.repository.filelist import refuse_unsafe_names
from canvasback.repository.held_objects import has_content, list_held
from canvasback.repository.named_objects import held_objects
from canvasback.repository.own_table import OwnTable
from canvasback.repository.points import find_point, list_points, vanished_point
from canvasback.repository.reach import reach_of
from canvasback.repository.readable_points import ReadablePoints
from canvasback.repository.register import read_register
from canvasback.repository.repository import open_repository
from canvasback.repository.rows import create_table, insert_rows, one_row
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.parallel import Stop, each
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder
from canvasback.verbs.verify.locks import check_locks
from canvasback.verbs.verify.row_counts import check_rows

_BATCH = 4096
_NEEDED = {"name": "VARCHAR", "size": "BIGINT", "checksum": "VARCHAR", "point": "VARCHAR"}
_CURE = "Run backup --full while the lake still has it: that mends all points that need it. Or restore another point."
_VANISHED_CURE = "Bring it back from a mirror with repair; in a bucket with versions it may only be hidden."
_ABSENT_CURE = "Run show to see which; another point may hold them."


class Expected(msgspec.Struct, frozen=True):
    """An object that a point needs.

    Attributes:
        name: Its name.
        size: Its bytes.
        checksum: Their checksum, see `canvasback.storage.checksums`.
        point: The oldest of the points that need it, of those that are looked at.
        last: The newest.
        points: How many there are.
    """

    name: str
    size: int
    checksum: str
    point: str
    last: str
    points: int

    @property
    def needed(self) -> str:
        """Who needs it."""
        if self.points == 1:
            return f"point {self.point} needs it"
        return f"{self.points} points need it, from {self.point} to {self.last}"


@translates_errors
def verify(
    repository: str,
    point: str = "latest",
    *,
    all_points: bool = False,
    level: VerifyLevel | str = VerifyLevel.EXISTS,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
) -> VerifyResult:
    """See whether points can still be restored, without writing anything.

    Args:
        repository: The repository's folder.
        point: An id, a unique beginning of one, or ``latest``.
        all_points: Verify every point that is not forgotten; ``point`` is ignored.
        level: ``exists``: every object is there with its size. ``checksum``: every byte is as it was saved.
            ``rows``: also, every data file is Parquet with the rows and columns that the catalog promises.
        jobs: How many objects are worked on at a time; None for what suits the repository.
        stores: How to reach object stores; by each cloud's own configuration if None.
        progress: Told how the work goes on.

    Returns:
        What was found; no findings means that all is as it was saved.

    Raises:
        UsageError: There is no such level (``unknown-level``).
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress)
    level = VerifyLevel.of(level)
    store = open_repository(run.stores.open(repository)).store
    ids = tuple(list_points(store)) if all_points else (find_point(store, point),)
    findings = Findings()
    findings.extend(read_register(store)[1])
    vanished = vanished_point(store) if all_points else None
    if vanished is not None:
        message = "the newest point is not there: somebody deleted or hid it, and may have done so to others"
        findings.add(Finding("point-missing", "error", vanished, message, _VANISHED_CURE))
    with temporary_folder() as folder, connect(folder, reach=reach_of(store)) as connection:
        sound = _collect(connection, store, ids, findings)
        held, objects, bytes_ = _check_present(connection, store, run.progress, findings)
        if level is VerifyLevel.EXISTS:
            bytes_ = 0
        else:
            _check_content(connection, store, held, run, findings)
        readable = [manifest.id for manifest in sound]
        protected = check_locks(connection, store, readable, "memory.needed", run, findings)
    for manifest in sound:
        if has_lost_types(manifest):
            with image_of(store, manifest) as image:
                findings.extend(lost_types(image, manifest))
    if level is VerifyLevel.ROWS:
        for manifest in sound:
            _check_rows(store, manifest, findings, run.progress)
    return VerifyResult(
        points=ids,
        level=level,
        objects=objects,
        bytes=bytes_,
        seconds=run.seconds,
        findings=findings.kept,
        finding_counts=findings.counts,
        protected=protected,
    )


def _check_rows(store: Store, manifest: Manifest, findings: Findings, progress: Progress) -> None:
    try:
        with image_of(store, manifest, check_with=store.jobs) as image:
            check_rows(in_dialect(image, "duckdb"), store, manifest, findings, progress)
    except (CorruptError, LakeError) as error:
        cure = _CURE if isinstance(error, CorruptError) else error.hint
        findings.add(Finding(error.code, "error", manifest.id, f"its rows were not looked at: {error.message}", cure))


def _collect(
    connection: duckdb.DuckDBPyConnection, store: Store, ids: Iterable[str], findings: Findings
) -> list[Manifest]:
    """Fill ``memory.expected`` with every object that the points need, and answer which points can be read."""
    create_table(connection, "memory.needed", _NEEDED)
    sound = []

    def collect(manifest: Manifest) -> Manifest:
        _collect_point(connection, store, manifest)
        return manifest

    points = ReadablePoints(
        store, lambda id_, damage: findings.add(Finding(damage.code, "error", id_, damage.message, damage.hint))
    )
    for manifest in points.each(ids, collect):
        sound.append(manifest)
        if manifest.totals.absent:
            count = many(manifest.totals.count, "file")
            message = f"{manifest.totals.absent} of its {count} could not be saved by its backup"
            findings.add(Finding("files-absent", "error", manifest.id, message, _ABSENT_CURE))
    connection.execute(
        "CREATE TABLE memory.expected AS "
        "SELECT name, size, checksum, min(point) AS point, max(point) AS last, count(DISTINCT point) AS points "
        "FROM memory.needed GROUP BY ALL"
    )
    return sound


def _collect_point(connection: duckdb.DuckDBPyConnection, store: Store, manifest: Manifest) -> None:
    objects: dict[str, tuple[int, str]] = {}
    for table in (*manifest.tables, *manifest.files):
        if table.index is not None:
            objects[layout.chunk_name(table.index.hash)] = (table.index.bytes, table.index.hash)
        for chunk in read_chunks(connection, store, table):
            objects[layout.chunk_name(chunk.hash)] = (chunk.bytes, chunk.hash)
    rows = [(name, size, f"blake3:{hash_}", manifest.id) for name, (size, hash_) in objects.items()]
    insert_rows(connection, "memory.needed", _NEEDED, rows)
    for table in manifest.files:
        select = held_objects(store, table, read_chunks(connection, store, table))
        refuse_unsafe_names(connection, select)
        connection.execute(
            f"INSERT INTO memory.needed SELECT name, size, checksum, {literal(manifest.id)} FROM ({select})"
        )


def _check_present(
    connection: duckdb.DuckDBPyConnection, store: Store, progress: Progress, findings: Findings
) -> tuple[OwnTable, int, int]:
    """Compare names and sizes with one listing; it, and the number of objects and bytes that should be there."""
    count, bytes_ = one_row(connection, "SELECT count(*), coalesce(sum(size), 0) FROM memory.expected")
    progress.begin("looking for objects", files=count)
    held = list_held(connection, store, progress)
    progress.end()
    for found, *row in connection.execute(
        "SELECT h.held, e.name, e.size, e.checksum, e.point, e.last, e.points FROM memory.expected e "
        f"LEFT JOIN {held} h USING (name) WHERE h.held IS DISTINCT FROM e.size ORDER BY e.name"
    ).fetchall():
        expected = Expected(*row)
        code, what = ("object-missing", "is missing") if found is None else ("object-size", f"has {found} bytes")
        message = f"{what}, and had {expected.size} bytes; {expected.needed}"
        findings.add(Finding(code, "error", expected.name, message, _CURE))
    return held, int(count), int(bytes_)


def _check_content(
    connection: duckdb.DuckDBPyConnection, store: Store, held: OwnTable, run: Run, findings: Findings
) -> None:
    """Read every object that is there with its size, and compare its checksum."""
    sound = f"FROM memory.expected e JOIN {held} h USING (name) WHERE h.held = e.size"
    files, bytes_ = one_row(connection, f"SELECT count(*), coalesce(sum(e.size), 0) {sound}")
    run.progress.begin("reading objects", files=files, bytes_=bytes_)

    def check(expected: Expected, stop: Stop) -> Finding | None:
        try:
            same = has_content(store, expected.name, expected.checksum, stop)
        except (StorageError, OSError) as error:
            message = f"cannot be read: {error}; {expected.needed}"
            return Finding("object-unreadable", "error", expected.name, message, _CURE)
        finally:
            run.progress.advance(files=1, bytes_=expected.size)
        if same:
            return None
        code = "chunk-corrupt" if expected.name.startswith(layout.CATALOG) else "object-corrupt"
        message = f"does not hold the bytes that were saved; {expected.needed}"
        return Finding(code, "error", expected.name, message, _CURE)

    cursor = connection.cursor()
    cursor.execute(f"SELECT e.name, e.size, e.checksum, e.point, e.last, e.points {sound} ORDER BY e.name")
    with run.in_parallel(_expected(cursor), each(check), store, size=lambda expected: expected.size) as checked:
        findings.extend(finding for finding in checked if finding is not None)
    run.progress.end()


def _expected(cursor: duckdb.DuckDBPyConnection) -> Iterator[Expected]:
    while rows := cursor.fetchmany(_BATCH):
        for row in rows:
            yield Expected(*row)
