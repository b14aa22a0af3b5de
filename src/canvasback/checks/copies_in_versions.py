"""Copies of damaged files among what a bucket keeps by itself: versions, or what was deleted a while ago."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from canvasback.checks.copy_search import OF_DAMAGED, CopySearch, appeared, not_put_back
from canvasback.checks.kinds import MISSING
from canvasback.datapath.damaged_file import aside_suffix
from canvasback.errors import AccessDeniedError, CanvasbackError, ObjectExistsError, UsageError
from canvasback.model.finding import Finding
from canvasback.model.relation import literal
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import Appending
from canvasback.storage.locations import Stores, is_remote
from canvasback.storage.parallel import Stop, each
from canvasback.storage.store import Store
from canvasback.storage.versions import BroughtBack, Version, Versions

Kept: TypeAlias = Literal["versions", "soft-deleted"]
"""Which contents are meant."""

_CONTENTS = {
    "place": "VARCHAR",
    "id": "VARCHAR",
    "age": "BIGINT",
    "size": "BIGINT",
    "modified_ns": "BIGINT",
    "etag": "VARCHAR",
    "checksum": "VARCHAR",
    "hidden_by": "VARCHAR",
}
_TOLD = {"versions": "version", "soft-deleted": "what was deleted, generation"}


class _Chosen(msgspec.Struct, frozen=True):
    """A content that is to come back.

    Attributes:
        place: Where.
        version: Which one; its name is that below the data path.
        missing: Whether nothing was there, so that nothing may be moved aside.
        by_itself: Whether the bucket shows it again, or restores it, many at a time.
    """

    place: str
    version: Version
    missing: bool
    by_itself: bool


class CopiesInVersions:
    """See `canvasback.checks.copy_search.CopySource`.

    Args:
        stores: Opens the data path.
        root: The data path.
        kept: Which contents are meant.

    Raises:
        UsageError: The data path is in no bucket that could have such (``no-versions``).
    """

    def __init__(self, stores: Stores, root: str, kept: Kept) -> None:
        self._kept: Kept = kept
        self._candidates: OwnTable | None = None
        if not is_remote(root) or self._of(stores.open(root)) is None:
            raise UsageError(
                "no-versions",
                f"nothing keeps {'versions' if kept == 'versions' else 'deleted objects'} of what is at {root}",
                hint="Name a replica of the data path with --from URL, or the lake's repository with --repo.",
            )

    def find(self, search: CopySearch) -> None:
        """See `CopySource.find`: of each the newest content of the right size that was not tried."""
        if self._candidates is None:
            self._candidates = OwnTable(search.connection, "candidates", _CONTENTS)
        # What is there outside of the data path may be somebody else's: it is not moved aside.
        ours = f"(starts_with(d.place, {literal(search.root)}) OR d.code = {literal(MISSING.code)})"
        sought = search.sought(f"regexp_matches(d.place, '^[a-z0-9]+://') AND {ours}")
        # What was listed for a search before is not listed again.
        fresh = OwnTable(
            search.connection,
            "fresh",
            f"SELECT DISTINCT place FROM {sought} WHERE place NOT IN (SELECT place FROM {self._candidates})",
        )
        self._list(search, fresh)
        fresh.drop()
        search.connection.execute(
            f"INSERT INTO {search.known.found} SELECT {OF_DAMAGED}, c.size, c.id, '', c.checksum, "
            f"{literal(self._kept)}, {literal(_TOLD[self._kept])} || ' ' || c.id "
            f"FROM {sought} d JOIN ({search.sizes}) s USING (file_kind, file_id) "
            f"JOIN {self._candidates} c ON c.place = d.place AND c.size = s.size "
            f"WHERE {search.known.untried(self._kept, 'source', 'c.id')} "
            "QUALIFY row_number() OVER (PARTITION BY d.file_kind, d.file_id ORDER BY c.age) = 1"
        )
        sought.drop()
        self._remark_off(search)

    def steps(self) -> tuple[str, ...]:
        """See `CopySource.steps`."""
        return ()

    def put_back(self, search: CopySearch, moment: datetime) -> None:
        """See `CopySource.put_back`. What nothing stands in the way of is shown again, all else is copied."""
        rows = self._chosen(search)
        if not rows:
            return
        search.run.progress.begin("bringing back what the bucket keeps", files=len(rows))
        copied = [row for row in rows if not row.by_itself]
        self._copy(search, copied + self._show(search, [row for row in rows if row.by_itself]), aside_suffix(moment))
        search.run.progress.end()

    def _list(self, search: CopySearch, places: OwnTable) -> None:
        """Note all contents of some places."""
        rows = search.connection.execute(f"SELECT place FROM {places}").fetchall()
        inside = [place for (place,) in rows if place.startswith(search.root)]
        if inside:
            versions = self._of(search.run.stores.open(search.root))
            assert versions is not None  # see above
            names = [place.removeprefix(search.root) for place in inside]
            self._note(search, search.root, versions.find(names))
        for place in sorted({place for (place,) in rows} - set(inside)):
            store, name = search.run.stores.locate(place)
            outside = self._of(store)
            if outside is not None:
                self._note(search, place.removesuffix(name), outside.find([name]))

    def _note(self, search: CopySearch, before: str, listed: Iterator[Version]) -> None:
        """Note contents that are not what readers get now."""
        with Appending(search.connection, self._candidates, _CONTENTS) as rows:
            for age, version in enumerate(listed):
                if version.current:
                    continue
                name, id_, size, modified_ns, etag, checksum, _, hidden_by = msgspec.structs.astuple(version)
                rows.add((before + name, id_, age, size, modified_ns, etag, checksum, " ".join(hidden_by)))

    def _remark_off(self, search: CopySearch) -> None:
        """Who heals from what is kept should hear that nothing is kept any more."""
        versions = self._of(search.run.stores.open(search.root))
        if versions is None or versions.kept() is not False:
            return
        message = "the bucket does not keep what is deleted or overwritten from now on"
        if self._kept == "versions":
            cure = "Let it keep versions: canvasback protect enable versioning."
            search.findings.add(Finding("versioning-off", "warning", search.root, message, cure))
        else:
            cure = "Let it keep what is deleted: canvasback protect enable soft-delete."
            search.findings.add(Finding("soft-delete-off", "warning", search.root, message, cure))

    def _chosen(self, search: CopySearch) -> list[_Chosen]:
        if self._candidates is None:
            return []
        rows = search.connection.execute(
            f"SELECT DISTINCT c.place, f.code, c.* EXCLUDE (place, age) FROM {search.known.found} f "
            f"JOIN {self._candidates} c ON c.place = f.place AND c.id = f.source "
            f"WHERE f.origin = {literal(self._kept)} ORDER BY c.place"
        ).fetchall()
        found = []
        for place, code, id_, size, modified_ns, etag, checksum, hidden_by in rows:
            inside, missing = place.startswith(search.root), code == MISSING.code
            markers = tuple(hidden_by.split()) if missing else ()
            name = place.removeprefix(search.root) if inside else ""
            version = Version(name, id_, size, modified_ns, etag, checksum, hidden_by=markers)
            by_itself = inside and missing and (bool(markers) or self._kept == "soft-deleted")
            found.append(_Chosen(place, version, missing, by_itself))
        return found

    def _show(self, search: CopySearch, rows: list[_Chosen]) -> list[_Chosen]:
        """Show or restore what is gone; answer what is to be tried one by one, as the right to do so is lacking."""
        store = search.run.stores.open(search.root)
        versions = self._of(store)
        assert versions is not None
        denied: list[_Chosen] = []

        def show(batch: list[_Chosen], _: Stop) -> list[BroughtBack]:
            return list(versions.bring_back([row.version for row in batch]))

        def tell(done: Iterable[BroughtBack]) -> None:
            for brought in done:
                place, version = search.root + brought.version.name, brought.version
                if isinstance(brought.error, AccessDeniedError):
                    denied.append(_Chosen(place, version, missing=True, by_itself=False))
                else:
                    self._tell(search, place, version, brought.error)

        if len(rows) <= versions.batch:
            tell(versions.bring_back([row.version for row in rows]))
            return denied
        with search.run.in_parallel(rows, show, store, batch=versions.batch) as done:
            tell(done)
        return denied

    def _copy(self, search: CopySearch, rows: list[_Chosen], suffix: str) -> None:
        """Copy contents to their names; what is damaged there is moved aside."""

        def copy(row: _Chosen, _: Stop) -> CanvasbackError | None:
            store, name = search.run.stores.locate(row.place)
            versions = self._of(store)
            assert versions is not None  # it was listed
            try:
                if not row.missing:
                    store.move_aside(name, suffix)
                [done] = versions.bring_back([msgspec.structs.replace(row.version, name=name, hidden_by=())])
                if done.error is not None and not row.missing:
                    _move_back(store, name, suffix)
            except CanvasbackError as error:
                return error
            return done.error

        with search.run.in_parallel(rows, each(copy), search.run.stores.open(search.root)) as done:
            for row, error in zip(rows, done, strict=True):
                self._tell(search, row.place, row.version, error)

    def _tell(self, search: CopySearch, place: str, version: Version, error: CanvasbackError | None) -> None:
        search.run.progress.advance(files=1, bytes_=version.size)
        if isinstance(error, ObjectExistsError):
            search.findings.add(appeared(place))
        elif error is not None:
            search.findings.add(not_put_back(place, f"{_TOLD[self._kept]} {version.id}", error.message))

    def _of(self, store: Store) -> Versions | None:
        return store.versions if self._kept == "versions" else store.soft_deleted


def _move_back(store: Store, name: str, suffix: str) -> None:
    """Put back what was moved aside for a content that does not come: damaged is better than gone."""
    aside = store.stat(name + suffix)
    if aside is not None and store.copy_from(name, store, name + suffix, aside.size) is not None:
        store.delete(name + suffix)
