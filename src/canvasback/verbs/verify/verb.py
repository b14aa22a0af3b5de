"""verify: is a point still what was saved?"""

from __future__ import annotations

from collections.abc import Iterable

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
from canvasback.model.results.verify import VerifyResult
from canvasback.repository import layout
from canvasback.repository.held_objects import has_content, list_held
from canvasback.repository.own_table import OwnTable
from canvasback.repository.points import find_point, list_points, vanished_point
from canvasback.repository.readable_points import ReadablePoints
from canvasback.repository.register import read_register
from canvasback.repository.repository import Repository, open_repository
from canvasback.repository.witness import Witness
from canvasback.storage.borrowed import borrowing_of
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.parallel import Stop, each
from canvasback.storage.reach import reach_of
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder
from canvasback.verbs.verify.expected import Expected, ExpectedObjects, NeededObjects
from canvasback.verbs.verify.locks import check_locks
from canvasback.verbs.verify.row_counts import check_rows

_CURE = (
    "Run backup --full while the lake still has it, or repair with a mirror: that mends all points that need it. Or "
    "restore another point."
)
_LENT_CURE = (
    "The repository has no copy of it: see what removes it there, which mostly is a lifecycle rule. backup --full has "
    "the next point name what is there now; another point may be whole."
)
_UNPROVED_CURE = "Nothing is to be done: it is restored as its service has it."
_AGAIN_CURE = "Run backup --full: the next point pins the version that is there."
_VANISHED_CURE = "Bring it back from a mirror with repair; in a bucket with versions it may only be hidden."
_ABSENT_CURE = "Run show to see which; another point may hold them."


@translates_errors
def verify(
    repository: str,
    point: str = "latest",
    *,
    all_points: bool = False,
    level: VerifyLevel | str = VerifyLevel.EXISTS,
    witness: str | None = None,
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
        witness: A second folder or URL that knows which point was the newest, see `canvasback.backup`: with it an old
            state of the repository does not pass for it (``rolled-back``).
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
    opened = open_repository(run.stores, repository)
    store = opened.store
    ids = tuple(list_points(store)) if all_points else (find_point(store, point),)
    findings = Findings()
    findings.extend(read_register(store)[1])
    findings.extend(_of_keys(opened, run.stores))
    if witness is not None:
        findings.extend(Witness(run.stores.open(witness), opened).asked())
    vanished = vanished_point(store) if all_points else None
    if vanished is not None:
        message = "the newest point is not there: somebody deleted or hid it, and may have done so to others"
        findings.add(Finding("point-missing", "error", vanished, message, _VANISHED_CURE))
    with temporary_folder() as folder, connect(folder, reach=reach_of(store)) as connection:
        needed = NeededObjects(connection, store)
        sound = _collect(needed, store, ids, findings)
        expected = needed.expected()
        objects, bytes_ = expected.total()
        run.progress.begin("looking for objects", files=objects)
        held = list_held(connection, store, run.progress)
        run.progress.end()
        _check_present(expected, held, findings)
        if level is VerifyLevel.EXISTS:
            bytes_ = 0
        else:
            _check_content(expected, held, store, run, findings)
        readable = [manifest.id for manifest in sound]
        protected = check_locks(connection, store, readable, str(needed), run, findings)
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


def _of_keys(opened: Repository, stores: Stores) -> list[Finding]:
    """Which of the secrets that were given do not open a sealed repository, though they are of its recipients."""
    if opened.recipients is None:
        return []
    return [
        Finding(
            "keys-corrupt",
            "error",
            opened.store.url + layout.keys_name(opened.recipients.number),
            f"what is sealed for {name} does not open with that key",
            "Remove that recipient, and add it again: key remove, key add.",
        )
        for name in opened.recipients.unopened(stores.secrets)
    ]


def _check_rows(store: Store, manifest: Manifest, findings: Findings, progress: Progress) -> None:
    try:
        with image_of(store, manifest, check_with=store.jobs) as image:
            check_rows(in_dialect(image, "duckdb"), store, manifest, findings, progress)
    except (CorruptError, LakeError) as error:
        cure = _CURE if isinstance(error, CorruptError) else error.hint
        findings.add(Finding(error.code, "error", manifest.id, f"its rows were not looked at: {error.message}", cure))


def _collect(needed: NeededObjects, store: Store, ids: Iterable[str], findings: Findings) -> list[Manifest]:
    """Note every object that the points need, and answer which points can be read."""
    sound = []

    def collect(manifest: Manifest) -> Manifest:
        needed.add(manifest)
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
    return sound


def _check_present(expected: ExpectedObjects, held: OwnTable, findings: Findings) -> None:
    """Compare names and sizes with a listing."""
    for found, object_ in expected.unlike(held):
        code, what = ("object-missing", "is missing") if found is None else ("object-size", f"has {found} bytes")
        message = f"{what}, and had {object_.size} bytes; {object_.needed}"
        findings.add(Finding(code, "error", object_.name, message, _cure(object_)))
    for object_ in expected.again(held):
        message = f"this version is gone, and another one of the object has the same content; {object_.needed}"
        findings.add(Finding("version-replaced", "info", object_.name, message, _AGAIN_CURE))


def _check_content(expected: ExpectedObjects, held: OwnTable, store: Store, run: Run, findings: Findings) -> None:
    """Read every object that is there with its size, and compare its checksum."""
    files, bytes_ = expected.total_like(held)
    run.progress.begin("reading objects", files=files, bytes_=bytes_)

    borrowing = borrowing_of(store)

    def check(object_: Expected, stop: Stop) -> Finding | None:
        try:
            same = has_content(store, object_.name, object_.checksum, stop)
            vouched = not same and borrowing is not None and borrowing.vouches(*_noted(object_))
        except (StorageError, OSError) as error:
            message = f"cannot be read: {error}; {object_.needed}"
            return Finding("object-unreadable", "error", object_.name, message, _cure(object_))
        finally:
            run.progress.advance(files=1, bytes_=object_.size)
        if same:
            return None
        if vouched:
            message = (
                "its service encrypts it, so that the checksum which was noted of it proves nothing; it is unchanged"
            )
            return Finding("checksum-unproved", "info", object_.name, message, _UNPROVED_CURE)
        code = "chunk-corrupt" if object_.name.startswith(layout.CATALOG) else "object-corrupt"
        message = f"does not hold the bytes that were saved; {object_.needed}"
        return Finding(code, "error", object_.name, message, _cure(object_))

    with run.in_parallel(expected.like(held), each(check), store, size=lambda object_: object_.size) as checked:
        findings.extend(finding for finding in checked if finding is not None)
    run.progress.end()


def _cure(object_: Expected) -> str:
    return _LENT_CURE if object_.name.startswith(layout.BORROWED) else _CURE


def _noted(object_: Expected) -> tuple[str, int, str, str]:
    return object_.name, object_.size, object_.checksum, object_.etag
