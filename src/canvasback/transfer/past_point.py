"""A point as it was at an earlier snapshot: which files that needs, and its image."""

from __future__ import annotations

import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS
from canvasback.catalog.reading.forgotten import forgotten_findings
from canvasback.catalog.writing.edits import edited
from canvasback.catalog.writing.rewind import rewind_edits, straddling
from canvasback.datapath.file_sources import FileSource, PointFiles
from canvasback.model.finding import Finding
from canvasback.model.manifest import Manifest
from canvasback.model.relation import literal
from canvasback.parquet.cut import cut_files, refuse_uncuttable
from canvasback.parquet.deletes_at import DeletesThen, deletes_then, late_of
from canvasback.repository.own_table import OwnTable
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.transfer.destinations import list_places


class Past:
    """A point's catalog at one of its snapshots.

    Args:
        image: The point's image.
        store: The repository.
        manifest: The point.
        snapshot: The snapshot; the newest one leaves everything as it is.

    Attributes:
        wanted: A SELECT of kind and id of the files that are needed as they are; None for all.
        straddlers: Kind and id of the files of which only a part is needed.

    Raises:
        RefusedError: A file cannot be cut (``cannot-cut``).
    """

    def __init__(self, image: Image, store: Store, manifest: Manifest, snapshot: int) -> None:
        self._image = image
        self._store = store
        self._manifest = manifest
        self._snapshot = snapshot
        self.wanted: str | None = None
        self.straddlers: list[tuple[str, int]] = []
        self._deletes = DeletesThen()
        self._to_cut: OwnTable | None = None
        self._cut: OwnTable | None = None
        if snapshot < manifest.snapshot_id:
            duck = in_dialect(image, "duckdb")
            self.straddlers = straddling(duck, snapshot)
            refuse_uncuttable(duck, self.straddlers)
            sources = PointFiles(image, store, manifest)
            self._deletes = deletes_then(duck, snapshot, late_of(self.straddlers), sources)
            self.wanted = " UNION ALL ".join(
                self._wanted(duck, kind) for kind in KINDS if KINDS[kind][0] in duck.tables
            )

    def list_straddlers(self, root: str, *, moving: bool) -> None:
        """Note where the files that are to be cut lie, and where they belong."""
        if self.straddlers:
            listed = ", ".join(f"({literal(kind)}, {file_id})" for kind, file_id in self.straddlers)
            wanted = f"SELECT * FROM (VALUES {listed}) v(kind, file_id)"
            connection = self._image.connection
            self._to_cut = list_places(connection, self._store, self._manifest, root, moving=moving, wanted=wanted)

    def moved(self, places: OwnTable) -> str:
        """A SELECT of ``kind``, ``file_id`` and ``location`` of files whose place does not follow from the data path.

        See `canvasback.catalog.writing.repoint.repoint`.

        Args:
            places: Those of the files that are needed as they are, see `list_places`.
        """
        tables = [places] if self._cut is None else [places, self._cut]
        return " UNION ALL ".join(
            f"SELECT kind, file_id, target AS location FROM {table} WHERE elsewhere" for table in tables
        )

    def forgotten(self) -> list[Finding]:
        """What the point can no longer tell of the snapshot."""
        if self.wanted is None:
            return []
        found = forgotten_findings(in_dialect(self._image, "duckdb"), self._snapshot)
        return [*found, *self._deletes.findings]

    def named(self) -> Image:
        """The image with the rows of those files only that are needed as they are, in DuckDB's dialect."""
        duck = in_dialect(self._image, "duckdb")
        if self.wanted is None:
            return duck
        replaced = {}
        for kind, (table, key) in KINDS.items():
            if table in duck.tables:
                old = duck.tables[table]
                select = (
                    f"SELECT * FROM ({old.select}) WHERE {key} IN (SELECT file_id FROM ({self._wanted(duck, kind)}))"
                )
                replaced[table] = msgspec.structs.replace(old, select=select)
        return duck.transformed(replaced)

    def uncut(self) -> Image:
        """The image at the snapshot as far as it depends on no file: with straddling files as they are."""
        if self.wanted is None:
            return self._image
        return edited(self._image, rewind_edits(in_dialect(self._image, "duckdb"), self._snapshot))

    def image(self, run: Run) -> Image:
        """The image at the snapshot; files that straddle it are cut, and the new ones are in place.

        Raises:
            LakeError: The repository lacks such a file (``cut-failed``).
            StorageError: A new file cannot be written.
        """
        if self.wanted is None:
            return self._image
        connection = self._image.connection
        duck = in_dialect(self._image, "duckdb")
        files = []
        if self._to_cut is not None:
            rows = connection.execute(f"SELECT kind, file_id, name, target FROM {self._to_cut} ORDER BY ALL")
            files = [FileSource(kind, id_, self._store, name, place) for kind, id_, name, place in rows.fetchall()]
        cuts = cut_files(duck, self._snapshot, files, run, self._deletes.commits)
        if cuts:
            for cut in cuts:
                connection.execute(
                    f"UPDATE {self._to_cut} SET target = regexp_replace(target, '[^/]*$', '') || $1 "
                    "WHERE kind = $2 AND file_id = $3",
                    [cut.name, cut.kind, cut.file_id],
                )
            self._cut = self._to_cut
        return edited(self._image, rewind_edits(duck, self._snapshot, cuts))

    def _wanted(self, image: Image, kind: str) -> str:
        table, key = KINDS[kind]
        cut = [str(file_id) for of, file_id in self.straddlers if of == kind]
        but = f" AND {key} NOT IN ({', '.join(cut)})" if cut else ""
        return (
            f"SELECT {literal(kind)} AS kind, {key} AS file_id FROM ({image.tables[table].select}) "
            f"WHERE begin_snapshot <= {self._snapshot}{but}"
        )
