"""The catalog part of canvasback alone, without the data files, as a process to measure.

A backup also copies data files, which would hide what the catalog costs. This script calls what lies inside:

    python -m bench.catalog_only first   LAKE REPOSITORY        make a repository and its first point
    python -m bench.catalog_only next    LAKE REPOSITORY        one more point, after a small commit
    python -m bench.catalog_only restore LAKE REPOSITORY OUT    latest point → the new catalog OUT

LAKE and OUT are what one puts into ATTACH, of the same kind of database.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal, get_args

from canvasback.catalog.engines import open_engine
from canvasback.history.points import image_of
from canvasback.model.clock import now
from canvasback.model.finding import Findings
from canvasback.model.lake import parse_lake
from canvasback.model.manifest import FileTotals, Manifest
from canvasback.repository.chunk_writer import ChunkWriter
from canvasback.repository.layout import FORMAT
from canvasback.repository.points import find_point, publish_point, read_point
from canvasback.repository.repository import create_repository, open_repository
from canvasback.storage.locations import Stores
from canvasback.transfer.catalog_chunks import divide_catalog, save_catalog
from canvasback.transfer.identity import lake_id, next_timeline
from canvasback.transfer.previous_point import read_previous

Mode = Literal["first", "next", "restore"]


def catalog_part(mode: Mode, lake: str, repository: Path, out: str | None) -> None:
    """Do one mode with canvasback's own functions, and no work on data files nor on the list of them.

    first    REPOSITORY does not exist: make it, read LAKE's catalog into an image, split it into chunks,
             and publish the manifest.
    next     the same on the repository that `first` made; LAKE has one new snapshot with one data file.
    restore  check and join the chunks of the latest point, and write them as a new catalog at OUT, with its
             primary keys.
    """
    store = Stores().open(str(repository))
    if out is not None:
        with image_of(store, read_point(store, find_point(store, "latest")), check_with=store.jobs) as image:
            open_engine(parse_lake(out)).write(image, now(), replace=False)
        return
    with open_engine(parse_lake(lake)).read() as image:
        opened = (
            create_repository(store, lake_id(image), now()) if mode == "first" else open_repository(Stores(), store.url)
        )
        previous = read_previous(image.connection, opened, None, Findings())
        divisions = divide_catalog(image, opened, previous)
        tables = save_catalog(divisions, ChunkWriter(image.connection, store, store.jobs))
        snapshot_id, snapshot_time, snapshots = image.head()
        manifest = Manifest(
            self="",
            format=FORMAT,
            id="",
            repository_id=opened.marker.repository_id,
            lake_id=opened.marker.lake_id,
            timeline=next_timeline(image, store, previous, divisions),
            created=now(),
            snapshot_id=snapshot_id,
            snapshot_time=snapshot_time,
            snapshots=snapshots,
            catalog=image.record,
            data_path=image.data_path,
            data_root=image.data_path,
            relative_to="/",
            encrypted=image.encrypted,
            tables=tables,
            files=(),
            totals=FileTotals(),
        )
        store.sync()
        publish_point(store, manifest, previous.latest_id)


def main() -> None:
    """Read the arguments and do one mode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=get_args(Mode))
    parser.add_argument("lake")
    parser.add_argument("repository", type=Path)
    parser.add_argument("out", nargs="?")
    given = parser.parse_args()
    if (given.mode == "restore") != (given.out is not None):
        parser.error("restore needs OUT, and nothing else does")
    catalog_part(given.mode, given.lake, given.repository, given.out)


if __name__ == "__main__":
    main()
