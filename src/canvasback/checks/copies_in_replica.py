"""Copies of damaged files in a replica of the data path: what a bucket was replicated to, or an old disk."""

from __future__ import annotations

from datetime import datetime

from canvasback.checks import WantedFiles, check_files
from canvasback.checks.copy_search import OF_DAMAGED, CopySearch, appeared, not_put_back
from canvasback.checks.kinds import UNREADABLE
from canvasback.datapath.damaged_file import aside_suffix
from canvasback.errors import (
    AccessDeniedError,
    CorruptError,
    ObjectExistsError,
    ObjectMissingError,
    RefusedError,
    StorageError,
)
from canvasback.model.finding import Finding
from canvasback.model.level import CheckLevel
from canvasback.model.relation import literal
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows, one_row
from canvasback.storage.checksums import hash_stream
from canvasback.storage.parallel import Stop, each
from canvasback.storage.store import Store

_ORIGIN = "replica"
_FILES = {"file_kind": "VARCHAR", "file_id": "BIGINT"}


class CopiesInReplica:
    """See `canvasback.checks.copy_search.CopySource`.

    Args:
        replica: The replica as a folder or URL that ends in a slash.
        level: How deeply its files are looked at, of which nobody knows the checksums.
    """

    def __init__(self, replica: str, level: CheckLevel) -> None:
        self._replica = replica
        by_rows = level in {CheckLevel.ROWS, CheckLevel.CHECKSUM}
        self._level = CheckLevel.ROWS if by_rows else CheckLevel.FOOTERS

    def find(self, search: CopySearch) -> None:
        """See `CopySource.find`. Its files pass the same check as the lake's, as if its folder were the data path."""
        untried = search.known.untried(_ORIGIN, "origin", literal(_ORIGIN))
        sought = search.sought(f"starts_with(d.place, {literal(search.root)}) AND {untried}")
        if one_row(search.connection, f"SELECT count(*) FROM {sought}")[0]:
            self._find(search, sought)
        sought.drop()

    def steps(self) -> tuple[str, ...]:
        """See `CopySource.steps`."""
        return ()

    def put_back(self, search: CopySearch, moment: datetime) -> None:
        """See `CopySource.put_back`."""
        suffix = aside_suffix(moment)
        rows = search.connection.execute(
            f"SELECT DISTINCT place, source FROM {search.known.found} WHERE origin = {literal(_ORIGIN)} ORDER BY place"
        ).fetchall()
        if not rows:
            return
        search.run.progress.begin("copying from the replica", files=len(rows))

        def put(row: tuple[str, str], stop: Stop) -> Finding | None:
            finding = _put(search, *row, suffix, stop)
            search.run.progress.advance(files=1)
            return finding

        with search.run.in_parallel(rows, each(put), search.run.stores.open(self._replica)) as done:
            search.findings.extend(finding for finding in done if finding is not None)
        search.run.progress.end()

    def _find(self, search: CopySearch, sought: OwnTable) -> None:
        wanted = WantedFiles(search.image, self._replica, files=f"SELECT file_kind, file_id FROM {sought}")
        unfit: list[tuple[str, int]] = []
        for damaged in check_files(wanted, self._replica, search.run, self._level):
            if damaged.lost:
                unfit.append((damaged.file_kind, damaged.file_id))
            if damaged.kind.code == UNREADABLE.code:  # nobody knows what it is: the lake's file is not given up for it
                place = search.root + damaged.place.removeprefix(self._replica)
                search.known.note_unplaced([place])
                search.findings.add(not_put_back(place, damaged.place, damaged.message))
        wanted.drop()
        begin = len(search.root) + 1
        passed_over = OwnTable(search.connection, "unfit", _FILES)
        insert_rows(search.connection, str(passed_over), _FILES, unfit)
        source = f"{literal(self._replica)} || substr(d.place, {begin})"
        search.connection.execute(
            f"INSERT INTO {search.known.found} "
            f"SELECT {OF_DAMAGED}, s.size, {source}, '', '', {literal(_ORIGIN)}, {source} "
            f"FROM {sought} d JOIN ({search.sizes}) s USING (file_kind, file_id) "
            f"ANTI JOIN {passed_over} u USING (file_kind, file_id)"
        )
        passed_over.drop()


def _put(search: CopySearch, place: str, source: str, suffix: str, stop: Stop) -> Finding | None:
    stores = search.run.stores
    origin, origin_name = stores.locate(source)
    target, name = stores.locate(place)
    try:
        aside = suffix if target.stat(name) is not None else ""
        if not aside and _copied_within(target, name, origin, origin_name):
            return None
        checksum, size = _hashed(origin, origin_name, stop)
        with origin.open(origin_name, vouch=False) as opened:
            stream = stop.guard(opened)
            if stores.limit:
                stream = stores.limit.through(stream)
            target.place_new(name, stream, size, checksum, aside=aside)
    except ObjectExistsError:
        return appeared(place)
    except (CorruptError, StorageError) as error:
        return not_put_back(place, source, error.message)
    except OSError as error:
        return not_put_back(place, source, f"it cannot be read: {error.strerror or error}")
    return None


def _copied_within(target: Store, name: str, origin: Store, origin_name: str) -> bool:
    """Let the service of both copy a file, if it can; where it cannot, reading and writing tell why."""
    found = origin.stat(origin_name)
    try:
        return (
            found is not None and target.copy_from(name, origin, origin_name, found.size, etag=found.etag) is not None
        )
    except (AccessDeniedError, ObjectMissingError, RefusedError):
        return False


def _hashed(store: Store, name: str, stop: Stop) -> tuple[str, int]:
    with store.open(name, vouch=False) as stream:
        size, digest = hash_stream(stop.guard(stream), "blake3")
    return f"blake3:{digest}", size
