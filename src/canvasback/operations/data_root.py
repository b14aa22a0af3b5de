"""Where a lake's data path is."""

from __future__ import annotations

import os
from urllib.parse import unquote

from canvasback.catalog.files import KINDS, files_select
from canvasback.catalog.image import Image
from canvasback.errors import RefusedError
from canvasback.model.lake import LakeName
from canvasback.storage.locations import folder_url, is_remote

_SAMPLE = 20


def find_data_root(image: Image, lake: LakeName, given: str | None, last: str | None) -> str:
    """The data path as an absolute folder or a URL that ends in a slash.

    DuckLake takes a relative data path as relative to the folder in which a program runs, so it can be
    run from elsewhere and find nothing. We look there, then beside the catalog if that is a file, then where it
    was last, and take the place that holds the lake's files.

    Args:
        image: The image.
        lake: The lake.
        given: What the user says, if anything.
        last: Where the point before found it.

    Raises:
        RefusedError: Two places hold files of the lake (``ambiguous-data-path``).
        UsageError: It is a URL of a kind that is not supported.
    """
    if given is not None:
        return folder_url(given)
    spelled = image.data_path
    if is_remote(spelled):
        return folder_url(spelled)
    if os.path.isabs(spelled.removeprefix("file://")):
        literally, decoded = folder_url(spelled), folder_url(unquote(spelled))
        # DuckDB takes what follows file:// as it stands, others as a URL in which a space is %20.
        return decoded if spelled.startswith("file://") and not os.path.isdir(literally) else literally
    places = [folder_url(spelled)]
    if lake.is_file:
        named = os.path.abspath(lake.target)
        places += [folder_url(spelled, os.path.dirname(beside)) for beside in (named, os.path.realpath(named))]
    if last is not None:
        places.append(last)
    places = list(dict.fromkeys(places))
    holding = [place for place in places if _holds_files(image, place)]
    if len({os.path.realpath(place) for place in holding}) > 1:
        raise RefusedError(
            "ambiguous-data-path",
            f"the data path {spelled!r} is relative, and files of the lake are at {' and at '.join(holding)}",
            hint="Say which one is meant with --data-path.",
        )
    existing = [place for place in places if os.path.isdir(place)]
    # The files may be lost, and another folder of that name be here by chance: rather where they were.
    return (holding or ([last] if last is not None else existing) or places)[0]


def _holds_files(image: Image, place: str) -> bool:
    for kind, (table, _) in KINDS.items():
        if table not in image.tables:
            continue
        select = files_select(image, kind, place)
        sample = image.connection.execute(
            f"SELECT path FROM ({select}) WHERE NOT elsewhere ORDER BY file_id DESC LIMIT {_SAMPLE}"
        ).fetchall()
        if any(os.path.exists(place + path) for (path,) in sample):
            return True
    return False


def refuse_nesting(repository: str, root: str) -> None:
    """See that the repository and a data path do not lie one inside the other.

    Raises:
        RefusedError: They do (``repository-in-data-path``).
    """
    inner, outer = sorted((_real(repository), _real(root)), key=len, reverse=True)
    if inner.startswith(outer):
        raise RefusedError(
            "repository-in-data-path",
            f"the repository {repository} and the lake at {root} lie one inside the other",
            hint="Keep the two apart: DuckLake's removal of orphaned files would delete the repository's copies.",
        )


def _real(location: str) -> str:
    return location.rstrip("/") + "/" if is_remote(location) else os.path.realpath(location) + "/"
