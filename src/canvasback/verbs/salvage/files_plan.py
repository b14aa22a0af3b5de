"""The plan of what comes back by files: made of a catalog and a data path, wherever the two come from."""

from __future__ import annotations

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.writing.commit import AUTHOR
from canvasback.catalog.writing.edits import Edit
from canvasback.catalog.writing.file_commit import MESSAGE
from canvasback.datapath.unknown_files import Listing, unknown_files
from canvasback.model.plans.salvage import FilesPlan
from canvasback.model.progress import SILENT, Progress
from canvasback.model.relation import literal
from canvasback.model.results.salvage import LeftFile
from canvasback.repository.copy_names import Copies
from canvasback.storage.store import Store
from canvasback.verbs.salvage.evidence import gather
from canvasback.verbs.salvage.folders import TableFolders
from canvasback.verbs.salvage.known_tables import known_tables
from canvasback.verbs.salvage.losses import losses
from canvasback.verbs.salvage.replay import Replay

_LOOKED_AT = "is older than commits that an earlier salvage brought back, which left it or did not see it"


class Salvaged(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what carries it out.

    Attributes:
        plan: The plan.
        edits: What the catalog's tables become.
        recent: Whether a DuckLake of 0.4 or later wrote some of the files.
        files: The names of the files of which commits are made.
    """

    plan: FilesPlan
    edits: tuple[Edit, ...]
    recent: bool
    files: tuple[str, ...]


def plan_files(
    image: Image, root: str, store: Store, progress: Progress = SILENT, *, copies: Copies | None = None
) -> Salvaged:
    """Look at what storage holds and a catalog does not know, and plan to adopt it; nothing is changed.

    Args:
        image: The catalog in DuckDB's dialect: live, of a point, or a blank one.
        root: The data path as an absolute folder or URL that ends in a slash.
        store: Holds the data path.
        progress: Told how the work goes on.
        copies: Copies of the data path's files are put there first.
    """
    listing = Listing(image.connection, store, progress)
    unknown = unknown_files(image, root, listing)
    listing.drop()
    every = gather(image.connection, store, unknown, progress)
    settled = _settled(image)
    files = [file for file in every if file.moment > settled]
    head = image.head()[0]
    table_folders = TableFolders(image, known_tables(image, root, store, {file.folder for file in files}, copies))
    outcome = Replay(image, table_folders, files).run()
    left = {one.name for one in outcome.left}
    looked_at = [LeftFile(name=file.name, reason=_LOOKED_AT) for file in every if file.moment <= settled]
    plan = FilesPlan(
        head=head,
        snapshot_id=outcome.snapshot,
        commits=tuple(outcome.commits),
        left=tuple(sorted([*outcome.left, *looked_at], key=lambda left: left.name)),
        losses=losses(outcome, files, table_folders.generated, head),
        tables=tuple(outcome.tables),
    )
    return Salvaged(
        plan=plan,
        edits=tuple(outcome.edits),
        recent=any(file.recent for file in files),
        files=tuple(file.name for file in files if file.name not in left),
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
