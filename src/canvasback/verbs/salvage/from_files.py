"""What commits left in storage, and no catalog remembers, becomes part of a lake again: by the files alone.

What the files prove is recovered exactly; what they do not tell is named in the plan. No file is changed, moved or
deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from canvasback.catalog.blank import blank_catalog
from canvasback.catalog.connections import connect
from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import Engine
from canvasback.catalog.engines.expected import Expected
from canvasback.catalog.image import Image
from canvasback.catalog.writing.edits import edited, statements
from canvasback.model.finding import Finding
from canvasback.model.lake import LakeName
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder
from canvasback.verbs.salvage.files_plan import Salvaged, plan_files

_FIRST = datetime.fromtimestamp(0, tz=UTC)
"""When snapshot 0 of a catalog was committed that is made anew: before all files."""


def plan_new_catalog(root: str, store: Store, run: Run) -> Salvaged:
    """Plan a catalog that is made of files alone.

    Args:
        root: The data path.
        store: Holds it.
        run: Is told how the work goes on.
    """
    with _blank(root, recent=False) as image:
        salvaged = plan_files(image, root, store, run.progress)
    if not salvaged.recent:
        return salvaged
    with _blank(root, recent=True) as image:
        return plan_files(image, root, store, run.progress)


def adopt_files(
    salvaged: Salvaged, expected: Expected | None, root: str, lake: LakeName, engine: Engine, run: Run
) -> None:
    """Let the commits that were planned become part of the catalog, in one transaction, or make one of them.

    Whoever has the lake attached meanwhile has to attach it again.

    Args:
        salvaged: The plan.
        expected: What the catalog must still answer; None where it is to be made.
        root: The data path.
        lake: The lake.
        engine: Changes the catalog, or writes it.
        run: Is told how the work goes on.

    Raises:
        LockedError: Somebody has the catalog open, or changed it meanwhile; nothing was changed.
        RefusedError: A catalog is there that was not (``target-not-empty``).
    """
    if not salvaged.plan.commits:
        return
    if expected is not None:
        run.progress.begin("changing the catalog")
        engine.change(statements(salvaged.edits), expected)
    else:
        run.progress.begin("writing the catalog")
        with _blank(root, recent=salvaged.recent) as image:
            engine.write(in_dialect(edited(image, salvaged.edits), lake.engine), run.now(), replace=False)
    run.progress.end()


def attached_clients(engine: Engine) -> tuple[Finding, ...]:
    """Who may have the lake attached while commits become part of it."""
    return tuple(
        Finding(
            "client-attached",
            "warning",
            client,
            "is connected to the catalog's database, and may have the lake attached",
            "Whoever has the lake attached must attach it again before using it.",
        )
        for client in engine.clients()
    )


def nothing_salvaged(root: str) -> Finding:
    """What to say where no catalog is made: an empty one would only be in the way of the right one."""
    return Finding(
        "nothing-salvaged",
        "warning",
        root,
        "holds no file of which a commit can be told; no catalog is made",
        "Check --data-path: it is the folder that the lake's DATA_PATH named.",
    )


@contextmanager
def _blank(root: str, *, recent: bool) -> Iterator[Image]:
    """A catalog to which nothing was committed yet, of the DuckLake that files need."""
    with (
        temporary_folder() as folder,
        blank_catalog(connect(folder), root, _FIRST, version="1.0" if recent else "0.3") as image,
    ):
        yield image
