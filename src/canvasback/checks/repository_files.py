"""What a lake's repository knows of the live lake's files."""

from __future__ import annotations

import duckdb

from canvasback.catalog.image import Image
from canvasback.errors import RefusedError, UsageError
from canvasback.model.finding import Findings
from canvasback.model.lake import LakeName
from canvasback.model.level import CheckLevel
from canvasback.model.manifest import Manifest
from canvasback.model.relation import Relation
from canvasback.repository.chunks import check_objects, read_chunks
from canvasback.repository.filelist import CHECKSUM, files_relation
from canvasback.repository.readable_points import ReadablePoints, unused_point
from canvasback.repository.repository import Repository, open_repository
from canvasback.storage.locations import Stores
from canvasback.storage.store import Store


def refuse_without_repository(level: CheckLevel, repository: str | None) -> None:
    """See that there is a repository where the level of a check needs one.

    Raises:
        UsageError: There is none (``no-repository``).
    """
    if level is CheckLevel.CHECKSUM and repository is None:
        raise UsageError(
            "no-repository",
            "without a repository nobody knows what the files' bytes should be",
            hint="Name the lake's repository with --repo, or look at --level rows.",
        )


def open_of_lake(image: Image, stores: Stores, repository: str, lake: LakeName) -> Repository:
    """The repository of a live lake.

    Raises:
        RepositoryError: There is no repository.
        RefusedError: It is of another lake (``other-lake``).
    """
    opened = open_repository(stores, repository)
    if opened.marker.lake_id not in image.schema_uuids().values():
        raise RefusedError(
            "other-lake",
            f"the repository is for the lake {opened.marker.lake_id}, and {lake} is another one",
            hint="Name the repository of this lake.",
        )
    return opened


def refuse_damaged_lists(connection: duckdb.DuckDBPyConnection, store: Store, manifest: Manifest) -> None:
    """See that the lists of a point's files are what was saved.

    Raises:
        CorruptError: An object of one is missing (``chunk-missing``) or holds other bytes (``chunk-corrupt``).
    """
    lists = (chunk for table in manifest.files for chunk in read_chunks(connection, store, table))
    check_objects(store, [(chunk.hash, chunk.bytes) for chunk in lists], store.jobs)


def held_files(image: Image, opened: Repository, findings: Findings) -> Relation | None:
    """The ``kind``, ``file_id``, ``path`` and ``checksum`` of all files that the newest readable point holds.

    Args:
        image: The catalog of the live lake, by whose connection the relation is read.
        opened: Its repository.
        findings: Told which newer points cannot be read.
    """

    def read(manifest: Manifest) -> Relation:
        refuse_damaged_lists(image.connection, opened.store, manifest)
        return files_relation(image.connection, opened.store, manifest)

    points = ReadablePoints(opened.store, lambda point, damage: findings.add(unused_point(point, damage)))
    files = next(points.each(reversed(points.ids), read), None)
    if files is None:
        return None
    # What lay outside of the data path lies inside of one that it was restored to, under the object's name.
    select = (
        f"SELECT kind, file_id, unnest(CASE WHEN elsewhere THEN [path, object] ELSE [path] END) AS path, "
        f"{CHECKSUM} AS checksum FROM ({files.select})"
    )
    names = ("kind", "file_id", "path", "checksum")
    return Relation("held", tuple(column for column in files.columns if column.name in names), select)
