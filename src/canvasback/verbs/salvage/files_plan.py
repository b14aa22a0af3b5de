"""The plan of a salvage: made of a catalog and a data path, wherever the two come from."""

from __future__ import annotations

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.writing.commit import AUTHOR
from canvasback.catalog.writing.edits import Edit
from canvasback.catalog.writing.file_commit import MESSAGE
from canvasback.datapath.unknown_files import list_data_path, unknown_files
from canvasback.model.progress import SILENT, Progress
from canvasback.model.relation import literal
from canvasback.model.results.salvage import LeftFile, SalvagedCommit, SalvagedTable, SalvageLoss
from canvasback.storage.store import Store
from canvasback.verbs.salvage.evidence import gather
from canvasback.verbs.salvage.folders import TableFolders
from canvasback.verbs.salvage.known_tables import known_tables
from canvasback.verbs.salvage.losses import losses
from canvasback.verbs.salvage.replay import Replay

_LOOKED_AT = "is older than commits that an earlier salvage brought back, which left it or did not see it"


class SalvagePlan(msgspec.Struct, kw_only=True):
    """What is to become of a catalog.

    Attributes:
        head: Its newest snapshot.
        snapshot: The newest one afterwards.
        edits: What its tables become.
        commits: See `canvasback.model.results.salvage.SalvageResult`, as the rest.
        left: The same.
        losses: The same.
        tables: The same.
        recent: Whether a DuckLake of 0.4 or later wrote some of the files.
    """

    head: int
    snapshot: int
    edits: list[Edit]
    commits: tuple[SalvagedCommit, ...]
    left: tuple[LeftFile, ...]
    losses: tuple[SalvageLoss, ...]
    tables: tuple[SalvagedTable, ...]
    recent: bool


def plan_salvage(image: Image, root: str, store: Store, progress: Progress = SILENT) -> SalvagePlan:
    """Look at what storage holds and a catalog does not know, and plan to adopt it; nothing is changed.

    Args:
        image: The catalog in DuckDB's dialect: live, of a point, or a blank one.
        root: The data path as an absolute folder or URL that ends in a slash.
        store: Holds the data path.
        progress: Told how the work goes on.
    """
    list_data_path(image, store, progress)
    every = gather(image.connection, store, unknown_files(image, root), progress)
    settled = _settled(image)
    files = [file for file in every if file.moment > settled]
    head = image.head()[0]
    table_folders = TableFolders(image, known_tables(image, root, store, {file.folder for file in files}))
    outcome = Replay(image, table_folders, files).run()
    looked_at = [LeftFile(name=file.name, reason=_LOOKED_AT) for file in every if file.moment <= settled]
    return SalvagePlan(
        head=head,
        snapshot=outcome.snapshot,
        edits=outcome.edits,
        commits=tuple(outcome.commits),
        left=tuple(sorted([*outcome.left, *looked_at], key=lambda left: left.name)),
        losses=losses(outcome, files, table_folders.generated, head),
        tables=tuple(outcome.tables),
        recent=any(file.recent for file in files),
    )


def _settled(image: Image) -> int:
    """Up to when an earlier salvage decided about all files, in microseconds since 1970."""
    if not image.has("ducklake_snapshot_changes", "author"):
        return -1
    [(found,)] = image.rows(
        "SELECT coalesce(epoch_us(max(CAST(s.snapshot_time AS TIMESTAMPTZ))), -1) FROM {ducklake_snapshot} s "
        "JOIN {ducklake_snapshot_changes} c USING (snapshot_id) "
        f"WHERE c.author = {literal(AUTHOR)} AND starts_with(c.commit_message, {literal(MESSAGE)})"
    )
    return int(found)
