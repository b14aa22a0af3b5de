"""What a lake's repository knows of the live lake's files."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.errors import CorruptError, RefusedError, UsageError
from canvasback.model.lake import LakeName
from canvasback.model.relation import Relation
from canvasback.repository.filelist import CHECKSUM, files_relation
from canvasback.repository.points import list_points, read_point
from canvasback.repository.repository import Repository, open_repository
from canvasback.storage.locations import Stores


def refuse_without_repository(level: str, repository: str | None) -> None:
    """See that there is a repository where the level of a check needs one.

    Raises:
        UsageError: There is none (``no-repository``).
    """
    if level == "checksum" and repository is None:
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
    opened = open_repository(stores.open(repository))
    if opened.marker.lake_id not in image.schema_uuids().values():
        raise RefusedError(
            "other-lake",
            f"the repository is for the lake {opened.marker.lake_id}, and {lake} is another one",
            hint="Name the repository of this lake.",
        )
    return opened


def held_files(image: Image, opened: Repository) -> Relation | None:
    """The ``kind``, ``file_id``, ``path`` and ``checksum`` of all files that the newest readable point holds.

    Args:
        image: The catalog of the live lake, by whose connection the relation is read.
        opened: Its repository.
    """
    for point in reversed(list_points(opened.store)):
        try:
            files = files_relation(image.connection, opened.store, read_point(opened.store, point))
        except CorruptError:
            continue  # verify tells what is wrong with it; an older one knows the older files
        # What lay outside of the data path lies inside of one that it was restored to, under the object's name.
        select = (
            f"SELECT kind, file_id, unnest(CASE WHEN elsewhere THEN [path, object] ELSE [path] END) AS path, "
            f"{CHECKSUM} AS checksum FROM ({files.select})"
        )
        names = ("kind", "file_id", "path", "checksum")
        return Relation("held", tuple(column for column in files.columns if column.name in names), select)
    return None
