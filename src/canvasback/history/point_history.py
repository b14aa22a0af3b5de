"""The snapshots that the points of a repository hold, read as far as somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from canvasback.catalog.connections import connect
from canvasback.errors import RefusedError
from canvasback.model.commit import Commit
from canvasback.model.manifest import Manifest
from canvasback.repository.chunks import read_chunks, relation_of
from canvasback.repository.points import no_points, read_point
from canvasback.repository.readable_points import ReadablePoints
from canvasback.storage.reach import reach_of
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder

SNAPSHOTS = "ducklake_snapshot"


class PointHistory:
    """The points of a repository as timelines. What is damaged is passed over.

    Args:
        store: The repository.
        connection: Where snapshots are read.
    """

    def __init__(self, store: Store, connection: duckdb.DuckDBPyConnection) -> None:
        self._store = store
        self._connection = connection
        self._points = ReadablePoints(store)

    def timelines(self) -> dict[int, list[str]]:
        """The ids of the points that are not known to be damaged, by timeline, oldest first.

        Raises:
            UsageError: There are no points (``no-points``).
            RefusedError: None of them can be read (``moment-not-held``).
        """
        if not self._points.ids:
            raise no_points(self._store.url)
        found = self._points.by_timeline()
        if not found:
            raise RefusedError(
                "moment-not-held",
                f"no point of {self._store.url} can be read",
                hint="Run verify --all to see what is damaged.",
            )
        return found

    def manifest(self, id_: str) -> Manifest:
        """A point's manifest.

        Raises:
            UnreadablePointError: It is damaged.
        """
        return self._points.manifest(id_)

    def commits_of(self, id_: str) -> list[Commit]:
        """The snapshots that a point holds, in their order.

        Raises:
            UnreadablePointError: It is damaged.
        """
        manifest = self.manifest(id_)
        with self._points.reading(id_):
            return self._commits(manifest)

    def only(self, id_: str) -> tuple[Manifest, list[Commit]]:
        """The manifest and the snapshots of a point for which no other can stand in.

        Raises:
            CorruptError: It is damaged.
        """
        manifest = read_point(self._store, id_)
        return manifest, self._commits(manifest)

    def _commits(self, manifest: Manifest) -> list[Commit]:
        table = next(table for table in manifest.tables if table.name == SNAPSHOTS)
        chunks = read_chunks(self._connection, self._store, table)
        return read_commits(
            self._connection,
            relation_of(self._connection, self._store, table.name, table.columns, chunks, key=table.key).select,
        )


@contextmanager
def open_history(store: Store) -> Iterator[PointHistory]:
    """Read the points of a repository for as long as a block lasts."""
    with temporary_folder() as folder, connect(folder, reach=reach_of(store)) as connection:
        yield PointHistory(store, connection)


def read_commits(connection: duckdb.DuckDBPyConnection, select: str) -> list[Commit]:
    """The snapshots of a catalog, in their order."""
    rows = connection.execute(
        f"SELECT snapshot_id, CAST(snapshot_time AS TIMESTAMPTZ) FROM ({select}) ORDER BY 1"
    ).fetchall()
    return [Commit(int(snapshot), time) for snapshot, time in rows]
