"""A catalog that PostgreSQL recovered is proved to be the one that was meant, and its files are put back.

Whoever recovered it, PostgreSQL from a repository's own archive or a tool from its own: what follows is the same.
"""

from __future__ import annotations

import msgspec

from canvasback.catalog.engines import open_engine
from canvasback.checks.returned_files import Returned, return_files
from canvasback.datapath.opened_lake import open_lake
from canvasback.errors import LakeError, RefusedError
from canvasback.model.lake import LakeName
from canvasback.model.level import CheckLevel
from canvasback.repository.repository import Repository
from canvasback.storage.run import Run


class Settled(msgspec.Struct, frozen=True):
    """A recovered lake.

    Attributes:
        snapshot_id: Its newest snapshot.
        data_path: Where its files are.
        returned: What became of them.
    """

    snapshot_id: int
    data_path: str
    returned: Returned


def settle_recovered(
    lake: LakeName,
    repository: Repository,
    run: Run,
    *,
    snapshot: int | None,
    level: CheckLevel,
    data_path: str | None = None,
) -> Settled:
    """Prove a recovered catalog, then heal its storage. The catalog is only read, so its server may stand still.

    Args:
        lake: The catalog where it was recovered.
        repository: The lake's repository.
        run: Opens places, and is told how the work goes on.
        snapshot: What has to be its newest snapshot: it and nothing after it; None for whichever it is.
        level: How deeply to look for damage of its files.
        data_path: Where its data path is, if the catalog's own spelling does not lead there.

    Raises:
        RefusedError: It is another lake than the repository's (``other-lake``).
        LakeError: It has another newest snapshot (``recovered-elsewhere``), or cannot be read.
    """
    with open_lake(open_engine(lake, run.stores), lake, data_path=data_path) as live:
        image = live.image
        if repository.marker.lake_id not in image.schema_uuids().values():
            raise RefusedError(
                "other-lake",
                f"the repository is for the lake {repository.marker.lake_id}, and another one was recovered",
                hint="Name the database of this lake in the connection string, and its METADATA_SCHEMA.",
            )
        head, _, _ = image.head()
        if snapshot is not None and head != snapshot:
            raise LakeError(
                "recovered-elsewhere",
                f"the newest snapshot of the recovered catalog is {head}, and not {snapshot}",
                hint="Report this: the map of commits, or the log, is not what it is taken for. Nothing was changed.",
            )
        root = live.root()
        return Settled(head, root, return_files(image, root, run, repository, level))
