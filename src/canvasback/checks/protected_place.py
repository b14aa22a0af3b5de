"""What has to be protected: a lake's files, or a place in a bucket, and what the lake itself says of how long."""

from __future__ import annotations

import os
import re

import msgspec

from canvasback.catalog.engines import open_engine
from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.checks.repository_files import open_of_lake
from canvasback.clouds.guard import open_guard
from canvasback.datapath.opened_lake import open_lake
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.protection.lake import LakeFacts, RepositoryFacts
from canvasback.repository import layout
from canvasback.repository.points import known_points
from canvasback.repository.repository import Repository, open_repository
from canvasback.storage.bucket.place import BucketPlace
from canvasback.storage.locations import Stores, folder_url, within

_URL = re.compile(r"[a-z0-9]+://")


class ProtectedPlace(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at.

    Attributes:
        facts: What is known of it.
        place: Where in which bucket the files are; None where they are in none.
        keys: Some of the files: the newest, and the oldest. None where no catalog names them.
    """

    facts: LakeFacts
    place: BucketPlace | None
    keys: tuple[str, ...] | None


def is_place(spelled: str) -> bool:
    """Whether a user means a folder or a bucket, and no lake: a URL, or a folder that is there."""
    return _URL.match(spelled) is not None or os.path.isdir(spelled)


def find_protected(
    spelled: str, stores: Stores, *, repository: str | None = None, data_path: str | None = None, sample: int = 0
) -> ProtectedPlace:
    """Find what has to be protected.

    Args:
        spelled: A lake as in ATTACH, or a folder or URL.
        stores: Opens what there is.
        repository: The lake's repository, if its points are to count.
        data_path: Where the data path is, if the catalog's own spelling does not lead there.
        sample: How many of the newest files, and how many of the oldest, are named.

    Raises:
        LakeError: The catalog cannot be read.
        RefusedError: The repository is of another lake (``other-lake``).
        UsageError: It is no location that is supported.
    """
    if is_place(spelled):
        url = folder_url(spelled)
        place = stores.place(url)
        kept = None if repository is None else _repository(open_repository(stores, repository), stores, place)
        facts = LakeFacts(lake="", data_path=url, prefix=place.prefix if place else "", repository=kept)
        return ProtectedPlace(facts=facts, place=place, keys=None)
    name = parse_lake(spelled)
    with open_lake(open_engine(name, stores), name, data_path=data_path) as live:
        image, root = live.image, live.root()
        place = stores.place(root)
        opened = None if repository is None else open_of_lake(image, stores, repository, name)
        files = named_files(image, root)
        (counted,) = image.connection.execute(
            f"SELECT count(*) FILTER (NOT elsewhere), count(*) FILTER (elsewhere) FROM ({files})"
        ).fetchall()
        facts = LakeFacts(
            lake=str(name),
            data_path=root,
            prefix=place.prefix if place else "",
            files=int(counted[0]),
            elsewhere=int(counted[1]),
            expire_days=_option_days(image, "expire_older_than"),
            cleanup_days=_option_days(image, "delete_older_than"),
            catalog_in_bucket=place is not None and _is_in(name, place),
            repository=None if opened is None else _repository(opened, stores, place),
        )
        keys = _keys(image, files, place.prefix if place else "", sample)
    return ProtectedPlace(facts=facts, place=place, keys=keys)


def _keys(image: Image, files: str, prefix: str, sample: int) -> tuple[str, ...]:
    found = image.connection.execute(
        f"""
        SELECT path FROM (
            SELECT path, file_id, row_number() OVER (ORDER BY file_id DESC) AS newest,
                row_number() OVER (ORDER BY file_id) AS oldest
            FROM ({files}) WHERE NOT elsewhere
        ) WHERE least(newest, oldest) <= {sample} ORDER BY file_id
        """
    ).fetchall()
    return tuple(f"{prefix}{path}" for (path,) in found)


def _option_days(image: Image, key: str) -> float | None:
    """An option of DuckLake that is a length of time, in days; None where it is not set, or is none."""
    spelled = image.metadata(key)
    if not spelled:
        return None
    (found,) = image.connection.execute("SELECT epoch(try_cast(? AS INTERVAL)) / 86400", [spelled]).fetchall()
    return None if found[0] is None else float(found[0])


def _is_in(name: LakeName, place: BucketPlace) -> bool:
    return name.is_url and within(name.target, place.root)


def _repository(opened: Repository, stores: Stores, lake: BucketPlace | None) -> RepositoryFacts:
    url = opened.store.url
    place = stores.place(url)
    times = [time for time in map(layout.point_time, known_points(opened.store)) if time is not None]
    return RepositoryFacts(
        url=url,
        points=len(times),
        oldest=min(times, default=None),
        newest=max(times, default=None),
        region=open_guard(place).region() if place is not None else "",
        in_bucket=place is not None and lake is not None and within(url, lake.root),
        locked=opened.marker.lock is not None,
    )
