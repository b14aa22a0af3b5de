"""Copies of damaged files among what a bucket keeps by itself: versions, or what was deleted a while ago."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from canvasback.catalog.reading.files import KINDS
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
        sizes = " UNION ALL ".join(
            f"SELECT {literal(kind)} AS file_kind, {key} AS file_id, file_size_bytes AS size "
            f"FROM ({search.image.tables[table].select})"
            for kind, (table, key) in KINDS.items()
            if table in search.image.tables
        )
        search.connection.execute(
            f"INSERT INTO {search.known.found} SELECT {OF_DAMAGED}, c.size, c.id, '', c.checksum, "
            f"{literal(self._kept)}, {literal(_TOLD[self._kept])} || ' ' || c.id "
            f"FROM {sought} d JOIN ({sizes}) s USING (file_kind, file_id) "
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
        shown = [(place, version) for place, version, by_itself in rows if by_itself]
        copied = [(place, version) for place, version, by_itself in rows if not by_itself]
        self._copy(search, copied + self._show(search, shown), aside_suffix(moment))
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

    def _chosen(self, search: CopySearch) -> list[tuple[str, Version, bool]]:
        """The contents to bring back, with their places, and whether they come back by themselves.

        They do where nothing is in their way, and the bucket shows them again, or restores what was deleted; many at a
        time. Their names are those below the data path.
        """
        if self._candidates is None:
            return []
        rows = search.connection.execute(
            f"SELECT DISTINCT c.place, f.code, c.* EXCLUDE (place, age) FROM {search.known.found} f "
            f"JOIN {self._candidates} c ON c.place = f.place AND c.id = f.source "
            f"WHERE f.origin = {literal(self._kept)} ORDER BY c.place"
        ).fetchall()
        found = []
        for place, code, id_, size, modified_ns, etag, checksum, hidden_by in rows:
            name = place.removeprefix(search.root) if place.startswith(search.root) else ""
            free = code == MISSING.code
            markers = tuple(hidden_by.split()) if free else ()
            version = Version(name, id_, size, modified_ns, etag, checksum, hidden_by=markers)
            found.append((place, version, bool(name) and free and (bool(markers) or self._kept == "soft-deleted")))
        return found

    def _show(self, search: CopySearch, rows: list[tuple[str, Version]]) -> list[tuple[str, Version]]:
        """Show or restore what is gone; answer what is to be tried one by one, as the right to do so is lacking."""
        store = search.run.stores.open(search.root)
        versions = self._of(store)
        assert versions is not None
        denied: list[tuple[str, Version]] = []

        def show(batch: list[tuple[str, Version]], _: Stop) -> list[BroughtBack]:
            return list(versions.bring_back([version for _, version in batch]))

        def tell(done: Iterable[BroughtBack]) -> None:
            for brought in done:
                place, version = search.root + brought.version.name, brought.version
                if isinstance(brought.error, AccessDeniedError):
                    denied.append((place, msgspec.structs.replace(version, hidden_by=())))
                else:
                    self._tell(search, place, version, brought.error)

        if len(rows) <= versions.batch:
            tell(versions.bring_back([version for _, version in rows]))
            return denied
        with search.run.in_parallel(rows, show, store, batch=versions.batch) as done:
            tell(done)
        return denied

    def _copy(self, search: CopySearch, rows: list[tuple[str, Version]], suffix: str) -> None:
        """Copy contents to their names; what is there is moved aside."""

        def copy(row: tuple[str, Version], _: Stop) -> tuple[str, Version, CanvasbackError | None]:
            place, version = row
            store, name = search.run.stores.locate(place)
            versions = self._of(store)
            try:
                assert versions is not None  # it was listed
                if store.stat(name) is not None:
                    store.move_aside(name, suffix)
                [done] = versions.bring_back([msgspec.structs.replace(version, name=name, hidden_by=())])
            except CanvasbackError as error:
                return place, version, error
            return place, version, done.error

        with search.run.in_parallel(rows, each(copy), search.run.stores.open(search.root)) as done:
            for place, version, error in done:
                self._tell(search, place, version, error)

    def _tell(self, search: CopySearch, place: str, version: Version, error: CanvasbackError | None) -> None:
        search.run.progress.advance(files=1, bytes_=version.size)
        if isinstance(error, ObjectExistsError):
            search.findings.add(appeared(place))
        elif error is not None:
            search.findings.add(not_put_back(place, f"{_TOLD[self._kept]} {version.id}", error.message))

    def _of(self, store: Store) -> Versions | None:
        return store.versions if self._kept == "versions" else store.soft_deleted
