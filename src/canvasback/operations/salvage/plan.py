"""The plan of a salvage: made of a catalog and a data path, wherever the two come from."""

from __future__ import annotations

import msgspec

from canvasback.catalog.edits import Edit
from canvasback.catalog.image import Image
from canvasback.model.progress import SILENT, Progress
from canvasback.model.salvaging import LeftFile, SalvagedCommit, SalvagedTable, SalvageLoss
from canvasback.operations.salvage.evidence import gather
from canvasback.operations.salvage.known import known_tables
from canvasback.operations.salvage.losses import losses
from canvasback.operations.salvage.replay import Replay
from canvasback.operations.salvage.territory import Territory
from canvasback.operations.unknown_files import list_data_path, unknown_files
from canvasback.storage.store import Store


class SalvagePlan(msgspec.Struct):
    """What is to become of a catalog.

    Attributes:
        head: Its newest snapshot.
        snapshot: The newest one afterwards.
        edits: What its tables become.
        commits: See `canvasback.model.salvaging.SalvageResult`, as the rest.
        left: The same.
        losses: The same.
        tables: The same.
    """

    head: int
    snapshot: int
    edits: list[Edit]
    commits: tuple[SalvagedCommit, ...]
    left: tuple[LeftFile, ...]
    losses: tuple[SalvageLoss, ...]
    tables: tuple[SalvagedTable, ...]


def plan_salvage(image: Image, root: str, store: Store, progress: Progress = SILENT) -> SalvagePlan:
    """Look at what storage holds and a catalog does not know, and plan to adopt it; nothing is changed.

    Args:
        image: The catalog in DuckDB's dialect: live, of a point, or a blank one.
        root: The data path as an absolute folder or URL that ends in a slash.
        store: Holds the data path.
        progress: Told how the work goes on.
    """
    list_data_path(image, store, progress)
    files = gather(image.connection, store, unknown_files(image, root), progress)
    head = image.head()[0]
    territory = Territory(image, known_tables(image, root, store, {file.folder for file in files}))
    outcome = Replay(image, territory, files).run()
    return SalvagePlan(
        head,
        outcome.snapshot,
        outcome.edits,
        tuple(outcome.commits),
        tuple(outcome.left),
        losses(outcome, files, territory.generated, head),
        tuple(outcome.tables),
    )
